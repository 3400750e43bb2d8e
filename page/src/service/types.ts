/** Answers of the service, as far as the page reads them. */

export type Value = number | string | boolean | null
/** The values of one row by feature; undefined where nothing valid is entered. */
export type Row = Record<string, Value | undefined>

export interface Feature {
  name: string
  type: 'integer' | 'number' | 'category' | 'boolean'
  categories: string[]
  minimum: number | null
  maximum: number | null
  unit: string | null
  description: string | null
  may_be_missing: boolean
  out_of_range?: 'refuse' | 'clip'
  unseen?: 'refuse' | 'other'
  monotone?: 'up' | 'down'
  actionable?: 'no' | 'up' | 'down' | 'any'
  label?: string
  levels?: Record<string, string>
  group?: string
  step?: number
}

export type Target =
  | { task: 'binary'; negative: string; positive: string; refer: [number, number] | null }
  | { task: 'multi_class'; classes: string[] }
  | { task: 'multi_label'; labels: string[] }
  | { task: 'regression' | 'non_negative'; outputs: string[]; unit: string | null }

export type Layer = string | { name: string; units?: number; activation?: string; [key: string]: unknown }

export interface Interval {
  low: number | null
  high: number | null
}

export interface Subgroup {
  column: string
  value: string
  rows: number
  scores: Record<string, { value: number | null; interval: [number, number] | null }>
}

export interface Description {
  name: string
  version: string
  title: string
  schema: { features: Feature[]; target: Target }
  network: { inputs: number; layers: Layer[]; loss: string; dtype: string; parameters: number }
  operating_points: Record<string, number>
  threshold?: number
  description: string | null
  intended_use: string | null
  limits: string[] | null
  data: Record<string, unknown> | null
  recipe: { ensemble?: { members?: number } | null; [key: string]: unknown } | null
  scores: Record<string, unknown> | null
  versions: Record<string, string> | null
  subgroups?: Subgroup[]
  inputs?: {
    typical: Record<string, Value>
    quartiles?: Record<string, [number, number, number]>
    references?: string[]
    examples?: { label: string; values: Record<string, Value> }[]
  }
}

export interface ModelList {
  models: { name: string; version: string; versions: string[]; has_report: boolean }[]
}

/** One prediction; which fields it has depends on the task. */
export interface Prediction {
  probability?: number
  label?: string
  decision?: string
  probabilities?: Record<string, number>
  labels?: string[]
  value?: number
  values?: Record<string, number>
  imputed?: string[]
  clipped?: string[]
  unknown?: string[]
}

export interface PredictAnswer extends Prediction {
  /** Name of the answer in the store, for its truth; absent without one. */
  id?: string
  threshold?: number
  model: string
}

export interface Effects {
  reference: number
  values: Record<string, number>
}
export type ByScale = { probability?: Effects; logit?: Effects; value?: Effects }
export type ByOutput<T> = T & { outputs?: Record<string, T> }

export interface Change {
  changes: Record<string, Value>
  [prediction: string]: unknown
}
export interface Changes {
  method: 'exhaustive' | 'beam'
  found: (Change & Prediction)[]
}
export type Curve = { probability?: number[]; value?: number[] }
export interface Neighbours {
  rows: number
  positive?: number
  interval?: [number, number] | null
  low: number | null
  high: number | null
  mean?: number | null
}

export interface Explanation extends Prediction {
  shapley?: ByOutput<ByScale> & {
    method: 'exact' | 'sampled'
    permutations?: number
    standard_error?: number
  }
  counterfactuals?: Changes | { labels: Record<string, Changes> }
  curves?: Record<string, ByOutput<Curve> & { values: Value[] }>
  certainty?: {
    members?: ByOutput<Interval> & { agreement?: number }
    set?: string[]
    sets?: Record<string, string[]>
    interval?: ByOutput<Interval>
    level: number
    source: string
    too_few_rows?: string[]
    distance_percentile?: number
    unlike_training?: boolean
  }
  neighbours?: ByOutput<Neighbours> & { source: string }
}

export interface ExplainAnswer {
  explanations: [Explanation]
  reference: { name: string; rows: number }
  threshold?: number
  model: string
}

