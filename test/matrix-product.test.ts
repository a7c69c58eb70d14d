// Matrix products against float64, in every storage type, on every device and instruction set.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { machine, matrixProduct, tensor } from '../lib/index.js'
import { runNode } from './support/child.js'
import { emulated, onEveryDevice } from './support/devices.js'
import type { CheckedProduct } from './support/product-check.js'

const program = fileURLToPath(new URL('./support/product-check.js', import.meta.url))
const size = emulated ? 'small' : 'large'
// Over the sum of magnitudes: a pair that is put together wrongly is off by 0.02 and more.
const bounds = { bfloat16: 1e-5, float16: 1e-5, float32: 1e-5, float64: 1e-14 }

async function checked(
  device: string,
  env: Record<string, string>,
): Promise<CheckedProduct[] | null> {
  const { code, stdout, stderr } = await runNode([program, device, size], { env })
  if (code === 7) return null
  assert.equal(code, 0, stderr)
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line) => JSON.parse(line) as CheckedProduct)
}

function assertExact(products: readonly CheckedProduct[], label: string): void {
  assert.ok(products.length >= 4 * 5 * 32, `${label}: ${products.length} products`)
  for (const { product, dtype, error } of products) {
    assert.ok(error <= bounds[dtype], `${label}: ${product} ${dtype}: ${error}`)
  }
}

onEveryDevice('matrix products', (device) => {
  test('are the sums of the rounded operands, the same for every number of threads', async () => {
    const one = await checked(device, { ENTRAIN_THREADS: '1' })
    assert.ok(one)
    assertExact(one, device)
    if (device === 'cpu') assert.deepEqual(await checked(device, { ENTRAIN_THREADS: '2' }), one)
  })

  test('infinity and NaN stay in their rows where the inner length is odd', async () => {
    for (const dtype of ['bfloat16', 'float32'] as const) {
      for (const value of [Infinity, NaN]) {
        const numbers = Float32Array.from({ length: 9 * 7 }, (_, i) => (i === 6 ? value : 1))
        const left = tensor(numbers, { shape: [9, 7], dtype, device })
        const right = tensor(new Float32Array(7 * 35).fill(1), { shape: [7, 35], dtype, device })
        const got = await matrixProduct({ left, right }).data()
        for (const [i, sum] of got.entries()) assert.equal(sum, i < 35 ? value : 7)
      }
    }
  })
})

test('other instruction sets multiply as well', async (context) => {
  const others = ['v2', 'v3', 'v4'].filter((copy) => copy !== machine().instructionSet)
  for (const copy of others) {
    const products = await checked('cpu', { ENTRAIN_INSTRUCTION_SET: copy })
    if (products) assertExact(products, copy)
    else context.diagnostic(`${copy} cannot run here`)
  }
})
