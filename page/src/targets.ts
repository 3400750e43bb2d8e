/** How answers of each task are read. */

import type { ByOutput, ByScale, Description, Effects, Prediction, Target } from './service/types'

export function outputsOf(target: Target): string[] {
  switch (target.task) {
    case 'binary':
      return [target.positive]
    case 'multi_class':
      return target.classes
    case 'multi_label':
      return target.labels
    default:
      return target.outputs
  }
}

export function isNumber(target: Target): target is Extract<Target, { outputs: string[] }> {
  return target.task === 'regression' || target.task === 'non_negative'
}

export function hasThreshold(target: Target): boolean {
  return target.task === 'binary' || target.task === 'multi_label'
}

/** The part of an answer that is about one output. */
export function ofOutput<T extends object>(answer: ByOutput<T>, output: string): T {
  return answer.outputs?.[output] ?? answer
}

/** The effects on probabilities, or on values of numbers. */
export function effectsOf(scales: ByScale): Effects | undefined {
  return scales.probability ?? scales.value
}

export function predictionOf(prediction: Prediction, output: string): number | undefined {
  return (
    prediction.probability ??
    prediction.value ??
    prediction.probabilities?.[output] ??
    prediction.values?.[output]
  )
}

/** The label, or labels, of a prediction as one text. */
export function labelOf(prediction: Prediction): string {
  if (prediction.labels) return prediction.labels.join(', ') || 'none of the labels'
  return prediction.label ?? ''
}

/** The output that explanations begin with: the predicted class, or the first output. */
export function usualOutput(target: Target, prediction: Prediction | null): string {
  const outputs = outputsOf(target)
  if (target.task === 'multi_class' && prediction?.label) return prediction.label
  return prediction?.labels?.[0] ?? outputs[0] ?? ''
}

export function membersOf(model: Description): number {
  return model.recipe?.ensemble?.members ?? 1
}
