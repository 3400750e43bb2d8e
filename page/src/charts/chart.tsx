/** An SVG chart with two axes; what is drawn in it are its children. */

import type { ComponentChildren } from 'preact'
import { number } from '../format'
import { ticksOf, type Domain } from './scale'

const WIDTH = 420
const HEIGHT = 300
const LEFT = 56
const RIGHT = 26
const TOP = 12
const BOTTOM = 48

export interface Axis {
  title: string
  domain: Domain
  format?: (value: number) => string
}

export interface Scales {
  x: (value: number) => number
  y: (value: number) => number
}

interface Props {
  title: string
  /** What the chart shows, in a sentence, for people who do not see it. */
  summary: string
  x: Axis
  y: Axis
  children: (scales: Scales) => ComponentChildren
}

export function Chart({ title, summary, x, y, children }: Props) {
  const scales: Scales = {
    x: (value) => LEFT + ((value - x.domain[0]) / (x.domain[1] - x.domain[0])) * (WIDTH - LEFT - RIGHT),
    y: (value) => HEIGHT - BOTTOM - ((value - y.domain[0]) / (y.domain[1] - y.domain[0])) * (HEIGHT - TOP - BOTTOM),
  }
  const bottom = HEIGHT - BOTTOM
  const formatX = x.format ?? number
  const formatY = y.format ?? number
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${title}. ${summary}`}>
        {ticksOf(y.domain).map((tick) => (
          <g key={tick}>
            <line class="grid" x1={LEFT} x2={WIDTH - RIGHT} y1={scales.y(tick)} y2={scales.y(tick)} />
            <text class="tick" x={LEFT - 7} y={scales.y(tick) + 4} text-anchor="end">
              {formatY(tick)}
            </text>
          </g>
        ))}
        {ticksOf(x.domain).map((tick) => (
          <g key={tick}>
            <line class="axis" x1={scales.x(tick)} x2={scales.x(tick)} y1={bottom} y2={bottom + 4} />
            <text class="tick" x={scales.x(tick)} y={bottom + 18} text-anchor="middle">
              {formatX(tick)}
            </text>
          </g>
        ))}
        <line class="axis" x1={LEFT} x2={WIDTH - RIGHT} y1={bottom} y2={bottom} />
        {children(scales)}
        <text class="title" x={(LEFT + WIDTH - RIGHT) / 2} y={HEIGHT - 8} text-anchor="middle">
          {x.title}
        </text>
        <text
          class="title"
          transform={`translate(13 ${(TOP + bottom) / 2}) rotate(-90)`}
          text-anchor="middle"
        >
          {y.title}
        </text>
      </svg>
    </figure>
  )
}

type Maybe = number | null | undefined

/** The path of a line; it is interrupted where a number is missing. */
export function linePath(scales: Scales, x: readonly Maybe[], y: readonly Maybe[]): string {
  let path = ''
  let isDrawing = false
  x.forEach((each, place) => {
    const other = y[place]
    if (each === null || each === undefined || other === null || other === undefined) {
      isDrawing = false
      return
    }
    path += `${isDrawing ? 'L' : 'M'}${scales.x(each).toFixed(1)} ${scales.y(other).toFixed(1)}`
    isDrawing = true
  })
  return path
}

/** The path of the area between two lines, without the places where a number is missing. */
export function bandPath(
  scales: Scales,
  x: readonly Maybe[],
  low: readonly Maybe[],
  high: readonly Maybe[],
): string {
  const places = x.map((_, place) => place).filter((place) => {
    const all = [x[place], low[place], high[place]]
    return all.every((each) => each !== null && each !== undefined)
  })
  if (places.length < 2) return ''
  const point = (place: number, y: readonly Maybe[]) =>
    `${scales.x(x[place] as number).toFixed(1)} ${scales.y(y[place] as number).toFixed(1)}`
  const upper = places.map((place) => point(place, high))
  const lower = places.reverse().map((place) => point(place, low))
  return `M${[...upper, ...lower].join('L')}Z`
}
