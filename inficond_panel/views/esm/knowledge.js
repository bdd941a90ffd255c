// Student knowledge: the top bar of a pending batch, and one row a concept.
// Messages to Python: {type: toggle | remove | clear | fine_tune | cancel | open, concept, direction}.

const SORTS = [["weight", "Weight"], ["discrepancy_p", "Discrepancy (P)", "Disc. (P)"], ["discrepancy_n", "Discrepancy (N)", "Disc. (N)"]]
const DIRECTIONS = {
  up: { mark: "▲", verb: "Uptune", key: "u" },
  down: { mark: "▼", verb: "Downtune", key: "d" },
  remove: { mark: "✕", verb: "Remove", key: "x" },
}
const NO_INTENTS = "No intents. Thumb a concept up or down."

export function render({ model, el }) {
  const send = (type, detail = {}) => model.send_msg({ type, ...detail })
  const head = makeHead(model)
  const bar = makeBar(model, send)
  const table = makeTable(model, send)
  const empty = h("div", { class: "empty" }, h("b", {}, "Select a class"),
    h("span", { class: "muted" }, "Its most influential concepts appear here. ",
      h("kbd", {}, "↑"), " ", h("kbd", {}, "↓"), " move, ", h("kbd", {}, "Enter"), " selects."))
  const root = h("section", { class: "panel knowledge", "aria-label": "Student knowledge" },
    head.element, bar.element, table.columns, table.scroll, empty, table.legend)
  el.append(root)
  table.hoverable(hoverCard(el))
  followTheme(model, root)

  watch(model, ["student", "rows", "top", "sort", "concept", "pending", "status", "effects", "axis", "metric"], () => {
    const shown = Boolean(model.student)
    empty.hidden = shown
    for (const part of [bar.element, table.columns, table.scroll, table.legend]) part.hidden = !shown
    head.draw()
    if (shown) table.draw()
  })
  watch(model, ["student", "rows", "pending", "status", "summary", "factor", "twin"], () => model.student && bar.draw())
}

// --- head --------------------------------------------------------------------------------------

function makeHead(model) {
  const name = h("span", { class: "subtitle" })
  const top = select("Concepts listed", model.tops.map((n) => [n, `Top ${n}`]), model.top, (n) => { model.top = Number(n) })
  const names = SORTS.map(([id, wide, narrow]) => [id, ...(narrow ? [h("span", { class: "wide" }, wide), h("span", { class: "narrow" }, narrow)] : [wide])])
  const sort = segments("Sort concepts by", names, (id) => { model.sort = id })
  const element = h("div", { class: "panel-head" }, h("h2", {}, "Student knowledge"), name, h("span", { class: "grow" }), top, sort)
  const draw = () => {
    text(name, model.student)
    top.hidden = sort.hidden = !model.student
    top.querySelector("select").value = String(model.top)
    sort.show(model.sort)
  }
  return { element, draw }
}

// --- top bar -----------------------------------------------------------------------------------

function makeBar(model, send) {
  const ap = h("b", { class: "num" })
  const teacher = h("span", { class: "teacher num" })
  const since = changeRow("Since start")
  const preview = changeRow("Preview", "preview")
  const axis = s("svg", { class: "whisker axis", height: 13, "aria-hidden": "true" })
  const changes = h("div", { class: "changes" }, since.cells, preview.cells, h("span", { class: "under" }), axis)
  const button = makeButton(model, send)
  const blocks = h("div", { class: "blocks", role: "group", "aria-label": "Pending intents by rank" })
  const line = makeLine(model, send)
  const element = h("div", { class: "bar" },
    h("div", { class: "now" }, h("div", { class: "ap" }, h("span", { class: "label" }, "AP now"), ap, teacher), changes, button.element),
    blocks, line.element)
  new ResizeObserver(() => model.student && draw()).observe(axis)
  const draw = () => {
    const { summary } = model
    text(ap, fixed(summary.ap, 3))
    text(teacher, `teacher ${fixed(summary.teacher_ap, 3)}`)
    set(ap, "title", summary.reason || null)
    const scale = changeScale([summary.since, summary.preview], axis.clientWidth)
    since.draw(summary.since, scale, summary.no_change)
    preview.draw(summary.preview, scale, "")
    drawAxis(axis, scale)
    drawBlocks(blocks, model, send)
    button.draw()
    line.draw()
  }
  return { element, draw }
}

