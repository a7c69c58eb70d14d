#!/usr/bin/env bash
# Tests, sanitizes and measures a packed build on a machine with a GPU, without Node and without a network.
# It needs python3 (for lzma; with torch for the peers) and, for some stages, the CUDA toolkit.
#
#   OUT=results bash gpu-pack/gpu.sh                    all stages, within 530 s
#   bash gpu-pack/gpu.sh --stages probe,test            only these
#   bash gpu-pack/gpu.sh --seconds 300 --only eigenstate
#   bash gpu-pack/gpu.sh --dry                          every stage on the CPU with tiny sizes
#
# Each stage has its own time limit and log; none stops the others. OUT gets at most eight files:
# probe.json tests.log memcheck.log racecheck.log entrain-gpu.json peers-gpu.json run.log summary.json
set -u
here=$(cd "$(dirname "$0")" && pwd)
stages=probe,limits,test,memcheck,racecheck,bench,peers
seconds=530
only=${only:-eigenstate,ten,kuramoto,simplex,wave,lstm,control}
sanitized=${sanitized:-silu,eigenstate,matmul,norm,embedding,convolution,entropy,optimi,kuramoto,oscillator,simplex,order,wave,mobius,lstm,activations,policy}
dry=${dry:-0}
while [ $# -gt 0 ]; do
  case $1 in
    --stages) stages=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    --sanitized) sanitized=$2; shift 2 ;;
    --dry) dry=1; shift ;;
    *) echo "gpu.sh: option must be --stages, --seconds, --only, --sanitized or --dry, got $1" >&2; exit 2 ;;
  esac
done

device=gpu; cuda=cuda; quick=(); peer_device=(--device cuda)
if [ "$dry" = 1 ]; then
  device=cpu; cuda=cpu; quick=(--quick); peer_device=(--device cpu --quick)
fi

# ---- stages: each runs in a process of its own, with $out, $work, $node and LIMIT (seconds) given ----

stage_probe() { "$node" "$here/gpu-probe.mjs" | tee "$out/probe.json"; return "${PIPESTATUS[0]}"; }

stage_limits() {
  [ $dry = 0 ] && command -v nvcc >/dev/null || { echo 'limits: no nvcc, or a dry run'; return 77; }
  nvcc -O3 -arch=native -o "$work/limits" "$here/bench/peers/limits.cu" && "$work/limits" | tee "$work/limits.json"
}

stage_test() {
  cd "$here" || return 1
  local files=()
  while read -r name; do [ -n "$name" ] && files+=("dist/test/$name"); done <tests.txt
  ENTRAIN_TEST_DEVICE=$cuda ENTRAIN_DEVICE=$cuda "$node" --test --test-reporter=tap "${files[@]}" >"$out/tests.log" 2>&1
  local status=$?
  grep -E '^ *not ok|^# (tests|pass|fail|skipped)' "$out/tests.log" | tail -n 40
  return $status
}

