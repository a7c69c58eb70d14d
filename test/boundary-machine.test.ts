// Tensors, devices, memory, environment variables and files: what is wrong is named, and the process lives.
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as lib from '../lib/index.js'
import { device as deviceOf, machine, type Tensor, tensor, zeros } from '../lib/index.js'
import { runProgram } from './support/child.js'
import { onEveryDevice } from './support/devices.js'
import { temporaryFolder } from './support/project.js'
import { assertRefused } from './support/refusals.js'

onEveryDevice('tensors', (name) => {
  const device = deviceOf(name)
  const refused = (code: string, prefix: string, word: string, call: () => unknown): void =>
    assertRefused(device, call, { title: prefix, codes: [code], prefix, words: [word] })

  test('a shape that is none is refused', () => {
    for (const shape of [[Number.NaN], [-1], [1.5], [Infinity], [2, Number.NaN], ['2'], [null]]) {
      const sizes = shape as number[]
      refused('ERR_SHAPE', 'tensor', 'shape', () => zeros(sizes, { device }))
      refused('ERR_SHAPE', 'tensor', 'shape', () => tensor([1, 2], { shape: sizes, device }))
    }
    for (const shape of [5, 'ab', null, {}]) {
      refused('ERR_SHAPE', 'tensor', 'shape', () => zeros(shape as never, { device }))
    }
    for (const shape of [
      [2 ** 27, 2 ** 27],
      [2 ** 53, 2],
      [2 ** 31, 2 ** 31, 2 ** 31],
    ]) {
      refused('ERR_SHAPE', 'tensor', 'shape', () => zeros(shape, { device }))
    }
  })

  test('data of another length than the shape are refused', async () => {
    refused('ERR_SHAPE', 'tensor', 'data', () => tensor([1, 2, 3], { shape: [2, 2], device }))
    refused('ERR_SHAPE', 'tensor', 'data', () => tensor([], { shape: [1], device }))
    using two = tensor([1, 2], { device })
    refused('ERR_SHAPE', 'set', 'data', () => two.set([1]))
    refused('ERR_SHAPE', 'set', 'data', () => two.set(new Float32Array(3)))
    assert.deepEqual([...(await two.data())], [1, 2])
    await assert.rejects(two.item(), { code: 'ERR_SHAPE', message: /^item: tensor must/ })
    refused('ERR_SHAPE', 'reshape', 'shape', () => two.reshape([3]))
    refused('ERR_SHAPE', 'reshape', 'shape', () => two.reshape([-1, -1]))
    refused('ERR_SHAPE', 'reshape', 'shape', () => two.reshape([-1, 0]))
    refused('ERR_SHAPE', 'reshape', 'shape', () => two.reshape([Number.NaN, 2]))
  })

  test('data that are no numbers and dtypes that are none are refused', () => {
    for (const data of [undefined, null, 5, 'ab', {}]) {
      refused('ERR_DTYPE', 'tensor', 'data', () => tensor(data as never, { device }))
    }
    refused('ERR_DTYPE', 'tensor', 'data', () => tensor([1n] as never, { device }))
    for (const dtype of ['float31', '', 'toString', 7]) {
      refused('ERR_DTYPE', 'tensor', 'dtype', () => zeros([1], { dtype: dtype as never, device }))
    }
  })

  test('a gradient of the wrong kind is refused', async () => {
    await using _ = lib.scope()
    const leaf = tensor([1, 2], { device, requiresGrad: true })
    const output = lib.silu(leaf)
    const dead = zeros([2], { device })
    const three = zeros([3], { device })
    const plain = zeros([1], { device })
    dead.dispose()
    refused('ERR_SHAPE', 'backward', 'gradient', () => output.backward())
    refused('ERR_SHAPE', 'backward', 'gradient', () => output.backward(three))
    const wide = zeros([2], { dtype: 'float64', device })
    refused('ERR_DTYPE', 'backward', 'gradient', () => output.backward(wide))
    refused('ERR_DISPOSED', 'backward', 'gradient', () => output.backward(dead))
    refused('ERR_VALUE', 'backward', 'tensor', () => plain.backward())
    assert.equal(leaf.grad, null)
  })

  test('memory beyond the machine is refused and the next allocation works', async () => {
    for (const dtype of ['float64', 'uint8'] as const) {
      refused('ERR_OUT_OF_MEMORY', 'allocate', 'bytes', () => zeros([2 ** 50], { dtype, device }))
    }
    using small = zeros([1000], { device })
    assert.equal((await small.data()).length, 1000)
  })
})

