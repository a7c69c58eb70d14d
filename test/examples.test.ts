// The examples run as a person would run them, on little data.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { decode } from 'fast-png'
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

/** The pixels of a PNG, which must be of a size and of many colours. */
async function picture(path: string, side: number): Promise<Uint8Array> {
  const { width, height, channels, data } = decode(await readFile(path))
  assert.deepEqual([width, height, channels], [side, side, 3])
  const colours = new Set<number>()
  for (let i = 0; i < data.length; i += 3) {
    colours.add(
      ((data[i] as number) << 16) | ((data[i + 1] as number) << 8) | (data[i + 2] as number),
    )
  }
  assert.ok(colours.size > 50, `${path} has ${colours.size} colours`)
  return data as Uint8Array
}

test('the terrain is drawn, the same for a seed and another for another', {
  skip,
}, async (context) => {
  const folder = await temporaryFolder(context)
  const draw = async (seed: string, name: string): Promise<Uint8Array> => {
    const out = join(folder, name)
    const { status, stdout, stderr } = run(
      ['--size', '96', '--seed', seed, '--out', out],
      'terrain',
    )
    assert.equal(status, 0, stderr)
    assert.match(stdout, /heights of 96 × 96 points/)
    return await picture(out, 96)
  }
  const first = await draw('5', 'a.png')
  assert.deepEqual(await draw('5', 'b.png'), first)
  assert.notDeepEqual(await draw('6', 'c.png'), first)
})

test('the animation writes frames that change a little at a time', { skip }, async (context) => {
  const out = join(await temporaryFolder(context), 'frames')
  const options = ['--size', '48', '--frames', '3', '--out', out]
  const { status, stdout, stderr } = run(options, 'noise-animation')
  assert.equal(status, 0, stderr)
  assert.match(stdout, /3 frames/)
  const names = (await readdir(out)).sort()
  assert.deepEqual(names, ['frame-000.png', 'frame-001.png', 'frame-002.png'])
  const [first, second, third] = await Promise.all(
    names.map((name) => picture(join(out, name), 48)),
  )
  const apart = (a?: Uint8Array, b?: Uint8Array): number =>
    [...(a ?? [])].reduce((sum, value, i) => sum + Math.abs(value - (b?.[i] as number)), 0)
  assert.ok(apart(first, second) > 0)
  assert.ok(apart(first, third) > apart(first, second))
})

test('particles drift along curl noise', { skip }, async (context) => {
  const out = join(await temporaryFolder(context), 'flow.png')
  const options = ['--particles', '3000', '--steps', '20', '--size', '64', '--out', out]
  const { status, stdout, stderr } = run(options, 'flow-particles')
  assert.equal(status, 0, stderr)
  assert.match(stdout, /3000 particles, 20 steps/)
  await picture(out, 64)
})

test('the gallery draws its sheets, and the tile continues into itself', {
  skip,
}, async (context) => {
  const out = join(await temporaryFolder(context), 'gallery')
  const { status, stdout, stderr } = run(['--side', '32', '--out', out], 'noise-gallery')
  assert.equal(status, 0, stderr)
  assert.match(stdout, /fractals.png, tile.png, clouds.png/)
  for (const [name, columns, rows] of [
    ['fractals', 3, 2],
    ['tile', 2, 2],
    ['clouds', 4, 2],
  ] as const) {
    const { width, height, channels, data } = decode(await readFile(join(out, `${name}.png`)))
    assert.deepEqual([width, height, channels], [32 * columns, 32 * rows, 1])
    assert.ok(new Set(data).size > 50, name)
    if (name !== 'tile') continue
    // The step over the seam is no larger than those beside it.
    const step = (column: number): number => {
      let largest = 0
      for (let y = 0; y < height; ++y) {
        const at = y * width + column
        largest = Math.max(largest, Math.abs((data[at] as number) - (data[at + 1] as number)))
      }
      return largest
    }
    const inside = Math.max(...Array.from({ length: 31 }, (_, column) => step(column)))
    assert.ok(step(31) <= 1.2 * inside, `the seam is a step of ${step(31)}, inside ${inside}`)
  }
})

test('the loop steers a sphere, draws it and goes on from its checkpoint', {
  skip,
}, async (context) => {
  const folder = await temporaryFolder(context)
  const checkpoint = join(folder, 'loop.safetensors')
  const sizes = ['--nodes', '400', '--hidden', '16', '--size', '96', '--cycles', '10']
  const steer = (out: string) =>
    run([...sizes, '--checkpoint', checkpoint, '--out', join(folder, out)], 'mobius')
  const first = steer('a')
  assert.equal(first.status, 0, first.stderr)
  assert.match(first.stdout, /400 nodes, agent of/)
  assert.match(first.stderr, /step 10\/10 {2}reward -?\d/)
  assert.equal(numbersAfter(first.stdout, 'last tenth').length, 2)
  await picture(join(folder, 'a', 'sphere.png'), 96)
  await assertPicture(join(folder, 'a', 'control.svg'), ['Steering a Möbius sphere', 'reward'])
  const second = steer('b')
  assert.match(second.stdout, /goes on after cycle 10/)
  const lines = (await readFile(join(folder, 'b', 'metrics.jsonl'), 'utf8')).trim().split('\n')
  const cycles = lines.map((line) => (JSON.parse(line) as { cycle: number }).cycle)
  assert.deepEqual([cycles.at(0), cycles.at(-1)], [11, 20])
})

test('a noise example with a wrong number says which', { skip }, () => {
  const { status, stderr } = run(['--size', '0'], 'terrain')
  assert.equal(status, 1)
  assert.match(stderr, /SimplexNoise.grid: .*size/)
})
