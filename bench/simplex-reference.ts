// Simplex noise in three and four dimensions as its definition has it, in float64, for comparison:
// the corners of the simplex are those within reach among the lattice points of the cell.
// Gustavson 2005, "Simplex noise demystified"; the gradients' order is that of npm's simplex-noise.

const kAxes = [0, 1, 2, 3]

const gradients3 = [
  [1, 1, 0],
  [-1, 1, 0],
  [1, -1, 0],
  [-1, -1, 0],
  [1, 0, 1],
  [-1, 0, 1],
  [1, 0, -1],
  [-1, 0, -1],
  [0, 1, 1],
  [0, -1, 1],
  [0, 1, -1],
  [0, -1, -1],
] as const
// The zero axis is x for 0 to 7, then y, z, w; the signs count in binary, the last axis fastest.
const gradients4 = Array.from({ length: 32 }, (_, number) => {
  const signs: number[] = [4, 2, 1].map((bit) => (number & bit ? -1 : 1))
  signs.splice(number >> 3, 0, 0)
  return signs
})

/** One octave's noise. */
function noise(x: readonly number[], table: Uint8Array): number {
  const dim = x.length
  const axes = kAxes.slice(0, dim)
  const skew = (Math.sqrt(dim + 1) - 1) / dim
  const unskew = (1 - 1 / Math.sqrt(dim + 1)) / dim
  const gradients: readonly (readonly number[])[] = dim === 3 ? gradients3 : gradients4
  const sum = x.reduce((total, value) => total + value, 0)
  const cell = x.map((value) => Math.floor(value + sum * skew))
  const cellSum = cell.reduce((total, value) => total + value, 0)
  const first = x.map((value, k) => value - ((cell[k] as number) - cellSum * unskew))
  // Axes by descending coordinate: corner c has advanced along the first c of them.
  const order = [...axes].sort((a, b) => (first[b] as number) - (first[a] as number))
  let total = 0
  for (let c = 0; c <= dim; ++c) {
    const advanced = axes.map((k) => (order.indexOf(k) < c ? 1 : 0))
    const offset = axes.map((k) => (first[k] as number) - (advanced[k] as number) + c * unskew)
    const t = 0.6 - offset.reduce((square, value) => square + value * value, 0)
    if (t <= 0) continue
    let hash = 0
    for (let k = dim - 1; k >= 0; --k) {
      hash = table[((cell[k] as number) + (advanced[k] as number) + hash) & 255] as number
    }
    const gradient = gradients[hash % gradients.length] ?? []
    total += t ** 4 * offset.reduce((dot, value, k) => dot + value * (gradient[k] as number), 0)
  }
  return total * (dim === 3 ? 32 : 27)
}

/** Σ 2^−o noise(2^o x) / Σ 2^−o. */
export function simplexReference(
  point: readonly number[],
  octaves: number,
  table: Uint8Array,
): number {
  let total = 0
  let weights = 0
  for (let o = 0; o < octaves; ++o) {
    total +=
      2 ** -o *
      noise(
        point.map((x) => x * 2 ** o),
        table,
      )
    weights += 2 ** -o
  }
  return total / weights
}
