// Who disposes what, and that nothing stays in use.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as lib from '../lib/index.js'
import {
  device as deviceOf,
  noGrad,
  scope,
  silu,
  type Tensor,
  tensor,
  zeros,
} from '../lib/index.js'
import { runProgram } from './support/child.js'
import { generator } from './support/compare.js'
import { emulated, onEveryDevice } from './support/devices.js'

onEveryDevice('memory', (name) => {
  const device = deviceOf(name)
  const live = (): number => device.memory().live

  test('dispose gives the memory back, twice is once', () => {
    const before = live()
    const made = zeros([1000], { device })
    assert.ok(live() >= before + 4000)
    made.dispose()
    made.dispose()
    assert.equal(made.disposed, true)
    assert.equal(live(), before)
  })

  test('a disposed tensor is refused wherever it is used', async () => {
    const dead = zeros([1], { device, requiresGrad: true })
    dead.dispose()
    const disposed = { name: 'DisposedError', code: 'ERR_DISPOSED' }
    await assert.rejects(dead.data(), disposed)
    await assert.rejects(dead.bytes(), disposed)
    await assert.rejects(dead.item(), disposed)
    for (const use of [
      () => dead.set([1]),
      () => dead.reshape([1, 1]),
      () => dead.detach(),
      () => dead.backward(),
      () => silu(dead),
    ]) {
      assert.throws(use, disposed)
    }
  })

  test('a stale handle does not reach the tensor that lives in its place', async () => {
    const old = zeros([10], { device })
    const { handle } = old
    old.dispose()
    await using _ = scope()
    const next = tensor([1, 2, 3], { device })
    assert.notEqual(next.handle, handle)
    old.dispose()
    assert.deepEqual([...(await next.data())], [1, 2, 3])
  })

  test('aliases share memory until the last is disposed', async () => {
    const before = live()
    const whole = tensor([1, 2, 3, 4], { device })
    const square = whole.reshape([2, 2])
    const apart = whole.detach()
    whole.dispose()
    square.dispose()
    assert.deepEqual([...(await apart.data())], [1, 2, 3, 4])
    apart.dispose()
    assert.equal(live(), before)
  })

  test('a tensor may be disposed while work on it is queued', async () => {
    const before = live()
    const input = tensor([0, 1], { device })
    const output = silu(input)
    input.dispose()
    const reading = output.data()
    output.dispose()
    const [zero, one] = await reading
    assert.equal(zero, 0)
    assert.ok(Math.abs((one as number) - 0.731058) < 1e-5)
    assert.equal(live(), before)
  })

  test('using disposes at the end of its block', () => {
    const before = live()
    {
      using made = zeros([100], { device })
      assert.ok(live() > before)
      assert.equal(made.disposed, false)
    }
    assert.equal(live(), before)
  })

  test('a scope disposes what was made in it and keeps its result', async () => {
    const before = live()
    const result = scope((inside) => {
      zeros([10], { device })
      const kept = inside.keep(zeros([3], { device }))
      assert.equal(kept.disposed, false)
      return [kept, zeros([2], { device })] as const
    })
    assert.equal(result[0].disposed, false)
    assert.equal(result[1].disposed, true)
    result[0].dispose()
    const returned = scope(() => silu(zeros([3], { device })))
    assert.equal((await returned.data()).length, 3)
    returned.dispose()
    assert.equal(live(), before)
  })

  test('an asynchronous scope owns what is made after an await', async () => {
    const before = live()
    const made: Tensor[] = []
    const result = await scope(async () => {
      made.push(zeros([10], { device }))
      await sleep(1)
      made.push(zeros([20], { device }))
      await made[0]?.data()
      const last = zeros([1], { device })
      made.push(last)
      return last
    })
    assert.deepEqual(
      made.map((tensor) => tensor.disposed),
      [true, true, false],
    )
    result.dispose()
    assert.equal(live(), before)
  })

  test('scopes that run at the same time own their own tensors', async () => {
    const before = live()
    const run = async (steps: number): Promise<boolean[]> => {
      const made: Tensor[] = []
      await scope(async () => {
        for (let i = 0; i < steps; ++i) {
          made.push(zeros([10], { device }))
          await sleep(1)
          assert.ok(made.every((tensor) => !tensor.disposed))
        }
      })
      return made.map((tensor) => tensor.disposed)
    }
    const ends = await Promise.all([run(2), run(6), run(4)])
    assert.ok(ends.flat().every((disposed) => disposed))
    assert.equal(live(), before)
  })

  test('nested scopes hand kept tensors outwards', () => {
    const before = live()
    scope((outer) => {
      const fromInner = scope((inner) => {
        zeros([5], { device })
        return inner.keep(zeros([5], { device }))
      })
      assert.equal(fromInner.disposed, false)
      const further = outer.keep(scope(() => zeros([7], { device })))
      assert.equal(further.disposed, false)
      further.dispose()
    })
    assert.equal(live(), before)
  })

  test('scopes dispose where their body throws or rejects', async () => {
    const before = live()
    const failing = (): never => {
      zeros([5], { device })
      throw new Error('wanted')
    }
    assert.throws(() => scope(failing), /wanted/)
    await assert.rejects(
      scope(async () => {
        zeros([5], { device })
        await sleep(1)
        failing()
      }),
      /wanted/,
    )
    const declared = async (): Promise<void> => {
      await using _ = scope()
      await sleep(1)
      failing()
    }
    await assert.rejects(declared(), /wanted/)
    assert.equal(live(), before)
  })

  test('after awaiting a function with its own scope, tensors belong to the scope around', async () => {
    const before = live()
    const inner = async (): Promise<void> => {
      await using _ = scope()
      zeros([5], { device })
      await sleep(1)
    }
    const outer = async (): Promise<void> => {
      await using _ = scope()
      await inner()
      const later = zeros([5], { device })
      await inner()
      assert.equal(later.disposed, false)
    }
    await outer()
    assert.equal(live(), before)
  })

  test('a using declaration makes the surrounding scope current again', () => {
    const before = live()
    scope(() => {
      {
        using _ = scope()
        zeros([5], { device })
      }
      zeros([6], { device })
    })
    assert.equal(live(), before)
  })

  test('nothing is recorded within noGrad, and its scope is that around it', async () => {
    const before = live()
    await scope(async () => {
      const weight = tensor([1], { device, requiresGrad: true })
      const inside = noGrad(() => silu(weight))
      const later = await noGrad(async () => {
        await sleep(1)
        return silu(weight)
      })
      assert.throws(() => inside.backward(), { code: 'ERR_VALUE' })
      assert.throws(() => later.backward(), { code: 'ERR_VALUE' })
      silu(weight).backward()
      assert.ok(weight.grad)
      weight.grad?.dispose()
    })
    assert.equal(live(), before)
  })

  const sizes = { vocabulary: 11, width: 16, layers: 2, eigenstates: 8 }
  const training = (options: Partial<lib.TemporalEigenstateNetworkOptions> = {}) => {
    const model = new lib.TemporalEigenstateNetwork({ ...sizes, device, ...options })
    const optimizer = new lib.AdamW(model.parameters(), { clipNorm: 1 })
    const { uniforms } = generator(3)
    const ids = Int32Array.from(uniforms(2 * 9), (u) => Math.floor(11 * u))
    const batch = (): Tensor => tensor(ids, { shape: [2, 9], dtype: 'int32', device })
    return { model, optimizer, batch }
  }

  test('training steps leave the memory in use where it was', async () => {
    const before = live()
    for (const options of [{}, { selective: true, pro: true, dropout: 0.1, checkpoint: 4 }]) {
      const { model, optimizer, batch } = training(options)
      let steady = 0
      for (let step = 0; step < (emulated ? 4 : 100); ++step) {
        {
          await using _ = scope()
          const loss = model.loss(batch(), batch())
          loss.backward()
          optimizer.step()
          if (step % 10 === 0) assert.ok(Number.isFinite(await loss.item()))
        }
        if (step === 1) steady = live()
        if (step > 1) assert.equal(live(), steady, `after step ${step}`)
      }
      optimizer.dispose()
      model.dispose()
      assert.equal(live(), before)
    }
  })

  test('a failing step leaves nothing behind', async () => {
    const before = live()
    const { model, optimizer, batch } = training()
    const steady = live()
    for (let i = 0; i < 5; ++i) {
      const failing = async (): Promise<void> => {
        await using _ = scope()
        const loss = model.loss(batch(), batch())
        loss.backward(zeros([2], { device }))
      }
      await assert.rejects(failing(), { code: 'ERR_SHAPE' })
      assert.equal(live(), steady)
    }
    optimizer.dispose()
    model.dispose()
    assert.equal(live(), before)
  })

  test('a backward that fails in the middle frees its temporaries and leaves no gradient', async () => {
    const before = live()
    await scope(async () => {
      const weight = tensor([1, 2], { device, requiresGrad: true })
      const middle = silu(weight)
      const output = silu(silu(middle))
      const held = live()
      middle.dispose()
      const gradient = tensor([1, 1], { device })
      const start = live()
      assert.ok(start <= held)
      assert.throws(() => output.backward(gradient), { code: 'ERR_DISPOSED' })
      assert.equal(live(), start)
      assert.equal(weight.grad, null)
    })
    assert.equal(live(), before)
  })

  test('peak and cached memory are told, and trim gives the cached back', async () => {
    zeros([1 << 20], { device }).dispose()
    const { cached, peak } = device.memory()
    assert.ok(peak >= 4 << 20)
    device.trim()
    const after = device.memory()
    assert.ok(after.cached <= cached)
    if (name === 'cpu') assert.equal(after.cached, 0)
  })
})