describe('devices', () => {
  test('an unknown device is refused by name', () => {
    for (const name of ['gpu', '', 'cuda:', 'cuda:x', 'cuda:-1', 'CPU', 'cpu:0', 7, {}]) {
      assert.throws(() => deviceOf(name as 'cpu'), {
        code: 'ERR_DEVICE',
        message: /^device: name /,
      })
    }
    for (const index of [99, 999]) {
      assert.throws(() => deviceOf(`cuda:${index}`), {
        code: 'ERR_DEVICE',
        message: new RegExp(`^device: cuda:${index} must be present, got: .+`),
      })
    }
  })

  const present = machine().gpus.length > 0 && 'this machine has a GPU'
  const report = `try { lib.zeros([1]) } catch (error) { console.log(error.name, error.code, error.message) }`

  test('ENTRAIN_DEVICE=cuda without a GPU fails with the reason', { skip: present }, async () => {
    const { code, stdout } = await runProgram(report, { env: { ENTRAIN_DEVICE: 'cuda' } })
    const reason = machine().cudaUnavailable
    assert.ok(reason.length > 0)
    assert.equal(stdout, `DeviceError ERR_DEVICE device: cuda must be present, got: ${reason}\n`)
    assert.equal(code, 0)
  })

  test('ENTRAIN_STRICT=1 makes an error of falling back to the CPU', {
    skip: present,
  }, async () => {
    const env = { ENTRAIN_STRICT: '1', ENTRAIN_DEVICE: '' }
    const { code, stdout } = await runProgram(report, { env })
    assert.match(stdout, /^DeviceError ERR_DEVICE device: auto must find a GPU .*, got: ./)
    assert.equal(code, 0)
  })

  test('without it the CPU is used and stderr says why, once', { skip: present }, async () => {
    const program = `lib.zeros([1]); lib.zeros([1]); console.log(lib.zeros([1]).device.name)`
    const env = { ENTRAIN_STRICT: '', ENTRAIN_DEVICE: '' }
    const { code, stdout, stderr } = await runProgram(program, { env })
    assert.equal(stdout, 'cpu\n')
    assert.equal(stderr.match(/entrain: using the CPU: ./g)?.length, 1, stderr)
    assert.equal(code, 0)
  })

  test('an unknown ENTRAIN_DEVICE is refused', async () => {
    const { stdout } = await runProgram(report, { env: { ENTRAIN_DEVICE: 'tpu' } })
    assert.match(stdout, /^DeviceError ERR_DEVICE device: name must be .*, got tpu\n$/)
  })

  test('an instruction set that is not there is refused', async () => {
    const program = `try { lib.zeros([1], { device: 'cpu' }) } catch (error) { console.log(error.name, error.message) }`
    const env = { ENTRAIN_INSTRUCTION_SET: 'v9' }
    const { code, signal, stdout } = await runProgram(program, { env })
    assert.match(stdout, /^DeviceError device: cpu must run .*, got ENTRAIN_INSTRUCTION_SET=v9\n$/)
    assert.equal(signal, null)
    assert.equal(code, 0)
  })

  test('an addon that does not load is a NativeError with advice', async (context) => {
    const missing = await runProgram(report, { env: { ENTRAIN_BINARY: '/nonexistent' } })
    assert.match(missing.stdout, /^NativeError ERR_NATIVE native: the addon must load on /)
    assert.match(missing.stdout, /nonexistent.*; .*cmake-js build/s)
    assert.equal(missing.code, 0)
    const damaged = join(await temporaryFolder(context), 'damaged.node')
    await writeFile(damaged, 'not a shared library, and long enough to be read as a header at all')
    const { stdout, code } = await runProgram(report, { env: { ENTRAIN_BINARY: damaged } })
    assert.match(stdout, /^NativeError ERR_NATIVE native: .*the binary is damaged/s)
    assert.equal(code, 0)
  })

  // A sanitizer's shadow memory does not fit under any limit.
  const sanitized = process.env.ASAN_OPTIONS !== undefined && 'under a sanitizer'
  test('a read that finds no memory fails and the process goes on', {
    skip: sanitized,
  }, async () => {
    const program = `
      const { Tensor, device, tensor } = lib
      const large = Tensor.empty([3 * 2 ** 29], 'uint8', device('cpu'))
      const live = device('cpu').memory().live
      await large.data().catch((error) => console.log(error.name, error.code))
      console.log(device('cpu').memory().live === live)
      large.dispose()
      console.log((await tensor([1, 2], { device: 'cpu' }).data()).join())`
    const { stdout, stderr, code } = await runProgram(program, { addressSpace: 3_400_000 })
    assert.equal(stdout, 'OutOfMemoryError ERR_OUT_OF_MEMORY\ntrue\n1,2\n', stderr)
    assert.equal(code, 0)
  })
})

