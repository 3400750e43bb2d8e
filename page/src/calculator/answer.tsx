/** The prediction: the label, the probability on its axis, and what one must know about it. */

import { ProbabilityAxis } from '../charts/probability-axis'
import { IconArray } from '../charts/icon-array'
import { ShareBar } from '../charts/share-bar'
import { featureName, number, percent, words } from '../format'
import type { Description, Explanation, Feature, PredictAnswer } from '../service/types'
import { hasThreshold, isNumber, membersOf, ofOutput, outputsOf } from '../targets'

interface Props {
  model: Description
  prediction: PredictAnswer
  explanation: Explanation | null
}

const SHOWN_OUTPUTS = 10

export function Answer({ model, prediction, explanation }: Props) {
  const { target } = model.schema
  if (isNumber(target)) return <Numbers {...{ model, prediction, explanation }} />
  if (target.task === 'binary') return <OneProbability {...{ model, prediction, explanation }} />
  return <SeveralProbabilities {...{ model, prediction, explanation }} />
}

function OneProbability({ model, prediction, explanation }: Props) {
  const target = model.schema.target as Extract<Description['schema']['target'], { task: 'binary' }>
  const probability = prediction.probability ?? 0
  const certainty = explanation?.certainty
  const members = certainty?.members
  const isPositive = prediction.label === target.positive
  return (
    <>
      <p class="result" aria-live="polite">
        <strong class="figure" data-testid="probability">
          {percent(probability)}
        </strong>
        <span>
          probability of “<bdi>{target.positive}</bdi>”
        </span>
      </p>
      <p class="verdict">
        <span class={`badge ${isPositive ? 'on' : 'off'}`}>
          <bdi data-testid="label">{prediction.label}</bdi>
        </span>
        <span>
          {prediction.decision === 'refer' && <b>refer: within the band of uncertain cases; </b>}
          {isPositive ? 'above' : 'not above'} the threshold of {percent(prediction.threshold)}
        </span>
      </p>
      <ProbabilityAxis
        probability={probability}
        threshold={prediction.threshold}
        refer={target.refer}
        members={members && ofOutput(members, target.positive)}
      />
      {members && members.low !== null && members.high !== null && (
        <p class="fact">
          The middle 90 % of the {membersOf(model)} networks: {percent(members.low)} – {percent(members.high)}
          {members.agreement !== undefined && `; ${percent(members.agreement, 0)} of them agree with the label`}.
        </p>
      )}
      <Sets explanation={explanation} />
      <IconArray probability={probability} label={target.positive} />
    </>
  )
}

