// The devices that tests run on: the CPU always, and every GPU that the loaded binary knows (the
// emulator counts as one). ENTRAIN_TEST_DEVICE names a single one.
import { describe } from 'node:test'
import { type DeviceName, machine } from '../../lib/index.js'

/** True where sizes must be kept small: the "GPU" is the emulator, or a sanitizer watches (ENTRAIN_TEST_SMALL). */
export const emulated =
  process.env.ENTRAIN_TEST_SMALL === '1' || machine().gpus.some((gpu) => /emulat/i.test(gpu.name))

/** Names of all devices under test. */
export const devices: readonly DeviceName[] = (() => {
  const only = process.env.ENTRAIN_TEST_DEVICE
  if (only) return [only as DeviceName]
  return machine().gpus.length > 0 ? ['cpu', 'cuda'] : ['cpu']
})()

if (machine().gpus.length === 0) {
  console.log(`# no GPU: ${machine().cudaUnavailable}; tests run on the CPU only`)
}

/** Runs the same tests on every device. */
export function onEveryDevice(title: string, tests: (device: DeviceName) => void): void {
  for (const device of devices) describe(`${title} on ${device}`, () => tests(device))
}