/** One change: value, interval, whisker, and a badge where 0 lies in the interval. */
function changeRow(name, kind = "") {
  const value = h("span", { class: "change num" })
  const range = h("span", { class: "range-text num" })
  const whisker = s("svg", { class: "whisker", height: 14, "aria-hidden": "true" })
  const badge = h("span", { class: "noise" }, h("span", { class: "badge" }, "within noise"))
  const draw = (change, scale, none) => {
    const known = change && isNumber(change.estimate)
    text(value, known ? `${points(change.estimate)} pp` : "–")
    text(range, known ? interval(change.low, change.high) : none)
    badge.firstChild.hidden = !(known && withinNoise(change))
    whisker.replaceChildren(...(known ? whiskerOf(change, scale, kind) : []))
  }
  return { cells: [h("span", { class: "what" }, name), value, range, whisker, badge], draw }
}

const withinNoise = ({ low, high }) => isNumber(low) && low <= 0 && high >= 0

function whiskerOf(change, scale, kind) {
  const at = (value) => `${scale.place(value).toFixed(2)}%`
  const dot = withinNoise(change) ? "dot hollow" : "dot"
  return [
    s("line", { class: "zero", x1: at(0), x2: at(0), y1: 0, y2: 14 }),
    isNumber(change.low) && s("line", { class: `range ${kind}`, x1: at(change.low), x2: at(change.high), y1: 7, y2: 7 }),
    s("circle", { class: dot, cx: at(change.estimate), cy: 7, r: 3.5 }),
  ].filter(Boolean)
}

/** The axis that both changes share: 0 is on it, ticks are round numbers of points, with room for their labels. */
function changeScale(changes, pixels) {
  const values = changes.filter(Boolean).flatMap(({ estimate, low, high }) => [estimate, low, high]).filter(isNumber)
  if (!values.length) return { place: () => 50, ticks: [] }
  const low = Math.min(0, ...values) * 100
  const high = Math.max(0, ...values) * 100
  const pad = Math.max(0.1, high - low) * 0.1
  const [from, width] = [low - pad, high - low + 2 * pad]
  const step = [0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50].find((size) => width / size <= Math.min(3.6, pixels / 40)) ?? 100
  const first = Math.ceil(from / step)
  const ticks = Array.from({ length: Math.floor((from + width) / step) - first + 1 }, (_, index) => (first + index) * step)
  return { place: (value) => (100 * (100 * value - from)) / width, ticks }
}

function drawAxis(svg, { place, ticks }) {
  const digits = ticks.some((tick) => Math.abs(tick - Math.round(tick)) > 1e-9) ? 1 : 0
  const label = (tick, index) => `${Math.abs(tick) < 1e-9 ? "0" : signed(tick, digits)}${index === ticks.length - 1 ? " pp" : ""}`
  svg.replaceChildren(...ticks.map((tick, index) =>
    s("text", { x: `${place(tick / 100).toFixed(2)}%`, y: 10, "text-anchor": "middle" }, label(tick, index))))
}

function makeButton(model, send) {
  const progress = h("i", { class: "progress" })
  const label = h("span")
  const number = h("span", { class: "count" })
  const press = () => {
    if (model.status.kind === "fitting") send("cancel")
    else if (model.pending.length) send("fine_tune")
  }
  const main = h("button", { class: "btn primary", type: "button", "aria-describedby": "batch-status", onclick: press }, progress, label, number)
  const clear = h("button", { class: "btn plain", type: "button", onclick: () => send("clear") }, "Clear")
  const draw = () => {
    const { kind, progress: part } = model.status
    const fitting = kind === "fitting"
    const size = model.pending.length
    text(label, fitting ? `Cancel · ${Math.round(100 * part)} %` : kind === "error" && size ? "Retry" : "Fine-tune")
    text(number, size)
    number.hidden = fitting || size === 0
    progress.style.width = fitting ? `${100 * part}%` : "0"
    main.classList.toggle("cancel", fitting)
    set(main, "aria-disabled", !fitting && size === 0 ? "true" : null)
    clear.disabled = fitting || size === 0
  }
  return { element: h("div", { class: "submit" }, main, clear), draw }
}

