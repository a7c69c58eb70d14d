// A program: matrix products against sums in float64 of the rounded operands. Prints one JSON line for
// each product. Ends with code 7 where ENTRAIN_INSTRUCTION_SET names a copy that is not compiled in.
//   node product-check.js <device> <size: small or large>
import { createHash } from 'node:crypto'
import { computeDtype } from '../../lib/dtype.js'
import {
  type DeviceName,
  device as deviceOf,
  type FloatDtype,
  machine,
  scope,
  type Tensor,
  tensor,
} from '../../lib/index.js'
import { operation } from '../../lib/native.js'
import { productFields } from '../../lib/operations/matrix-product.js'
import { generator } from './compare.js'

/** One line: `error` is the largest of |got − want| over the sum of magnitudes, in excess of the output's rounding. */
export interface CheckedProduct {
  readonly product: string
  readonly dtype: FloatDtype
  readonly error: number
  readonly hash: string
}

const operations = {
  matrixProduct: operation('matrixProduct', productFields),
  wideMatrixProduct: operation('wideMatrixProduct', productFields),
}
const dtypes = ['bfloat16', 'float16', 'float32', 'float64'] as const
// Unit roundoff.
const rounding = { bfloat16: 2 ** -8, float16: 2 ** -11, float32: 2 ** -24, float64: 2 ** -53 }

const [, , device = 'cpu', size = 'small'] = process.argv
const on = device as DeviceName
const wanted = process.env.ENTRAIN_INSTRUCTION_SET
if (wanted && machine().instructionSet !== wanted) process.exit(7)

const { normals } = generator(11)

interface Sizes {
  readonly rows: number
  readonly columns: number
  readonly inner: number
}

/** A (rows, columns) matrix in memory, and what its numbers are after rounding. */
async function matrix(rows: number, columns: number, dtype: FloatDtype) {
  const numbers = normals(rows * columns)
  const straight = tensor(numbers, { shape: [rows, columns], dtype, device: on })
  const values = Float64Array.from(await straight.data())
  const turned = values.map((_, i) => values[(i % rows) * columns + Math.trunc(i / rows)] as number)
  return {
    values,
    stored: [straight, tensor(turned, { shape: [columns, rows], dtype, device: on })],
  }
}

function reference(left: Float64Array, right: Float64Array, { rows, columns, inner }: Sizes) {
  const sums = new Float64Array(rows * columns)
  const magnitudes = new Float64Array(rows * columns)
  for (let i = 0; i < rows; ++i) {
    for (let k = 0; k < inner; ++k) {
      const a = left[i * inner + k] as number
      for (let j = 0; j < columns; ++j) {
        const term = a * (right[k * columns + j] as number)
        sums[i * columns + j] = (sums[i * columns + j] as number) + term
        magnitudes[i * columns + j] = (magnitudes[i * columns + j] as number) + Math.abs(term)
      }
    }
  }
  return { sums, magnitudes }
}

async function check(sizes: Sizes, dtype: FloatDtype): Promise<void> {
  const { rows, columns, inner } = sizes
  const left = await matrix(rows, inner, dtype)
  const right = await matrix(inner, columns, dtype)
  const { sums, magnitudes } = reference(left.values, right.values, sizes)
  const wide = computeDtype(dtype)
  const bias = tensor(normals(columns), { shape: [columns], dtype: wide, device: on })
  const biases = await bias.data()
  for (const [name, run] of Object.entries(operations)) {
    const outputDtype = name === 'matrixProduct' ? dtype : wide
    const before = normals(rows * columns)
    for (let flags = 0; flags < 16; ++flags) {
      const [transposeLeft, transposeRight] = [(flags & 1) > 0, (flags & 2) > 0]
      const [biased, accumulate] = [(flags & 4) > 0, (flags & 8) > 0]
      await using _ = scope()
      const output = tensor(before, { shape: [rows, columns], dtype: outputDtype, device: on })
      const held = await output.data()
      run({
        left: left.stored[Number(transposeLeft)] as Tensor,
        right: right.stored[Number(transposeRight)] as Tensor,
        bias: biased ? bias : null,
        output,
        ...sizes,
        transposeLeft,
        transposeRight,
        accumulate,
      })
      const got = await output.data()
      let error = 0
      for (let i = 0; i < got.length; ++i) {
        const added =
          (biased ? (biases[i % columns] as number) : 0) + (accumulate ? (held[i] as number) : 0)
        const want = (sums[i] as number) + added
        const apart = Math.abs((got[i] as number) - want) - rounding[outputDtype] * Math.abs(want)
        const relative = apart / ((magnitudes[i] as number) + Math.abs(added))
        if (!(relative <= error)) error = relative
      }
      const hash = createHash('sha1')
        .update(await output.bytes())
        .digest('hex')
      const product = `${name} ${rows}x${columns}x${inner} flags ${flags}`
      const line: CheckedProduct = { product, dtype, error, hash }
      process.stdout.write(`${JSON.stringify(line)}\n`)
    }
  }
}

const inners = [1, 2, 3, 31, 33, 767, 769, 1023, 1537]
for (const dtype of dtypes) {
  for (const inner of size === 'small' ? inners.slice(0, 5) : inners) {
    await using _ = scope()
    await check({ rows: 37, columns: 45, inner }, dtype)
  }
  if (size === 'small') continue
  await using _ = scope()
  await check({ rows: 5, columns: 64, inner: 96 }, dtype)
  await check({ rows: 130, columns: 420, inner: 769 }, dtype)
}
await deviceOf(on).synchronize()
