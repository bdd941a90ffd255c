// Concept detail: heading, the charts, filter chips, the gallery of images with the concept's
// segment outlined, and a dialog with one image and its prediction.

import { count, followTheme, h, icon, s, segments, set, setAll, text, watch } from "../../ui/base.js"
import { FILL_NAMES, makeDialog } from "../../ui/image_dialog.js"
import { makePictures } from "../../ui/pictures.js"
import { saveFiles } from "../../ui/save_file.js"
import { makeApart } from "./apart.js"
import { makeCharts } from "./charts.js"
import { makeGallery } from "./gallery.js"
import { makeHeat } from "./heat.js"

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
  const charts = makeCharts(model, el)
  const legend = makeLegend()
  const chips = makeChips(() => model.send_msg({ action: "save_images", filters: [...chosen] }))
  const pictures = makePictures(model)
  const apart = makeApart(model)
  const heat = makeHeat(model, () => dialog.refresh())
  const dialog = makeDialog(el, pictures, factsOf, { ...apart, element: h("div", {}, heat.element, apart.element), over: heat.over })
  const gallery = makeGallery(pictures, (at) => dialog.open(passing, at, model))
  const empty = h("div", { class: "empty" })
  const content = h("div", { class: "content" }, charts.element, legend.element, chips.element, gallery.element)
  el.append(h("section", { class: "panel detail", "aria-label": "Concept detail" }, head.element, content, empty))
  const chosen = new Set()
  let rows = [], passing = []

  const clear = () => { model.filters = [] }
  chips.onpick = (id) => {
    const others = model.filters.filter((one) => one !== id && one !== PAIR[id])
    model.filters = !id ? [] : chosen.has(id) ? others : [...others, id]
  }
  function drawRows() {
    passing = rows.filter((row) => [...chosen].every((id) => row[id]))
    chips.show(rows, chosen)
    drawEmpty(empty, model, rows, passing, chosen, clear)
    gallery.element.hidden = !passing.length
    gallery.show(passing)
  }
  watch(model, ["filters"], () => {
    chosen.clear()
    model.filters.forEach((id) => chosen.add(id))
    gallery.home()
    drawRows()
  })
  followTheme(model, el)
  saveFiles(model)
  model.on("apart", () => { apart.draw(); dialog.refresh() })
  watch(model, ["student", "concept", "influence", "pending", "mode", "refit", "captions"], () => {
    content.hidden = !(model.student && model.concept)
    head.show(model)
  })
  watch(model, ["captions", "steps", "bands", "refit", "concept", "student"], charts.show)
  watch(model, ["captions", "bands", "pending", "mode"], () => legend.show(model))
  let concept = "", student = ""
  watch(model, ["gallery", "student", "concept"], () => {
    if (model.concept !== concept) pictures.forget()
    if (model.concept !== concept || model.student !== student) { gallery.home(); charts.leave() }
    concept = model.concept
    student = model.student
    rows = rowsOf(model.gallery)
    drawRows()
  })
}

function rowsOf({ rows = [], labels, fills, names }) {
  return rows.map((row, at) => {
    const fill = names[fills[at]]
    return { row, fill, label: labels[at], positive: labels[at] === 1, negative: labels[at] === 0,
      right: /both-right|teacher-wrong/.test(fill), wrong: /student-wrong|both-wrong/.test(fill) }
  })
}

/** Facts on the image in the dialog; those that the server tells are there a moment later. */
function factsOf(row, model) {
  const facts = model.apart.row === row.row ? model.apart.facts : []
  const verdict = h("span", { class: "verdict" }, row.fill ? h("i", { class: `fill swatch ${row.fill}`, "aria-hidden": "true" }) : "", FILL_NAMES[row.fill])
  return [["Decisions", verdict], ...facts].flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])
}

// --- heading ----------------------------------------------------------------------------

