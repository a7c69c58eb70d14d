import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { repeatedKey } from '../lib/data/json-keys.js'
import { randomIntegers } from '../lib/data/philox.js'
import {
  readSafetensors,
  type SafetensorsEntry,
  safetensorsArray,
  safetensorsEntry,
  writeSafetensors,
} from '../lib/data/safetensors.js'
import { CheckpointError, ValueError } from '../lib/errors.js'
import { goldenFile, projectRoot, temporaryFolder } from './support/project.js'

function sample(): Map<string, SafetensorsEntry> {
  return new Map([
    [
      'doubles',
      safetensorsEntry({
        dtype: 'F64',
        shape: [2, 2],
        data: Float64Array.of(1, -0, Infinity, 1e-300),
      }),
    ],
    ['floats', safetensorsEntry({ dtype: 'F32', shape: [3], data: Float32Array.of(0.5, -2, 3) })],
    [
      'brain',
      safetensorsEntry({ dtype: 'BF16', shape: [2], data: Uint16Array.of(0x3f80, 0xc000) }),
    ],
    ['half', safetensorsEntry({ dtype: 'F16', shape: [1], data: Uint16Array.of(0x3c00) })],
    ['integers', safetensorsEntry({ dtype: 'I32', shape: [2], data: Int32Array.of(-7, 8) })],
    ['long', safetensorsEntry({ dtype: 'I64', shape: [1], data: BigInt64Array.of(-(2n ** 60n)) })],
    ['bytes', safetensorsEntry({ dtype: 'U8', shape: [3], data: Uint8Array.of(0, 128, 255) })],
    ['signed', safetensorsEntry({ dtype: 'I8', shape: [1], data: Int8Array.of(-128) })],
    ['flags', safetensorsEntry({ dtype: 'BOOL', shape: [2], data: Uint8Array.of(1, 0) })],
    ['scalar', safetensorsEntry({ dtype: 'F32', shape: [], data: Float32Array.of(42) })],
    ['empty', safetensorsEntry({ dtype: 'F32', shape: [0, 5], data: new Float32Array(0) })],
    ['12', safetensorsEntry({ dtype: 'U8', shape: [1], data: Uint8Array.of(9) })],
    ['ünïcode "quoted"', safetensorsEntry({ dtype: 'U8', shape: [1], data: Uint8Array.of(1) })],
  ])
}