function SeveralProbabilities({ model, prediction, explanation }: Props) {
  const { target } = model.schema
  const all = Object.entries(prediction.probabilities ?? {})
  const sorted = all.toSorted((a, b) => b[1] - a[1])
  const chosen = new Set(prediction.labels ?? [prediction.label])
  const threshold = hasThreshold(target) ? prediction.threshold : undefined
  const sets = explanation?.certainty?.sets
  return (
    <>
      <p class="result" aria-live="polite">
        <strong class="figure text">
          <bdi data-testid="label">{prediction.labels ? prediction.labels.join(', ') || 'none' : prediction.label}</bdi>
        </strong>
        <span>
          {prediction.labels
            ? `the labels above the threshold of ${percent(threshold)}`
            : `the likeliest of ${all.length} classes`}
        </span>
      </p>
      <table class="outputs">
        <caption class="hidden">Probabilities</caption>
        <tbody>
          {sorted.slice(0, SHOWN_OUTPUTS).map(([name, probability]) => (
            <tr key={name} class={chosen.has(name) ? 'on' : ''}>
              <th scope="row">
                <bdi>{name}</bdi>
              </th>
              <td class="number" data-testid={`probability-${name}`}>
                {percent(probability)}
              </td>
              <td class="bar">
                <ShareBar share={probability} threshold={threshold} isOn={chosen.has(name)} />
              </td>
              {sets && <td>{sets[name]?.length === 2 ? 'cannot tell' : ''}</td>}
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > SHOWN_OUTPUTS && (
        <p class="fact">and {sorted.length - SHOWN_OUTPUTS} less probable ones</p>
      )}
      <Sets explanation={explanation} />
    </>
  )
}

function Numbers({ model, prediction, explanation }: Props) {
  const target = model.schema.target
  const unit = 'unit' in target && target.unit ? ` ${target.unit}` : ''
  const certainty = explanation?.certainty
  return (
    <>
      {outputsOf(target).map((output) => {
        const value = prediction.value ?? prediction.values?.[output]
        const interval = certainty?.interval && ofOutput(certainty.interval, output)
        const members = certainty?.members && ofOutput(certainty.members, output)
        return (
          <div key={output}>
            <p class="result" aria-live="polite">
              <strong class="figure" data-testid={`value-${output}`}>
                {number(value, 5)}
                {unit}
              </strong>
              <span>
                predicted <bdi>{words(output)}</bdi>
              </span>
            </p>
            {interval && (
              <p class="fact">
                {interval.low === null && interval.high === null
                  ? `Too few rows for an interval at ${percent(certainty.level, 0)}.`
                  : `${number(interval.low)} to ${number(interval.high)}${unit} includes the true value in ${percent(certainty.level, 0)} of such cases.`}
              </p>
            )}
            {members && (
              <p class="fact">
                The middle 90 % of the {membersOf(model)} networks: {number(members.low)} to {number(members.high)}
                {unit}.
              </p>
            )}
          </div>
        )
      })}
    </>
  )
}

/** The set of labels that are possible at the model's level. */
function Sets({ explanation }: { explanation: Explanation | null }) {
  const certainty = explanation?.certainty
  const labels = certainty?.set
  if (!certainty || !labels) return null
  const level = percent(certainty.level, certainty.level > 0.99 ? 1 : 0)
  if (labels.length > 1) {
    return (
      <p class="notice undecided" data-testid="undecided">
        <b>Cannot tell at {level}.</b> {labels.length > 2 ? 'These labels are' : 'Both labels are'} possible:{' '}
        <bdi>{labels.join(', ')}</bdi>.
        {certainty.too_few_rows && (
          <>
            {' '}
            Too few cases are known of <bdi>{certainty.too_few_rows.join(', ')}</bdi>.
          </>
        )}
      </p>
    )
  }
  return (
    <p class="fact">
      At {level}, <bdi>{labels[0]}</bdi> is the only possible label.
    </p>
  )
}

/** Values that the model has replaced or never seen, and rows unlike the training rows. */
export function Notices({ features, prediction, explanation }: { features: Feature[]; prediction: PredictAnswer; explanation: Explanation | null }) {
  const names = (list: string[]) =>
    list.map((name) => featureName(features.find((each) => each.name === name) ?? ({ name } as Feature))).join(', ')
  const notices: [string, string][] = []
  if (prediction.imputed) notices.push(['Not known', `a usual value replaces ${names(prediction.imputed)}`])
  if (prediction.clipped) notices.push(['Out of range', `the nearest value in the range replaces ${names(prediction.clipped)}`])
  if (prediction.unknown) notices.push(['Unknown category', `the model has not seen this value of ${names(prediction.unknown)}`])
  const certainty = explanation?.certainty
  if (certainty?.unlike_training) {
    const share = percent((certainty.distance_percentile ?? 100) / 100)
    notices.push(['Unlike the training rows', `${share} of them have a nearer neighbour; the figures are about other cases`])
  }
  if (!notices.length) return null
  return (
    <ul class="notices">
      {notices.map(([title, text]) => (
        <li class="notice" key={title}>
          <b>{title}:</b> <bdi>{text}</bdi>.
        </li>
      ))}
    </ul>
  )
}