function makeHead(model) {
  const concept = h("span", { class: "subtitle" })
  const influence = h("span", { class: "muted num influence" })
  const how = segments("What-if", MODES.map(([id, name]) => [id, name]), (id) => { model.mode = id })
  how.classList.add("how")
  MODES.forEach(([, , meaning], at) => { setAll(how.children[at], { title: meaning, "aria-label": meaning }) })
  const solving = h("span", { class: "solving num", role: "status" })
  const steer = h("button", { class: "link small", type: "button", onclick: () => model.send_msg({ action: model.refit.state === "solving" ? "stop_refits" : "resume_refits" }) })
  const element = h("header", { class: "panel-head" }, h("h2", {}, "Concept detail"),
    h("div", { class: "what" }, concept, influence), solving, steer, how)
  const show = (model) => {
    const open = model.student && model.concept
    text(concept, model.concept)
    set(concept, "title", model.concept || null)
    text(influence, open ? `influence ${model.influence}` : "")
    set(element.parentElement, "data-direction", model.pending.direction)
    how.hidden = !open
    how.show(model.mode)
    const { state, share } = model.refit
    text(solving, { solving: `${Math.round(100 * share)} %`, waiting: "waiting", stopped: `stopped at ${Math.round(100 * share)} %` }[state] ?? "")
    text(steer, state === "solving" ? "Stop" : "Go on")
    solving.hidden = !open || !state || state === "done"
    steer.hidden = solving.hidden || state === "waiting"
  }
  return { element, show }
}

// --- legend -----------------------------------------------------------------------------

/** What the charts show, below them: as much as is drawn. */
function makeLegend() {
  const key = (name) => {
    const label = h("span")
    const shape = name === "interval" ? s("rect", { y: 1, width: 20, height: 8 }) : s("line", { x1: 0, x2: 20, y1: 5, y2: 5 })
    set(shape, "class", name)
    return Object.assign(h("span", { class: "sample" }, s("svg", { width: 20, height: 10, "aria-hidden": "true" }, shape), label), { label })
  }
  const names = ["teacher", "interval", "refit", "exact", "pending", "preview"]
  const keys = Object.fromEntries(names.map((name) => [name, key(name)]))
  const element = h("div", { class: "samples" }, Object.values(keys))
  const show = ({ mode, bands, pending, captions }) => {
    const told = {
      teacher: "teacher", interval: (mode === "refit" || Object.keys(bands).length) && "95 % interval", refit: mode === "refit" && "refit",
      exact: "exact", pending: pending.text && `pending ${pending.text}`, preview: captions.some((caption) => caption.preview) && "preview",
    }
    for (const [name, words] of Object.entries(told)) {
      keys[name].hidden = !words
      text(keys[name].label, words || "")
    }
    set(keys.exact.querySelector("line"), "class", mode === "refit" ? "exact behind" : "exact")
  }
  return { element, show }
}

// --- filter chips ----------------------------------------------------------------------------------

function makeChips(save) {
  const chips = FILTERS.map(([id, long, short]) => {
    const number = h("span", { class: "num" })
    const button = h("button", { class: "filter-chip", type: "button", "data-id": id, onclick: () => bar.onpick(id) },
      h("span", { class: "long" }, long), h("span", { class: "short", "aria-hidden": "true" }, short), " ", number)
    return { id, button, number, long }
  })
  const export_ = h("button", { class: "icon-btn", type: "button", title: "Save the images shown as CSV", "aria-label": "Save the images shown as CSV", onclick: save }, icon("download"))
  const element = h("div", { class: "chips" }, h("div", { class: "choice", role: "group", "aria-label": "Show images" }, chips.map((chip) => chip.button)), h("span", { class: "grow" }), export_)
  const bar = { element, onpick: (/** @type {string} */ _id) => {}, show }
  /** Each count is what a click on the chip would give. */
  function show(rows, chosen) {
    for (const { id, button, number, long } of chips) {
      const with_ = id ? [...chosen].filter((other) => other !== PAIR[id]).concat(id) : []
      const n = rows.filter((row) => with_.every((key) => row[key])).length
      text(number, count(n))
      set(button, "aria-pressed", String(id ? chosen.has(id) : !chosen.size))
      set(button, "aria-label", `${long}, ${count(n)}`)
    }
    export_.disabled = !rows.some((row) => [...chosen].every((key) => row[key]))
  }
  return bar
}

function drawEmpty(empty, model, rows, passing, chosen, clear) {
  const tell = (title, sentence, action) => {
    empty.replaceChildren(h("b", {}, title), h("p", {}, sentence), action ?? "")
    empty.hidden = false
  }
  if (!model.student) tell("Select a class", "Then open one of its concepts: its charts and images appear here.")
  else if (!model.concept) tell("Open a concept", "Click its name in the list of influences, or its dot on the map.")
  else if (!rows.length) tell("No image shows this concept", "Its score is 0 on every image of this split.")
  else if (!passing.length) {
    const names = FILTERS.filter(([id]) => chosen.has(id)).map(([, name], at) => (at ? name.toLowerCase() : name))
    tell("No image passes the filters", `${names.join(" and ")}: 0 of ${count(rows.length)}.`,
      h("button", { class: "link", type: "button", onclick: clear }, "Clear filters"))
  } else empty.hidden = true
}
