// Matrix Market files, the exchange format of sparse matrices: entry (i, j) is how strongly oscillator j
// pulls oscillator i, counted from 1.
// Source: Boisvert, Pozo & Remington, The Matrix Market Exchange Formats, NISTIR 5935 (1996).
import { readFile } from 'node:fs/promises'
import { DataError } from '../errors.js'
import { Graph } from './graph.js'
import { type Rows, rowsOfEntries, transpose } from './rows.js'

const kBanner = '%%MatrixMarket'

interface Header {
  readonly format: 'coordinate' | 'array'
  readonly field: 'real' | 'integer' | 'pattern'
  readonly symmetric: boolean
}

/**
 * Reads a graph in the Matrix Market format: coordinate (a sparse graph; entries of one place are added
 * up, those on the diagonal left out) or array (a dense one); real, integer or pattern (all weights 1);
 * general or symmetric.
 *
 * @param source the text of a file, or its path
 * @throws DataError (ERR_DATA) naming the file or the line where something is wrong, and what
 */
export async function fromMatrixMarket(source: string): Promise<Graph> {
  const isText = source.startsWith('%%') || source.includes('\n')
  return parse(isText ? source : await readText(source))
}

async function readText(path: string): Promise<string> {
  try {
    return (await readFile(path)).toString('latin1')
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause)
    throw new DataError(`fromMatrixMarket: ${path}: file must be readable, got ${got}`, { cause })
  }
}

class Lines {
  readonly #text: string
  #at = 0
  number = 0

  constructor(text: string) {
    this.#text = text
  }

  /** The words of the next line that is neither empty nor a comment; null after the last. */
  next(): string[] | null {
    while (this.#at < this.#text.length) {
      const end = this.#text.indexOf('\n', this.#at)
      const line = this.#text.slice(this.#at, end < 0 ? undefined : end).trim()
      this.#at = end < 0 ? this.#text.length : end + 1
      ++this.number
      if (line !== '' && (this.number === 1 || !line.startsWith('%'))) return line.split(/\s+/)
    }
    return null
  }

  fail(name: string, rule: string, got: unknown): never {
    throw new DataError(
      `fromMatrixMarket: line ${Math.max(this.number, 1)}: ${name} must be ${rule}, got ${String(got)}`,
    )
  }

  /** A number of a word. */
  value(word: string | undefined, integer: boolean): number {
    const value = Number(word)
    if (word === undefined || !Number.isFinite(value)) this.fail('value', 'a finite number', word)
    if (integer && !Number.isInteger(value)) this.fail('value', 'an integer', word)
    return value
  }

  /** An integer of a word, in [low, high]. */
  integer(
    name: string,
    word: string | undefined,
    { low, high }: { low: number; high: number },
  ): number {
    const value = word !== undefined && /^[+-]?\d+$/.test(word) ? Number(word) : Number.NaN
    if (!(value >= low && value <= high)) {
      this.fail(name, `an integer from ${low} to ${high}`, word ?? 'nothing')
    }
    return value
  }
}

function parse(text: string): Graph {
  const lines: Lines = new Lines(text)
  const header = parseHeader(lines)
  const sizes = lines.next()
  const wanted = header.format === 'array' ? 2 : 3
  if (!sizes || sizes.length !== wanted) {
    const rule = wanted === 3 ? 'rows, columns and entries' : 'rows and columns'
    lines.fail('size', rule, sizes?.join(' ') ?? 'the end of the text')
  }
  const most = { low: 1, high: 2 ** 31 - 2 }
  const size = lines.integer('rows', sizes[0], most)
  if (lines.integer('columns', sizes[1], most) !== size) {
    lines.fail('matrix', 'square', `${size} by ${sizes[1]}`)
  }
  if (header.format === 'array') return parseArray(lines, header, size)
  const entries = lines.integer('entries', sizes[2], {
    low: 0,
    high: Math.floor((2 ** 31 - 1) / (header.symmetric ? 2 : 1)),
  })
  return parseCoordinates(lines, header, { size, entries })
}

function parseHeader(lines: Lines): Header {
  const words = lines.next() ?? []
  const [banner, object, format, field, symmetry] = words.map((word) => word.toLowerCase())
  if (banner !== kBanner.toLowerCase())
    lines.fail('header', `${kBanner} …`, words.join(' ') || 'nothing')
  if (object !== 'matrix') lines.fail('object', 'matrix', object)
  if (format !== 'coordinate' && format !== 'array') {
    lines.fail('format', 'coordinate or array', format)
  }
  const pattern = field === 'pattern' && format === 'coordinate'
  if (field !== 'real' && field !== 'integer' && !pattern) {
    lines.fail('field', format === 'array' ? 'real or integer' : 'real, integer or pattern', field)
  }
  if (symmetry !== 'general' && symmetry !== 'symmetric') {
    lines.fail('symmetry', 'general or symmetric', symmetry)
  }
  return { format, field: field as Header['field'], symmetric: symmetry === 'symmetric' }
}