/** A file of the given header (text or object) and data. */
function fileOf(header: unknown, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const json = new TextEncoder().encode(
    typeof header === 'string' ? header : JSON.stringify(header),
  )
  const bytes = new Uint8Array(8 + json.length + data.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  bytes.set(data, 8 + json.length)
  return bytes
}

async function rejects(context: TestContext, bytes: Uint8Array, message: RegExp): Promise<void> {
  const path = join(await temporaryFolder(context), 'broken.safetensors')
  await writeFile(path, bytes)
  await assert.rejects(readSafetensors(path), (error: unknown) => {
    assert.ok(error instanceof CheckpointError)
    assert.equal(error.code, 'ERR_CHECKPOINT')
    assert.ok(error.message.includes(path), error.message)
    assert.match(error.message, message)
    return true
  })
}

test('what is written is read back, for every element type', async (context) => {
  const path = join(await temporaryFolder(context), 'round.safetensors')
  const tensors = sample()
  const metadata = { step: '12', note: 'line\nbreak, "quotes", ü', __proto: 'x' }
  await writeSafetensors(path, { tensors, metadata })
  const read = await readSafetensors(path)
  assert.deepEqual(read.metadata, metadata)
  assert.deepEqual([...read.tensors.keys()].sort(), [...tensors.keys()].sort())
  for (const [name, entry] of tensors) {
    const got = read.tensors.get(name)
    assert.ok(got)
    assert.equal(got.dtype, entry.dtype)
    assert.deepEqual(got.shape, entry.shape)
    assert.deepEqual(safetensorsArray(got), safetensorsArray(entry))
  }
})

test('equal contents give equal bytes, aligned to eight', async (context) => {
  const folder = await temporaryFolder(context)
  const reversed = new Map([...sample()].reverse())
  await writeSafetensors(join(folder, 'a'), { tensors: sample() })
  await writeSafetensors(join(folder, 'b'), { tensors: reversed })
  const bytes = await readFile(join(folder, 'a'))
  assert.deepEqual(bytes, await readFile(join(folder, 'b')))
  assert.equal(bytes.readBigUInt64LE(0) % 8n, 0n)
})

test('a golden file is read', async () => {
  const { metadata, tensors } = await readSafetensors(goldenFile('optimiser-adamw'))
  assert.equal(metadata.op, 'training.optimiser')
  assert.deepEqual(tensors.get('in.gradients0')?.shape, [8, 3, 4])
})

const u8 = (begin: number, end: number): object => ({
  dtype: 'U8',
  shape: [end - begin],
  data_offsets: [begin, end],
})

const faults: [string, () => Uint8Array, RegExp][] = [
  ['an empty file', () => new Uint8Array(0), /at least 8 bytes, got 0/],
  ['a file shorter than the length field', () => new Uint8Array(7), /at least 8 bytes, got 7/],
  ['a header length beyond the file', () => fileOf({}).subarray(0, 9), /at most 1 bytes.*got 2/],
  [
    'a header beyond 100 MB',
    () => new Uint8Array(16).fill(0xff),
    /at most 100000000 bytes, got 18446744073709551615/,
  ],
  [
    'a header that is not UTF-8',
    () => {
      const bytes = fileOf('{"a":1}')
      bytes[10] = 0xff
      return bytes
    },
    /UTF-8/,
  ],
  ['a header that is not JSON', () => fileOf('{"a":'), /must be JSON/],
  ['a header that is an array', () => fileOf('[]'), /must be a JSON object/],
  ['a header that starts with a space', () => fileOf(' {}'), /must be a JSON object/],
  ['a header of length zero', () => fileOf(''), /must be JSON/],
  [
    'a repeated name',
    () =>
      fileOf(
        `{"a":${JSON.stringify(u8(0, 1))},"\\u0061":${JSON.stringify(u8(1, 2))}}`,
        new Uint8Array(2),
      ),
    /distinct, got "a" twice/,
  ],
  [
    'a repeated field',
    () =>
      fileOf(
        '{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}',
        new Uint8Array(1),
      ),
    /distinct, got "dtype" twice/,
  ],
  [
    'metadata that is no object',
    () => fileOf({ __metadata__: 'x' }),
    /__metadata__ must be an object/,
  ],
  [
    'metadata that is no string',
    () => fileOf({ __metadata__: { a: 1 } }),
    /"a" must be a string, got 1/,
  ],
  [
    'an unknown dtype',
    () => fileOf({ a: { ...u8(0, 1), dtype: 'F8_E4M3' } }, new Uint8Array(1)),
    /dtype of tensor "a".*F8_E4M3/,
  ],
  [
    'a dtype of the prototype',
    () => fileOf({ a: { ...u8(0, 1), dtype: 'toString' } }, new Uint8Array(1)),
    /dtype/,
  ],
  [
    'a negative size',
    () => fileOf({ a: { ...u8(0, 1), shape: [-1] } }, new Uint8Array(1)),
    /shape of tensor "a"/,
  ],
  [
    'a fractional size',
    () => fileOf({ a: { ...u8(0, 1), shape: [0.5] } }, new Uint8Array(1)),
    /shape of tensor "a"/,
  ],
  [
    'sizes whose product overflows',
    () => fileOf({ a: { ...u8(0, 1), shape: [2 ** 40, 2 ** 40] } }, new Uint8Array(1)),
    /safe product/,
  ],
  [
    'missing offsets',
    () => fileOf({ a: { dtype: 'U8', shape: [1] } }, new Uint8Array(1)),
    /data_offsets of tensor "a"/,
  ],
  [
    'three offsets',
    () => fileOf({ a: { ...u8(0, 1), data_offsets: [0, 1, 2] } }, new Uint8Array(1)),
    /two byte offsets/,
  ],
  [
    'a span that does not fit the shape',
    () => fileOf({ a: { ...u8(0, 2), shape: [3] } }, new Uint8Array(2)),
    /span 3 bytes/,
  ],
  [
    'offsets in reverse',
    () => fileOf({ a: { ...u8(0, 1), data_offsets: [1, 0] } }, new Uint8Array(1)),
    /span 1 bytes/,
  ],
  [
    'an unknown field',
    () => fileOf({ a: { ...u8(0, 1), extra: 1 } }, new Uint8Array(1)),
    /"extra"/,
  ],
  [
    'overlapping ranges',
    () => fileOf({ a: u8(0, 4), b: u8(2, 6) }, new Uint8Array(6)),
    /"b" must begin at 4/,
  ],
  [
    'a gap between ranges',
    () => fileOf({ a: u8(0, 2), b: u8(3, 4) }, new Uint8Array(4)),
    /"b" must begin at 2/,
  ],
  [
    'data before the first tensor',
    () => fileOf({ a: u8(1, 2) }, new Uint8Array(2)),
    /"a" must begin at 0/,
  ],
  [
    'a truncated file',
    () => fileOf({ a: u8(0, 4) }, new Uint8Array(3)),
    /within the file's 3 data bytes/,
  ],
  [
    'data after the last tensor',
    () => fileOf({ a: u8(0, 4) }, new Uint8Array(5)),
    /must be 4 bytes.*got 5/,
  ],
]
for (const [name, bytes, message] of faults) {
  test(`${name} is refused`, (context) => rejects(context, bytes(), message))
}

test('a missing file and a folder are refused by name', async (context) => {
  const folder = await temporaryFolder(context)
  await assert.rejects(readSafetensors(join(folder, 'none')), {
    code: 'ERR_CHECKPOINT',
    message: /none: file must be readable/,
  })
  await assert.rejects(readSafetensors(folder), { code: 'ERR_CHECKPOINT' })
})

test('every truncation of a file is refused, and no changed byte of the header crashes', async (context) => {
  const path = join(await temporaryFolder(context), 'small.safetensors')
  const tensors = new Map(
    [...sample()].filter(([name]) => ['floats', 'bytes', 'half'].includes(name)),
  )
  await writeSafetensors(path, { tensors, metadata: { a: 'b' } })
  const whole = await readFile(path)
  for (let length = 0; length < whole.length; ++length) {
    await writeFile(path, whole.subarray(0, length))
    await assert.rejects(readSafetensors(path), CheckpointError, `cut to ${length} bytes`)
  }
  const headerEnd = 8 + Number(whole.readBigUInt64LE(0))
  const choices = randomIntegers({ seed: 5, count: 1200, limit: 256 * headerEnd })
  for (const choice of choices) {
    const changed = Buffer.from(whole)
    changed[choice % headerEnd] = Math.floor(choice / headerEnd)
    await writeFile(path, changed)
    await readSafetensors(path).then(
      (file) => {
        for (const entry of file.tensors.values()) safetensorsArray(entry)
      },
      (error: unknown) =>
        assert.ok(error instanceof CheckpointError, `choice ${choice}: ${String(error)}`),
    )
  }
})

test('a write that fails leaves the old file and no other', async (context) => {
  const folder = await temporaryFolder(context)
  const path = join(folder, 'kept.safetensors')
  await writeSafetensors(path, { tensors: sample() })
  const before = await readFile(path)
  const wrong = new Map([['w', { dtype: 'F32', shape: [2], bytes: new Uint8Array(4) } as const]])
  await assert.rejects(writeSafetensors(path, { tensors: wrong }), (error: unknown) => {
    assert.ok(error instanceof ValueError)
    assert.match(error.message, /tensor "w" must be 8 bytes for F32 \[2\], got 4/)
    return true
  })
  await mkdir(join(folder, 'target.safetensors'))
  await assert.rejects(
    writeSafetensors(join(folder, 'target.safetensors'), { tensors: sample() }),
    { code: 'ERR_CHECKPOINT' },
  )
  await assert.rejects(writeSafetensors(join(folder, 'no', 'where'), { tensors: sample() }), {
    code: 'ERR_CHECKPOINT',
  })
  assert.deepEqual(await readFile(path), before)
  assert.deepEqual((await readdir(folder)).sort(), ['kept.safetensors', 'target.safetensors'])
})

test('a folder without write permission is an error', {
  skip: process.getuid?.() === 0 ? 'runs as root' : false,
}, async (context) => {
  const folder = await temporaryFolder(context)
  await chmod(folder, 0o500)
  await assert.rejects(writeSafetensors(join(folder, 'x'), { tensors: sample() }), CheckpointError)
})

test('wrong entries and names are refused before anything is written', async () => {
  assert.throws(
    () => safetensorsEntry({ dtype: 'F32', shape: [2], data: new Float64Array(2) }),
    ValueError,
  )
  assert.throws(
    () => safetensorsEntry({ dtype: 'F32', shape: [-2], data: new Float32Array(2) }),
    ValueError,
  )
  const reserved = new Map([
    ['__metadata__', safetensorsEntry({ dtype: 'U8', shape: [0], data: new Uint8Array(0) })],
  ])
  await assert.rejects(writeSafetensors('/nowhere/x', { tensors: reserved }), ValueError)
})

test('repeated keys are found at any depth and only within one object', () => {
  assert.equal(repeatedKey('{"a":{"b":1},"c":{"b":2}}'), null)
  assert.equal(repeatedKey('{"a":["a","a",{"x":1}],"b":"a"}'), null)
  assert.equal(repeatedKey('{"a":"\\"a\\":","b" : 1}'), null)
  assert.equal(repeatedKey('{"a":[{"x":1,"x":2}]}'), 'x')
  assert.equal(repeatedKey('{"\\"":1,"\\u0022":2}'), '"')
})

/** A Python with the safetensors package: ENTRAIN_PYTHON, or python3 of the path. */
function pythonWithSafetensors(): string | null {
  for (const python of [process.env.ENTRAIN_PYTHON, 'python3'].filter(
    (name) => name !== undefined,
  )) {
    if (spawnSync(python, ['-c', 'import safetensors'], { cwd: projectRoot }).status === 0)
      return python
  }
  return null
}

const python = pythonWithSafetensors()

test("Python's safetensors package reads the file and writes the same contents", {
  skip:
    python === null
      ? 'no python3 with the safetensors package (ENTRAIN_PYTHON names another)'
      : false,
}, async (context) => {
  const folder = await temporaryFolder(context)
  const [ours, theirs] = [join(folder, 'ours.safetensors'), join(folder, 'theirs.safetensors')]
  await writeSafetensors(ours, { tensors: sample(), metadata: { step: '3' } })
  const script = [
    'import ctypes, sys, safetensors',
    'names = {"F64": "float64", "F32": "float32", "BF16": "bfloat16", "F16": "float16", "I32": "int32",',
    '         "I64": "int64", "U8": "uint8", "I8": "int8", "BOOL": "bool"}',
    'kept = []',
    'def spec(dtype, shape, data):',
    '    if not hasattr(safetensors, "TensorSpec"):  # before 0.8',
    '        return {"dtype": dtype, "shape": shape, "data": data}',
    '    kept.append(ctypes.create_string_buffer(data, max(1, len(data))))',
    '    return safetensors.TensorSpec(dtype=dtype, shape=shape, data_ptr=ctypes.addressof(kept[-1]), data_len=len(data))',
    'tensors = safetensors.deserialize(open(sys.argv[1], "rb").read())',
    'data = {n: spec(names[t["dtype"]], t["shape"], bytes(t["data"])) for n, t in tensors}',
    'safetensors.serialize_file(data, sys.argv[2], {"step": "3"})',
  ].join('\n')
  execFileSync(python ?? '', ['-c', script, ours, theirs], { stdio: 'inherit' })
  const [first, second] = [await readSafetensors(ours), await readSafetensors(theirs)]
  assert.deepEqual(second.metadata, { step: '3' })
  assert.deepEqual([...second.tensors].sort(), [...first.tensors].sort())
})