/** A block a listed concept, in rank order, then the intents on concepts that are not listed. */
function drawBlocks(blocks, model, send) {
  const intents = new Map(ownPending(model).map((intent) => [intent.concept, intent]))
  const listed = model.rows.map(({ concept, rank }) => ({ concept, rank, intent: intents.get(concept) }))
  const names = new Set(model.rows.map(({ concept }) => concept))
  const others = [...intents.values()].filter(({ concept }) => !names.has(concept)).map((intent) => ({ concept: intent.concept, rank: "", intent }))
  blocks.style.setProperty("--n", listed.length || 1)
  blocks.classList.toggle("dense", listed.length > 20)
  const click = (concept) => () => {
    const intent = ownPending(model).find((one) => one.concept === concept)
    if (intent) send("remove", { concept })
    else focusConcept(blocks, concept)
  }
  keyed(blocks, [...listed, ...others], ({ concept }) => concept,
    ({ concept }) => h("button", { type: "button", onclick: click(concept) }, h("b"), h("span")),
    (block, { concept, rank, intent }) => {
      set(block, "class", `block ${intent?.direction ?? ""} ${rank === "" ? "other" : ""}`)
      set(block, "tabindex", intent ? 0 : -1)
      set(block, "title", intent ? `${concept}: take it out` : concept)
      set(block, "aria-label", intent ? `Take out: ${DIRECTIONS[intent.direction].verb.toLowerCase()} ${concept}` : `${rank}, ${concept}`)
      text(block.firstChild, rank === "" ? concept : rank)
      text(block.lastChild, intent ? DIRECTIONS[intent.direction].mark : "")
    })
}

const ownPending = (model) => model.pending.filter((intent) => intent.student === model.student)

function focusConcept(blocks, concept) {
  const row = [...blocks.closest(".knowledge").querySelectorAll(".rows > .row")].find(({ dataset }) => dataset.key === concept)
  row?.scrollIntoView({ block: "nearest" })
  row?.focus()
}

/** The line below the blocks: what is pending, the factor, how the fit goes, the twin. */
function makeLine(model, send) {
  const counts = h("span", { class: "counts" })
  const factor = select("Factor", model.factors.map((x) => [x, `×${x}`]), model.factor, (x) => { model.factor = Number(x) }, "Factor")
  factor.classList.add("compact")
  const status = h("span", { class: "status", role: "status", id: "batch-status" })
  const noise = h("span", { class: "badge" }, "preview within noise")
  const twin = h("span", { class: "twin" })
  const element = h("div", { class: "line" }, counts, factor, noise, status, h("span", { class: "grow" }), twin)
  const draw = () => {
    counts.replaceChildren(...countsOf(model))
    set(counts, "title", "Intents of this batch, in all classes")
    counts.hidden = model.pending.length === 0
    noise.hidden = model.status.kind !== "idle" || !(model.summary.preview && withinNoise(model.summary.preview))
    factor.querySelector("select").value = String(model.factor)
    drawOnce(status, JSON.stringify([model.status, model.summary.flips, model.pending.length]), () => statusOf(model))
    twin.replaceChildren(...twinOf(model, send))
  }
  return { element, draw }
}

/** Replace the content only when `key` changed: a live region must not speak again for nothing. */
function drawOnce(element, key, content) {
  if (element.dataset.drawn === key) return
  element.dataset.drawn = key
  element.replaceChildren(...content())
}

function countsOf(model) {
  const parts = Object.keys(DIRECTIONS)
    .map((direction) => [direction, model.pending.filter((intent) => intent.direction === direction).length])
    .filter(([, n]) => n > 0)
    .flatMap(([direction, n], index) => [index ? ", " : "", h("b", { class: "num" }, String(n)), ` ${direction}`])
  const elsewhere = model.pending.length - ownPending(model).length
  return elsewhere ? [...parts, `, ${elsewhere} elsewhere`] : parts
}

function statusOf(model) {
  const { kind, text: words, remedy } = model.status
  const { flips } = model.summary
  if (kind === "error") return [icon("cross"), h("span", { class: "trouble" }, [words, remedy].filter(Boolean).join(" "))]
  if (kind === "fitting") return [h("span", { class: "num" }, words)]
  if (kind === "previewing") return [h("span", { class: "spin" }), words || "Previewing…"]
  if (model.pending.length === 0) return kind === "done" ? doneOf(model.status) : [NO_INTENTS]
  if (!isNumber(flips)) return []
  return [h("span", {}, h("span", { class: "num" }, count(flips)), ` ${flips === 1 ? "image changes" : "images change"} sides`)]
}

function doneOf({ text: words, change }) {
  if (!change || !isNumber(change.estimate)) return [words]
  return [h("span", { class: "num" }, `${words}: AP `, h("b", {}, `${points(change.estimate)} pp`), ` ${interval(change.low, change.high)}`),
    withinNoise(change) && h("span", { class: "badge" }, "within noise")].filter(Boolean)
}

