/** The network drawn: a column of units for each layer, from the inputs to the outputs. */

import { count, words } from '../format'
import type { Description, Layer } from '../service/types'
import { membersOf, outputsOf } from '../targets'

interface Column {
  title: string
  detail: string
  units: number | null
}

const SHOWN = 9
const STEP = 22
const HEIGHT = SHOWN * STEP + 60
const WIDTH = 116

export function Network({ model }: { model: Description }) {
  const columns = columnsOf(model)
  const members = membersOf(model)
  const width = columns.length * WIDTH
  const summary = columns.map(({ title, detail }) => `${title} ${detail}`.trim()).join(', then ')
  return (
    <figure class="network">
      <div class="scrolled" tabIndex={0} role="region" aria-label="Drawing of the network">
        <svg viewBox={`0 0 ${width} ${HEIGHT}`} width={width} height={HEIGHT} role="img" aria-label={summary}>
          {columns.slice(1).map((column, place) => (
            <Lines key={place} from={columns[place] as Column} to={column} x={place * WIDTH + WIDTH / 2} />
          ))}
          {columns.map((column, place) => (
            <g key={place} transform={`translate(${place * WIDTH + WIDTH / 2} 0)`}>
              <Units column={column} />
              <text class="title" y={HEIGHT - 24} text-anchor="middle">
                {column.title}
              </text>
              <text class="tick" y={HEIGHT - 8} text-anchor="middle">
                {column.detail}
              </text>
            </g>
          ))}
        </svg>
      </div>
      <figcaption class="muted">
        {members > 1
          ? `${members} such networks, of ${count(model.network.parameters)} parameters each, whose predictions are averaged.`
          : `${count(model.network.parameters)} parameters.`}{' '}
        Computed in {model.network.dtype}.
      </figcaption>
    </figure>
  )
}

function columnsOf(model: Description): Column[] {
  const { inputs, layers } = model.network
  const outputs = outputsOf(model.schema.target).length
  const inner = layers.map((layer, place): Column => {
    if (place === layers.length - 1) return { title: 'outputs', detail: count(outputs), units: outputs }
    return columnOf(layer)
  })
  return [{ title: 'inputs', detail: count(inputs), units: inputs }, ...inner]
}

function columnOf(layer: Layer): Column {
  if (typeof layer === 'string') return { title: words(layer), detail: '', units: null }
  const { name, units, activation, ...others } = layer
  const facts = Object.entries(others)
    .filter(([, value]) => typeof value === 'number')
    .map(([key, value]) => `${words(key)} ${value}`)
  const detail = [units, activation, ...(units === undefined ? facts.slice(0, 2) : [])].filter(Boolean).join(' ')
  return { title: words(name), detail, units: units ?? null }
}

/** The places of the units that are drawn; a gap in the middle stands for the others. */
function placesOf({ units }: Column): number[] {
  const middle = (HEIGHT - 60) / 2 + 10
  if (units === null) return [middle]
  const shown = Math.min(units, SHOWN)
  return Array.from({ length: shown }, (_, place) => middle + (place - (shown - 1) / 2) * STEP)
}

function isGap(column: Column, place: number): boolean {
  return column.units !== null && column.units > SHOWN && place === (SHOWN - 1) / 2
}

function Units({ column }: { column: Column }) {
  const places = placesOf(column)
  if (column.units === null) return <rect class="layer" x={-9} y={14} width={18} height={SHOWN * STEP - 8} rx={5} />
  return (
    <>
      {places.map((y, place) =>
        isGap(column, place) ? (
          <text key={place} class="tick" y={y + 4} text-anchor="middle">
            ⋮
          </text>
        ) : (
          <circle key={place} class="unit" cy={y} r={7} />
        ),
      )}
    </>
  )
}

function Lines({ from, to, x }: { from: Column; to: Column; x: number }) {
  const ends = placesOf(to).filter((_, place) => !isGap(to, place))
  const starts = placesOf(from).filter((_, place) => !isGap(from, place))
  const path = starts.flatMap((y) => ends.map((end) => `M${x} ${y}L${x + WIDTH} ${end}`)).join('')
  return <path class="weights" d={path} />
}
