// Selection of the k-th smallest number (Floyd & Rivest 1975, doi:10.1145/360680.360694): about 1.5 n
// comparisons, any order of the input, equal numbers included.

/** Reorders numbers[left..right] so that numbers[k] is the one that sorting would put there. @internal */
export function select(numbers: Float64Array, k: number, left = 0, right = numbers.length - 1) {
  while (right > left) {
    if (right - left > 600) {
      const n = right - left + 1
      const m = k - left + 1
      const z = Math.log(n)
      const s = 0.5 * Math.exp((2 * z) / 3)
      const spread = 0.5 * Math.sqrt((z * s * (n - s)) / n) * Math.sign(m - n / 2)
      const low = Math.max(left, Math.floor(k - (m * s) / n + spread))
      const high = Math.min(right, Math.floor(k + ((n - m) * s) / n + spread))
      select(numbers, k, low, high)
    }
    const pivot = numbers[k] as number
    let i = left
    let j = right
    swap(numbers, left, k)
    if ((numbers[right] as number) > pivot) swap(numbers, right, left)
    while (i < j) {
      swap(numbers, i, j)
      ++i
      --j
      while ((numbers[i] as number) < pivot) ++i
      while ((numbers[j] as number) > pivot) --j
    }
    if (numbers[left] === pivot) swap(numbers, left, j)
    else swap(numbers, ++j, right)
    if (j <= k) left = j + 1
    if (k <= j) right = j - 1
  }
}

function swap(numbers: Float64Array, i: number, j: number): void {
  const kept = numbers[i] as number
  numbers[i] = numbers[j] as number
  numbers[j] = kept
}
