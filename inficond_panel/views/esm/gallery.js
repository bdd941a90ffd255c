// Concept detail: captions around the four charts (Bokeh figures), filter chips, the gallery of
// images with the concept's segment outlined, and a dialog with one image and its prediction.

const FILTERS = [
  ["", "All", "All"],
  ["positive", "Positives", "Positives"],
  ["negative", "Negatives", "Negatives"],
  ["right", "Student right", "Right"],
  ["wrong", "Student wrong", "Wrong"],
]
const MODES = [
  ["exact", "Exact", "Others held (exact)"],
  ["refit", "Refit", "Refit: others re-optimised"],
]
const PAIR = { positive: "negative", negative: "positive", right: "wrong", wrong: "right" }
export function render({ model, el }) {
  const head = makeHead(model)
  const charts = Array.from({ length: 4 }, makeChart)
  const chips = makeChips()
  const list = h("div", { class: "gallery", role: "list", tabindex: -1 })
  const empty = h("div", { class: "empty" })
  const content = h("div", { class: "content" },
    h("div", { class: "charts" }, h("div", { class: "figure", inert: "" }, model.get_child("plot")),
      charts.map((chart) => chart.element)), chips.element, list)
  el.append(h("section", { class: "panel detail", "aria-label": "Concept detail" }, head.element, content, empty))
  const pictures = makePictures(model, list)
  const apart = makeApart(model)
  const dialog = makeDialog(el, pictures, factsOf, apart)
  const chosen = new Set()
  let passing = []

  const clear = () => { chosen.clear(); drawRows() }
  chips.onpick = (id) => {
    if (!id) chosen.clear()
    else if (chosen.has(id)) chosen.delete(id)
    else { chosen.delete(PAIR[id]); chosen.add(id) }
    drawRows()
  }
  function drawRows() {
    passing = model.rows.filter((row) => [...chosen].every((id) => row[id]))
    chips.show(model.rows, chosen)
    drawGallery(list, passing, pictures, (at) => dialog.open(passing, at, model))
    drawEmpty(empty, model, passing, chosen, clear)
    list.hidden = !passing.length
  }
  followTheme(model, el)
  model.on("apart", apart.draw)
  watch(model, ["student", "concept", "influence", "pending", "mode", "refit"], () => {
    head.show(model)
    content.hidden = !(model.student && model.concept)
  })
  watch(model, ["captions"], () => model.captions.forEach((caption, at) => charts[at].show(caption)))
  let concept = "", student = ""
  watch(model, ["rows", "student", "concept"], () => {
    if (model.concept !== concept) pictures.forget()
    if (model.concept !== concept || model.student !== student) list.scrollTop = 0
    concept = model.concept
    student = model.student
    drawRows()
  })
}

// --- heading and charts ----------------------------------------------------------------------------

function sample(name) {
  return h("span", { class: "sample" },
    s("svg", { width: 20, height: 10, "aria-hidden": "true" }, s("line", { x1: 0, x2: 20, y1: 5, y2: 5, class: name })), name)
}

function makeHead(model) {
  const concept = h("span", { class: "subtitle" })
  const influence = h("span", { class: "muted num influence" })
  const pending = sample("pending")
  const how = segments("What-if", MODES.map(([id, name]) => [id, name]), (id) => { model.mode = id })
  how.classList.add("how")
  MODES.forEach(([, , meaning], at) => { setAll(how.children[at], { title: meaning, "aria-label": meaning }) })
  const solving = h("span", { class: "solving num", role: "status" })
  const steer = h("button", { class: "link small", type: "button", onclick: () => model.send_msg({ refit: model.refit.state === "solving" ? "stop" : "go" }) })
  const element = h("header", { class: "panel-head" }, h("h2", {}, "Concept detail"), concept, influence,
    h("span", { class: "grow" }), solving, steer, sample("teacher"), pending, how)
  const show = (model) => {
    const open = model.student && model.concept
    text(concept, model.concept)
    set(concept, "title", model.concept || null)
    const waits = model.pending.text ? `, pending ${model.pending.text}` : ""
    text(influence, open ? `influence ${model.influence}${waits}` : "")
    set(element, "data-direction", model.pending.direction)
    element.querySelectorAll(".sample, .how").forEach((part) => { part.hidden = !open })
    how.show(model.mode)
    const { state, share } = model.refit
    text(solving, { solving: `${Math.round(100 * share)} %`, waiting: "waiting", stopped: `stopped at ${Math.round(100 * share)} %` }[state] ?? "")
    text(steer, state === "solving" ? "Stop" : "Go on")
    solving.hidden = !open || !state || state === "done"
    steer.hidden = solving.hidden || state === "waiting"
    if (!model.pending.text) pending.hidden = true
  }
  return { element, show }
}

