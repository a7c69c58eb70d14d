// The loss curve of a run as an SVG picture: training loss, its running mean, validation points, and the
// losses of the untrained model and of the 3-gram model as lines to read them against.
import type { LineSeriesOption, ScatterSeriesOption } from 'echarts/charts'
import { chartAxis, chartFont, drawChart } from './chart-frame.js'

/** The smoothed curve forgets half of a point within so many logged points. */
const kHalfLifePoints = 4

const colours = {
  noise: '#b9cdea',
  train: '#2563b0',
  validation: '#d9480f',
  reference: '#52606d',
} as const

/** A value after a number of steps; values are in bits per character. */
export interface CurvePoint {
  readonly step: number
  readonly bits: number
}

export interface LossChartOptions {
  readonly title: string
  readonly subtitle?: string
  /** Training loss, in order of steps. */
  readonly train: readonly CurvePoint[]
  readonly validation: readonly CurvePoint[]
  /** Horizontal lines, such as the 3-gram model and the untrained one. */
  readonly references: readonly { readonly name: string; readonly bits: number }[]
}

/** An exponential mean from both sides, so that the smoothed curve does not lag behind a steep start. */
export function smoothed(points: readonly CurvePoint[]): CurvePoint[] {
  const forward = runningMean(points.map(({ bits }) => bits))
  const backward = runningMean(points.map(({ bits }) => bits).reverse()).reverse()
  return points.map(({ step }, i) => ({
    step,
    bits: ((forward[i] ?? 0) + (backward[i] ?? 0)) / 2,
  }))
}

/** Exponential running mean, free of the start's bias. */
function runningMean(values: readonly number[]): number[] {
  const keep = 0.5 ** (1 / kHalfLifePoints)
  let [sum, weight] = [0, 0]
  return values.map((value) => {
    sum = keep * sum + value
    weight = keep * weight + 1
    return sum / weight
  })
}

const pairs = (points: readonly CurvePoint[]): [number, number][] =>
  points.filter(({ bits }) => Number.isFinite(bits)).map(({ step, bits }) => [step, bits])

/** Draws the curve; the text is a whole SVG document. */
export function lossChart(options: LossChartOptions): string {
  return drawChart({
    title: options.title,
    subtitle: options.subtitle,
    legend: ['training', 'validation'],
    left: 64,
    xAxis: chartAxis('step', { nameGap: 32, splitLine: { show: false }, max: lastStep(options) }),
    yAxis: chartAxis('bits per character', {
      nameGap: 40,
      scale: true,
      ...verticalRange(options),
    }),
    series: series(options),
  })
}

function lastStep({ train, validation }: LossChartOptions): number {
  return Math.max(train.at(-1)?.step ?? 1, validation.at(-1)?.step ?? 1)
}

/** Room for every curve and reference line, in whole bits. */
function verticalRange(options: LossChartOptions): { min: number; max: number } {
  const values = [...options.train, ...options.validation, ...options.references]
    .map(({ bits }) => bits)
    .filter(Number.isFinite)
  if (values.length === 0) return { min: 0, max: 1 }
  const least = values.reduce((a, b) => Math.min(a, b))
  const most = values.reduce((a, b) => Math.max(a, b))
  return { min: Math.floor(least - 0.1), max: Math.ceil(most + 0.1) }
}

function series(options: LossChartOptions): (LineSeriesOption | ScatterSeriesOption)[] {
  const line = { type: 'line' as const, showSymbol: false, silent: true }
  return [
    {
      ...line,
      name: 'each step',
      data: pairs(options.train),
      lineStyle: { width: 1, color: colours.noise },
      markLine: referenceLines(options.references),
    },
    {
      ...line,
      name: 'training',
      data: pairs(smoothed(options.train)),
      lineStyle: { width: 2.25, color: colours.train },
      itemStyle: { color: colours.train },
    },
    {
      type: 'scatter',
      name: 'validation',
      data: pairs(options.validation),
      symbolSize: 8,
      itemStyle: {
        color: colours.validation,
        borderColor: '#ffffff',
        borderWidth: 1.5,
        opacity: 1,
      },
      z: 5,
    },
  ]
}

function referenceLines(references: LossChartOptions['references']) {
  return {
    silent: true,
    symbol: 'none',
    lineStyle: { type: [5, 5], color: colours.reference, width: 1.25 },
    label: {
      position: 'insideEndTop' as const,
      distance: [0, 4],
      fontSize: 12,
      color: colours.reference,
      fontFamily: chartFont,
    },
    data: references.map(({ name, bits }) => ({
      yAxis: bits,
      label: { formatter: `${name}: ${bits.toFixed(2)}` },
    })),
  }
}
