// What the addon finds on this machine, and whether one operation gives the CPU's numbers on each device.
import { device, machine, silu, tensor } from './dist/lib/index.js'

const found = machine()
const report = { node: process.version, machine: found, devices: {} }
const inputs = Float32Array.from({ length: 10_007 }, (_, i) => Math.sin(i) * 10)
const expected = inputs.map((x) => x / (1 + Math.exp(-x)))
for (const name of found.gpus.length > 0 ? ['cpu', 'cuda'] : ['cpu']) {
  const begun = performance.now()
  try {
    const on = device(name)
    const output = await silu(tensor(inputs, { device: on })).data()
    const worst = output.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - expected[i])),
      0,
    )
    report.devices[name] = {
      ok: worst < 1e-5,
      worst,
      ms: performance.now() - begun,
      memory: on.memory(),
    }
  } catch (error) {
    report.devices[name] = { ok: false, error: String(error) }
  }
}
console.log(JSON.stringify(report, null, 2))
process.exitCode = Object.values(report.devices).every(({ ok }) => ok) ? 0 : 1
