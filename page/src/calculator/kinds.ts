/** Which input fits a feature. */

import { stepOf, type Domain } from '../charts/scale'
import type { Feature, Value } from '../service/types'

export type Kind = 'levels' | 'number' | 'choice' | 'search' | 'switch'

const MAX_LEVELS = 12
const MAX_CHOICES = 7
const OTHER = 'other'
const MAX_INTEGERS = 1000
const MIN_SHARE = 0.02 // of the schema's range that known values take

export function kindOf(feature: Feature): Kind {
  switch (feature.type) {
    case 'boolean':
      return feature.may_be_missing ? 'choice' : 'switch'
    case 'category':
      return feature.categories.length <= MAX_CHOICES ? 'choice' : 'search'
    case 'integer':
      return levelsOf(feature).length > 0 ? 'levels' : 'number'
    default:
      return 'number'
  }
}

/** All values of an integer with few of them; empty for other features. */
export function levelsOf({ type, minimum, maximum }: Feature): number[] {
  if (type !== 'integer' || minimum === null || maximum === null) return []
  const first = Math.ceil(minimum)
  const length = Math.floor(maximum) - first + 1
  return length <= MAX_LEVELS ? Array.from({ length }, (_, place) => first + place) : []
}

/** The choices of a category or boolean; a text that is no category stands for all unknown ones. */
export function choicesOf(feature: Feature): Value[] {
  if (feature.type === 'boolean') return [true, false]
  const hasOther = feature.unseen === 'other' && !feature.categories.includes(OTHER)
  return hasOther ? [...feature.categories, OTHER] : feature.categories
}

/**
 * The range of a slider: that of the schema, unless it has none or is far wider than the values of
 * training rows.
 */
export function sliderRange(feature: Feature, known: readonly number[]): Domain {
  const low = known.length ? Math.min(...known) : (feature.minimum ?? 0)
  const high = known.length ? Math.max(...known) : (feature.maximum ?? low + 1)
  const { minimum, maximum } = feature
  if (minimum !== null && maximum !== null) {
    const isFew = feature.type === 'integer' && maximum - minimum <= MAX_INTEGERS
    if (isFew || high - low >= MIN_SHARE * (maximum - minimum)) return [minimum, maximum]
  }
  return low < high ? [low, high] : [low, low + 1]
}

export function stepFor(feature: Feature, range: Domain): number {
  if (feature.step !== undefined) return feature.step
  return feature.type === 'integer' ? Math.max(1, Math.round(stepOf(range))) : stepOf(range)
}

/** The nearest value that the slider can have. */
export function snapped(value: number, [low, high]: Domain, step: number): number {
  const nearest = Math.round(value / step) * step
  return Number(Math.min(high, Math.max(low, nearest)).toPrecision(12))
}
