/** The features: what they mean, and which values are valid. */

import { featureName, number, spelled } from '../format'
import type { Description, Feature } from '../service/types'

export function Features({ model }: { model: Description }) {
  const { features } = model.schema
  const hasGroups = features.some(({ group }) => group)
  return (
    <div class="scrolled" tabIndex={0} role="region" aria-label="Features">
      <table class="features">
        <caption class="hidden">Features</caption>
        <thead>
          <tr>
            <th scope="col">Feature</th>
            {hasGroups && <th scope="col">Group</th>}
            <th scope="col">Values</th>
            <th scope="col">Typical</th>
            <th scope="col">May be missing</th>
          </tr>
        </thead>
        <tbody>
          {features.map((feature) => (
            <tr key={feature.name}>
              <th scope="row">
                <bdi>{featureName(feature)}</bdi>
                {featureName(feature) !== feature.name && <code>{feature.name}</code>}
                {feature.description && (
                  <small>
                    <bdi>{feature.description}</bdi>
                  </small>
                )}
              </th>
              {hasGroups && (
                <td>
                  <bdi>{feature.group ?? ''}</bdi>
                </td>
              )}
              <td>
                <bdi>{valuesOf(feature)}</bdi>
                {feature.monotone && <small>a larger value never {feature.monotone === 'up' ? 'lowers' : 'raises'} the prediction</small>}
              </td>
              <td>
                <bdi>{spelled(model.inputs?.typical[feature.name], feature)}</bdi>
              </td>
              <td>{feature.may_be_missing ? 'yes' : 'no'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function valuesOf(feature: Feature): string {
  if (feature.type === 'boolean') return 'yes or no'
  if (feature.type === 'category') {
    const more = feature.categories.length - 8
    return feature.categories.slice(0, 8).join(', ') + (more > 0 ? ` and ${more} more` : '')
  }
  const noun = feature.type === 'integer' ? 'integer' : 'number'
  const unit = feature.unit ? ` ${feature.unit}` : ''
  if (feature.minimum === null && feature.maximum === null) return `${noun}${unit}`
  if (feature.maximum === null) return `${noun}, at least ${number(feature.minimum)}${unit}`
  if (feature.minimum === null) return `${noun}, at most ${number(feature.maximum)}${unit}`
  return `${noun} from ${number(feature.minimum)} to ${number(feature.maximum)}${unit}`
}
