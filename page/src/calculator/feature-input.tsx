/** The input that fits a feature, with its name, its explanation and its curve. */

import { useId, useState } from 'preact/hooks'
import type { Domain } from '../charts/scale'
import { ShareBar } from '../charts/share-bar'
import { featureName, number, percent, spelled } from '../format'
import type { Feature, Value } from '../service/types'
import { FeatureCurve } from './feature-curve'
import { choicesOf, kindOf, levelsOf, sliderRange, snapped, stepFor } from './kinds'

export interface Along {
  values: Value[]
  predictions: number[]
}

interface Props {
  feature: Feature
  value: Value | undefined
  error: string | undefined
  isImputed: boolean
  along: Along | undefined
  /** Of the predictions of all curves. */
  domain: Domain
  isShare: boolean
  prediction: number | undefined
  threshold: number | undefined
  quartiles: readonly [number, number, number] | undefined
  onChange: (value: Value | undefined) => void
}

export function FeatureInput(props: Props) {
  const { feature, value, error, onChange } = props
  const id = useId()
  const kind = kindOf(feature)
  const isGroup = kind === 'levels' || kind === 'choice'
  const describedBy = `${id}-about${error ? ` ${id}-error` : ''}`
  const name = (
    <>
      <bdi>{featureName(feature)}</bdi>
      {feature.unit && <span class="unit"> {feature.unit}</span>}
    </>
  )
  const Body = { levels: Levels, number: NumberField, choice: Choices, search: Search, switch: Switch }[kind]
  const about = (
    <p id={`${id}-about`} class="about">
      <bdi>{feature.description}</bdi>
    </p>
  )
  const body = <Body {...props} id={id} describedBy={describedBy} />
  return (
    <div class={`feature kind-${kind}${error ? ' wrong' : ''}`} data-feature={feature.name}>
      {isGroup ? (
        <fieldset aria-describedby={describedBy}>
          <legend>{name}</legend>
          {about}
          {body}
        </fieldset>
      ) : (
        <>
          <label for={id}>{name}</label>
          {about}
          {body}
        </>
      )}
      {props.isImputed && value === null && <p class="about note">Not known: a usual value is used.</p>}
      {error && (
        <p id={`${id}-error`} class="error" role="alert">
          {error}
          {feature.may_be_missing && value === undefined && (
            <button type="button" class="link" onClick={() => onChange(null)}>
              not known
            </button>
          )}
        </p>
      )}
    </div>
  )
}

type BodyProps = Props & { id: string; describedBy: string }

/** Segments of the levels of an integer; the arrow keys change them. */
function Levels({ feature, value, along, domain, prediction, threshold, onChange, id }: BodyProps) {
  const levels = levelsOf(feature)
  const place = (level: number) => (levels.indexOf(level) + 0.5) / levels.length
  const known = along?.values as number[] | undefined
  const first = levels[0] ?? 0
  const texts = feature.levels ?? {}
  const ends = [first, levels[levels.length - 1] ?? first]
  const shown = typeof value === 'number' && !ends.includes(value) ? [ends[0], value, ends[1]] : ends
  return (
    <>
      <div class="with-missing">
        <div class="leveled">
          <Along along={along}>
            {known && along && (
              <FeatureCurve
                values={known}
                predictions={along.predictions}
                place={place}
                domain={domain}
                value={typeof value === 'number' ? value : null}
                prediction={prediction}
                threshold={threshold}
                onDrag={(share) => onChange(levels[Math.min(levels.length - 1, Math.floor(share * levels.length))])}
              />
            )}
          </Along>
          <div class="segments">
            {levels.map((level) => (
              <label key={level} title={texts[String(level)]}>
                <input type="radio" name={id} checked={value === level} onChange={() => onChange(level)} />
                <span>{level}</span>
              </label>
            ))}
          </div>
        </div>
        {feature.may_be_missing && (
          <div class="segments missing">
            <label>
              <input type="radio" name={id} checked={value === null} onChange={() => onChange(null)} />
              <span>not known</span>
            </label>
          </div>
        )}
      </div>
      {shown.some((level) => texts[String(level)]) && (
        <ul class="levels-text">
          {shown.map(
            (level) =>
              texts[String(level)] && (
                <li key={level} class={level === value ? 'now' : ''}>
                  <b>{level}</b> <bdi>{texts[String(level)]}</bdi>
                </li>
              ),
          )}
        </ul>
      )}
    </>
  )
}

/** Room for a curve, so that nothing moves when it arrives. */
function Along({ along, children }: { along: Along | undefined; children: preact.ComponentChildren }) {
  return along ? children : <div class="feature-curve" aria-hidden="true" />
}

