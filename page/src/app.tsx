/** The page: one model and one view of it. */

import { useEffect, useState } from 'preact/hooks'
import { Batch } from './batch/batch'
import { Calculator } from './calculator/calculator'
import { words } from './format'
import { LiveView } from './live/live'
import { ModelView } from './model/model-view'
import { Banner, KeyForm } from './parts/banner'
import { Header } from './parts/header'
import { Performance } from './performance/performance'
import { useRoute } from './router'
import { modelPath } from './service/paths'
import type { Description, ModelList } from './service/types'
import { useConnection, useJson } from './service/use'

export function App() {
  const route = useRoute()
  const [again, setAgain] = useState(0)
  const [current, setCurrent] = useState<string | null>(null)
  const connection = useConnection()
  const health = useJson<{ store?: object }>('health', again)
  const list = useJson<ModelList>('models', again)
  const name = route.model ?? list.data?.models[0]?.name ?? null
  const loaded = useJson<Description>(name === null ? null : modelPath(name), again)
  const model = loaded.data?.name === name ? loaded.data : null
  useEffect(() => setCurrent(null), [model?.title])
  useEffect(() => {
    if (model) document.title = `${words(model.name)} – ${route.view}`
  }, [model?.name, route.view])

  if (connection.is === 'locked') {
    return <KeyForm message={connection.message} onKey={() => setAgain(again + 1)} />
  }
  const error = loaded.error ?? list.error
  const reload = () => setAgain(again + 1)
  return (
    <>
      {model && list.data && <Header view={route.view} model={model} list={list.data} hasStore={health.data?.store !== undefined} />}
      <Banner newVersion={model && current && current !== model.title ? current : null} onReload={reload} />
      <main>
        {error && <p class="notice error">{error.message}</p>}
        {!model && !error && <p class="muted">Loading …</p>}
        {model && route.view === 'calculator' && <Calculator key={model.name} model={model} onVersion={setCurrent} />}
        {model && route.view === 'performance' && <Performance key={model.title} model={model} onVersion={setCurrent} />}
        {model && route.view === 'model' && list.data && <ModelView key={model.title} model={model} list={list.data} />}
        {model && route.view === 'batch' && <Batch key={model.name} model={model} />}
        {model && route.view === 'live' && <LiveView key={model.name} model={model} />}
      </main>
      <footer>
        <p>
          malignancy – not a medical device. What you enter is sent to this service only
          {health.data?.store ? ', which keeps what its operator has set' : ', and is not kept'}.
        </p>
      </footer>
    </>
  )
}
