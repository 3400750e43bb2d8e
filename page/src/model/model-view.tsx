/** Model: what it is for, its features, its network, its training, its versions. */

import { number, words } from '../format'
import { Limits } from '../parts/limits'
import { modelPath } from '../service/paths'
import { address } from '../service/request'
import type { Description, ModelCurves, ModelList } from '../service/types'
import { useJson } from '../service/use'
import { Features } from './features'
import { LossHistory } from './loss-history'
import { Network } from './network'
import { Versions } from './versions'

export function ModelView({ model, list }: { model: Description; list: ModelList }) {
  const curves = useJson<ModelCurves>(modelPath(model.name, '/curves'))
  const hasReport = list.models.find(({ name }) => name === model.name)?.has_report
  const facts = Object.entries(model.data ?? {}).filter(([, value]) => typeof value !== 'object')
  return (
    <div class="model">
      <section>
        <h2>
          <bdi>{words(model.name)}</bdi>
        </h2>
        {model.description && (
          <p>
            <bdi>{model.description}</bdi>
          </p>
        )}
        {model.intended_use && (
          <p>
            <b>Intended use:</b> <bdi>{model.intended_use}</bdi>
          </p>
        )}
        <Limits limits={model.limits} />
        <p class="actions">
          <a href={address(modelPath(model.name, '/card')).href}>Model card</a>
          {hasReport && <a href={address(modelPath(model.name, '/report')).href}>Report of the training</a>}
          <a href={address(modelPath(model.name)).href}>All facts as JSON</a>
          <a href={address('docs').href}>Interface for programs</a>
        </p>
      </section>
      <section>
        <h2>Features</h2>
        <Features model={model} />
      </section>
      <section>
        <h2>Network</h2>
        <Network model={model} />
      </section>
      {curves.data?.loss_history && <LossHistory history={curves.data.loss_history} />}
      <section>
        <h2>Data</h2>
        <dl>
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{words(name)}</dt>
              <dd>
                <bdi>{typeof value === 'number' ? number(value, 8) : String(value)}</bdi>
              </dd>
            </div>
          ))}
        </dl>
      </section>
      <Versions model={model} list={list} />
    </div>
  )
}