function makeChart() {
  const [title, value, top, bottom, low, zero, now, high] = ["span", "b", "span", "span", "span", "span", "b", "span"].map((tag) => h(tag))
  const field = h("div", { class: "field", role: "img" })
  const axis = h("div", { class: "axis num", "aria-hidden": "true" }, low, zero, high, now)
  const element = h("div", { class: "chart" }, h("div", { class: "caption" }, title, value),
    h("div", { class: "scale num", "aria-hidden": "true" }, top, bottom), field, axis)
  value.className = "num"
  const show = (caption) => {
    text(title, caption.title)
    text(value, caption.value)
    text(top, caption.top)
    text(bottom, caption.bottom)
    text(low, caption.low)
    text(high, caption.high)
    text(now, caption.now)
    text(zero, "0")
    set(field, "aria-label", caption.alt)
    place(now, caption.share)
    place(zero, caption.zero ?? 0)
    zero.missing = caption.zero == null
    thin(axis, [now, low, high, zero])
  }
  new ResizeObserver(() => thin(axis, [now, low, high, zero])).observe(axis)
  return { element, show }
}

/** Hide numbers that would touch one that says more; `numbers` are in the order of their worth. */
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

function place(element, share) {
  element.style.left = `${100 * share}%`
  element.style.translate = `${-100 * Math.min(1, Math.max(0, share))}% 0`
}

// --- filter chips ----------------------------------------------------------------------------------

function makeChips() {
  const chips = FILTERS.map(([id, long, short]) => {
    const number = h("span", { class: "num" })
    const button = h("button", { class: "filter-chip", type: "button", "data-id": id, onclick: () => bar.onpick(id) },
      h("span", { class: "long" }, long), h("span", { class: "short", "aria-hidden": "true" }, short), " ", number)
    return { id, button, number, long }
  })
  const element = h("div", { class: "chips", role: "group", "aria-label": "Show images" }, chips.map((chip) => chip.button))
  const bar = { element, onpick: () => {}, show }
  /** Each count is what a click on the chip would give. */
  function show(rows, chosen) {
    for (const { id, button, number, long } of chips) {
      const with_ = id ? [...chosen].filter((other) => other !== PAIR[id]).concat(id) : []
      const n = rows.filter((row) => with_.every((key) => row[key])).length
      text(number, count(n))
      set(button, "aria-pressed", String(id ? chosen.has(id) : !chosen.size))
      set(button, "aria-label", `${long}, ${count(n)}`)
    }
  }
  return bar
}

function drawEmpty(empty, model, passing, chosen, clear) {
  const tell = (title, sentence, action) => {
    empty.replaceChildren(h("b", {}, title), h("p", {}, sentence), action ?? "")
    empty.hidden = false
  }
  if (!model.student) tell("Select a class", "Then open one of its concepts: four charts and its images appear here.")
  else if (!model.concept) tell("Open a concept", "Click its name in the list of influences, or its dot on the map.")
  else if (!model.rows.length) tell("No image shows this concept", "Its score is 0 on every image of this split.")
  else if (!passing.length) {
    const names = FILTERS.filter(([id]) => chosen.has(id)).map(([, name], at) => (at ? name.toLowerCase() : name))
    tell("No image passes the filters", `${names.join(" and ")}: 0 of ${count(model.rows.length)}.`,
      h("button", { class: "link", type: "button", onclick: clear }, "Clear filters"))
  } else empty.hidden = true
}

// --- gallery ---------------------------------------------------------------------------------------

function drawGallery(list, rows, pictures, open) {
  list.rows = rows
  if (!list.ready) prepare(list, pictures)
  list.open = open
  keyed(list, rows, (row) => row.row, () => makeTile(), (tile, row, at) => {
    const fresh = tile.row !== row
    tile.row = row
    tile.at = at
    if (!fresh) return
    tile.button.setAttribute("aria-label", describe(row))
    tile.swatch.className = `fill swatch ${row.fill}`
    tile.swatch.hidden = !row.fill
    paint(tile, pictures)
    pictures.observe(tile)
  })
  const focused = [...list.children].some((tile) => tile.button.tabIndex === 0)
  if (!focused && list.firstElementChild) list.firstElementChild.button.tabIndex = 0
}

function makeTile() {
  const frame = h("span", { class: "picture" })
  const swatch = h("i", { "aria-hidden": "true" })
  const button = h("button", { type: "button", tabindex: -1 }, frame, swatch)
  return Object.assign(h("div", { class: "tile", role: "listitem" }, button), { button, frame, swatch })
}

function paint(tile, pictures) {
  const picture = pictures.get(tile.row.row)
  if (tile.painted === picture) return
  tile.painted = picture
  drawPicture(tile.frame, picture, tile.row, "slice")
}

function describe(row) {
  return `Image ${row.image}, ${FILL_NAMES[row.fill]}, class ${row.label}, concept score ${row.score}`
}

function prepare(list, pictures) {
  list.ready = true
  pictures.onarrival(() => { for (const tile of list.children) paint(tile, pictures) })
  list.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile")
    if (tile) list.open(tile.at)
  })
  list.addEventListener("keydown", (event) => {
    const tile = event.target.closest(".tile")
    const columns = getComputedStyle(list).gridTemplateColumns.split(" ").length
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -Infinity, End: Infinity }[event.key]
    if (!tile || !step) return
    event.preventDefault()
    const next = list.children[Math.max(0, Math.min(list.children.length - 1, tile.at + step))]
    tile.button.tabIndex = -1
    next.button.tabIndex = 0
    next.button.focus()
  })
}