export interface ConfusionMatrix {
  true_negative: number
  false_positive: number
  false_negative: number
  true_positive: number
}

/** Figures of the rows of one part; which there are depends on the task. */
export interface PartMetrics {
  rows: number
  positives?: number
  confusion_matrix?: ConfusionMatrix | number[][]
  intervals?: Record<string, [number, number] | null>
  labels?: Record<string, PartMetrics>
  classes?: Record<string, Record<string, number | null>>
  outputs?: Record<string, Record<string, number | null>>
  [figure: string]: unknown
}

export interface Metrics {
  model: string
  threshold?: number
  validation: PartMetrics
  out_of_bag?: PartMetrics
  train: PartMetrics
}

export interface BandCurve {
  low: (number | null)[]
  high: (number | null)[]
}
export interface CurvePart {
  rows: number
  positives: number
  /** In descending order; null for one below all probabilities. */
  threshold: (number | null)[]
  true_positive: number[]
  false_positive: number[]
  roc: BandCurve & { false_positive_rate: number[]; sensitivity: number[] }
  precision_recall: BandCurve & { recall: number[]; precision: (number | null)[] }
  reliability: {
    low: number
    high: number
    rows: number
    positives: number
    mean: number
    interval: [number, number]
  }[]
  decision: BandCurve & {
    threshold: (number | null)[]
    net_benefit: (number | null)[]
    all: (number | null)[]
  }
  areas: { roc_auc: number | null; average_precision: number | null }
}
/** Rows with similar predictions of a number. */
export interface NumberGroup {
  rows: number
  predicted: number
  true: number
  residual: [number, number]
}
export interface Losses {
  epoch: number
  train?: number
  validation?: number
  out_of_bag?: number
}
export interface ModelCurves {
  model: string
  outputs: { name: string; parts: Record<string, CurvePart> }[]
  loss_history?: Losses[]
  regression?: { output: string; parts: Record<string, { rows: number; groups: NumberGroup[] }> }[]
}

export interface Problem {
  title?: string
  detail?: string
  errors?: { field: string; rule: string }[]
}

export interface Figure {
  value: number | null
  interval: [number, number] | null
}
export interface DriftFigures {
  name: string
  rows: number
  psi: number
  psi_by_chance: number
  excess_psi: number
  p: number
  q: number
  missing: number
  out_of_range: number
  drifted: boolean
}
export interface LivePeriod {
  start: string
  rows: number
  labels: Record<string, number>
  missing: number | null
  out_of_range: number | null
}
/** Figures of the rows whose truth has arrived; the matrix of classes has true classes by predicted ones. */
export interface LiveTruth {
  rows: number
  coverage: number | null
  by_label?: Record<string, { rows: number; truth: number; share: number | null }>
  weighting?: string
  confusion_matrix?: ConfusionMatrix | number[][] | null
  classes?: Record<string, { sensitivity: Figure; positive_predictive_value: Figure }>
  not_known?: Record<string, string>
  calibration?: { month: string; rows: number; brier: number | null; slope: number | null }[]
  [figure: string]: unknown
}

/** Figures that the probabilities of all rows lead to expect. */
export interface Expected {
  rows: number
  confusion_matrix?: ConfusionMatrix | number[][]
  classes?: Record<string, { sensitivity: number | null; positive_predictive_value: number | null }>
  [figure: string]: unknown
}

/** What the store's counts say about a model's use. */
export interface Live {
  model: string
  from: string
  to: string
  by: string
  threshold?: number
  rows: number
  labels: Record<string, number>
  periods: LivePeriod[]
  features: DriftFigures[]
  predictions: DriftFigures[]
  truth?: LiveTruth
  expected?: Expected | null
  versions: { version: string; rows: number }[]
  store: { keeps: string; lag_seconds: number; dropped: number }
}

export interface Comparison {
  model: string
  candidate: string
  rows: number
  agreement?: {
    rows: number
    share: number
    interval: [number, number] | null
    changes?: { from: string; to: string; rows: number }[]
  }
  difference: Record<string, { mean: number; mean_absolute: number; largest: number }>
  truth: {
    rows: number
    figures?: Record<string, { first: number; second: number; difference: number; interval: [number, number] | null }>
  }
}
