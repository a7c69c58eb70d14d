// The ways of the wave field's forward on the CPU, whatever the number of threads.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runNode } from './support/child.js'
import { devices } from './support/devices.js'

test('every way to the wave field gives the same bits for 1, 2 and 3 threads', {
  skip: !devices.includes('cpu'),
}, async () => {
  const file = fileURLToPath(new URL('./support/wave-forward-hash.js', import.meta.url))
  const hashes: string[] = []
  for (const threads of ['1', '2', '3']) {
    const { code, stdout, stderr } = await runNode([file], { env: { ENTRAIN_THREADS: threads } })
    assert.equal(code, 0, stderr)
    hashes.push(stdout)
  }
  assert.equal((hashes[0] as string).trim().split('\n').length, 14)
  assert.deepEqual(hashes, [hashes[0], hashes[0], hashes[0]])
})
