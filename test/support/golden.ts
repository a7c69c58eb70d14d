// Reads the golden cases of test/golden: float64 references, described in its README.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readSafetensors, safetensorsArray } from '../../lib/index.js'
import { projectRoot } from './project.js'

/** One array of a golden case. */
export interface GoldenArray {
  readonly data: Float64Array | Int32Array | Uint8Array | Int8Array
  readonly shape: readonly number[]
}

/** One golden case. */
export interface GoldenCase {
  readonly name: string
  readonly op: string
  readonly float32: 'plain' | 'careful' | 'no'
  readonly args: Readonly<Record<string, unknown>>
  /** Arrays by prefix and name: `in.input`, `out.states`, … */
  readonly arrays: ReadonlyMap<string, GoldenArray>
}

const folder = join(projectRoot, 'test', 'golden')

/** Names of the cases whose file name matches. */
export function goldenNames(pattern: RegExp): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.safetensors') && pattern.test(file))
    .map((file) => file.slice(0, -'.safetensors'.length))
    .sort()
}

/** Reads one case. */
export async function readGolden(name: string): Promise<GoldenCase> {
  const { metadata, tensors } = await readSafetensors(join(folder, `${name}.safetensors`))
  const arrays = new Map<string, GoldenArray>()
  for (const [key, entry] of tensors) {
    arrays.set(key, { data: safetensorsArray(entry) as GoldenArray['data'], shape: entry.shape })
  }
  return {
    name,
    op: metadata.op ?? '',
    float32: metadata.float32 as GoldenCase['float32'],
    args: JSON.parse(metadata.args ?? '{}') as Record<string, unknown>,
    arrays,
  }
}

/** The named arrays with one prefix, without it. */
export function withPrefix(golden: GoldenCase, prefix: string): Map<string, GoldenArray> {
  const found = new Map<string, GoldenArray>()
  for (const [key, array] of golden.arrays) {
    if (key.startsWith(`${prefix}.`)) found.set(key.slice(prefix.length + 1), array)
  }
  return found
}
