/** Performance: how good the model is, at any threshold and prevalence. */

import { useEffect, useState } from 'preact/hooks'
import { percent, words } from '../format'
import { modelPath, withQuery } from '../service/paths'
import type { ConfusionMatrix, Description, Metrics, ModelCurves, PartMetrics } from '../service/types'
import { useJson } from '../service/use'
import { hasThreshold, outputsOf } from '../targets'
import { CurveCharts } from './curve-charts'
import { Figures } from './figures'
import { Matrix } from './matrix'
import { NumberChart } from './number-charts'
import { ClassFigures, NumberFigures } from './other-figures'
import { partMeaning, partsOf, partTitle } from './parts'
import { Subgroups } from './subgroups'

interface Props {
  model: Description
  onVersion: (title: string) => void
}

export function Performance({ model, onVersion }: Props) {
  const { target } = model.schema
  const [threshold, setThreshold] = useState(model.threshold)
  const [prevalence, setPrevalence] = useState<number | null>(null)
  const outputs = outputsOf(target)
  const [output, setOutput] = useState(outputs[0] ?? '')
  const path = withQuery(modelPath(model.name, '/metrics'), { threshold: hasThreshold(target) ? threshold : undefined })
  const metrics = useJson<Metrics>(path)
  const curves = useJson<ModelCurves>(modelPath(model.name, '/curves'))
  useEffect(() => {
    if (metrics.data) onVersion(metrics.data.model)
  }, [metrics.data?.model])
  if (metrics.error) return <p class="notice error">{metrics.error.message}</p>
  if (!metrics.data) return <p class="muted">Loading …</p>

  const parts = partsOf(metrics.data)
  const curve = curves.data?.outputs.find((each) => each.name === output)
  const ofLabel: [string, PartMetrics][] = parts.map(([name, part]) => [name, part.labels?.[output] ?? part])
  const sample = ofLabel[0]?.[1]
  const own = sample?.positives !== undefined && sample.rows > 0 ? sample.positives / sample.rows : null
  return (
    <div class="performance">
      {outputs.length > 1 && target.task !== 'regression' && target.task !== 'non_negative' && (
        <p>
          <label>
            {target.task === 'multi_class' ? 'Curves of one class against the others: ' : 'Label: '}
            <select value={output} onChange={(event) => setOutput(event.currentTarget.value)}>
              {outputs.map((each) => (
                <option key={each}>{each}</option>
              ))}
            </select>
          </label>
        </p>
      )}
      {hasThreshold(target) && threshold !== undefined && (
        <>
          <ThresholdSlider model={model} threshold={threshold} onThreshold={setThreshold} />
          <div class="matrices">
            {ofLabel.map(([name, part]) => (
              <section key={name}>
                <h3>{partTitle(name)}</h3>
                <p class="muted">{partMeaning(name)}</p>
                <Matrix
                  title={partTitle(name)}
                  matrix={part.confusion_matrix as ConfusionMatrix}
                  negative={target.task === 'binary' ? target.negative : `not ${output}`}
                  positive={output}
                />
              </section>
            ))}
          </div>
          <PrevalenceField own={own} prevalence={prevalence} onPrevalence={setPrevalence} />
          <Figures parts={ofLabel} prevalence={prevalence} />
        </>
      )}
      {target.task === 'multi_class' && <ClassFigures parts={parts} classes={target.classes} />}
      {(target.task === 'regression' || target.task === 'non_negative') && (
        <>
          <NumberFigures parts={parts} unit={target.unit} />
          <div class="charts">
            {curves.data?.regression?.flatMap(({ output: name, parts: all }) =>
              Object.entries(all)
                .filter(([part]) => part !== 'train')
                .map(([part, { rows, groups }]) => (
                  <NumberChart
                    key={`${name} ${part}`}
                    {...{ output: name, rows, groups }}
                    title={partTitle(part)}
                    unit={target.unit}
                  />
                )),
            )}
          </div>
        </>
      )}
      {curve &&
        Object.entries(curve.parts)
          .filter(([name]) => name !== 'train')
          .map(([name, part]) => (
            <section key={name}>
              <h2>{partTitle(name)}</h2>
              <p class="muted">
                {part.rows} rows, {part.positives} of them <bdi>{output}</bdi>; shaded: 95 % intervals
              </p>
              <CurveCharts part={part} threshold={hasThreshold(target) ? threshold : undefined} positive={output} />
            </section>
          ))}
      <Subgroups groups={model.subgroups ?? []} />
    </div>
  )
}

interface SliderProps {
  model: Description
  threshold: number
  onThreshold: (threshold: number) => void
}

function ThresholdSlider({ model, threshold, onThreshold }: SliderProps) {
  return (
    <section class="threshold-slider">
      <label>
        Threshold <output>{percent(threshold)}</output>
        <input
          type="range"
          min={0}
          max={1}
          step={0.01}
          value={threshold}
          onInput={(event) => onThreshold(event.currentTarget.valueAsNumber)}
        />
      </label>
      <p class="actions">
        {Object.entries(model.operating_points).map(([name, value]) => (
          <button type="button" key={name} aria-pressed={value === threshold} onClick={() => onThreshold(value)}>
            {words(name)} <span class="muted">{percent(value)}</span>
          </button>
        ))}
      </p>
    </section>
  )
}

interface PrevalenceProps {
  own: number | null
  prevalence: number | null
  onPrevalence: (prevalence: number | null) => void
}

function PrevalenceField({ own, prevalence, onPrevalence }: PrevalenceProps) {
  return (
    <section class="prevalence">
      <label>
        Share of positive cases where you use the model, in percent{' '}
        <input
          type="number"
          min={0}
          max={100}
          step={0.1}
          placeholder={own === null ? '' : (100 * own).toFixed(1)}
          value={prevalence === null ? '' : Number((100 * prevalence).toPrecision(6))}
          onInput={(event) => {
            const value = event.currentTarget.valueAsNumber / 100
            onPrevalence(value >= 0 && value <= 1 ? value : null)
          }}
        />
      </label>
      {own !== null && (
        <p class="muted">
          In these rows it is {percent(own)}. Predictive values depend on it; sensitivity and specificity do not.
        </p>
      )}
    </section>
  )
}
