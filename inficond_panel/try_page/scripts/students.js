// The students over the scores: logits, probabilities, decisions, and what if a concept counted otherwise.
// The same formulas as in Python: inficond_panel/export/pocket/graph.py and inficond_panel/distill/metrics.

/** What each used concept adds to the linear function of class `k` beside an average photo: `at` its place in
    the scores, `weight`, and `value`, weight × (score − mean score). */
export function contributionsOf(facts, scores, k) {
  return facts.weights[k].map(([at, weight]) => ({
    at,
    weight,
    value: weight * (scores[at] - facts.means[at]),
  }))
}

/** Linear functions of all classes. `factors[k]` has by concept how often it counts, 1 if it is left out: the
    contribution is multiplied, so that the value of an average photo stays. */
export function linearOf(facts, scores, factors = {}) {
  return facts.intercepts.map((intercept, k) => {
    const plain = facts.weights[k].reduce((sum, [at, weight]) => sum + weight * scores[at], intercept)
    const changes = contributionsOf(facts, scores, k).map(
      ({ at, value }) => ((factors[k]?.[at] ?? 1) - 1) * value,
    )
    return changes.reduce((sum, change) => sum + change, plain)
  })
}

/** Logits of all classes: with the link softmax the log-odds of each class against all others. */
export function logitsOf(facts, scores, factors = {}) {
  const linear = linearOf(facts, scores, factors)
  if (facts.link !== "softmax") return linear
  return linear.map((value, k) => value - logOfSum(linear.filter((_, j) => j !== k)))
}

function logOfSum(values) {
  const most = Math.max(...values)
  return most === -Infinity ? most : most + Math.log(values.reduce((sum, v) => sum + Math.exp(v - most), 0))
}

export const sigmoid = (logit) => 1 / (1 + Math.exp(-logit))

/** Logarithm of the sigmoid; exact where the sigmoid itself is 0. */
const logSigmoid = (logit) => Math.min(logit, 0) - Math.log1p(Math.exp(-Math.abs(logit)))

/** Probability and decision of each class. With one class per photo the probabilities add up to 1 and the
    likeliest class is present; else a class is present if its logit is above its threshold. */
export function outcomesOf(facts, logits) {
  if (facts.task !== "single_label") {
    return logits.map((logit, k) => ({
      logit,
      probability: sigmoid(logit),
      present: logit > facts.thresholds[k],
    }))
  }
  const logs = logits.map(logSigmoid)
  const sum = logOfSum(logs)
  const first = logits.indexOf(Math.max(...logits))
  return logits.map((logit, k) => ({
    logit,
    probability: Math.exp(logs[k] - sum),
    present: k === first,
  }))
}