function twinOf({ twin }, send) {
  if (!twin) return []
  const add = () => send("toggle", { concept: twin.concept, direction: twin.direction })
  const title = `${DIRECTIONS[twin.direction].verb} ${twin.concept} too`
  return [`Twin of ${twin.of}: `, h("button", { class: "link", type: "button", title, onclick: add }, twin.concept), h("span", { class: "num" }, ` r ${fixed(twin.r, 2)}`)]
}

// --- rows --------------------------------------------------------------------------------------

function makeTable(model, send) {
  const rows = h("div", { class: "rows", role: "list", "aria-label": "Concepts" })
  const metric = h("span", { class: "metric num" })
  const columns = h("div", { class: "row columns", "aria-hidden": model.metrics.length > 1 ? null : "true" },
    h("span", {}, "#"), h("span", {}, "Concept, influence"),
    h("span", { class: "both" }, h("span", { class: "wide" }, "Exact what-if"), metric), h("span", {}, "Most similar patches"), h("span"))
  const full = h("span", { class: "full num" })
  const draw = () => {
    drawMetric(metric, model)
    const context = rowContext(model)
    keyed(rows, model.rows, (row) => row.concept, (row) => makeRow(row, send), (element, row) => fillRow(element, row, model, context))
    const focusable = rows.querySelector(".row:focus-within") ?? rows.firstElementChild
    for (const row of rows.children) set(row, "tabindex", row === focusable ? 0 : -1)
    text(full, context.similarity ? `, full bar ${context.similarity.toFixed(2)}` : "")
  }
  rows.addEventListener("keydown", (event) => rowKey(event, rows, send))
  const scroll = h("div", { class: "scroll" }, rows)
  return { columns, scroll, legend: legend(full), draw, hoverable: (card) => effectHover(rows, model, card) }
}

function drawMetric(metric, model) {
  const label = (name) => `${name} ±${model.axis} pp`
  drawOnce(metric, `${model.metric} ${model.axis}`, () => {
    if (model.metrics.length < 2) return [label(model.metric)]
    return [select("Metric of the what-if", model.metrics.map((name) => [name, label(name)]), model.metric, (name) => { model.metric = name })]
  })
}

/** What all rows share: the scale of the influence bars and of the similarity bars. */
function rowContext(model) {
  const shares = model.rows.map(({ share }) => share)
  const left = Math.max(0.52, -Math.min(0, ...shares))
  const right = Math.max(0.52, ...shares)
  const unit = 90 / (left + right)
  const similarity = Math.max(0, ...model.rows.flatMap(({ patches }) => patches.map((patch) => patch.similarity)))
  const intents = new Map(ownPending(model).map((intent) => [intent.concept, intent]))
  const place = (share) => Math.max(0, Math.min(100, 1 + (left + share) * unit))
  return { place, similarity, intents, frozen: model.status.kind === "fitting" }
}

function makeRow({ concept }, send) {
  const open = () => send("open", { concept })
  const toggle = (direction) => h("button", {
    class: `thumb ${direction}`, type: "button", "data-direction": direction, "aria-pressed": "false",
    "aria-label": `${DIRECTIONS[direction].verb} ${concept}`, title: `${DIRECTIONS[direction].verb} (${DIRECTIONS[direction].key})`,
    onclick: () => send("toggle", { concept, direction }),
  }, icon(direction === "remove" ? "cross" : "thumb"))
  return h("div", { class: "row", role: "listitem", "aria-keyshortcuts": "u d x" },
    h("span", { class: "rank num" }),
    h("div", { class: "concept" },
      h("div", { class: "title" }, h("button", { class: "open clip", type: "button", title: concept, onclick: open }, concept), h("span", { class: "influence num" })),
      s("svg", { class: "strength", height: 12, role: "img" }), h("span", { class: "note" })),
    s("svg", { class: "effect", role: "img" }),
    h("div", { class: "patches" }),
    h("div", { class: "thumbs", role: "group", "aria-label": `Tune ${concept}` }, Object.keys(DIRECTIONS).map(toggle)))
}

