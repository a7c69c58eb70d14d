"""The contract: which workloads exist, with which parameters, and how fast each could possibly be.

`workloads.json` beside this package is the single list of workload names and parameters. Python,
JavaScript and the project's own benchmark all read it; nothing else may invent a row.
"""
import json
import os

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

with open(os.path.join(HERE, "workloads.json"), encoding="utf-8") as _file:
    CONTRACT = json.load(_file)

MODELS = CONTRACT["models"]
BYTES = {"f32": 4, "bf16": 2, "f16": 2, "f64": 8}

# Ceilings assumed when no measurement is given: an H200 as its datasheet has it, but copy bandwidth and
# bf16 matrix rate as they were once read on one. Rates are in
# 1e12 lane operations per second, bandwidths in GB/s, latencies in microseconds.
DEFAULT_LIMITS = {
    "source": "assumed",
    "copy_gbs": 4300.0,      # bytes read plus bytes written
    "l2_gbs": 5500.0,
    "issue_tops": 33.4,      # any instruction: 4 warps a clock on each multiprocessor
    "fma_tops": 33.4,        # FFMA instructions (two flops each)
    "int_tops": 16.7,
    "mufu_tops": 4.18,
    "lds_tops": 8.36,        # shared-memory loads, no bank conflicts
    "bf16_tflops": 790.0,
    "tf32_tflops": 400.0,
    "sync_us": 1.5,          # one barrier across the whole chip
    "launch_us": 4.0,
    "l2_bytes": 50e6,
    "on_chip_bytes": 28e6,   # shared memory of all multiprocessors
}


def cases(suite, only=(), tier=1, quick=False):
    """Workload entries of a suite ('gpu' or 'cpu'), most important first."""
    chosen = []
    for entry in CONTRACT["workloads"]:
        if suite not in entry["suites"] or entry["tier"] > tier:
            continue
        if only and not any(entry["workload"].startswith(prefix) for prefix in only):
            continue
        entry = dict(entry, params=dict(entry["params"]))
        if quick:
            entry["params"] = shrink(entry["workload"], entry["params"])
        if any(entry["params"] == seen["params"] and entry["workload"] == seen["workload"] for seen in chosen):
            continue
        chosen.append(entry)
    return chosen


def shrink(workload, params):
    """Sizes for a dry run: every code path, a few milliseconds of work. Never for results."""
    p = dict(params)
    kind = workload.split(".")[0]
    if kind == "eigenstate":
        p.update(B=2, T=192, K=min(p["K"], 24))
    elif kind == "ten":
        p.update(model="tiny", T=min(p["T"], 128), B=1)
    elif kind == "simplex":
        p.update(shape=[12, 10, 16])
    elif kind == "kuramoto":
        p.update(N=min(p["N"], 96 if p["topology"] == "dense" else 300), B=min(p["B"], 3), steps=min(p["steps"], 10))
    elif kind == "wave":
        N = min(p["N"], 400)
        p.update(N=N, S=N if p["S"] == params["N"] else 60, M=min(p["M"], 5))
    elif kind == "quasimoto":
        p.update(N=500, F=8)
    elif kind == "lstm":
        p.update(hidden=32, input=16)
    return p


def label(params):
    """Short one-line form of a parameter set, for tables."""
    parts = []
    for key, value in params.items():
        if key in ("variant", "dt", "step", "origin"):
            continue
        if isinstance(value, list):
            value = "x".join(map(str, value))
        parts.append(f"{key}={value}")
    return " ".join(parts)


