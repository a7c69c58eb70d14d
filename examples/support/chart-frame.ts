// What the SVG charts share: the canvas, the title, the axes and their look.
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
export const chartColours = { text: '#1f2933', quiet: '#7b8794', grid: '#e4e7eb' } as const
export const chartFont = "'Inter', 'Helvetica Neue', 'Segoe UI', 'DejaVu Sans', Arial, sans-serif"

/** An axis of numbers with its name in the middle. */
export function chartAxis<More extends object>(name: string, more: More) {
  return {
    type: 'value' as const,
    name,
    nameLocation: 'middle' as const,
    nameTextStyle: { fontSize: 13, color: chartColours.quiet },
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: { fontSize: 12, color: chartColours.quiet },
    splitLine: { lineStyle: { color: chartColours.grid } },
    ...more,
  }
}

/** What a chart puts into the frame. */
export interface ChartContent {
  readonly title: string
  readonly subtitle?: string
  /** Series named in the legend. Default: all. */
  readonly legend?: readonly string[]
  /** Room for the labels of the upright axis, in pixels. */
  readonly left: number
  readonly xAxis: ReturnType<typeof chartAxis>
  readonly yAxis: ReturnType<typeof chartAxis>
  /** A second upright axis, at the right. */
  readonly rightAxis?: ReturnType<typeof chartAxis> | null
  readonly series: (LineSeriesOption | ScatterSeriesOption)[]
}

/** Draws a chart; the text is a whole SVG document. */
export function drawChart(content: ChartContent): string {
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
  const { text, quiet } = chartColours
  const { rightAxis = null } = content
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      textStyle: { fontFamily: chartFont, color: text },
      title: {
        text: content.title,
        subtext: content.subtitle ?? '',
        left: 24,
        top: 16,
        itemGap: 6,
        textStyle: { fontSize: 18, fontWeight: 600, color: text },
        subtextStyle: { fontSize: 13, color: quiet },
      },
      legend: {
        right: 24,
        top: 22,
        itemWidth: 18,
        itemHeight: 8,
        itemGap: 20,
        icon: 'roundRect',
        ...(content.legend && { data: [...content.legend] }),
        textStyle: { fontSize: 13, color: text },
      },
      grid: { left: content.left, right: rightAxis ? content.left : 32, top: 96, bottom: 56 },
      xAxis: content.xAxis,
      yAxis: rightAxis ? [content.yAxis, rightAxis] : content.yAxis,
      series: content.series,
    })
    return chart.renderToSVGString()
  } finally {
    chart.dispose()
  }
}