describe('files', () => {
  const options = { vocabulary: 7, width: 8, layers: 1, eigenstates: 4, device: 'cpu' } as const
  const cpu = deviceOf('cpu')

  test('a corrupt, truncated or foreign checkpoint is a CheckpointError and leaves nothing', async (context) => {
    const folder = await temporaryFolder(context)
    const whole = join(folder, 'whole.safetensors')
    using model = new lib.TemporalEigenstateNetwork(options)
    await lib.saveCheckpoint(whole, model, { extra: { step: 3 } })
    const bytes = await readFile(whole)
    const live = cpu.memory().live
    const broken = join(folder, 'broken.safetensors')
    const refuse = async (title: string, path = broken): Promise<void> => {
      await assert.rejects(lib.loadCheckpoint(path, { device: 'cpu' }), (error: unknown) => {
        assert.ok(error instanceof lib.CheckpointError, `${title}: ${error}`)
        assert.equal(error.code, 'ERR_CHECKPOINT')
        assert.ok(error.message.includes(path), `${title}: ${error.message}`)
        return true
      })
      assert.equal(cpu.memory().live, live, `${title}: memory stays in use`)
    }
    await refuse('missing', join(folder, 'missing.safetensors'))
    await refuse('a folder', folder)
    for (const length of [0, 1, 7, 8, 9, 100, bytes.length - 1, bytes.length - 100]) {
      await writeFile(broken, bytes.subarray(0, length))
      await refuse(`${length} of ${bytes.length} bytes`)
    }
    await writeFile(broken, Buffer.concat([bytes, Buffer.alloc(8)]))
    await refuse('too long')
    const text = bytes.toString('latin1')
    const edits: [string, string][] = [
      ['entrain.temporal-eigenstate-network.1', 'entrain.temporal-eigenstate-network.9'],
      ['"embedding"', '"embeddinG"'],
      ['"dtype":"F32"', '"dtype":"I32"'],
      ['\\"width\\":8', '\\"width\\":9'],
      ['\\"width\\":8', '\\"width\\":0'],
      ['\\"layers\\":1', '\\"layers\\":2'],
      ['{\\"step\\":3}', '{\\"step\\":3]'],
      ['\\"vocabulary\\":7', '\\"vocabularY\\":7'],
    ]
    for (const [from, to] of edits) {
      assert.ok(text.includes(from), `the file must hold ${from}`)
      await writeFile(broken, Buffer.from(text.replace(from, to), 'latin1'))
      await refuse(to)
    }
    const { model: loaded, extra } = await lib.loadCheckpoint(whole, { device: 'cpu' })
    assert.deepEqual(extra, { step: 3 })
    loaded.dispose()
    assert.equal(cpu.memory().live, live)
  })

  test('an optimiser of another model is not restored', async (context) => {
    const path = join(await temporaryFolder(context), 'plain.safetensors')
    using model = new lib.TemporalEigenstateNetwork(options)
    await lib.saveCheckpoint(path, model)
    const { model: loaded, restore } = await lib.loadCheckpoint(path, { device: 'cpu' })
    using optimizer = new lib.AdamW(loaded.parameters())
    assert.throws(() => restore(optimizer), lib.CheckpointError)
    assert.equal(optimizer.steps, 0)
    loaded.dispose()
  })

  test('a checkpoint that cannot be written is a CheckpointError', async (context) => {
    const path = join(await temporaryFolder(context), 'no', 'such', 'folder.safetensors')
    using model = new lib.TemporalEigenstateNetwork(options)
    await assert.rejects(lib.saveCheckpoint(path, model), (error: unknown) => {
      assert.ok(error instanceof lib.CheckpointError)
      assert.ok(error.message.includes(path))
      return true
    })
  })

  test('a text file that is missing or empty is a DataError that names it', async (context) => {
    const folder = await temporaryFolder(context)
    const empty = join(folder, 'empty.txt')
    await writeFile(empty, '')
    for (const path of [empty, join(folder, 'missing.txt'), folder]) {
      await assert.rejects(lib.readText(path), (error: unknown) => {
        assert.ok(error instanceof lib.DataError)
        assert.ok(error.message.startsWith(`readText: ${path}: `))
        return true
      })
    }
  })

  test('a model or optimiser with impossible options is refused and leaves nothing', () => {
    const live = cpu.memory().live
    for (const change of [
      { vocabulary: 0 },
      { vocabulary: -3 },
      { width: 1.5 },
      { layers: Number.NaN },
      { eigenstates: Infinity },
      { heads: 3 },
      { dropout: 1 },
      { dropout: Number.NaN },
      { epsilon: -1 },
      { selectionScale: Number.NaN },
      { selectionScale: [0.1, Infinity] },
      { precision: 'int32' },
      { initialisation: 'zeros' },
      { seed: -1 },
      { scales: [2, 2] },
      { checkpoint: 0 },
      { positions: -1 },
      { trainingLength: 0 },
    ]) {
      const [key] = Object.keys(change)
      const call = () => new lib.TemporalEigenstateNetwork({ ...options, ...change } as never)
      assertRefused(cpu, call, {
        title: JSON.stringify(change),
        codes: ['ERR_SHAPE', 'ERR_VALUE'],
        prefix: 'TemporalEigenstateNetwork: ',
        words: [key as string],
      })
    }
    assert.throws(() => new lib.TemporalEigenstateNetwork({ ...options, vocabulary: 2 ** 47 }), {
      code: 'ERR_OUT_OF_MEMORY',
    })
    assert.equal(cpu.memory().live, live)
    using weight = zeros([3], { device: 'cpu', requiresGrad: true })
    for (const change of [
      { learningRate: Number.NaN },
      { learningRate: -1 },
      { clipNorm: Infinity },
      { betas: [1, 0.9] },
      { betas: [0.9, Number.NaN] },
      { epsilon: -1 },
      { weightDecay: Number.NaN },
    ]) {
      const [key] = Object.keys(change)
      assertRefused(cpu, () => new lib.AdamW([weight], { clipNorm: 1, ...change } as never), {
        title: JSON.stringify(change),
        codes: ['ERR_VALUE'],
        prefix: 'AdamW: ',
        words: [key as string],
      })
    }
  })

  test('an optimiser step with a disposed parameter changes no other', async () => {
    await using _ = lib.scope()
    const make = (): Tensor => tensor([1, 2, 3], { device: 'cpu', requiresGrad: true })
    const [left, right] = [make(), make()]
    using optimizer = new lib.AdamW([left, right], { clipNorm: 1 })
    lib.add(left, right).backward(tensor([1, 1, 1], { device: 'cpu' }))
    right.dispose()
    assert.throws(() => optimizer.step(), { code: 'ERR_DISPOSED', message: /^step: / })
    assert.equal(optimizer.steps, 0)
    assert.deepEqual([...(await left.data())], [1, 2, 3])
  })
})
