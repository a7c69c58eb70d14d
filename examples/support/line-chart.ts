// Curves and points over one axis as an SVG picture.
import {
  LineChart,
  type LineSeriesOption,
  ScatterChart,
  type ScatterSeriesOption,
} from 'echarts/charts'
import {
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TitleComponent,
} from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'

const kWidth = 880
const kHeight = 480
const colours = { text: '#1f2933', quiet: '#7b8794', grid: '#e4e7eb' } as const
const palette = ['#2563b0', '#d9480f', '#2b8a3e', '#7048e8', '#868e96'] as const
const font = "'Inter', 'Helvetica Neue', 'Segoe UI', 'DejaVu Sans', Arial, sans-serif"

/** One curve, or points where `points` is true. */
export interface ChartSeries {
  readonly name: string
  readonly values: readonly (readonly [number, number])[]
  readonly points?: boolean
  readonly dashed?: boolean
}

/** What a chart shows. */
export interface LineChartOptions {
  readonly title: string
  readonly subtitle?: string
  readonly xName: string
  readonly yName: string
  /** Ends of the vertical axis. Default: by the values. */
  readonly range?: readonly [number, number]
  readonly series: readonly ChartSeries[]
  /** Upright lines with a name. */
  readonly marks?: readonly { readonly name: string; readonly x: number }[]
}

/** Draws the chart; the text is a whole SVG document. */
export function lineChart(options: LineChartOptions): string {
  use([
    LineChart,
    ScatterChart,
    GridComponent,
    LegendComponent,
    MarkLineComponent,
    TitleComponent,
    SVGRenderer,
  ])
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: kWidth, height: kHeight })
  const [min, max] = options.range ?? [undefined, undefined]
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      textStyle: { fontFamily: font, color: colours.text },
      title: {
        text: options.title,
        subtext: options.subtitle ?? '',
        left: 24,
        top: 16,
        itemGap: 6,
        textStyle: { fontSize: 18, fontWeight: 600, color: colours.text },
        subtextStyle: { fontSize: 13, color: colours.quiet },
      },
      legend: {
        right: 24,
        top: 22,
        itemWidth: 18,
        itemHeight: 8,
        itemGap: 20,
        icon: 'roundRect',
        textStyle: { fontSize: 13, color: colours.text },
      },
      grid: { left: 72, right: 32, top: 96, bottom: 56 },
      xAxis: axis(options.xName, {
        nameGap: 32,
        splitLine: { show: false },
        ...horizontal(options),
      }),
      yAxis: axis(options.yName, { nameGap: 48, scale: true, min, max }),
      series: options.series.map((series, index) => drawn(series, index, options)),
    })
    return chart.renderToSVGString()
  } finally {
    chart.dispose()
  }
}

function horizontal({ series }: LineChartOptions): { min: number; max: number } {
  const at = series.flatMap(({ values }) => values.map(([x]) => x))
  return {
    min: at.reduce((a, b) => Math.min(a, b), at[0] ?? 0),
    max: at.reduce((a, b) => Math.max(a, b), at[0] ?? 1),
  }
}

function axis<More extends object>(name: string, more: More) {
  return {
    type: 'value' as const,
    name,
    nameLocation: 'middle' as const,
    nameTextStyle: { fontSize: 13, color: colours.quiet },
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: { fontSize: 12, color: colours.quiet },
    splitLine: { lineStyle: { color: colours.grid } },
    ...more,
  }
}

function drawn(
  { name, values, points = false, dashed = false }: ChartSeries,
  index: number,
  { marks = [] }: LineChartOptions,
): LineSeriesOption | ScatterSeriesOption {
  const color = palette[index % palette.length] as string
  const data = values.filter(([, y]) => Number.isFinite(y)).map(([x, y]) => [x, y])
  const markLine = index > 0 || marks.length === 0 ? undefined : upright(marks)
  if (points) {
    const itemStyle = { color, borderColor: '#ffffff', borderWidth: 1, opacity: 1 }
    return { type: 'scatter', name, data, symbolSize: 8, itemStyle, markLine, z: 5 }
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
  }
}

function upright(marks: NonNullable<LineChartOptions['marks']>) {
  return {
    silent: true,
    symbol: 'none',
    lineStyle: { type: [5, 5], color: colours.quiet, width: 1.25 },
    data: marks.map(({ name, x }) => ({
      xAxis: x,
      label: { formatter: name, fontSize: 12, color: colours.quiet, fontFamily: font },
    })),
  }
}
