// The charts of a concept, a metric each: exact curves as steps, the refit what-if over them, and what is
// marked: now, the teacher, a pending bound, what the batch would give. A band is the interval of the
// change from now. One place along the influence axis can be read in all at once, by pointer or keys.
// Where a thumb adjusts targets, the refit what-if has a point for each thumb, from ▼ to ▲, at the influence
// that it gives: these need not rise from point to point.

import { details, hoverCard } from "../../ui/boxes.js"
import { h, s, set, setAll, text } from "../../ui/elements.js"
import { fixed, interval, isNumber, points, signed } from "../../ui/numbers.js"
import { METRICS, POINTS } from "../../ui/vocabulary.js"

const ROUNDING = 1e-6 // of the edges that are sent
const STRIDE = 50 // an arrow key goes this part of the axis, with shift a fifth of it

export function makeCharts(model, root) {
  const charts = model.metrics.map(makeChart)
  const reader = h("div", {
    class: "reader",
    role: "slider",
    tabindex: 0,
    "aria-label": "Influence at which the curves are read",
  })
  const element = h(
    "div",
    { class: "charts" },
    charts.map((chart) => chart.element),
    reader,
  )
  const card = hoverCard(root)
  let at = null
  const read = (place, anchor) => {
    at = place
    charts.forEach((chart) => chart.read(at))
    describe()
    if (at == null || !anchor) return card.hide()
    card.show(anchor, () => cardOf(model, at))
  }
  const describe = () => {
    const caption = model.captions[0]
    if (!caption) return
    setAll(reader, {
      "aria-valuemin": caption.low.toFixed(3),
      "aria-valuemax": caption.high.toFixed(3),
      "aria-valuenow": (at ?? caption.now[0]).toFixed(3),
      "aria-valuetext": wordsOf(model, at),
    })
  }
  reader.addEventListener("pointermove", (event) => {
    const chart = charts.find(({ field }) => near(field.getBoundingClientRect(), event))
    read(chart ? chart.influence(event.clientX) : null, chart?.element)
  })
  reader.addEventListener("pointerleave", () => read(null))
  reader.addEventListener("blur", () => read(null))
  reader.addEventListener("keydown", (event) => {
    const next = stepped(event, at, model.captions[0])
    if (next === undefined) return
    event.preventDefault()
    read(next, charts[0].element)
  })
  const show = () => {
    model.captions.forEach((caption, index) =>
      charts[index].show(caption, model.steps, model.bands[caption.metric], model.refit.points),
    )
    if (at != null) {
      charts.forEach((chart) => chart.read(at))
      card.again()
    }
    describe()
  }
  return { element, show, leave: () => read(null) }
}

/** In little room the charts have two rows: a caption belongs to the field below it. */
const near = ({ left, right, bottom }, { clientX: x, clientY: y }) =>
  x >= left - 8 && x <= right + 8 && y <= bottom + 20

/** The influence that a key moves to; null leaves the charts, undefined is another key. */
function stepped(event, at, caption) {
  if (!caption || event.ctrlKey || event.metaKey || event.altKey) return undefined
  const { low, high, now } = caption
  const step = ((high - low) / STRIDE) * (event.shiftKey ? 5 : 1)
  const from = at ?? now[0]
  const to = {
    ArrowRight: from + step,
    ArrowUp: from + step,
    ArrowLeft: from - step,
    ArrowDown: from - step,
    Home: low,
    End: high,
    Escape: null,
  }[event.key]
  return to == null ? to : Math.min(high, Math.max(low, to))
}

// --- the crosshair -------------------------------------------------------------------------------

/** The piece of the exact curves in which `at` lies; -1 beyond them, where only thumbs lead. */
function pieceAt({ edges }, at) {
  if (at < edges[0] - ROUNDING || at > edges.at(-1) + ROUNDING) return -1
  const end = edges.findIndex((edge, index) => index > 0 && at <= edge)
  return end < 0 ? edges.length - 2 : end - 1
}

/** The exact value of a metric. */
const exactAt = (steps, metric, at) => steps[metric][pieceAt(steps, at)]

/** Position of the solved point nearest to `at`; -1 without one. */
function nearestPoint(points, at) {
  if (!points?.influence.length) return -1
  return points.influence.reduce(
    (best, value, index) => (Math.abs(value - at) < Math.abs(points.influence[best] - at) ? index : best),
    0,
  )
}