describe('the garbage collector', () => {
  // How much the engine was told is not visible, but how often it collects is.
  const pressure = `
    import { PerformanceObserver, constants } from 'node:perf_hooks'
    import { setImmediate as turn } from 'node:timers/promises'
    const { device, zeros } = lib
    const cpu = device('cpu')
    let collections = 0
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries())
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) ++collections
    }).observe({ entryTypes: ['gc'] })
    const run = async (count, use) => {
      collections = 0
      let most = 0
      for (let i = 0; i < count; ++i) {
        use(zeros([1 << 20], { dtype: 'uint8', device: cpu }))
        if (i % 10 === 0) {
          await turn()
          most = Math.max(most, cpu.memory().live)
        }
      }
      return most
    }`

  test('is told of memory that is taken', async () => {
    const program = `${pressure}
      console.log(await run(3000, () => undefined), collections)`
    const { stdout, stderr } = await runProgram(program)
    const [most = NaN, collections = NaN] = stdout.split(' ').map(Number)
    assert.ok(most < 1500 * 2 ** 20, `of 3000 MiB ${most} bytes were in use at once ${stderr}`)
    assert.ok(collections > 1, `${collections} collections`)
  })

  test('is told of memory that is given back', async () => {
    const program = `${pressure}
      console.log(await run(4000, (tensor) => tensor.dispose()), collections)`
    const { stdout, stderr } = await runProgram(program)
    const [most = NaN, collections = NaN] = stdout.split(' ').map(Number)
    assert.ok(most <= 2 ** 20, `${most} bytes were in use ${stderr}`)
    assert.ok(collections < 10, `4000 tensors that were disposed cost ${collections} collections`)
  })

  test('rests while steps take and give back much more than it waits for', async () => {
    const program = `${pressure}
      const held = []
      const most = await run(6000, (tensor) => {
        held.push(tensor)
        if (held.length === 200) for (const each of held.splice(0)) each.dispose()
      })
      console.log(most, collections)`
    const { stdout, stderr } = await runProgram(program)
    const [most = NaN, collections = NaN] = stdout.split(' ').map(Number)
    assert.ok(most > 100 * 2 ** 20 && most <= 200 * 2 ** 20, `${most} bytes in use ${stderr}`)
    assert.ok(collections < 15, `30 steps of 200 MiB cost ${collections} collections`)
  })

  test('frees tensors that nobody disposed', async () => {
    const program = `
      import { setTimeout as sleep } from 'node:timers/promises'
      const { device, silu, tensor, zeros } = lib
      const cpu = device('cpu')
      const kept = tensor([1, 2, 3], { device: 'cpu' })
      ;(() => {
        for (let i = 0; i < 1000; ++i) zeros([10000], { device: 'cpu' })
        for (let i = 0; i < 100; ++i) silu(silu(kept))
      })()
      const most = cpu.memory().live
      for (let i = 0; i < 50 && cpu.memory().live > 1000; ++i) { gc(); await sleep(10) }
      console.log(most > 4e7, cpu.memory().live < 1000, (await kept.data()).join())`
    const { code, stdout, stderr } = await runProgram(program, { flags: ['--expose-gc'] })
    assert.equal(stdout, 'true true 1,2,3\n', stderr)
    assert.equal(code, 0)
  })
})