function parseCoordinates(
  lines: Lines,
  { field, symmetric }: Header,
  { size, entries }: { size: number; entries: number },
): Graph {
  const row = new Int32Array(symmetric ? 2 * entries : entries)
  const column = new Int32Array(row.length)
  const weight = field === 'pattern' ? null : new Float64Array(row.length)
  const wanted = weight ? 3 : 2
  const bounds = { low: 1, high: size }
  let length = 0
  for (let entry = 0; entry < entries; ++entry) {
    const words = lines.next()
    if (!words) lines.fail('entries', `as many as the size says, ${entries}`, entry)
    if (words.length !== wanted) {
      lines.fail('entry', weight ? 'row, column and value' : 'row and column', words.join(' '))
    }
    const i = lines.integer('row', words[0], bounds) - 1
    const j = lines.integer('column', words[1], bounds) - 1
    const value = weight ? lines.value(words[2], field === 'integer') : 1
    if (symmetric && j > i) {
      lines.fail('entry', 'on or below the diagonal of a symmetric matrix', words.join(' '))
    }
    for (const [one, other] of symmetric && i !== j
      ? [
          [i, j],
          [j, i],
        ]
      : [[i, j]]) {
      row[length] = one as number
      column[length] = other as number
      if (weight) weight[length] = value
      ++length
    }
  }
  expectEnd(lines, entries)
  return Graph.ofRows(
    rowsOfEntries(size, {
      row: row.subarray(0, length),
      column: column.subarray(0, length),
      weight: weight?.subarray(0, length) ?? null,
    }),
  )
}

// Column by column; of a symmetric matrix what is on and below the diagonal.
function parseArray(lines: Lines, { field, symmetric }: Header, size: number): Graph {
  const values = new Float64Array(size * size)
  for (let j = 0; j < size; ++j) {
    for (let i = symmetric ? j : 0; i < size; ++i) {
      const words = lines.next()
      const wanted = symmetric ? (size * (size + 1)) / 2 : size * size
      if (!words) lines.fail('values', `as many as the size says, ${wanted}`, 'fewer')
      if (words.length !== 1) lines.fail('line', 'one value', words.join(' '))
      const value = lines.value(words[0], field === 'integer')
      values[i * size + j] = value
      if (symmetric) values[j * size + i] = value
    }
  }
  expectEnd(lines, values.length)
  return Graph.dense(values, size)
}

function expectEnd(lines: Lines, count: number): void {
  const words = lines.next()
  if (words) lines.fail('text', `at its end after ${count} values`, words.join(' '))
}

/**
 * A graph as the text of a Matrix Market file: array for a dense one, else coordinate; pattern where all
 * weights are 1; symmetric where it is. Numbers are written so that reading gives them back exactly.
 *
 * @throws RangeError of the language where the text would be longer than its longest string, 2^29
 */
export function toMatrixMarket(graph: Graph): string {
  const { oscillators, adjacency } = graph
  if (adjacency) return arrayText(adjacency, oscillators)
  const { rowPointer, column, weight } = graph.toSparse()
  const rows = { rowPointer, column, weight } as Rows
  const symmetric = isSymmetric(rows)
  const names = Array.from({ length: oscillators }, (_, i) => String(i + 1))
  const lines = ['', '']
  for (let i = 0; i < oscillators; ++i) {
    for (let e = rows.rowPointer[i] as number; e < (rows.rowPointer[i + 1] as number); ++e) {
      const j = rows.column[e] as number
      if (symmetric && j > i) break
      const place = `${names[i]} ${names[j]}`
      lines.push(weight ? `${place} ${weight[e]}` : place)
    }
  }
  const field = weight ? 'real' : 'pattern'
  const symmetry = symmetric ? 'symmetric' : 'general'
  lines[0] = `${kBanner} matrix coordinate ${field} ${symmetry}`
  lines[1] = `${oscillators} ${oscillators} ${lines.length - 2}`
  lines.push('')
  return lines.join('\n')
}

function arrayText(values: Float64Array, size: number): string {
  const lines = [`${kBanner} matrix array real general`, `${size} ${size}`]
  for (let j = 0; j < size; ++j) {
    for (let i = 0; i < size; ++i) lines.push(String(values[i * size + j]))
  }
  return `${lines.join('\n')}\n`
}

function isSymmetric(rows: Rows): boolean {
  const { sourcePointer, source, sourceEdge } = transpose(rows)
  const { rowPointer, column, weight } = rows
  for (let i = 0; i < rowPointer.length; ++i) if (rowPointer[i] !== sourcePointer[i]) return false
  for (let e = 0; e < column.length; ++e) {
    if (column[e] !== source[e]) return false
    if (weight && weight[e] !== weight[sourceEdge[e] as number]) return false
  }
  return true
}
