// The bits of a treecode's sums, for a process with another number of threads.
import { createHash } from 'node:crypto'
import { scope, tensor, WaveTree } from '../../lib/index.js'
import { generator } from './compare.js'

/** The hash of U of 5 samples at 4000 nodes in a cube, float32 and float64, on the CPU. */
export async function hashOfTree(): Promise<string> {
  const hash = createHash('sha256')
  for (const dtype of ['float32', 'float64'] as const) {
    await using _ = scope()
    const { uniforms, normals } = generator(21)
    const nodes = 4000
    const positions = tensor(uniforms(3 * nodes), { shape: [3, nodes], dtype, device: 'cpu' })
    using tree = await WaveTree.build({ positions, leaf: 32 })
    const sources = tensor(normals(10 * nodes), { shape: [5, 2, nodes], dtype, device: 'cpu' })
    hash.update(await tree.sum(sources).bytes())
  }
  return hash.digest('hex')
}
