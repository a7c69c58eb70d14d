// The examples run as a person would run them, on little data.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadCheckpoint, readSafetensors } from '../lib/index.js'
import { projectRoot, temporaryFolder } from './support/project.js'

function run(options: readonly string[], name = 'train-language-model') {
  const example = join(projectRoot, 'dist', 'examples', `${name}.js`)
  const environment = { ...process.env, ENTRAIN_DEVICE: 'cpu' }
  return spawnSync(process.execPath, [example, ...options], {
    encoding: 'utf8',
    env: environment,
    timeout: 240_000,
  })
}

// A model of this size takes minutes in the emulator.
const skip = process.env.ENTRAIN_TEST_DEVICE === 'cuda' ? 'runs on the CPU' : false

test('the language model trains, reports, draws and writes', { skip }, async (context) => {
  const folder = await temporaryFolder(context)
  const text = join(folder, 'text.txt')
  const line = 'It is a way I have of driving off the spleen, and regulating the circulation. '
  await writeFile(text, line.repeat(120))
  const out = join(folder, 'run')
  const { status, stdout, stderr } = run(['--text', text, '--steps', '12', '--out', out])
  assert.equal(status, 0, stderr)
  const bits = (name: string): number => {
    const found = new RegExp(`${name}\\s+([\\d.]+)`).exec(stdout)
    assert.ok(found, `${name} is not in:\n${stdout}`)
    return Number(found[1])
  }
  assert.ok(bits('trained') < bits('untrained'))
  assert.ok(bits('3-gram') > 0)
  assert.match(stderr, /step 12\/12 {2}loss/)
  const svg = await readFile(join(out, 'loss.svg'), 'utf8')
  assert.match(svg, /^<svg[\s\S]*<\/svg>\s*$/)
  const metrics = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trim().split('\n')
  assert.equal(
    metrics.map((entry) => JSON.parse(entry) as { step?: number }).filter((m) => m.step).length,
    12,
  )
  const written = stdout.slice(stdout.indexOf('\n', stdout.indexOf('untrained')))
  assert.ok(written.length > 400, 'fewer than 400 characters were written')
  const { model } = await loadCheckpoint(join(out, 'model.safetensors'), { device: 'cpu' })
  const { tensors } = await readSafetensors(join(out, 'model.safetensors'))
  for (const name of model.namedParameters().keys()) assert.ok(tensors.has(name), name)
  model.dispose()
})

test('a text that is missing or empty is an error with its name', { skip }, async (context) => {
  const folder = await temporaryFolder(context)
  const empty = join(folder, 'empty.txt')
  await writeFile(empty, '')
  for (const path of [join(folder, 'absent.txt'), empty]) {
    const { status, stderr } = run(['--text', path, '--out', join(folder, 'run')])
    assert.equal(status, 1)
    assert.match(stderr, /DataError \(ERR_DATA\)/)
    assert.ok(stderr.includes(path), stderr)
  }
})

/** The numbers of a line of output that begins with a name. */
function numbersAfter(stdout: string, name: string): number[] {
  const line = stdout.split('\n').find((text) => text.startsWith(name))
  assert.ok(line !== undefined, `${name} is not in:\n${stdout}`)
  return [...line.slice(name.length).matchAll(/-?\d+(\.\d+)?/g)].map(([number]) => Number(number))
}

async function assertPicture(path: string, texts: readonly string[]): Promise<void> {
  const svg = await readFile(path, 'utf8')
  assert.match(svg, /^<svg[\s\S]*<\/svg>\s*$/)
  for (const text of texts) assert.ok(svg.includes(text), `${text} is not in ${path}`)
}

test('oscillators synchronise as the closed form says, and the picture shows both', {
  skip,
}, async (context) => {
  const out = join(await temporaryFolder(context), 'run')
  const sizes = ['--oscillators', '20000', '--couplings', '9', '--time', '40']
  const { status, stdout, stderr } = run([...sizes, '--out', out], 'synchronisation-transition')
  assert.equal(status, 0, stderr)
  const [worst = 1] = numbersAfter(stdout, 'greatest distance away from the transition')
  assert.ok(worst < 0.02, stdout)
  await assertPicture(join(out, 'transition.svg'), ['Onset of synchronisation', 'simulated'])
})

test('frequencies are learned towards the target', { skip }, async (context) => {
  const out = join(await temporaryFolder(context), 'run')
  const sizes = ['--oscillators', '60', '--iterations', '60', '--target', '0.6']
  const { status, stdout, stderr } = run([...sizes, '--out', out], 'learn-frequencies')
  assert.equal(status, 0, stderr)
  const [first = 0] = numbersAfter(stdout, 'R at first')
  const [last = 0] = numbersAfter(stdout, 'R after 60 iterations')
  assert.ok(Math.abs(last - 0.6) < 0.05 && Math.abs(last - 0.6) < Math.abs(first - 0.6), stdout)
  await assertPicture(join(out, 'learning.svg'), ['Learning natural frequencies', 'target'])
})

test('a grid stays in step when a fault is cleared early and loses synchrony when late', {
  skip,
}, async (context) => {
  const out = join(await temporaryFolder(context), 'run')
  const { status, stdout, stderr } = run(['--seconds', '4', '--out', out], 'power-grid')
  assert.equal(status, 0, stderr)
  assert.match(stdout, /^0\.20 s .* in step$/m)
  assert.match(stdout, /^0\.40 s .* synchrony lost$/m)
  await assertPicture(join(out, 'power-grid.svg'), ['cleared after 0.2 s', 'cleared after 0.4 s'])
})