function fillRow(element, row, model, context) {
  const [rank, concept, effect, patches, thumbs] = element.children
  const [title, strength, note] = concept.children
  const intent = context.intents.get(row.concept)
  text(rank, row.rank)
  text(title.lastChild, signed(row.influence, 2))
  set(element, "aria-label", `${row.rank}, ${row.concept}, influence ${signed(row.influence, 2)}`)
  element.classList.toggle("current", row.concept === model.concept)
  set(title.firstChild, "aria-current", row.concept === model.concept ? "true" : null)
  drawOnce(strength, JSON.stringify([row.share, intent?.share, intent?.direction, context.place(0)]), () => strengthOf(row, intent, context))
  set(strength, "aria-label", `influence ${signed(row.influence, 2)}`)
  drawOnce(note, JSON.stringify([intent, row.held, row.discrepancy, row.undefined, model.sort]), () => noteOf(row, intent, model.sort))
  set(note, "class", `note ${intent?.direction ?? ""}`)
  drawEffect(effect, row, intent, model)
  fillPatches(patches, row, context)
  for (const button of thumbs.children) {
    set(button, "aria-pressed", String(intent?.direction === button.dataset.direction))
    button.disabled = context.frozen
  }
}

/** The bar from the zero line; what the pending bound adds or takes away is dashed. */
function strengthOf({ share }, intent, { place }) {
  const bound = intent && isNumber(intent.share) ? intent.share : share
  const solid = share > 0 ? Math.min(share, Math.max(0, bound)) : Math.max(share, Math.min(0, bound))
  const bar = (from, to, name) => {
    const [left, right] = [place(Math.min(from, to)), place(Math.max(from, to))]
    return right > left && s("rect", { class: name, x: `${left.toFixed(2)}%`, width: `${(right - left).toFixed(2)}%`, y: 2, height: 8 })
  }
  const zero = `${place(0).toFixed(2)}%`
  return [
    s("rect", { class: "rest", width: "100%", y: 2, height: 8, rx: 2 }),
    bar(0, solid, share < 0 ? "negative" : "positive"), bar(share, bound, `ghost ${intent?.direction ?? ""}`),
    s("line", { class: "zero", x1: zero, x2: zero, y1: 0, y2: 12 }),
  ].filter(Boolean)
}

function noteOf(row, intent, sort) {
  const parts = []
  if (intent) parts.push(h("span", {}, `${DIRECTIONS[intent.direction].mark} ${intent.bound} pending`))
  else if (row.held) parts.push(icon("lock", 11), h("span", {}, row.held))
  if (sort === "weight") return parts
  const side = sort === "discrepancy_p" ? "P" : "N"
  if (isNumber(row.discrepancy)) parts.push(h("span", { class: "discrepancy num" }, `${side} ${signed(row.discrepancy, 3)}`))
  else parts.push(h("span", { class: "discrepancy", title: row.undefined }, parts.length ? `${side} –` : row.undefined))
  return parts
}

function fillPatches(patches, row, { similarity }) {
  keyed(patches, row.patches, (patch) => patch.segment,
    (patch) => h("span", { class: "patch" }, h("img", { src: patch.url, alt: "", loading: "lazy", decoding: "async", draggable: "false" }), h("i", {}, h("b"))),
    (element, patch, index) => {
      set(element.firstChild, "alt", `${row.concept}, patch ${index + 1}, similarity ${patch.similarity.toFixed(2)}`)
      set(element, "title", `similarity ${patch.similarity.toFixed(2)}`)
      element.lastChild.firstChild.style.width = `${similarity > 0 ? (100 * Math.max(0, patch.similarity)) / similarity : 0}%`
    })
}

// --- effect chart --------------------------------------------------------------------------------

function drawEffect(svg, row, intent, model) {
  const effect = model.effects[row.concept]
  set(svg, "aria-label", effectWords(effect, row.influence, model))
  set(svg, "aria-busy", effect ? null : "true")
  const key = effect && JSON.stringify([effect.x, effect.change, model.axis, intent?.direction, intent?.value])
  drawOnce(svg, key ?? "waiting", () => (effect ? effectOf(effect, row.influence, intent, model.axis) : []))
}

function effectWords(effect, influence, { metric, axis }) {
  if (!effect) return `${metric} against influence: being computed`
  if (!effect.x.length) return `${metric} against influence: undefined`
  const best = effect.change.reduce((top, value, index) => (value > effect.change[top] ? index : top), 0)
  return `${metric} against influence, others held, axis ±${axis} points; now ${signed(influence, 2)}, best ${points(effect.change[best])} points at ${signed(effect.x[best], 2)}`
}

