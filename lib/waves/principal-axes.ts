// The frame of a cluster: the eigenvectors of the covariance of its nodes by Jacobi rotations, where
// eigenvalues are alike turned so that the frame follows that of the parent (their plane is arbitrary).

/** Eigenvalues above this share of a larger one leave the directions between them open. */
const kAlike = 0.35

type Matrix = Float64Array // 3 rows of 3

/**
 * Axes (rows) of a covariance (xx, xy, xz, yy, yz, zz), longest first where they are distinct.
 * @internal
 */
export function principalAxes(covariance: Float64Array, parent: Matrix, axes: Matrix): void {
  const values = eigenvectors(covariance, axes)
  const [first, second, third] = values as [number, number, number]
  const frontAlike = second > kAlike * first
  const backAlike = third > kAlike * second || second === 0
  if (frontAlike && backAlike) axes.set(parent)
  else if (frontAlike) alignPlane(axes, parent, { normal: 2, u: 0, v: 1 })
  else if (backAlike) alignPlane(axes, parent, { normal: 0, u: 1, v: 2 })
}

/** Fills the rows of `axes` with unit eigenvectors, gives the eigenvalues, both in descending order. */
function eigenvectors(covariance: Float64Array, axes: Matrix): number[] {
  const [xx, xy, xz, yy, yz, zz] = covariance as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const s = Float64Array.of(xx, xy, xz, xy, yy, yz, xz, yz, zz)
  const v = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1)
  for (let sweep = 0; sweep < 12; ++sweep) {
    for (const [p, q] of kPairs) rotate(s, v, p, q)
    const off = Math.abs(s[1] as number) + Math.abs(s[2] as number) + Math.abs(s[5] as number)
    const size = (s[0] as number) + (s[4] as number) + (s[8] as number)
    if (!(off > 1e-15 * size)) break
  }
  const order = [0, 1, 2].sort((i, j) => (s[4 * j] as number) - (s[4 * i] as number))
  for (const [row, from] of order.entries()) {
    for (let i = 0; i < 3; ++i) axes[3 * row + i] = v[3 * from + i] as number
  }
  return order.map((i) => Math.max(0, s[4 * i] as number))
}

const kPairs = [
  [0, 1],
  [0, 2],
  [1, 2],
] as const

// One Jacobi rotation that makes s[p][q] zero; rows of v collect the rotations.
function rotate(s: Matrix, v: Matrix, p: number, q: number): void {
  const off = s[3 * p + q] as number
  if (off === 0) return
  const difference = (s[4 * q] as number) - (s[4 * p] as number)
  const half = difference / (2 * off)
  const t = Math.sign(half || 1) / (Math.abs(half) + Math.sqrt(half * half + 1))
  const c = 1 / Math.sqrt(t * t + 1)
  const n = t * c
  for (let i = 0; i < 3; ++i) turn(s, 3 * i + p, 3 * i + q, c, n)
  for (let i = 0; i < 3; ++i) turn(s, 3 * p + i, 3 * q + i, c, n)
  for (let i = 0; i < 3; ++i) turn(v, 3 * p + i, 3 * q + i, c, n)
}

function turn(m: Matrix, i: number, j: number, c: number, s: number): void {
  const [a, b] = [m[i] as number, m[j] as number]
  m[i] = c * a - s * b
  m[j] = s * a + c * b
}

// Turns the axes u and v about the axis `normal` so that u lies along the parent's axis that is closest
// to their plane.
function alignPlane(
  axes: Matrix,
  parent: Matrix,
  { normal, u, v }: { normal: number; u: number; v: number },
): void {
  const n = axes.subarray(3 * normal, 3 * normal + 3)
  let best = 0
  let least = Infinity
  for (let k = 0; k < 3; ++k) {
    const along = Math.abs(dot(n, parent.subarray(3 * k, 3 * k + 3)))
    if (along < least) {
      least = along
      best = k
    }
  }
  const guide = parent.subarray(3 * best, 3 * best + 3)
  const along = dot(n, guide)
  const [nx, ny, nz] = n as unknown as [number, number, number]
  let [x, y, z] = guide as unknown as [number, number, number]
  x -= along * nx
  y -= along * ny
  z -= along * nz
  const inverse = 1 / Math.sqrt(x * x + y * y + z * z)
  const w = [x * inverse, y * inverse, z * inverse] as const
  axes.set(w, 3 * u)
  axes.set([ny * w[2] - nz * w[1], nz * w[0] - nx * w[2], nx * w[1] - ny * w[0]], 3 * v)
}

function dot(a: Float64Array, b: Float64Array): number {
  return (
    (a[0] as number) * (b[0] as number) +
    (a[1] as number) * (b[1] as number) +
    (a[2] as number) * (b[2] as number)
  )
}
