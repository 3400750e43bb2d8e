/**
 * The prediction along one feature with the others held. Dragging on it sets the value; the input
 * below it does the same with the keyboard.
 */

import type { Domain } from '../charts/scale'

interface Props {
  values: readonly number[]
  predictions: readonly number[]
  /** Positions of values between 0 and 1. */
  place: (value: number) => number
  domain: Domain
  value: number | null
  prediction: number | undefined
  threshold?: number | undefined
  onDrag: (share: number) => void
}

const HEIGHT = 40

export function FeatureCurve(props: Props) {
  const { values, predictions, place, domain, value, prediction, threshold, onDrag } = props
  const y = (each: number) => HEIGHT * (1 - (each - domain[0]) / (domain[1] - domain[0] || 1))
  const path = values
    .map((each, n) => `${n ? 'L' : 'M'}${(100 * place(each)).toFixed(2)} ${y(predictions[n] ?? 0).toFixed(2)}`)
    .join('')
  const drag = (event: PointerEvent) => {
    const area = event.currentTarget as HTMLElement
    if (event.type === 'pointerdown') area.setPointerCapture(event.pointerId)
    else if (!area.hasPointerCapture(event.pointerId)) return
    const { left, width } = area.getBoundingClientRect()
    onDrag(Math.min(1, Math.max(0, (event.clientX - left) / width)))
  }
  return (
    <div class="feature-curve" aria-hidden="true" onPointerDown={drag} onPointerMove={drag}>
      <svg viewBox={`0 0 100 ${HEIGHT}`} preserveAspectRatio="none">
        {threshold !== undefined && <line class="threshold" x1="0" x2="100" y1={y(threshold)} y2={y(threshold)} />}
        <path d={path} />
      </svg>
      {value !== null && prediction !== undefined && (
        <i style={{ left: `${100 * place(value)}%`, top: `${(100 * y(prediction)) / HEIGHT}%` }} />
      )}
    </div>
  )
}