# One program after another, each with its share of the time that is left.
sanitize() {
  local tool=$1 log=$2 status=0 files=() name part deadline rest each
  cd "$here" || return 1
  while read -r name; do
    for part in ${sanitized//,/ }; do
      case $name in *"$part"*) files+=("$name"); break ;; esac
    done
  done <tests.txt
  : >"$log"
  [ ${#files[@]} -gt 0 ] || { echo "$tool: no test file matches $sanitized" | tee "$log"; return 77; }
  local checker=(compute-sanitizer --tool "$tool" --target-processes all --print-limit 20 --error-exitcode 99)
  if ! command -v compute-sanitizer >/dev/null; then
    [ $dry = 1 ] || { echo "$tool: no compute-sanitizer" | tee "$log"; return 77; }
    checker=()
  fi
  deadline=$(($(date +%s) + LIMIT - 5))
  for name in "${files[@]}"; do
    rest=$((deadline - $(date +%s)))
    [ $rest -ge 3 ] || { echo "$name: no time left" | tee -a "$log"; status=124; break; }
    echo "==== $name" >>"$log"
    ENTRAIN_TEST_DEVICE=$cuda ENTRAIN_DEVICE=$cuda ENTRAIN_TEST_SMALL=1 timeout "$rest" \
      ${checker[@]+"${checker[@]}"} "$node" --test-reporter=tap "dist/test/$name" >>"$log" 2>&1
    each=$?
    echo "$tool $name: status $each"
    [ $each -eq 0 ] || status=$each
  done
  grep -hE 'ERROR SUMMARY|RACECHECK SUMMARY' "$log" | sort | uniq -c
  return $status
}
stage_memcheck() { sanitize memcheck "$out/memcheck.log"; }
stage_racecheck() { sanitize racecheck "$out/racecheck.log"; }

stage_bench() {
  cd "$here" || return 1
  "$node" dist/bench/run.js --device $device --only "$only" --budget $((LIMIT - 20)) ${quick[@]+"${quick[@]}"} \
    --out "$out/entrain-gpu.json" 2>&1 | tee -a "$out/run.log"
  return "${PIPESTATUS[0]}"
}

stage_peers() {
  python3 -c 'import torch' 2>/dev/null || { echo 'peers: python3 has no torch'; return 77; }
  cd "$here/bench/peers" || return 1
  local measured=() kinds=${only//,/ } kind each status=0
  [ -s "$work/limits.json" ] && measured=(--limits "$work/limits.json")
  each=$(((LIMIT - 10) / $(wc -w <<<"$kinds")))
  for kind in $kinds; do
    python3 gpu_peers.py --only "$kind" --budget $((each - 10)) "${peer_device[@]}" ${measured[@]+"${measured[@]}"} \
      --append --out "$out/peers-gpu.json" 2>&1 | tee -a "$out/run.log" | tail -n 60
    [ "${PIPESTATUS[0]}" -eq 0 ] || status=1
  done
  return $status
}

if [ -n "${GPU_STAGE-}" ]; then
  "$GPU_STAGE"
  exit
fi

# ---- all of them in order ----

out=${OUT:-$here/out}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
node=$work/node
table=$work/stages.tsv
: >"$table"
: >"$out/run.log"
begun=$(date +%s)
ENTRAIN_COMMIT=$(cat "$here/commit.txt")
export out work node dry only sanitized ENTRAIN_COMMIT

# stage <name> <limit in seconds>: runs it, at most until the whole time is spent; notes status and time.
stage() {
  local name=$1 limit=$2 status=77 started left
  case ",$stages," in *",$name,"*) ;; *) return 0 ;; esac
  started=$(date +%s)
  left=$((seconds - (started - begun)))
  [ "$limit" -gt "$left" ] && limit=$left
  if [ "$limit" -ge 5 ]; then
    echo "---- $name (at most $limit s) ----"
    GPU_STAGE=stage_$name LIMIT=$limit timeout --kill-after=5 "$limit" bash "$here/gpu.sh"
    status=$?
  else
    echo "---- $name left out: no time is left ----"
  fi
  printf '%s\t%s\t%s\n' "$name" "$status" "$(($(date +%s) - started))" >>"$table"
}

echo '---- unpacking node ----'
python3 - "$here/node.xz" "$node" <<'PY' || { echo 'gpu.sh: node.xz must unpack with python3 and lzma' >&2; exit 1; }
import lzma, shutil, sys
with lzma.open(sys.argv[1]) as source, open(sys.argv[2], "wb") as target:
    shutil.copyfileobj(source, target, 1 << 20)
PY
chmod +x "$node"
"$node" --version || exit 1

# Limits add up to more than the whole: who ends early leaves time to the others.
stage probe 30
stage limits 60
stage test 150
stage memcheck 90
stage racecheck 60
stage bench 120
stage peers 240
"$node" "$here/gpu-summary.mjs" "$out" "$table"
# Nothing beyond 15 MiB: keep the ends of logs.
for log in "$out"/*.log; do
  if [ "$(stat -c %s "$log")" -gt 15728640 ]; then
    tail -c 15728640 "$log" >"$work/end" && mv "$work/end" "$log"
  fi
done
exit 0
