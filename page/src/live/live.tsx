/** Live: how the model is used and how good it is now, from the counts of the store. */

import { useEffect, useState } from 'preact/hooks'
import { count, number, percent } from '../format'
import { modelPath, withQuery } from '../service/paths'
import { send } from '../service/request'
import type { Description, Live as LiveFigures } from '../service/types'
import { useJson } from '../service/use'
import { hasThreshold } from '../targets'
import { Drift } from './drift'
import { latencyOf, type Latency } from './exposition'
import { FeedbackForm } from './feedback'
import { Shadow } from './shadow'
import { TruthFigures } from './truth'
import { Volume } from './volume'

const REFRESH_SECONDS = 10
const RANGES: [string, number, string][] = [
  ['24 hours', 1, 'hour'],
  ['7 days', 7, 'day'],
  ['30 days', 30, 'day'],
  ['90 days', 90, 'week'],
]

export function LiveView({ model }: { model: Description }) {
  const [range, setRange] = useState(1)
  const [weighting, setWeighting] = useState('none')
  const [tick, refresh] = useTick()
  const [, days, by] = RANGES[range] ?? ['', 7, 'day']
  const from = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - days * 86_400_000).toISOString()
  const canWeight = hasThreshold(model.schema.target)
  const path = withQuery(modelPath(model.name, '/live'), {
    from,
    by,
    weighting: canWeight && weighting !== 'none' ? weighting : undefined,
  })
  const { data: live, error } = useJson<LiveFigures>(path, tick)
  const latency = useLatency(tick)
  return (
    <div class="live">
      <p class="actions">
        <label>
          The last{' '}
          <select value={range} onChange={(event) => setRange(Number(event.currentTarget.value))}>
            {RANGES.map(([name], place) => (
              <option key={name} value={place}>
                {name}
              </option>
            ))}
          </select>
        </label>
        {canWeight && (
          <label class="check">
            <input
              type="checkbox"
              checked={weighting !== 'none'}
              onChange={(event) => setWeighting(event.currentTarget.checked ? 'coverage' : 'none')}
            />
            <span>weight rows by how often their truth arrives</span>
          </label>
        )}
      </p>
      {error && <p class="notice">{error.message}</p>}
      {!live && !error && <p class="muted">Loading …</p>}
      {live && <Figures model={model} live={live} latency={latency} />}
      {live && live.store.keeps !== 'counts' && (
        <>
          <FeedbackForm target={model.schema.target} onRecorded={refresh} />
          <Shadow model={model.name} />
        </>
      )}
    </div>
  )
}

function Figures({ model, live, latency }: { model: Description; live: LiveFigures; latency: Latency | null }) {
  const labels = Object.keys(live.labels)
  return (
    <>
      <dl class="facts">
        <Fact name="predicted rows" value={count(live.rows)} />
        {labels.slice(0, 4).map((label) => (
          <Fact
            key={label}
            name={label}
            value={live.rows ? percent((live.labels[label] ?? 0) / live.rows) : '–'}
            detail={count(live.labels[label] ?? 0)}
          />
        ))}
        {latency && latency.median !== null && (
          <Fact
            name="latency of requests"
            value={`≤ ${number(1000 * latency.median, 3)} ms`}
            detail={`99 %: ≤ ${number(1000 * (latency.p99 ?? 0), 3)} ms; ${count(latency.requests)} requests since the start`}
          />
        )}
        {live.store.dropped > 0 && <Fact name="rows lost by the store" value={count(live.store.dropped)} />}
      </dl>
      {live.rows === 0 && <p>No row was predicted in this time.</p>}
      {live.rows > 0 && (
        <div class="charts">
          <Volume periods={live.periods} labels={labels.length ? labels : ['']} by={live.by} />
        </div>
      )}
      <Drift title="Drift of the features" figures={live.features} features={model.schema.features} />
      <Drift title="Drift of the predictions" figures={live.predictions} />
      <TruthFigures live={live} target={model.schema.target} />
      {live.versions.length > 1 && (
        <section>
          <h2>Versions</h2>
          <ul class="plain">
            {live.versions.map(({ version, rows }) => (
              <li key={version}>
                <code>{version.slice(0, 12)}</code> {count(rows)} rows
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  )
}

function Fact({ name, value, detail }: { name: string; value: string; detail?: string }) {
  return (
    <div>
      <dt>
        <bdi>{name}</bdi>
      </dt>
      <dd>
        <b>{value}</b>
        {detail && <small>{detail}</small>}
      </dd>
    </div>
  )
}

/** A number that grows while the page is visible, and a function that makes it grow at once. */
function useTick(): [number, () => void] {
  const [tick, setTick] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') setTick((last) => last + 1)
    }, 1000 * REFRESH_SECONDS)
    return () => clearInterval(timer)
  }, [])
  return [tick, () => setTick((last) => last + 1)]
}

function useLatency(tick: number): Latency | null {
  const [latency, setLatency] = useState<Latency | null>(null)
  useEffect(() => {
    const abort = new AbortController()
    send('metrics', { headers: { Accept: 'text/plain; version=0.0.4' }, signal: abort.signal })
      .then((answer) => answer.text())
      .then((text) => setLatency(latencyOf(text)))
      .catch(() => undefined)
    return () => abort.abort()
  }, [tick])
  return latency
}
