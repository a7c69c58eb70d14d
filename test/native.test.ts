// The programs that `npm run build:simt` makes beside the emulated addon: elementary functions at every
// instruction set, the emulator's own tests, and every launch plan of the scan and of the
// Kuramoto operations.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectRoot } from './support/project.js'

const folder = join(projectRoot, 'build-simt')
const programs = [
  'elementary_v2',
  'elementary_v3',
  'elementary_v4',
  'simt_selftest',
  'simt_streamtest',
  'simt_eigenstate_scan',
  'simt_kuramoto',
  'simt_kuramoto_network',
  'simt_wave_field',
]

for (const name of programs) {
  test(`${name} finds nothing wrong`, (context) => {
    const path = [join(folder, 'Release', name), join(folder, name)].find((file) =>
      existsSync(file),
    )
    if (!path) return context.skip(`${name} is not built: npm run build:simt makes it`)
    // The runtime of the sanitizers is linked in here and must not be preloaded as well.
    const { LD_PRELOAD: _, ...environment } = process.env
    const run = spawnSync(path, { encoding: 'utf8', env: environment, timeout: 300_000 })
    if (name === 'elementary_v4' && run.signal === 'SIGILL') {
      return context.skip('this processor has no AVX-512')
    }
    assert.equal(run.status, 0, `${run.stdout.slice(-2000)}\n${run.stderr.slice(-2000)}`)
  })
}