def ten_parameters(model):
    """Parameter count of the TEN language model (tied head, no positions)."""
    c = MODELS[model]
    d, K, H = c["d"], c["K"], c["tenHeads"]
    layer = 4 * K * d + H * (K // H) ** 2 + 2 * K + d * d + d + 8 * d * d + 5 * d + 4 * d
    return c["layers"] * layer + c["vocab"] * d + 2 * d


def transformer_parameters(model):
    c = MODELS[model]
    d = c["d"]
    return c["layers"] * (12 * d * d + 4 * d) + c["vocab"] * d + 2 * d


def work(workload, p):
    """Least work that any implementation must do: bytes through device memory, bytes through L2,
    instructions by unit, matrix flops by number format, chip-wide barriers. Each input is read
    once and each output written once; what fits on the chip between steps is not counted."""
    w = {"bytes": 0, "l2_bytes": 0, "fma": 0, "int": 0, "mufu": 0, "lds": 0, "bf16": 0, "tf32x3": 0, "syncs": 0}
    kind = workload.split(".")[0]
    if kind == "eigenstate":
        elements = p["B"] * p["T"] * p["K"]
        plane = 2 * elements * BYTES[p["dtype"]]
        selective, backward = p["lambda"] == "selective", workload.endswith("fwdbwd")
        # forward: read drive (and selection), write states;
        # backward: read g, states (and selection), write the drive's (and the selection's) gradient
        w["bytes"] = plane * ((3 + 5 * backward) if selective else (2 + 3 * backward))
        w["fma"] = elements * (4 + 8 * backward + (20 + 30 * backward) * selective)
        w["mufu"] = elements * 6 * selective * (1 + backward)
    elif kind == "ten":
        tokens = p["B"] * p["T"]
        flops = 2 * ten_parameters(p["model"]) * tokens
        w["bf16" if p["dtype"] == "bf16" else "tf32x3"] = flops * (3 if workload == "ten.train" else 1)
    elif kind == "simplex":
        points = 1
        for n in p["shape"]:
            points *= n
        fp, integer, lookups = (50, 40, 12) if p["dim"] == 3 else (80, 60, 20)
        w["bytes"] = points * 4
        w["fma"] = points * p["octaves"] * fp
        w["int"] = points * p["octaves"] * integer
        w["lds"] = points * p["octaves"] * lookups
    elif kind == "kuramoto":
        N, B, steps = p["N"], p["B"], p["steps"]
        rhs = steps * (4 if p["method"] == "rk4" else 1)
        passes = 2 if workload == "kuramoto.grad" else 1
        w["mufu"] = 2 * N * B * rhs * passes
        w["fma"] = 10 * N * B * rhs * passes
        w["syncs"] = rhs * passes
        if p["topology"] == "dense":
            matrix = N * N * BYTES[p["dtype"]]
            if matrix > DEFAULT_LIMITS["on_chip_bytes"]:
                w["bytes"] = matrix * rhs * passes
            else:  # kept in shared memory across steps
                w["bytes"], w["lds"] = matrix * passes, N * N * rhs * passes
            flops = 2 * N * N * 2 * B * rhs * (3 if passes == 2 else 1)
            w["bf16" if p["dtype"] == "bf16" else "tf32x3"] = flops
        elif p["topology"] == "csr":
            edges = N * p["degree"]
            w["bytes"] = (edges * 8 + N * 16) * rhs * passes
            w["l2_bytes"] = edges * 8 * rhs * passes  # gathered sine and cosine
        else:
            w["bytes"] = N * B * 12
    elif kind == "wave":
        pairs = p["N"] * p["S"]
        symmetric = p["N"] == p["S"]
        if p["M"] == 1:
            # each unordered pair: square root, reciprocal, sine, cosine; one-sided: root, reciprocal, sine
            w["mufu"] = pairs * (2 if symmetric else 3)
            w["fma"] = pairs * (7 if symmetric else 9)
        else:
            w["mufu"] = pairs * (2 if symmetric else 4)
            w["tf32x3"] = 2 * pairs * 2 * p["M"]
        w["bytes"] = p["N"] * 20 + p["S"] * (16 + 8 * p["M"])
    elif kind == "quasimoto":
        n, F, out, dim = p["N"], p["F"], p["out"], p["dim"]
        w["bytes"] = n * 4 * ((dim + 1) * 3 + 3 * out)
        w["mufu"] = n * F * 10
        w["fma"] = n * F * (6 * out + 45)
    elif kind == "lstm":
        h, layers = p["hidden"], p["layers"]
        weights = 4 * h * (p["input"] + h) + (layers - 1) * 4 * h * 2 * h
        w["l2_bytes"] = weights * 4
        w["syncs"] = layers
    return w


def limit(workload, params, limits):
    """Milliseconds below which the machine cannot go, and the unit that sets it."""
    w = work(workload, params)
    seconds = {
        "memory": w["bytes"] / (limits["copy_gbs"] * 1e9),
        "L2": w["l2_bytes"] / (limits["l2_gbs"] * 1e9),
        "fp32": w["fma"] / (limits["fma_tops"] * 1e12),
        "integer": w["int"] / (limits["int_tops"] * 1e12),
        "special functions": w["mufu"] / (limits["mufu_tops"] * 1e12),
        "shared memory": w["lds"] / (limits["lds_tops"] * 1e12),
        "issue": (w["fma"] + w["int"] + w["mufu"] + w["lds"]) / (limits["issue_tops"] * 1e12),
        "bf16 matrix": w["bf16"] / (limits["bf16_tflops"] * 1e12),
        "3xtf32 matrix": 3 * w["tf32x3"] / (limits["tf32_tflops"] * 1e12),
    }
    name = max(seconds, key=seconds.get)
    total = seconds[name] + w["syncs"] * limits["sync_us"] * 1e-6
    if w["syncs"] * limits["sync_us"] * 1e-6 > seconds[name]:
        name = "barriers"
    return total * 1e3, name
