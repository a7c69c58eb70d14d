// One list of operations, seen from everywhere: the addon, TypeScript, the sources, the tests. Whatever a
// new operation lacks is named here.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import '../lib/index.js'
import { declaredOperations, signatures } from '../lib/native.js'
import { operationTable } from './support/operation-table.js'
import { projectRoot } from './support/project.js'

test('every operation of the addon is declared in TypeScript with the same fields in the same order', () => {
  for (const { name, fields } of signatures()) {
    const declared = declaredOperations.get(name)
    assert.ok(declared, `${name}: no file of lib/operations or lib/optim declares it`)
    assert.deepEqual(
      declared,
      fields.map((field) => field.name),
      `${name}: its fields in TypeScript differ from those of ops/`,
    )
  }
})

test('every operation declared in TypeScript is in the addon', () => {
  const known = new Set(signatures().map((signature) => signature.name))
  for (const name of declaredOperations.keys()) {
    assert.ok(known.has(name), `${name}: ops/operations.h does not list it`)
  }
})

test('every operation has a row of valid arguments for the boundary tests', () => {
  for (const { name, fields } of signatures()) {
    const row = operationTable[name]
    assert.ok(row, `${name}: test/support/operation-table.ts has no row for it`)
    const given = row.call(1)
    for (const field of fields) {
      assert.ok(field.name in given, `${name}: its row in operation-table.ts lacks ${field.name}`)
      const isTensor = field.kind === 'input' || field.kind === 'output'
      assert.equal(
        isTensor,
        typeof given[field.name] === 'object',
        `${name}: ${field.name} is ${field.kind}, its row gives ${typeof given[field.name]}`,
      )
    }
    assert.equal(
      Object.keys(given).length,
      fields.length,
      `${name}: its row has other fields than ${fields.map((field) => field.name)}`,
    )
  }
  const known = new Set(signatures().map((signature) => signature.name))
  for (const name of Object.keys(operationTable)) {
    assert.ok(known.has(name), `${name}: operation-table.ts has a row for no operation`)
  }
})

test('every name of OPERATIONS in CMakeLists.txt has its kernels, its emulator source and its header', () => {
  const text = readFileSync(join(projectRoot, 'CMakeLists.txt'), 'utf8')
  const names = /set\(OPERATIONS\s([^)]*)\)/.exec(text)?.[1]?.trim().split(/\s+/) ?? []
  assert.ok(names.length > 0, 'CMakeLists.txt must set OPERATIONS')
  const missing = names.flatMap((name) => {
    // A file that holds only one direction of an operation shares the header of the other.
    const header = `ops/${name.replace(/_(forward|backward)$/, '')}.h`
    return [`cpu/${name}.cpp`, `cuda/${name}.cu`, header].filter(
      (path) => !existsSync(join(projectRoot, path)),
    )
  })
  assert.deepEqual(missing, [], 'files that are missing')
})

for (const copy of ['v3', 'v4']) {
  // The linker keeps one definition of a weak symbol. Were it that of a copy for newer processors, older
  // ones would meet instructions that they do not know.
  test(`no code of the ${copy} copy can stand in for that of another copy`, (context) => {
    const folder = join(projectRoot, 'build', 'CMakeFiles', `cpu_${copy}.dir`)
    if (!existsSync(folder)) {
      context.skip(`no objects in ${folder}`)
      return
    }
    if (spawnSync('nm', ['--version']).error) {
      context.skip('nm is not installed')
      return
    }
    const objects = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.o'))
      .map((file) => join(folder, file))
    assert.ok(objects.length > 0, `${folder} must hold objects`)
    const shared = objects.flatMap((object) => weakSymbols(object).filter(isForeign(copy)))
    assert.deepEqual([...new Set(shared)], [], `weak symbols that are not of ${copy} alone`)
  })
}

function weakSymbols(object: string): string[] {
  const { stdout, status, stderr } = spawnSync('nm', ['-C', '--defined-only', object], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  assert.equal(status, 0, stderr)
  return stdout.split('\n').flatMap((line) => {
    const [, kind, name] = /^[0-9a-f]+ (\w) (.*)$/.exec(line) ?? []
    return kind && name && 'WVu'.includes(kind) ? [name] : []
  })
}

// Names that nm cannot demangle hold the copy's name behind its length. DW.ref symbols are pointers that
// the exception tables need, not code.
const isForeign =
  (copy: string) =>
  (name: string): boolean =>
    !new RegExp(`\\b${copy}::|\\d${copy}`).test(name) && !name.startsWith('DW.ref.')