function NumberField(props: BodyProps) {
  const { feature, value, along, domain, prediction, threshold, quartiles, onChange, id, describedBy } = props
  const known = (along?.values as number[] | undefined) ?? quartiles ?? []
  const range = sliderRange(feature, known)
  const step = stepFor(feature, range)
  const place = (each: number) => Math.min(1, Math.max(0, (each - range[0]) / (range[1] - range[0])))
  const typed = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement
    onChange(input.value === '' ? undefined : input.valueAsNumber)
  }
  return (
    <div class="with-missing">
      <div class="ranged">
        <Along along={along}>
          {along && (
            <FeatureCurve
              values={known.filter((each) => each >= range[0] && each <= range[1])}
              predictions={along.predictions.filter((_, n) => {
                const each = known[n] ?? Number.NaN
                return each >= range[0] && each <= range[1]
              })}
              place={place}
              domain={domain}
              value={typeof value === 'number' ? value : null}
              prediction={prediction}
              threshold={threshold}
              onDrag={(share) => onChange(snapped(range[0] + share * (range[1] - range[0]), range, step))}
            />
          )}
        </Along>
        <div class="slider">
          <input
            type="range"
            aria-label={featureName(feature)}
            min={range[0]}
            max={range[1]}
            step={feature.type === 'integer' ? step : 'any'}
            value={typeof value === 'number' ? value : (quartiles?.[1] ?? range[0])}
            class={typeof value === 'number' ? '' : 'unset'}
            onInput={(event) => onChange(snapped(event.currentTarget.valueAsNumber, range, step))}
          />
          {quartiles && (
            <span
              class="quartiles"
              title={`Of the training rows, half are between ${number(quartiles[0])} and ${number(quartiles[2])}`}
              style={{ left: `${100 * place(quartiles[0])}%`, width: `${100 * (place(quartiles[2]) - place(quartiles[0]))}%` }}
            />
          )}
        </div>
        <div class="ends" aria-hidden="true">
          <span>{number(range[0])}</span>
          <span>{number(range[1])}</span>
        </div>
      </div>
      <div class="typed">
        <input
          id={id}
          type="number"
          step={feature.step ?? (feature.type === 'integer' ? 1 : 'any')}
          min={feature.out_of_range === 'clip' ? undefined : (feature.minimum ?? undefined)}
          max={feature.out_of_range === 'clip' ? undefined : (feature.maximum ?? undefined)}
          value={typeof value === 'number' ? value : ''}
          aria-describedby={describedBy}
          onInput={typed}
        />
        {feature.may_be_missing && (
          <label class="check">
            <input type="checkbox" checked={value === null} onChange={(event) => onChange(event.currentTarget.checked ? null : (quartiles?.[1] ?? range[0]))} />
            <span>not known</span>
          </label>
        )}
      </div>
    </div>
  )
}

/** The prediction for a choice, with the other features held. */
function AtChoice({ along, choice, isShare, threshold }: { along: Along | undefined; choice: Value; isShare: boolean; threshold: number | undefined }) {
  const prediction = along?.predictions[along.values.indexOf(choice)]
  if (prediction === undefined) return null
  return (
    <small class="at-choice">
      {isShare ? percent(prediction, 0) : number(prediction, 3)}
      {isShare && <ShareBar share={prediction} threshold={threshold} />}
    </small>
  )
}

function Choices({ feature, value, along, isShare, threshold, onChange, id }: BodyProps) {
  const choices = choicesOf(feature)
  return (
    <div class="choices">
      {choices.map((choice) => (
        <label key={String(choice)}>
          <input type="radio" name={id} checked={value === choice} onChange={() => onChange(choice)} />
          <span>
            <bdi>{spelled(choice)}</bdi>
            <AtChoice along={along} choice={choice} isShare={isShare} threshold={threshold} />
          </span>
        </label>
      ))}
      {feature.may_be_missing && (
        <label>
          <input type="radio" name={id} checked={value === null} onChange={() => onChange(null)} />
          <span>not known</span>
        </label>
      )}
    </div>
  )
}

/** A text field that suggests the categories; other texts where the model accepts them. */
function Search({ feature, value, along, isShare, threshold, onChange, id, describedBy }: BodyProps) {
  const [text, setText] = useState(typeof value === 'string' ? value : '')
  const [last, setLast] = useState(value)
  if (value !== last) {
    setLast(value)
    if (value !== undefined) setText(typeof value === 'string' ? value : '')
  }
  const typed = (entered: string) => {
    setText(entered)
    const isKnown = feature.categories.includes(entered)
    const next = isKnown || (feature.unseen === 'other' && entered) ? entered : undefined
    setLast(next)
    onChange(next)
  }
  return (
    <div class="with-missing">
      <div class="searched">
        <input
          id={id}
          type="text"
          list={`${id}-list`}
          autocomplete="off"
          value={text}
          placeholder={value === null ? 'not known' : 'type to search'}
          aria-describedby={describedBy}
          onFocus={(event) => event.currentTarget.select()}
          onInput={(event) => typed(event.currentTarget.value)}
        />
        <datalist id={`${id}-list`}>
          {feature.categories.map((category) => (
            <option key={category} value={category} />
          ))}
        </datalist>
        {typeof value === 'string' && <AtChoice along={along} choice={value} isShare={isShare} threshold={threshold} />}
      </div>
      {feature.may_be_missing && (
        <label class="check">
          <input type="checkbox" checked={value === null} onChange={(event) => onChange(event.currentTarget.checked ? null : feature.categories[0])} />
          <span>not known</span>
        </label>
      )}
    </div>
  )
}

function Switch({ feature, value, along, isShare, threshold, onChange, id, describedBy }: BodyProps) {
  return (
    <div class="switched">
      <input
        id={id}
        type="checkbox"
        role="switch"
        checked={value === true}
        aria-describedby={describedBy}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <span aria-hidden="true">{spelled(value ?? false, feature)}</span>
      <AtChoice along={along} choice={value === true} isShare={isShare} threshold={threshold} />
    </div>
  )
}
