// Curves and points over one axis as an SVG picture.
import type { LineSeriesOption, ScatterSeriesOption } from 'echarts/charts'
import { chartAxis, chartColours, chartFont, drawChart } from './chart-frame.js'

const palette = ['#2563b0', '#d9480f', '#2b8a3e', '#7048e8', '#868e96'] as const

/** One curve, or points where `points` is true. */
export interface ChartSeries {
  readonly name: string
  readonly values: readonly (readonly [number, number])[]
  readonly points?: boolean
  readonly dashed?: boolean
  /** Whether it is read at the right axis. */
  readonly right?: boolean
}

/** What a chart shows. */
export interface LineChartOptions {
  readonly title: string
  readonly subtitle?: string
  readonly xName: string
  readonly yName: string
  /** Name of a second upright axis, at the right. */
  readonly rightName?: string
  /** Ends of the vertical axis. Default: by the values. */
  readonly range?: readonly [number, number]
  readonly series: readonly ChartSeries[]
  /** Upright lines with a name. */
  readonly marks?: readonly { readonly name: string; readonly x: number }[]
}

/** Draws the chart; the text is a whole SVG document. */
export function lineChart(options: LineChartOptions): string {
  const [min, max] = options.range ?? [undefined, undefined]
  return drawChart({
    title: options.title,
    subtitle: options.subtitle,
    left: 72,
    xAxis: chartAxis(options.xName, {
      nameGap: 32,
      splitLine: { show: false },
      ...horizontal(options),
    }),
    yAxis: chartAxis(options.yName, { nameGap: 48, scale: true, min, max }),
    rightAxis:
      options.rightName === undefined
        ? null
        : chartAxis(options.rightName, { nameGap: 48, splitLine: { show: false } }),
    series: options.series.map((series, index) => drawn(series, index, options)),
  })
}

function horizontal({ series }: LineChartOptions): { min: number; max: number } {
  const at = series.flatMap(({ values }) => values.map(([x]) => x))
  return {
    min: at.reduce((a, b) => Math.min(a, b), at[0] ?? 0),
    max: at.reduce((a, b) => Math.max(a, b), at[0] ?? 1),
  }
}

function drawn(
  { name, values, points = false, dashed = false, right = false }: ChartSeries,
  index: number,
  { marks = [] }: LineChartOptions,
): LineSeriesOption | ScatterSeriesOption {
  const color = palette[index % palette.length] as string
  const data = values.filter(([, y]) => Number.isFinite(y)).map(([x, y]) => [x, y])
  const markLine = index > 0 || marks.length === 0 ? undefined : upright(marks)
  const yAxisIndex = right ? 1 : 0
  if (points) {
    const itemStyle = { color, borderColor: '#ffffff', borderWidth: 1, opacity: 1 }
    return { type: 'scatter', name, data, symbolSize: 8, itemStyle, markLine, yAxisIndex, z: 5 }
  }
  const lineStyle = { width: 2.25, color, type: dashed ? ('dashed' as const) : ('solid' as const) }
  const itemStyle = { color }
  return {
    type: 'line',
    name,
    data,
    showSymbol: false,
    silent: true,
    lineStyle,
    itemStyle,
    markLine,
    yAxisIndex,
  }
}

function upright(marks: NonNullable<LineChartOptions['marks']>) {
  return {
    silent: true,
    symbol: 'none',
    lineStyle: { type: [5, 5], color: chartColours.quiet, width: 1.25 },
    data: marks.map(({ name, x }) => ({
      xAxis: x,
      label: { formatter: name, fontSize: 12, color: chartColours.quiet, fontFamily: chartFont },
    })),
  }
}
