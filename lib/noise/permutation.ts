// Permutation tables of lattice noise: 256 bytes, each value once.
import { RandomStream, randomUniforms } from '../data/philox.js'
import { DtypeError, ValueError } from '../errors.js'

/** Entries of a table. */
export const kTableLength = 256

// The permutation of Perlin's reference implementation (Improving Noise, 2002, doi:10.1145/566654.566636),
// which the Python package noise uses, in hexadecimal.
const kReference =
  '97a0895b5a0f830dc95f6035c2e907e18c24671e458e086325f0150a17be0694' +
  'f778ea4b001ac53e5efcdbcb75230b2039b12158ed953857ae147d88aba844af' +
  '4aa547868b301ba64d929ee7536fe57a3cd385e6dc695c29372ef528f4668f36' +
  '41193fa101d85049d14c84bbd05912a9c8c4878274bc9f56a4646dc6adba0340' +
  '34d9e2fa7c7b05ca2693767eff5255d4cfce3be32f103a11b6bd1c2adfb7aad5' +
  '77f898022c9aa346dd99659ba72bac09811627fd13626c6e4f71e0e8b2b97068' +
  'daf661e4fb22f2c1eed2900cbfb3a2f1513391ebf90eef6b31c0d61fb5c76a9d' +
  'b854ccb07379322d7f0496fe8aeccd5dde72431d1848f38d80c34e42d73d9cb4'

/** The table of the Python package noise, which is that of Perlin's reference implementation. */
export function referenceTable(): Uint8Array {
  return new Uint8Array(Buffer.from(kReference, 'hex'))
}

/**
 * A uniformly random table: Fisher-Yates from the first entry on, by Philox4x32-10.
 *
 *     swap entry i with entry i + ⌊u_i (256 − i)⌋,   i = 0 … 254
 *
 * @param seed integer of at least 0, below 2^53.
 * @throws ValueError for any other seed. A pure function of the seed.
 */
export function permutationTable(seed: number): Uint8Array {
  const table = Uint8Array.from({ length: kTableLength }, (_, i) => i)
  const draws = randomUniforms({ seed, count: kTableLength - 1, stream: RandomStream.permutation })
  for (const [i, u] of draws.entries()) {
    const other = i + Math.floor(u * (kTableLength - i))
    const value = table[i] as number
    table[i] = table[other] as number
    table[other] = value
  }
  return table
}

/** Throws unless `table` is a Uint8Array that holds every number from 0 to 255 once. @internal */
export function expectPermutation(operation: string, table: unknown): Uint8Array {
  if (!(table instanceof Uint8Array)) {
    throw new DtypeError(`${operation}: table must be a Uint8Array, got ${typeof table}`)
  }
  if (table.length !== kTableLength) {
    throw new ValueError(
      `${operation}: table must be a permutation of ${kTableLength} numbers, got ${table.length} numbers`,
    )
  }
  const missing = Array.from({ length: kTableLength }, (_, i) => i).find((i) => !table.includes(i))
  if (missing !== undefined) {
    throw new ValueError(
      `${operation}: table must be a permutation of 0 to 255, got one without ${missing}`,
    )
  }
  return table
}