function cardOf(model, at) {
  const refit = model.refit.points
  const piece = pieceAt(model.steps, at)
  const solved = nearestPoint(refit, at)
  const rows = model.captions.map(({ metric, title, now }) => {
    const value = model.steps[metric][piece]
    const change = (to, { low = [], high = [] } = {}, place) =>
      valued(now) && isNumber(to)
        ? `${points(to - now[1])} ${POINTS} ${interval(low[place], high[place])}`.trim()
        : "–"
    if (solved < 0) return [title, fixed(value, 3), change(value, model.bands[metric], piece)]
    const there = refit[metric][solved]
    return [title, fixed(value, 3), `${fixed(there, 3)}, ${change(there, refit.bands[metric], solved)}`]
  })
  const refitAt =
    solved < 0
      ? ["change", model.confidence && `${model.confidence} interval`].filter(Boolean).join(", ")
      : `${pointWords(refit, solved)}, change`
  return [
    h("b", {}, `Influence ${signed(at, 2)}, now ${model.influence}`),
    details([["", "others fixed", refitAt], ...rows]),
  ]
}

/** How the refit what-if got to a point: by a thumb, which gives an influence, or with the influence
    fixed. */
function pointWords({ thumbs, influence }, index) {
  const at = signed(influence[index], 2)
  return thumbs.length ? `${thumbs[index]} gives ${at}` : `refit at ${at}`
}

function wordsOf(model, at) {
  if (at == null) return model.captions.map(({ alt }) => alt).join("; ")
  const told = (valueOf) =>
    model.captions.map(({ metric, title }) => `${title} ${fixed(valueOf(metric), 3)}`).join(", ")
  const refit = model.refit.points
  const solved = nearestPoint(refit, at)
  const also = solved < 0 ? "" : `; ${pointWords(refit, solved)}: ${told((metric) => refit[metric][solved])}`
  return `Influence ${signed(at, 2)}: ${told((metric) => exactAt(model.steps, metric, at))}${also}`
}

// --- one chart -----------------------------------------------------------------------------------

function makeChart(metric) {
  const [title, value, top, bottom, low, zero, now, high] = [
    "span",
    "b",
    "span",
    "span",
    "span",
    "span",
    "b",
    "span",
  ].map((tag) => h(tag))
  const drawing = s("svg", { width: "100%", height: "100%", "aria-hidden": "true" })
  const reading = s("svg", { width: "100%", height: "100%", class: "reading", "aria-hidden": "true" })
  const field = h("div", { class: "field", role: "img" }, drawing, reading)
  const axis = h("div", { class: "axis num", "aria-hidden": "true" }, low, zero, high, now)
  const element = h(
    "div",
    { class: "chart" },
    h("div", { class: "caption" }, title, value),
    h("div", { class: "scale num", "aria-hidden": "true" }, top, bottom),
    field,
    axis,
  )
  title.append(
    h("span", { class: "long" }),
    h("span", { class: "short", "aria-hidden": "true" }, METRICS[metric].short),
  )
  value.className = "num"
  let shown = null
  let curves = {}
  const show = (caption, steps, band, points) => {
    shown = caption
    curves = steps
    const texts = [
      [title.firstChild, caption.title],
      [value, caption.value],
      [top, caption.topText],
      [bottom, caption.bottomText],
      [low, caption.lowText],
      [high, caption.highText],
      [now, caption.nowText],
      [zero, "0"],
    ]
    texts.forEach(([part, words]) => text(part, words))
    set(field, "aria-label", caption.alt)
    const to = scales(caption)
    put(now, to.x(caption.now[0]))
    put(zero, to.x(0))
    zero.missing = caption.low >= 0 || caption.high <= 0
    thin(axis, [now, low, high, zero])
    drawing.replaceChildren(...drawn(caption, steps, band, points, metric, to))
  }
  /** The crosshair at influence `at`; null takes it away. */
  const read = (at) => {
    reading.replaceChildren(
      ...(at == null || !shown ? [] : crosshair(shown, exactAt(curves, metric, at), at)),
    )
  }
  const influence = (x) => {
    const { left, width } = field.getBoundingClientRect()
    return shown.low + Math.min(1, Math.max(0, (x - left) / width)) * (shown.high - shown.low)
  }
  new ResizeObserver(() => thin(axis, [now, low, high, zero])).observe(axis)
  return { element, field, show, read, influence }
}

/** From numbers to percentages of the field. */
function scales({ low, high, bottom, top }) {
  return {
    x: (value) => (100 * (value - low)) / (high - low || 1),
    y: (value) => (100 * (top - value)) / (top - bottom),
  }
}

const share = (value) => `${value.toFixed(2)}%`

function rule(name, x1, y1, x2, y2) {
  return s("line", { class: name, x1: share(x1), y1: share(y1), x2: share(x2), y2: share(y2) })
}

