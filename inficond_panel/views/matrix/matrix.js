// Matrix of influences: heading, grid, legend and the bar of the batch.
// Messages to Python are the actions of view.py.

import {
  count, drawOnce, findBox, followTheme, h, hoverCard, s, select, set, signed, text, watch,
} from "../../ui/base.js"
import { ZOOMS, USUAL } from "./geometry.js"
import { makeGrid } from "./grid.js"

const ORDERS = [["strongest", "Strongest first"], ["marked", "Suspects first"], ["similar", "Similar together"], ["name", "Name"]]
const TYPING = 120 // ms without a key, then it is searched

export function render({ model, el }) {
  const send = (action, detail = {}) => model.send_msg({ action, ...detail })
  let zoom = USUAL
  const grid = makeGrid(model, send, hoverCard(el), (step) => enlarge(step))
  const head = makeHead(model, (step) => enlarge(step))
  const empty = h("div", { class: "empty" }, h("b", {}, "No concept matches"),
    h("button", { class: "link", type: "button", onclick: () => { head.search.value = ""; model.find = ""; head.search.focus() } }, "Clear search"))
  const enlarge = (step) => {
    zoom = Math.max(0, Math.min(ZOOMS.length - 1, step === "usual" ? USUAL : zoom + step))
    head.showZoom(zoom)
    grid.enlarge(zoom)
  }
  const bar = makeBar(model, send), legend = makeLegend(model)
  const purpose = h("p", { class: "purpose", role: "status" })
  const tellPurpose = () => drawOnce(purpose, model.locked, () => (model.locked
    ? [model.locked, " ", h("button", { class: "link", type: "button", onclick: () => send("show_tune") }, "Back to tune")]
    : ["Each student imitates the teacher by concepts. Click one that should not count."]))
  const leaning = makeLeaning(model, send)
  const root = h("section", { class: "panel matrix", "aria-label": "All students" }, head.element, purpose, leaning.element, grid.element, empty, bar.element, legend.element)
  el.append(root)
  followTheme(model, root)
  head.showZoom(zoom)
  head.search.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.value) { event.target.value = ""; model.find = "" }
    else if (["Escape", "ArrowDown", "Enter"].includes(event.key) && model.concepts.length) grid.focus()
    else return
    event.preventDefault()
  })
  watch(model, ["concepts", "classes", "chosen", "concept", "given", "marked", "pending", "bounds", "locked"], () => {
    empty.hidden = model.concepts.length > 0
    grid.element.hidden = !empty.hidden
    head.draw()
    grid.draw()
  })
  watch(model, ["locked"], tellPurpose)
  watch(model, ["batch", "locked"], bar.draw)
  watch(model, ["leaning", "suggesting", "suggests", "marked"], leaning.draw)
  watch(model, ["colours", "reach", "marked", "pending"], legend.draw)
}

/** How many students rely on suspects, and what a machine would do about it. */
function makeLeaning(model, send) {
  const words = h("span"), offer = h("button", { class: "link", type: "button", onclick: () => send(model.suggesting ? "stop_suggesting" : "suggest") })
  const element = h("p", { class: "purpose leaning", role: "status" }, words, " ", offer)
  const draw = () => {
    element.hidden = !model.leaning
    text(words, model.leaning)
    text(offer, model.suggesting ? `${model.suggesting} ✕` : "Suggest a repair")
    set(offer, "aria-label", model.suggesting ? `${model.suggesting}: stop it` : null)
    offer.hidden = !model.suggests || (!model.marked.length && !model.suggesting)
  }
  return { element, draw }
}

