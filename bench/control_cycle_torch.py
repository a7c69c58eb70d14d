"""One cycle of the control loop in torch: what bench/control.ts measures, written as one would there.

The sphere as in docs/mathematics.md, its field in blocks of 100 receivers; torch.nn.LSTM, an actor, a
critic and six heads; advantage actor-critic after every cycle, gradients clipped to norm 1, Adam 5e-5. Any
Python with torch:

    python3 bench/control_cycle_torch.py --device cpu --out rows.json

prints one JSON row with its parts in milliseconds (median), in the schema of bench/peers/README.md.
"""
import argparse
import json
import math
import statistics
import time

import torch
from torch import nn

WAVENUMBER, SOFTENING = 3.0, 0.05
BLOCK = 100  # receivers at a time
STATES = 256
RANGES = [(3.8, 150), (0, 3), (1e4, 1e5), (0.1, 50), (0.1, 50), (0.05, 20)]
DISCOUNT, VALUE_WEIGHT, ENTROPY_WEIGHT, REWARD_SCALE = 0.99, 0.5, 0.001, 0.01
TIME_STEP = 0.1
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


class Sphere:
    """Möbius helix lattice of n oscillating sources."""

    def __init__(self, nodes, device):
        rng = torch.Generator(device=device).manual_seed(0)
        self.nodes, self.device = nodes, device
        self.amplitudes = torch.full((nodes,), 2.0, device=device)
        self.frequencies = 1.5 + 0.3 * torch.randn(nodes, generator=rng, device=device)
        self.phases = 2 * math.pi * torch.rand(nodes, generator=rng, device=device)
        self.turn = torch.complex(torch.cos(self.phases), torch.sin(self.phases))
        self.field = torch.zeros(nodes, dtype=torch.complex64, device=device)
        self.windings, self.torsion = 3.8, 0.0
        self.built = (math.inf, math.inf)
        self.build()

    def build(self):
        if abs(self.windings - self.built[0]) <= 1 and abs(self.torsion - self.built[1]) <= 0.1:
            return
        self.built = (self.windings, self.torsion)
        u = torch.arange(self.nodes, device=self.device, dtype=torch.float64) * (2 * math.pi / self.nodes)
        polar = math.pi * (1 + torch.cos(u))
        azimuth = self.windings * u + self.torsion * polar + 0.5 * u
        x = torch.stack([polar.sin() * azimuth.cos(), polar.sin() * azimuth.sin(), polar.cos()])
        self.positions = x.float().contiguous()

    def follow(self, windings, torsion):
        """The wishes come to the host, as lazy geometry in torch needs them there."""
        self.windings = 0.95 * self.windings + 0.05 * min(max(windings, 3.8), 150)
        self.torsion = 0.9 * self.torsion + 0.1 * min(max(torsion, 0), 3)
        self.build()

    def act(self, action):
        self.amplitudes[:len(action)] = (self.amplitudes[:len(action)] + 0.02 * action).clamp(0.5, 5)

    def measure(self, t):
        x = self.positions
        phase = torch.remainder(self.frequencies.double() * t, 2 * math.pi).float()
        for begin in range(0, self.nodes, BLOCK):
            y = x[:, begin:begin + BLOCK]
            d = torch.sqrt((y[0, :, None] - x[0]) ** 2 + (y[1, :, None] - x[1]) ** 2
                           + (y[2, :, None] - x[2]) ** 2) + SOFTENING
            total = (self.amplitudes * torch.sin(phase - WAVENUMBER * d) / d).sum(1)
            self.field[begin:begin + BLOCK] = self.turn[begin:begin + BLOCK] * total

    def reward(self):
        stride = max(1, self.nodes // 500)
        vortices = (self.field[::stride].abs() < 0.3).sum() * stride
        density = (vortices / self.nodes).clamp(max=1)
        reward = 100 * density ** 2
        return torch.where(density < 0.01, reward - 50 * torch.exp(-100 * density), reward)

    def state(self):
        spaced = self.field[::max(1, self.nodes // STATES)][:STATES // 2]
        seen = torch.zeros(STATES, device=self.device)
        seen[:len(spaced)] = spaced.abs()
        seen[STATES // 2:STATES // 2 + len(spaced)] = spaced.angle()
        return seen


def stack(*widths):
    layers = [nn.Linear(widths[0], widths[1])]
    for inner, outer in zip(widths[1:], widths[2:]):
        layers += [nn.ReLU(), nn.Linear(inner, outer)]
    return nn.Sequential(*layers)


class Agent(nn.Module):
    def __init__(self, hidden, layers, actions):
        super().__init__()
        half, quarter = hidden // 2, hidden // 4
        self.memory = nn.LSTM(STATES, hidden, layers)
        self.actor = stack(hidden, half, half, actions)
        self.critic = stack(hidden, half, 1)
        self.heads = nn.ModuleList(stack(hidden, quarter, 1) for _ in RANGES)
        self.action_deviation = nn.Parameter(torch.full((actions,), math.log(0.3)))
        self.structure_deviation = nn.Parameter(torch.full((len(RANGES),), math.log(0.1)))

    def forward(self, state, memory):
        hidden, memory = self.memory(state[None], memory)
        structure = torch.sigmoid(torch.cat([head(hidden) for head in self.heads], 1))
        return torch.tanh(self.actor(hidden)), structure, self.critic(hidden)[:, 0], memory

    def value(self, state, memory):
        return self.critic(self.memory(state[None], memory)[0])[:, 0]


def log_probability(mean, log_deviation, action):
    error = (action - mean) * torch.exp(-log_deviation)
    return -(0.5 * error * error + log_deviation + HALF_LOG_TWO_PI).sum(1)


class Loop:
    def __init__(self, sphere, agent, fused):
        self.sphere, self.agent = sphere, agent
        self.parameters = list(agent.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=5e-5, fused=fused)
        self.memory, self.cycles = None, 0

    def choose(self):
        """The recorded pass, and what is drawn around its means: windings and torsion obey."""
        means = self.agent(self.sphere.state(), self.memory)
        with torch.no_grad():
            agent = self.agent
            action = means[0] + torch.exp(agent.action_deviation) * torch.randn_like(means[0])
            wishes = means[1][:, :2] + torch.exp(agent.structure_deviation[:2]) * torch.randn_like(means[1][:, :2])
        return means, action, wishes

    def evolve(self, action, wishes):
        with torch.no_grad():
            w, tau = wishes[0].tolist()
            self.sphere.follow(*(low + (high - low) * share for (low, high), share in zip(RANGES, (w, tau))))
            self.sphere.act(action[0])
            self.cycles += 1
            self.sphere.measure(self.cycles * TIME_STEP)
            return self.sphere.reward()

    def learn(self, means, action, wishes, reward):
        mean, structure, value, memory = means
        agent = self.agent
        with torch.no_grad():
            last = agent.value(self.sphere.state(), memory)
            advantage = REWARD_SCALE * reward + DISCOUNT * last - value
            returns = advantage + value
        entropy = agent.action_deviation.sum() + agent.structure_deviation[:2].sum()
        loss = (-advantage * log_probability(mean, agent.action_deviation, action)
                - advantage * log_probability(structure[:, :2], agent.structure_deviation[:2], wishes)
                + 0.5 * VALUE_WEIGHT * (returns - value) ** 2).mean() - ENTROPY_WEIGHT * entropy
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        return loss, norm

    def cycle(self):
        means, action, wishes = self.choose()
        reward = self.evolve(action, wishes)
        loss, norm = self.learn(means, action, wishes, reward)
        self.memory = tuple(part.detach() for part in means[3])
        return reward.item(), loss.item(), norm.item()


def median_ms(call, device, repeats, cap_s=20):
    samples = []
    begun = time.perf_counter()
    while len(samples) < repeats and time.perf_counter() - begun < cap_s:
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        samples.append(1000 * (time.perf_counter() - start))
    return statistics.median(samples), min(samples), len(samples)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--nodes", type=int, default=8000)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--actions", type=int, default=128)
    parser.add_argument("--fused", action="store_true", help="Adam in one kernel, torch 2.4 or later")
    parser.add_argument("--out", default="")
    given = parser.parse_args()
    torch.manual_seed(1)
    sphere = Sphere(given.nodes, given.device)
    agent = Agent(given.hidden, given.layers, given.actions).to(given.device)
    loop = Loop(sphere, agent, given.fused)
    for _ in range(3):
        loop.cycle()
    row = {"workload": "control.cycle",
           "params": {"N": given.nodes, "hidden": given.hidden, "layers": given.layers,
                      "actions": given.actions, "dtype": "f32"},
           "peer": f"torch-loop{'-fused' if given.fused else ''}@{torch.__version__}"}
    measure = lambda call: median_ms(call, given.device, given.repeats)
    row["ms"], row["ms_min"], row["repeats"] = measure(loop.cycle)
    row.update(rel_err=None, note=f"{BLOCK} receivers a block", clock="host",
               device="gpu" if given.device == "cuda" else "cpu")
    with torch.no_grad():
        still = sphere.state()

        def structure_and_state():
            sphere.follow(77, 1)
            sphere.act(torch.zeros(given.actions, device=given.device))
            sphere.reward()
            sphere.state()
        row["field_ms"], row["field_ms_min"], _ = measure(lambda: sphere.measure(1.7))
        row["vortices_state_ms"], row["vortices_state_ms_min"], _ = measure(structure_and_state)
        row["agent_forward_ms"], row["agent_forward_ms_min"], _ = measure(lambda: agent(still, loop.memory))
    reward = sphere.reward()

    def update():
        means, action, wishes = loop.choose()
        loop.learn(means, action, wishes, reward)
    both = measure(update)
    row["agent_update_ms"] = both[0] - row["agent_forward_ms"]
    row["agent_update_ms_min"] = both[1] - row["agent_forward_ms_min"]
    row["params_m"] = sum(p.numel() for p in agent.parameters()) / 1e6
    row = {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}
    print(json.dumps(row))
    if given.out:
        with open(given.out, "w", encoding="utf-8") as file:
            json.dump({"schema": 1, "machine": {"torch": {"threads": torch.get_num_threads()}}, "rows": [row]}, file)


if __name__ == "__main__":
    main()
