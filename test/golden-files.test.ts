// The golden files in the project are complete and equal to their source, where that stands beside it.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectRoot } from './support/project.js'

const source = join(projectRoot, '..', 'shared', 'golden')

test('the golden files equal those they were copied from', (context) => {
  if (!existsSync(source)) return context.skip('there is no ../shared/golden beside the project')
  const copy = join(projectRoot, 'test', 'golden')
  assert.deepEqual(readdirSync(copy).sort(), readdirSync(source).sort())
  for (const file of readdirSync(source)) {
    assert.ok(readFileSync(join(source, file)).equals(readFileSync(join(copy, file))), file)
  }
})