/** A ring or dot at a place that may have no value. */
function mark(name, place, to, r) {
  return (
    valued(place) && s("circle", { class: name, cx: share(to.x(place[0])), cy: share(to.y(place[1])), r })
  )
}

const valued = (place) => Boolean(place) && isNumber(place[1])

function drawn({ now, teacher, pending, preview }, steps, band, points, metric, to) {
  const curve = (name, d) => s("path", { class: name, d })
  const stretched = (overflow, ...parts) =>
    s(
      "svg",
      { width: "100%", height: "100%", viewBox: "0 0 100 100", preserveAspectRatio: "none", overflow },
      parts,
    )
  return [
    (band || points) &&
      valued(now) &&
      stretched("hidden", curve("band", bandOf(placesOf(steps, band, points, metric), now[1], to))),
    rule("at", to.x(now[0]), 0, to.x(now[0]), 100),
    valued(now) && rule("at", 0, to.y(now[1]), 100, to.y(now[1])),
    isNumber(teacher) && rule("teacher", 0, to.y(teacher), 100, to.y(teacher)),
    stretched(
      "visible",
      curve(points ? "exact behind" : "exact", stepsOf(steps, metric, to)),
      points && curve("refit", lineOf(points, metric, to)),
    ),
    ...(points
      ? points.influence.map((at, index) => mark("solved", [at, points[metric][index]], to, 1.8))
      : []),
    pending && rule("bound", to.x(pending[0]), 0, to.x(pending[0]), 100),
    valued(now) &&
      valued(preview) &&
      rule("ghost", to.x(now[0]), to.y(now[1]), to.x(preview[0]), to.y(preview[1])),
    mark("bound", pending, to, 4),
    mark("ghost", preview, to, 4),
    mark("now", now, to, 3.5),
  ].filter(Boolean)
}

function crosshair(caption, value, at) {
  const to = scales(caption)
  const lines = [rule("read", to.x(at), 0, to.x(at), 100)]
  return isNumber(value)
    ? [...lines, rule("read", 0, to.y(value), 100, to.y(value)), mark("read", [at, value], to, 3)]
    : lines
}

/** Steps as a path; undefined pieces are gaps. */
function stepsOf({ edges, ...values }, metric, to) {
  let open = false
  return values[metric]
    .map((value, index) => {
      if (!isNumber(value)) {
        open = false
        return ""
      }
      const [from, until, y] = [to.x(edges[index]), to.x(edges[index + 1]), to.y(value)].map((number) =>
        number.toFixed(2),
      )
      const start = open ? `V${y}` : `M${from} ${y}`
      open = true
      return `${start}H${until}`
    })
    .join("")
}

/** The band of the change from the value `now`, at `places` [x, low, high], as a path: an area for each run
    of places where it is defined. */
function bandOf(places, now, to) {
  const runs = [[]]
  for (const place of places) isNumber(place[1]) ? runs.at(-1).push(place) : runs.push([])
  const side = (run, limit) =>
    run.map((place) => `${to.x(place[0]).toFixed(2)} ${to.y(now + place[limit]).toFixed(2)}`)
  return runs
    .map((run) => (run.length ? `M${[...side(run, 2), ...side(run.toReversed(), 1)].join("L")}Z` : ""))
    .join("")
}

/** Places of the band of the exact curves, two for each piece, or of the points of the refit what-if. */
function placesOf({ edges }, band, points, metric) {
  if (!points) {
    return band.low.flatMap((low, piece) =>
      [edges[piece], edges[piece + 1]].map((edge) => [edge, low, band.high[piece]]),
    )
  }
  const { low, high } = points.bands[metric]
  return points.influence.map((at, index) => [at, low[index], high[index]])
}

function lineOf(points, metric, to) {
  const known = points.influence
    .map((at, index) => [at, points[metric][index]])
    .filter(([, value]) => isNumber(value))
  return known
    .map(([at, value], index) => `${index ? "L" : "M"}${to.x(at).toFixed(2)} ${to.y(value).toFixed(2)}`)
    .join("")
}

/** Hide numbers that would touch a more important number; `numbers` are sorted by importance. */
function thin(axis, numbers) {
  if (!axis.clientWidth) return
  const shown = []
  for (const number of numbers) {
    number.hidden = Boolean(number.missing)
    const { left, right } = number.getBoundingClientRect()
    number.hidden ||= shown.some((other) => left < other.right + 3 && right > other.left - 3)
    if (!number.hidden) shown.push({ left, right })
  }
}

function put(element, percent) {
  element.style.left = `${percent}%`
  element.style.translate = `${-Math.min(100, Math.max(0, percent))}% 0`
}
