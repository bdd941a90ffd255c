// Where the views are: in columns. A column that three or more views share is a stack; where that is
// too low or narrow its later views are tabs, with details, or they are lower; very wide, it is split.
// A column of empty views gives its width to the widest. A page too narrow for columns has one, in which
// all are tabs.

import { walkOn } from "../../ui/controls.js"
import { elementsIn, focusedIn, h, set, setAll, text } from "../../ui/elements.js"
import { watch } from "../../ui/model.js"
import { fadeEdges } from "../../ui/parts/fading.js"

const HEIGHTS = { detail: "clamp(338px, 36%, 560px)", provenance: "clamp(252px, 26.8%, 480px)" }
const LEAST_WIDTH = 1024
const STACK_WIDTH = 1880
const STACK_HEIGHT = 980
const SPLIT_WIDTH = 2800
/** Shares of a low column's height. */
const LOW = { embedding: 30, detail: 42, provenance: 28 }
/** Height of a view with nothing in it: its head alone. */
const FOLDED = "44px"
/** Name of the tab of the student where no class is open. */
const BEGIN = "Where to begin"
/** Names of tabs where all views share one row of them. */
const SHORT = {
  performance: "Performance",
  knowledge: "Knowledge",
  embedding: "Map",
  detail: "Detail",
  provenance: "Provenance",
}
const fr = (share) => `minmax(0, ${share}fr)`

/** `main` holds the columns, `strip` what is above them; `start(links)` draws them once they are on the page,
    where a link leads to each. */
export function makeColumns(root, model) {
  const main = h("main", { class: "columns" })
  const names = ["configuration", ...model.layout.columns.flat()]
  const places = new Map(names.map((name) => [name, makePlace(name, model)]))
  const strip = model.layout.strip
    ? h(
        "div",
        { class: "strip-place", role: "region", "aria-label": "Above the columns" },
        places.get("configuration"),
      )
    : ""
  const start = (links) => {
    const fold = () => foldColumns(main, links)
    const draw = () => drawColumns(root, model, main, places, fold)
    watch(model, ["extent"], draw)
    watch(model, ["folded"], () => {
      for (const [name, place] of places) set(place, "data-folded", model.folded.includes(name) ? "" : null)
      fold()
    })
    model.on("begins", () => main.querySelectorAll(".tabs").forEach((box) => box.mark()))
    model.on(["tab", "front"], () => main.querySelectorAll(".tabs").forEach((box) => box.mark()))
    new ResizeObserver(draw).observe(root)
  }
  return { main, strip, start }
}

/** The element of a view: the view in it, or bones. */
function makePlace(name, model) {
  const child = model.get_child("views")[model.names.indexOf(name)]
  return h("div", { class: "place", "data-view": name }, child ?? bones(name))
}

function bones(name) {
  const rows = name === "configuration" ? 1 : 8
  return h(
    "div",
    { class: "bones", "aria-hidden": "true" },
    Array.from({ length: rows }, () => h("i", { class: "bone" })),
  )
}

// --- columns ---------------------------------------------------------------------------------------

/** Rebuild the columns whose views or form changed. */
function drawColumns(root, model, main, places, fold) {
  const form = formOf(root, model.extent)
  const columns = form === "single" ? [model.layout.columns.flat()] : model.layout.columns
  set(root, "data-narrow", root.clientWidth < STACK_WIDTH ? "" : null)
  set(root, "data-form", form)
  if (main.dataset.key === form) return
  main.dataset.key = form
  for (const place of places.values()) {
    for (const attribute of ["hidden", "role", "aria-label"]) set(place, attribute, null)
  }
  const held = focusedIn(main)
  const modals = elementsIn(main).filter((each) => each.matches("dialog:modal"))
  const width = (at) => (form === "single" ? 1 : model.layout.widths[at])
  main.replaceChildren(...columns.map((names, at) => makeColumn(model, places, names, form, width(at))))
  fold()
  modals.forEach((dialog) => showAgain(dialog, model, form))
  held?.focus({ preventScroll: true })
}

