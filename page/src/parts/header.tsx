/** Name and version of the model, and the views. */

import { words } from '../format'
import { hashOf, VIEWS, type View } from '../router'
import type { Description, ModelList } from '../service/types'

interface Props {
  view: View
  model: Description
  list: ModelList
  /** Whether the service keeps what it predicts. */
  hasStore: boolean
}

export function Header({ view, model, list, hasStore }: Props) {
  return (
    <header>
      <div class="name">
        {list.models.length > 1 ? (
          <label>
            <span class="hidden">Model</span>
            <select
              value={model.name}
              onChange={(event) => {
                location.hash = hashOf(view, event.currentTarget.value)
              }}
            >
              {list.models.map(({ name }) => (
                <option key={name} value={name}>
                  {words(name)}
                </option>
              ))}
            </select>
          </label>
        ) : (
          <h1>
            <bdi>{words(model.name)}</bdi>
          </h1>
        )}
        <code title="Version of the model">{model.version.slice(0, 12)}</code>
      </div>
      <nav aria-label="Views">
        {VIEWS.filter((each) => each !== 'live' || hasStore).map((each) => (
          <a key={each} href={hashOf(each, model.name)} aria-current={each === view ? 'page' : undefined}>
            {each.charAt(0).toUpperCase() + each.slice(1)}
          </a>
        ))}
      </nav>
    </header>
  )
}
