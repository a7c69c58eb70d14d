// A program: runs every operation of the table in every dtype and prints one JSON line for each written
// tensor, with the hash of its bytes and, for small scales, its first numbers.
//   node operation-outputs.js <device> <scale>
import { createHash } from 'node:crypto'
import { type DeviceName, type FloatDtype, scope, type Tensor } from '../../lib/index.js'
import { signatures } from '../../lib/native.js'
import { prepareCall } from './operation-call.js'
import { operationTable } from './operation-table.js'

/** One line. */
export interface WrittenTensor {
  readonly operation: string
  readonly dtype: FloatDtype
  readonly field: string
  readonly hash: string
  readonly head: readonly number[]
}

/** The first numbers of a tensor; two words of a phase beside float64 are one number. */
async function numbersOf(tensor: Tensor, isPhase: boolean, dtype: FloatDtype): Promise<number[]> {
  const head = [...(await tensor.data()).subarray(0, 256)]
  if (!isPhase || dtype !== 'float64') return head
  return head.flatMap((word, i) =>
    i % 2 === 1 ? [word * 2 ** 32 + ((head[i - 1] as number) >>> 0)] : [],
  )
}

const [, , device = 'cpu', scale = '1'] = process.argv
for (const { name, dtypes } of signatures()) {
  if (!operationTable[name]) continue
  for (const dtype of dtypes as FloatDtype[]) {
    await using _ = scope()
    const call = prepareCall(name, {
      real: dtype,
      device: device as DeviceName,
      scale: Number(scale),
    })
    call.run()
    for (const field of call.outputs) {
      const tensor = call.tensors.get(field) as Tensor
      const hash = createHash('sha256')
        .update(await tensor.bytes())
        .digest('hex')
      const head = Number(scale) > 100 ? [] : await numbersOf(tensor, call.phases.has(field), dtype)
      const line: WrittenTensor = { operation: name, dtype, field, hash, head }
      process.stdout.write(`${JSON.stringify(line)}\n`)
    }
  }
}