/** Set rows and widths of the columns; one of empty views is away, unless all are. Its dialogs can open. */
function foldColumns(main, links) {
  const columns = [...main.children]
  const full = columns.filter((column) => !column.isEmpty())
  const shown = full.length ? full : columns
  const isAway = (column) => columns.includes(column) && !shown.includes(column)
  columns.forEach((column) => {
    column.fold()
    set(column, "data-away", isAway(column) ? "" : null)
  })
  ;[...links].forEach((link, at) => (link.hidden = isAway(columns[at])))
  const sum = (some) => some.reduce((total, { share }) => total + share, 0)
  const widest = shown.reduce((one, other) => (other.share > one.share ? other : one), shown[0])
  const freed = sum(columns) - sum(shown)
  const width = (column) => fr(column.share + (column === widest ? freed : 0))
  main.style.gridTemplateColumns = shown.map(width).join(" ")
}

function formOf({ clientWidth: width, clientHeight: height }, extent) {
  if (width < LEAST_WIDTH) return "single"
  if (width >= SPLIT_WIDTH) return "split"
  return width >= STACK_WIDTH && height >= STACK_HEIGHT ? "stack" : extent === "simple" ? "low" : "tabs"
}

/** Open a dialog again as modal: moving its view leaves the dialog open but not modal. */
function showAgain(dialog, model, form) {
  let inside = dialog
  while (!inside.closest(".place")) inside = inside.getRootNode().host
  const place = inside.closest(".place")
  if (place.hidden) model[form === "single" ? "front" : "tab"] = place.dataset.view
  dialog.removeAttribute("open")
  dialog.showModal()
}

function makeColumn(model, places, names, form, width) {
  const isStack = names.length < 3 || (form === "split" && names.length > 3)
  const own = isStack && form !== "single" ? "stack" : form
  const contents = {
    tabs: () => [places.get(names[0]), makeTabs(names.slice(1), places, model, "tab")],
    single: () => [makeTabs(names, places, model, "front")],
  }
  const content = contents[own]?.() ?? names.map((name) => places.get(name))
  const column = h("div", { class: "column", "data-form": own }, content)
  const isFolded = (name) => model.folded.includes(name)
  const unlessFolded = (name, height) => (isFolded(name) ? FOLDED : height)
  const stacked = () => {
    const tall = names.find((name) => !isFolded(name)) ?? names[0]
    return names.map((name) => (name === tall ? fr(1) : unlessFolded(name, HEIGHTS[name] ?? fr(1))))
  }
  const rows = {
    tabs: () => [fr(42), fr(58)],
    single: () => [fr(1)],
    stack: stacked,
    low: () => names.map((name) => unlessFolded(name, fr(LOW[name] ?? 40))),
  }[own]
  return Object.assign(column, {
    share: width * (own === "split" ? 2 : 1),
    isEmpty: () => own !== "single" && names.every(isFolded),
    fold: () => {
      if (rows) column.style.gridTemplateRows = rows().join(" ")
    },
  })
}

// --- tabs ------------------------------------------------------------------------------------------

/** The views that a low or narrow column shows one at a time; `param` of the model has the one in front. */
function makeTabs(names, places, model, param) {
  const bring = (name) => {
    model[param] = name
  }
  const short = (name) =>
    param === "tab" ? model.titles[name].replace("Fine-tuning p", "P") : (SHORT[name] ?? model.titles[name])
  const buttons = names.map((name) =>
    h("button", { role: "tab", "data-view": name, onclick: () => bring(name) }, short(name)),
  )
  const list = h("div", { role: "tablist", "aria-label": "Views" }, buttons)
  fadeEdges(list)
  walkOn(list, { ArrowRight: 1, ArrowLeft: -1 }, (next) => bring(next.dataset.view))
  const box = h(
    "div",
    { class: "tabs" },
    list,
    names.map((name) => places.get(name)),
  )
  const mark = () => {
    const front = names.includes(model[param]) ? model[param] : names[0]
    buttons.forEach((button) => {
      if (button.dataset.view === "knowledge") text(button, model.begins ? BEGIN : short("knowledge"))
      set(button, "aria-selected", String(button.dataset.view === front))
      set(button, "tabindex", button.dataset.view === front ? 0 : -1)
    })
    names.forEach((name) =>
      setAll(places.get(name), {
        role: "tabpanel",
        "aria-label": model.titles[name],
        hidden: name !== front ? "" : null,
      }),
    )
  }
  box.mark = mark
  mark()
  return box
}