function effectOf({ x, change, low, high }, influence, intent, axis) {
  if (!x.length) return [s("text", { x: "50%", y: "55%", "text-anchor": "middle", class: "none" }, "undefined")]
  const right = (value) => (100 * (value - x[0])) / (x[x.length - 1] - x[0])
  const down = (value) => 50 - (5000 * value) / axis
  const within = (value) => Math.max(2, Math.min(98, value))
  const path = (values) => values.map((value, index) => `${right(x[index]).toFixed(2)},${down(value).toFixed(2)}`)
  const curve = s("svg", { width: "100%", height: "100%", viewBox: "0 0 100 100", preserveAspectRatio: "none", overflow: "hidden" },
    low.length && s("polygon", { class: "band", points: [...path(low), ...path(high).reverse()].join(" ") }),
    s("polyline", { class: "curve", points: path(change).join(" ") }))
  const percentage = (value) => `${value.toFixed(2)}%`
  const zero = right(0)
  const now = percentage(within(right(influence)))
  const dot = (value, name) => s("circle", { class: name, cx: percentage(within(right(value))), cy: percentage(within(down(valueAt(x, change, value)))), r: 3.5 })
  return [
    s("line", { class: "base", x1: 0, x2: "100%", y1: "50%", y2: "50%" }),
    zero >= 0 && zero <= 100 && s("line", { class: "tick", x1: percentage(zero), x2: percentage(zero), y1: "90%", y2: "100%" }),
    curve, s("line", { class: "at", x1: now, x2: now, y1: 0, y2: "100%" }), dot(influence, "dot"),
    intent && isNumber(intent.value) && dot(intent.value, `dot pending ${intent.direction}`),
  ].filter(Boolean)
}

/** Linear interpolation; constant beyond the ends. */
function valueAt(x, y, at) {
  const after = x.findIndex((value) => value >= at)
  if (after < 0) return y[y.length - 1]
  if (after === 0) return y[0]
  const part = (at - x[after - 1]) / (x[after] - x[after - 1] || 1)
  return y[after - 1] + part * (y[after] - y[after - 1])
}

function effectHover(rows, model, card) {
  rows.addEventListener("pointermove", (event) => {
    const svg = event.target.closest?.(".effect")
    const row = svg && model.rows.find(({ concept }) => concept === svg.closest(".row").dataset.key)
    const effect = row && model.effects[row.concept]
    if (!effect?.x.length) return card.hide()
    const box = svg.getBoundingClientRect()
    const { x, change, low, high } = effect
    const at = x[0] + ((event.clientX - box.left) / box.width) * (x[x.length - 1] - x[0])
    const band = low.length ? interval(valueAt(x, low, at), valueAt(x, high, at)) : "–"
    card.show(svg, [h("b", {}, row.concept), details([["Influence", `${signed(row.influence, 2)} → ${signed(at, 2)}`],
      [`${model.metric}, others held`, `${points(valueAt(x, change, at))} pp`], ["95 % interval", band]])])
  })
  rows.addEventListener("pointerleave", card.hide)
}

// --- keyboard, legend --------------------------------------------------------------------

function rowKey(event, rows, send) {
  const row = event.target.closest(".row")
  if (!row || event.ctrlKey || event.metaKey || event.altKey) return
  const direction = Object.keys(DIRECTIONS).find((name) => DIRECTIONS[name].key === event.key.toLowerCase())
  const all = [...rows.children]
  const to = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (direction) row.querySelector(`.thumb.${direction}`).click()
  else if (to) focusAmong(all, all.indexOf(row) + to)
  else if (event.key === "Enter" && event.target === row) send("open", { concept: row.dataset.key })
  else return
  event.preventDefault()
}

function focusAmong(rows, index) {
  const next = rows[Math.max(0, Math.min(rows.length - 1, index))]
  rows.forEach((row) => set(row, "tabindex", row === next ? 0 : -1))
  next.focus()
}

function legend(full) {
  const circle = (name) => s("svg", { class: "mark", width: 12, height: 12, "aria-hidden": "true" }, s("circle", { class: name, cx: 6, cy: 6, r: 3.5 }))
  return h("div", { class: "legend" },
    h("span", {}, h("i", { class: "swatch-influence" }), h("span", { class: "wide" }, "influence relative to the strongest; left of zero is negative"), h("span", { class: "narrow" }, "influence")),
    h("span", {}, circle("dot"), "now"), h("span", {}, circle("dot pending"), "pending"),
    h("span", {}, h("i", { class: "swatch-band" }), "95 % interval"),
    h("span", {}, h("i", { class: "swatch-similarity" }), h("span", {}, "similarity", full)))
}
