/** Figures that depend on what the user sets. */

/** Positive predictive value at a prevalence, by Bayes' rule; null without positive predictions. */
export function positivePredictiveValue(
  sensitivity: number,
  specificity: number,
  prevalence: number,
): number | null {
  const hits = sensitivity * prevalence
  const all = hits + (1 - specificity) * (1 - prevalence)
  return all > 0 ? hits / all : null
}

/** Negative predictive value at a prevalence; null without negative predictions. */
export function negativePredictiveValue(
  sensitivity: number,
  specificity: number,
  prevalence: number,
): number | null {
  return positivePredictiveValue(specificity, sensitivity, 1 - prevalence)
}
