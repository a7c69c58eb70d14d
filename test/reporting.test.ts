// The examples' own tools: what a run shows while it goes, and the picture at its end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lossChart, smoothed } from '../examples/support/loss-chart.js'
import { Progress, shortDuration, shortNumber } from '../examples/support/progress.js'

/** A stream that keeps what is written to it. */
function recorder(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  const written: string[] = []
  const stream = {
    isTTY,
    columns: 120,
    write: (text: string) => written.push(text) > 0,
    on: () => stream,
    removeListener: () => stream,
    cursorTo: () => true,
    clearLine: () => true,
    moveCursor: () => true,
    getWindowSize: () => [120, 40],
  }
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => written.join('') }
}

test('without a terminal there is a line every five seconds and one at the end', () => {
  let clock = 0
  const { stream, text } = recorder(false)
  const progress = new Progress({ total: 100, stream, now: () => clock })
  for (let step = 1; step <= 100; ++step) {
    clock += 100
    progress.update({ step, value: 5 / step, perSecond: 41_234 })
  }
  progress.note('done')
  progress.stop()
  assert.deepEqual(text().split('\n'), [
    'step 1/100  loss 5.000  41.2k tokens/s  10s left',
    'step 51/100  loss 0.098  41.2k tokens/s  5s left',
    'step 100/100  loss 0.050  41.2k tokens/s  0s left',
    'done',
    '',
  ])
})

test('on a terminal there is a bar with the same values', () => {
  const { stream, text } = recorder(true)
  const progress = new Progress({ total: 10, name: 'reward', unit: 'cycles', stream })
  progress.update({ step: 5, value: 1.5, perSecond: 2e6 })
  progress.note('validation 2.1 bits')
  progress[Symbol.dispose]()
  assert.match(text(), /5\/10 {2}reward 1\.500 {2}2\.0M cycles\/s/)
  assert.match(text(), /validation 2\.1 bits\n/)
})

test('numbers and durations are short', () => {
  assert.deepEqual([0, 999, 1234, 5e6, 2e9, Number.NaN].map(shortNumber), [
    '0',
    '999',
    '1.2k',
    '5.0M',
    '2.0G',
    '-',
  ])
  assert.deepEqual([0, 59.4, 72, 3700, Number.NaN].map(shortDuration), [
    '0s',
    '59s',
    '1m 12s',
    '1h 01m',
    '-',
  ])
})

test('smoothing keeps a constant and the number of points', () => {
  const flat = Array.from({ length: 50 }, (_, step) => ({ step, bits: 2 }))
  for (const { bits } of smoothed(flat)) assert.ok(Math.abs(bits - 2) < 1e-12)
  assert.deepEqual(smoothed([]), [])
})

test('the chart is an SVG document with its texts, also of an empty run', () => {
  const svg = lossChart({
    title: 'Title & more',
    train: [
      { step: 0, bits: 6 },
      { step: 10, bits: 3 },
      { step: 20, bits: Number.NaN },
    ],
    validation: [{ step: 10, bits: 3.1 }],
    references: [{ name: '3-gram model', bits: 2.84 }],
  })
  assert.match(svg, /^<svg /)
  assert.match(svg, /Title &amp; more/)
  assert.match(svg, /3-gram model: 2\.84/)
  assert.doesNotMatch(svg, /NaN|undefined/)
  const empty = lossChart({ title: 'Empty', train: [], validation: [], references: [] })
  assert.match(empty, /Empty/)
})
