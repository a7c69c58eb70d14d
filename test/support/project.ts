// Where the project's files are, and folders that a test may fill.

import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

/** The folder of package.json, from source and from compiled files alike. */
export const projectRoot = ((): string => {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('no package.json above the tests')
    folder = parent
  }
  return folder
})()

/** A golden file of the project. */
export const goldenFile = (name: string): string =>
  join(projectRoot, 'test', 'golden', `${name}.safetensors`)

/** A new empty folder that is removed when the test ends. */
export async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'entrain-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
