// What-if chart of one concept: the metric against its influence, the others fixed. What the batch gives is
// a ring of its own, since a refit moves the others.

import { details } from "../../../ui/boxes.js"
import { drawOnce, h, s, set } from "../../../ui/elements.js"
import { interval, isNumber, points, signed } from "../../../ui/numbers.js"
import { METRICS, POINTS } from "../../../ui/vocabulary.js"
import { isDetailed, shownRows } from "../shared.js"

/** `intent` is the row's thumb or, while it is `drafted`, the bound that a drag would set. */
export function drawEffect(svg, row, intent, model, drafted) {
  const effect = model.effects[row.concept]
  const marked = drafted || model.options.previews ? intent : null // a mark would be a preview
  const after = intent && !drafted && afterBatch(row, model)
  set(
    svg,
    "aria-label",
    effectWords(effect, row.influence, model) +
      (after ? `; after this batch ${points(after[1])} points at ${signed(after[0], 2)}` : ""),
  )
  set(svg, "aria-busy", effect ? null : "true")
  const axis = axisOf(model)
  const ends = isDetailed(model) && shownRows(model)[0] === row // all rows have one axis
  const key =
    effect && JSON.stringify([effect.x, effect.change, axis, ends, marked?.direction, marked?.value, after])
  drawOnce(svg, key ?? "waiting", () =>
    effect ? effectOf({ ...effect, axis, ends }, row.influence, marked, after) : [],
  )
}

/** Influence of a row's concept, and change in the metric, that the batch would give; null: not known. */
function afterBatch({ concept }, { ghosts, gained, metric }) {
  return isNumber(ghosts[concept]) && isNumber(gained[metric]) ? [ghosts[concept], gained[metric]] : null
}

/** Half the height of all charts on screen, in points: of one scale, so that rows can be compared. */
export const axisOf = (model) =>
  Math.max(0, ...shownRows(model).map(({ concept }) => model.effects[concept]?.axis ?? 0))

/** The ends of all charts' axis, in points: `−20 to +20`. */
const axisEnds = (model) => `${signed(-axisOf(model), 0)} to ${signed(axisOf(model), 0)}`

function effectWords(effect, influence, model) {
  const metric = METRICS[model.metric].name
  if (!effect) return `${metric} against influence: being computed`
  if (!effect.x.length) return `${metric} against influence: undefined`
  const best = farthest(effect.change, 1)
  const axis = `axis ${axisEnds(model)} points`
  const highest = `best ${points(effect.change[best])} points at ${signed(effect.x[best], 2)}`
  return `${metric} against influence, others fixed, ${axis}; now ${signed(influence, 2)}, ${highest}`
}

function effectOf({ x, change, low, high, axis, ends }, influence, intent, after) {
  if (!x.length) {
    return [s("text", { x: "50%", y: "55%", "text-anchor": "middle", class: "none" }, "undefined")]
  }
  const right = (value) => (100 * (value - x[0])) / (x[x.length - 1] - x[0])
  const down = (value) => 50 - (5000 * value) / axis
  const within = (value) => Math.max(2, Math.min(98, value))
  const path = (values) =>
    values.map((value, index) => `${right(x[index]).toFixed(2)},${down(value).toFixed(2)}`)
  const curve = s(
    "svg",
    {
      width: "100%",
      height: "100%",
      viewBox: "0 0 100 100",
      preserveAspectRatio: "none",
      overflow: "hidden",
    },
    low.length && s("polygon", { class: "band", points: [...path(low), ...path(high).reverse()].join(" ") }),
    s("polyline", { class: "curve", points: path(change).join(" ") }),
  )
  const percentage = (value) => `${value.toFixed(2)}%`
  const zero = right(0)
  const now = percentage(within(right(influence)))
  const dot = (value, name, to = valueAt(x, change, value)) =>
    s("circle", {
      class: name,
      cx: percentage(within(right(value))),
      cy: percentage(within(down(to))),
      r: 3.5,
    })
  const name = `dot pending ${intent?.direction}`
  return [
    s("line", { class: "base", x1: 0, x2: "100%", y1: "50%", y2: "50%" }),
    zero >= 0 &&
      zero <= 100 &&
      s("line", { class: "tick", x1: percentage(zero), x2: percentage(zero), y1: "90%", y2: "100%" }),
    curve,
    s("line", { class: "at", x1: now, x2: now, y1: 0, y2: "100%" }),
    dot(influence, "dot"),
    s("circle", {
      class: "grip",
      cx: now,
      cy: percentage(within(down(valueAt(x, change, influence)))),
      r: 9,
    }),
    ...(ends
      ? [
          ["0.8em", "+"],
          ["100%", "\u2212"],
        ]
      : []
    ).map(([y, sign]) => s("text", { class: "end", x: -4, y, "text-anchor": "end" }, `${sign}${axis}`)),
    after ? dot(after[0], name, after[1]) : intent && isNumber(intent.value) && dot(intent.value, name),
  ].filter(Boolean)
}

/** Index of the highest value (sign 1) or the lowest (−1). */
const farthest = (values, sign) =>
  values.reduce((best, value, index) => (sign * value > sign * values[best] ? index : best), 0)

/** Linear interpolation; constant beyond the ends. */
function valueAt(x, y, at) {
  const after = x.findIndex((value) => value >= at)
  if (after < 0) return y[y.length - 1]
  if (after === 0) return y[0]
  const part = (at - x[after - 1]) / (x[after] - x[after - 1] || 1)
  return y[after - 1] + part * (y[after] - y[after - 1])
}

/** The chart's reading at the pointer; null where there is none. */
export function effectCard(svg, row, model, pointer) {
  const { x } = model.effects[row.concept] ?? { x: [] }
  const box = svg.getBoundingClientRect()
  return effectCardAt(row, model, x[0] + ((pointer - box.left) / box.width) * (x[x.length - 1] - x[0]))
}

/** The chart's reading at an influence as text; empty where there is none. */
export function effectWordsAt(effect, at, model) {
  return effect?.x.length
    ? `; ${METRICS[model.metric].name} ${points(valueAt(effect.x, effect.change, at))} points, others fixed`
    : ""
}

/** The chart's reading at an influence; null where there is none. */
export function effectCardAt(row, model, at, drafted) {
  const effect = model.effects[row.concept]
  if (!effect?.x.length) return null
  const { x, change, low, high } = effect
  const band = low.length
    ? [[`${model.options.confidence} interval`, interval(valueAt(x, low, at), valueAt(x, high, at))]]
    : []
  const after = !drafted && afterBatch(row, model)
  const reach = (sign) =>
    `${points(change[farthest(change, sign)])} ${POINTS} at ${signed(x[farthest(change, sign)], 2)}`
  return [
    h("b", {}, row.concept),
    details([
      ["Influence", `${signed(row.influence, 2)} → ${signed(at, 2)}`],
      [
        `${model.options.metrics.find(([id]) => id === model.metric)[1]}, others fixed`,
        `${points(valueAt(x, change, at))} ${POINTS}`,
      ],
      ...band,
      ["Highest", reach(1)],
      ["Lowest", reach(-1)],
      ...(after ? [["After this batch", `${points(after[1])} ${POINTS} at ${signed(after[0], 2)}`]] : []),
      ["Axis", `${axisEnds(model)} ${POINTS}`],
    ]),
  ]
}