function makeHead(model, enlarge) {
  const total = h("span", { class: "muted num clip" })
  const { input: search, element: find } = findBox("Search concepts", "C")
  let waiting = 0
  search.addEventListener("input", () => {
    clearTimeout(waiting)
    waiting = setTimeout(() => { model.find = search.value }, TYPING)
  })
  const order = select("Order of the concepts", ORDERS, model.order, (id) => { model.order = id })
  const tool = (label, path, step) => h("button", { class: "icon-btn filled", type: "button", "aria-label": label, title: label, onclick: () => enlarge(step) },
    s("svg", { class: "icon", width: 16, height: 16, viewBox: "0 0 24 24", "aria-hidden": "true" }, s("path", { d: path })))
  const smaller = tool("Smaller cells (−)", "M5 12h14", -1), larger = tool("Larger cells (+)", "M5 12h14M12 5v14", 1)
  const element = h("div", { class: "panel-head" }, h("h2", {}, "All students"), total, h("span", { class: "grow" }), find, order, smaller, larger)
  const draw = () => {
    const { concepts: { length }, known } = model
    text(total, length < known ? `${count(length)} of ${count(known)} concepts` : `${count(known)} concepts`)
    order.control.show(model.order)
  }
  const showZoom = (zoom) => { smaller.disabled = zoom === 0; larger.disabled = zoom === ZOOMS.length - 1 }
  return { element, search, draw, showZoom }
}

/** What waits, what it would do, and its button; hidden where nothing waits or was done. */
function makeBar(model, send) {
  const words = h("div", { class: "words" }), effect = h("div", { class: "muted effect num" })
  const progress = h("i", { class: "progress" }), label = h("span"), number = h("span", { class: "count" })
  const busy = () => Boolean(model.locked) || ["fitting", "cancelling"].includes(model.batch.kind)
  const main = h("button", { class: "btn primary", type: "button", title: "Fine-tune (Ctrl+Enter)", "aria-keyshortcuts": "Control+Enter",
    onclick: () => { if (!busy()) send("fine_tune"); else if (model.batch.kind === "fitting") send("cancel") } }, progress, label, number)
  const clear = h("button", { class: "btn plain", type: "button", title: "Clear the batch (Shift+Backspace)", "aria-keyshortcuts": "Shift+Backspace", onclick: () => { if (!busy()) send("clear") } }, "Clear")
  const element = h("div", { class: "batch", role: "status" }, h("div", { class: "told" }, words, effect), clear, main)
  const draw = () => {
    const { thumbs = 0, kind, progress: part = 0, text: status, words: told = [], effect: does } = model.batch
    element.hidden = kind === undefined
    const fitting = kind === "fitting"
    drawOnce(words, JSON.stringify(told), () => told.map((each) => h("span", { class: "chip" }, each)))
    text(effect, does || status || "")
    text(label, kind === "cancelling" ? "Cancelling…" : fitting ? `Cancel · ${Math.round(100 * part)} %` : kind === "error" && thumbs ? "Retry" : "Fine-tune")
    text(number, thumbs)
    number.hidden = fitting
    progress.style.width = fitting ? `${100 * part}%` : "0"
    clear.hidden = main.hidden = !thumbs && !fitting && kind !== "cancelling"
    for (const button of [main, clear]) set(button, "aria-disabled", model.locked || kind === "cancelling" ? "true" : null)
    set(main, "title", model.locked || "Fine-tune (Ctrl+Enter)")
  }
  return { element, draw }
}

function makeLegend(model) {
  const strip = h("i", { class: "strip", "aria-hidden": "true" }), low = h("span", { class: "num" }), high = h("span", { class: "num" })
  const suspect = h("span", {}, h("i", { class: "suspect" }), "suspect: the data speak against it")
  const element = h("div", { class: "legend" },
    h("span", {}, "against the class", low, strip, high, "for it"), h("span", {}, h("i", { class: "blank" }), "no influence"), suspect)
  const draw = () => {
    const { colours, reach } = model
    strip.style.background = `linear-gradient(90deg, ${colours.join(", ")})`
    const digits = reach >= 10 ? 0 : 1
    text(low, signed(-reach, digits))
    text(high, signed(reach, digits))
    suspect.hidden = !model.marked.length
  }
  return { element, draw }
}
