// Where the views are: columns of them, their sizes, and the mode in which a person changes that.
// A column that three or more views share is a stack; where that is too low or narrow its later
// views are tabs; very wide, it is split. A page too narrow for columns has one, in which all are tabs.

import { ICONS, boxOf, h, icon, isClosed, set, setAll, text, unless, watch, zoomOf } from "../../ui/base.js"
import { copyText } from "../../ui/parts/clipboard.js"

Object.assign(ICONS, {
  arrange: ["M4 5h6v14H4zM14 5h6v5h-6zM14 14h6v5h-6z"],
  left: ["M14 6l-6 6 6 6"], right: ["M10 6l6 6-6 6"], up: ["M6 14l6-6 6 6"],
})
const HEIGHTS = { detail: "clamp(338px, 36%, 560px)", provenance: "clamp(252px, 26.8%, 480px)" }
const LEAST_WIDTH = 1024, STACK_WIDTH = 1880, STACK_HEIGHT = 980, SPLIT_WIDTH = 2800
/** Names of tabs where all views share one row of them. */
const SHORT = { performance: "Performance", knowledge: "Knowledge", embedding: "Embedding", detail: "Detail", provenance: "Provenance" }
/** Views that are left out where only what people who begin need is shown. */
const EXPERT = ["embedding"]
const BAR = "36px", RAIL = "40px"
const LEAST = { width: 220, height: 96 }
const STEP = 0.02
const fr = (share) => `minmax(0, ${share}fr)`

/** `main` holds the columns, `strip` what is above them; `start()` draws them once they are on the
    page, `toggle()` starts or ends arranging, as `button` does; `bar` is there meanwhile. */
export function makeArrangement(root, model, say) {
  const main = h("main", { class: "columns" })
  const told = h("p", { class: "vh", role: "status" })
  const names = ["configuration", ...model.layout.columns.flat()]
  const places = new Map(names.map((name) => [name, makePlace(name, model)]))
  const page = { root, model, main, places, arranging: false, tell: (words) => text(told, words) }
  const strip = model.layout.strip ? h("div", { class: "strip-place", role: "region", "aria-label": "Above the columns" }, places.get("configuration")) : ""
  const draw = () => drawColumns(page)
  for (const place of places.values()) place.addEventListener("arrange", (event) => change(page, event.detail))
  const start = () => {
    watch(model, ["layout", "extent"], draw)
    model.on(["tab", "front"], () => main.querySelectorAll(".tabs").forEach((box) => box.mark()))
    new ResizeObserver(draw).observe(root)
    if (!isClosed("arrange")) dragViews(page)
  }
  const bar = arrangeBar(page, say)
  const toggle = () => {
    if (isClosed("arrange")) return
    page.arranging = !page.arranging
    set(root, "data-arranging", page.arranging ? "" : null)
    draw()
    bar.hidden = !page.arranging
    if (page.arranging) places.get(model.layout.columns[0]?.[0] ?? "configuration").cover.focus()
  }
  const button = h("button", { class: unless("arrange", "icon-btn"), type: "button", "aria-label": "Arrange the views", title: "Arrange the views (V)", onclick: toggle }, icon("arrange"))
  const end = () => { if (page.arranging) { toggle(); button.focus() } }
  bar.querySelector(".primary").addEventListener("click", end)
  root.addEventListener("keydown", (event) => { if (event.key === "Escape") end() })
  return { main, strip, told, bar, button, places, start, toggle }
}

// --- places ----------------------------------------------------------------------------------------

/** One element a view, with the view in it or bones, its title for when it is collapsed, and the
    cover that stands for it while the page is arranged. */
function makePlace(name, model) {
  const children = new Map(model.get_child("views").map((child, at) => [model.names[at], child]))
  const title = model.titles[name]
  const ask = (what) => place.dispatchEvent(new CustomEvent("arrange", { detail: { name, what } }))
  const open = h("button", { class: "collapsed", type: "button", "aria-expanded": "false", title: `Expand ${title}`, onclick: () => ask("collapse") },
    icon("right", 14), h("span", { class: "clip" }, title))
  const button = (what, label) => h("button", { class: "icon-btn", type: "button", "aria-label": `${label}: ${title}`, title: label, onclick: () => ask(what) }, icon(what))
  const fold = h("button", { class: "btn fold", type: "button", onclick: () => ask("collapse") })
  const moves = name === "configuration" ? [] : [button("left", "Move left"), button("up", "Move up"), button("down", "Move down"), button("right", "Move right")]
  const cover = h("div", { class: "cover", tabindex: 0, role: "group", "aria-label": `${title}: arrow keys move it, Enter collapses it` },
    h("b", {}, title), h("div", {}, moves, fold))
  cover.addEventListener("keydown", (event) => {
    const what = event.target === cover && { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down", Enter: "collapse", " ": "collapse" }[event.key]
    if (!what) return
    event.preventDefault()
    ask(what)
  })
  const place = h("div", { class: "place", "data-view": name }, open, children.get(name) ?? bones(name), cover)
  Object.assign(place, { cover, fold, title })
  return place
}

function bones(name) {
  const rows = name === "configuration" ? 1 : 8
  return h("div", { class: "bones", "aria-hidden": "true" }, Array.from({ length: rows }, () => h("i", { class: "bone" })))
}

// --- changes ---------------------------------------------------------------------------------------

function change({ model, places, tell }, { name, what }) {
  const { layout } = model
  const column = layout.columns.findIndex((names) => names.includes(name))
  const row = layout.columns[column]?.indexOf(name)
  const count = layout.columns.length
  const alone = layout.columns[column]?.length === 1
  const target = {
    left: column > 0 ? { column: column - 1, row } : !alone && { column: 0, fresh: true },
    right: column < count - 1 ? { column: column + 1, row } : !alone && { column: count, fresh: true },
    up: row > 0 && { column, row: row - 1 },
    down: !alone && row < layout.columns[column]?.length - 1 && { column, row: row + 2 },
  }[what]
  if (what === "collapse") {
    const shut = layout.collapsed.includes(name)
    model.layout = { ...layout, collapsed: shut ? layout.collapsed.filter((one) => one !== name) : [...layout.collapsed, name] }
    tell(`${places.get(name).title} ${shut ? "expanded" : "collapsed"}`)
  } else if (target) {
    model.layout = moved(layout, name, target)
    tell(placeOf(model.layout, name, places.get(name).title))
  }
}

/** The layout with a view moved to row `row` of a column, or to a `fresh` column in front of it. */
function moved(layout, name, { column, row, fresh }) {
  const columns = layout.columns.map((names) => names.map((one) => (one === name ? null : one)))
  const widths = [...layout.widths]
  if (fresh) {
    columns.splice(column, 0, [name])
    widths.splice(column, 0, Math.round(widths.reduce((sum, width) => sum + width) / widths.length))
  } else columns[column].splice(row, 0, name)
  const kept = columns.map((names, at) => [names.filter(Boolean), widths[at]]).filter(([names]) => names.length)
  return { ...layout, columns: kept.map(([names]) => names), widths: kept.map(([, width]) => width) }
}

function placeOf({ columns }, name, title) {
  const column = columns.findIndex((names) => names.includes(name))
  return `${title}: column ${column + 1} of ${columns.length}, place ${columns[column].indexOf(name) + 1} of ${columns[column].length}`
}

// --- drawing ---------------------------------------------------------------------------------------

/** Build the columns anew where their views or form changed; else only set their sizes. */
function drawColumns(page) {
  const { root, model, main, places, arranging } = page
  const { collapsed } = model.layout
  const form = formOf(root, arranging)
  const columns = shownColumns(model, form, arranging)
  set(root, "data-narrow", root.clientWidth < STACK_WIDTH ? "" : null)
  set(root, "data-form", form)
  const isShut = (name) => !arranging && collapsed.includes(name)
  const key = JSON.stringify([columns, collapsed, form, arranging, form === "split" && Object.keys(model.layout.heights)])
  if (main.dataset.key !== key) {
    main.dataset.key = key
    for (const [name, place] of places) dress(place, isShut(name), collapsed.includes(name), arranging)
    const held = focusedIn(main), modals = [...modalsIn(main)]
    main.replaceChildren(...columns.map((names) => makeColumn(page, names, names.filter((name) => !isShut(name)), form)))
    addSplitters(page)
    modals.forEach((dialog) => showAgain(dialog, model, form))
    held?.focus({ preventScroll: true })
  }
  setSizes(page, model.layout)
  settleSplitters(page)
}

/** Names of the views by column; none loses its last. */
function shownColumns({ layout, extent }, form, arranging) {
  const all = form === "single" ? [layout.columns.flat()] : layout.columns
  if (arranging || extent === "full") return all
  const kept = (names) => names.filter((name) => !EXPERT.includes(name))
  return all.map((names) => (kept(names).length ? kept(names) : names))
}

function formOf({ clientWidth: width, clientHeight: height }, arranging) {
  if (arranging) return "stack"
  if (width < LEAST_WIDTH) return "single"
  if (width >= SPLIT_WIDTH) return "split"
  return width >= STACK_WIDTH && height >= STACK_HEIGHT ? "stack" : "tabs"
}

function dress(place, shut, folded, arranging) {
  set(place, "data-collapsed", shut ? "" : null)
  for (const attribute of ["hidden", "role", "aria-label"]) set(place, attribute, null)
  place.cover.hidden = !arranging
  for (const part of place.children) if (part !== place.cover) set(part, "inert", arranging ? "" : null)
  text(place.fold, folded ? "Expand" : "Collapse")
  set(place.fold, "aria-label", `${folded ? "Expand" : "Collapse"} ${place.title}`)
}

function focusedIn(element) {
  let held = element.getRootNode().activeElement
  if (!held || !element.contains(held)) return null
  while (held.shadowRoot?.activeElement) held = held.shadowRoot.activeElement
  return held
}

/** Modal dialogs that are open in an element, also in views. */
function* modalsIn(root) {
  for (const element of root.querySelectorAll("*")) {
    if (element.matches("dialog:modal")) yield element
    if (element.shadowRoot) yield* modalsIn(element.shadowRoot)
  }
}

/** A dialog that was moved with its view is open still, but over nothing any more. */
function showAgain(dialog, model, form) {
  let inside = dialog
  while (!inside.closest(".place")) inside = inside.getRootNode().host
  const place = inside.closest(".place")
  if (place.hidden) model[form === "single" ? "front" : "tab"] = place.dataset.view
  dialog.removeAttribute("open")
  dialog.showModal()
}

function makeColumn({ model, places }, names, open, form) {
  const sized = names.some((name) => name in model.layout.heights)
  const own = form === "single" ? form : open.length < 3 || (form === "split" && (open.length > 3 || sized)) ? "stack" : form
  const get = (list) => list.map((name) => places.get(name))
  const shut = names.filter((name) => !open.includes(name))
  const content = own === "tabs" ? [...get(open.slice(0, 1)), makeTabs(open.slice(1), places, model, "tab"), ...get(shut)]
    : own === "single" ? [makeTabs(open, places, model, "front"), ...get(shut)] : get(names)
  const column = h("div", { class: "column", "data-form": own, "data-rail": open.length ? null : "" }, content)
  return Object.assign(column, { names, open })
}

/** Tracks of the page and of each column. */
function setSizes({ main, arranging }, { widths, heights }) {
  const all = [...main.children].filter((column) => column.names)
  const width = (column, at) => (column.dataset.form === "single" ? fr(1) : column.open.length ? fr(widths[at] * timesWide(column)) : RAIL)
  main.style.gridTemplateColumns = all.map(width).join(" ")
  for (const column of all) {
    const sized = arranging || column.open.some((name) => name in heights)
    const track = (name) => !column.open.includes(name) ? BAR : sized ? fr(heights[name] ?? 1) : name === column.open[0] ? fr(1) : HEIGHTS[name] ?? fr(1)
    const bars = column.names.filter((name) => !column.open.includes(name)).map(() => BAR)
    const tracks = { tabs: [fr(42), fr(58), ...bars], single: [fr(1), ...bars], split: [] }[column.dataset.form]
    column.style.gridTemplateRows = (tracks ?? column.names.map(track)).join(" ")
    if (!column.open.length) column.style.gridTemplateRows = column.names.map(() => fr(1)).join(" ")
  }
}

const timesWide = (column) => (column.dataset.form === "split" ? 2 : 1)

// --- splitters -------------------------------------------------------------------------------------

/** Between columns, and between the views of a stack: drag, or arrow keys. */
function addSplitters(page) {
  const { main, places, model } = page
  const columns = [...main.children]
  columns.forEach((column, at) => {
    if (at < columns.length - 1 && column.open.length && columns[at + 1].open.length) {
      column.append(splitter(page, "vertical", `Width of ${model.titles[column.open[0]]}`, () => columns.filter((one) => one.open.length), column))
    }
    if (column.dataset.form !== "stack") return
    column.open.slice(0, -1).forEach((name) => {
      const stack = () => column.open.map((one) => places.get(one))
      const line = splitter(page, "horizontal", `Height of ${model.titles[name]}`, stack, places.get(name))
      column.append(line)
      line.below = places.get(name)
    })
  })
}

function splitter(page, orientation, label, parts, first) {
  const side = orientation === "vertical" ? "width" : "height"
  const element = h("div", { class: `splitter ${orientation}`, role: "separator", tabindex: 0, "aria-orientation": orientation,
    "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100, title: `${label}: drag, or arrow keys; double click as in the spec` })
  const sizes = () => parts().map((part) => part.getBoundingClientRect()[side])
  const at = () => parts().indexOf(first)
  const resized = (before, by) => {
    const index = at(), both = before[index] + before[index + 1]
    const size = Math.max(Math.min(LEAST[side], both / 2), Math.min(both - Math.min(LEAST[side], both / 2), before[index] + by))
    return before.map((one, i) => (i === index ? size : i === index + 1 ? both - size : one))
  }
  const layoutOf = (pixels) => (side === "width" ? withWidths(page, parts(), pixels) : withHeights(page, parts(), pixels))
  const commit = (layout) => { page.model.layout = layout }
  element.addEventListener("keydown", (event) => {
    const sign = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
    if (!sign) return
    event.preventDefault()
    const before = sizes()
    commit(layoutOf(resized(before, sign * STEP * before.reduce((sum, size) => sum + size))))
  })
  element.addEventListener("dblclick", () => {
    const { widths, columns } = page.model.standard.layout
    const same = columns.length === page.model.layout.columns.length
    commit({ ...page.model.layout, ...(side === "height" ? { heights: page.model.standard.layout.heights } : same ? { widths } : {}) })
  })
  element.addEventListener("pointerdown", (event) => {
    const from = side === "width" ? event.clientX : event.clientY
    const before = sizes()
    let layout = null
    const move = (moving) => {
      layout = layoutOf(resized(before, (side === "width" ? moving.clientX : moving.clientY) - from))
      setSizes(page, layout)
      settleSplitters(page)
    }
    const end = () => {
      element.removeEventListener("pointermove", move)
      if (layout) commit(layout)
    }
    event.preventDefault()
    element.setPointerCapture(event.pointerId)
    element.addEventListener("pointermove", move)
    element.addEventListener("lostpointercapture", end, { once: true })
  })
  element.settle = () => {
    const all = sizes(), index = at()
    set(element, "aria-valuenow", Math.round((100 * all[index]) / (all[index] + all[index + 1])))
    if (element.below) element.style.top = `${first.offsetTop + first.offsetHeight}px`
  }
  return element
}

function settleSplitters({ main }) {
  for (const element of main.querySelectorAll(".splitter")) element.settle()
}

/** New widths on the scale of the old ones; those of rails stay. */
function withWidths({ model, main }, parts, pixels) {
  const { layout } = model
  const at = parts.map((part) => [...main.children].indexOf(part))
  const own = pixels.map((size, i) => size / timesWide(parts[i]))
  const scale = at.reduce((sum, index) => sum + layout.widths[index], 0) / own.reduce((sum, size) => sum + size, 0)
  const widths = [...layout.widths]
  at.forEach((index, i) => { widths[index] = Number((own[i] * scale).toFixed(2)) })
  return { ...layout, widths }
}

/** New heights, as percent of what the views that are open share. */
function withHeights({ model }, parts, pixels) {
  const total = pixels.reduce((sum, size) => sum + size, 0)
  const heights = Object.fromEntries(parts.map((part, at) => [part.dataset.view, Number(((100 * pixels[at]) / total).toFixed(1))]))
  return { ...model.layout, heights: { ...model.layout.heights, ...heights } }
}

// --- tabs ------------------------------------------------------------------------------------------

/** The views that a low or narrow column shows one at a time; `param` of the model has the one in front. */
function makeTabs(names, places, model, param) {
  const bring = (name) => { model[param] = name }
  const short = (name) => (param === "tab" ? model.titles[name].replace("Fine-tuning p", "P") : SHORT[name] ?? model.titles[name])
  const buttons = names.map((name) => h("button", { role: "tab", type: "button", "data-view": name, onclick: () => bring(name) }, short(name)))
  const list = h("div", { role: "tablist", "aria-label": "Views" }, buttons)
  const box = h("div", { class: "tabs" }, list, names.map((name) => places.get(name)))
  const mark = () => {
    const front = names.includes(model[param]) ? model[param] : names[0]
    buttons.forEach((button) => {
      set(button, "aria-selected", String(button.dataset.view === front))
      set(button, "tabindex", button.dataset.view === front ? 0 : -1)
    })
    names.forEach((name) => setAll(places.get(name), { role: "tabpanel", "aria-label": model.titles[name], hidden: name !== front ? "" : null }))
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!step) return
    const next = buttons[(buttons.indexOf(event.target) + step + buttons.length) % buttons.length]
    bring(next.dataset.view)
    next.focus()
  })
  Object.assign(box, { mark, bring })
  mark()
  return box
}

// --- arranging -------------------------------------------------------------------------------------

function arrangeBar(page, say) {
  const { model } = page
  const copied = h("span", { class: "muted", role: "status" })
  model.on("msg:custom", (event) => {
    const { copy } = event.data ?? event
    if (copy) copyText(copy).then((done) => text(copied, done ? "Copied" : "The browser refuses to copy"))
  })
  const button = (name, onclick, title) => h("button", { class: "btn", type: "button", title, onclick }, name)
  return h("div", { class: "arrange-bar", role: "toolbar", "aria-label": "Layout", hidden: "" }, copied,
    button("As in the spec", () => { model.layout = model.standard.layout }, "Back to the layout of the spec"),
    button("Copy layout", () => say("copy_layout"), "The layout as YAML, for the spec"),
    button("Save spec", () => say("save_spec"), "The whole spec with this layout, as YAML"),
    h("button", { class: "btn primary", type: "button", title: "This browser keeps the layout; a saved spec keeps it for others" }, "Done"))
}

/** Drag a cover to another place; a line shows where it would go. */
function dragViews(page) {
  const { main, places, model } = page
  const line = h("div", { class: "drop", hidden: "" })
  page.root.append(line)
  for (const [name, { cover }] of places) {
    if (name === "configuration") continue
    cover.addEventListener("pointerdown", (event) => {
      if (event.target.closest("button")) return
      let target = null
      const move = (moving) => {
        target = targetAt(main, places, moving.clientX / zoomOf(main), moving.clientY / zoomOf(main))
        set(line, "hidden", target ? null : "")
        if (target) Object.assign(line.style, target.line)
      }
      const end = () => {
        cover.removeEventListener("pointermove", move)
        line.hidden = true
        if (target) model.layout = moved(model.layout, name, target)
        if (target) page.tell(placeOf(model.layout, name, places.get(name).title))
      }
      cover.setPointerCapture(event.pointerId)
      cover.addEventListener("pointermove", move)
      cover.addEventListener("lostpointercapture", end, { once: true })
    })
  }
}

/** Where a view dropped at a point goes, with the line that shows it; null: nowhere. */
function targetAt(main, places, x, y) {
  const columns = [...main.children]
  const px = (left, top, width, height) => ({ left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` })
  for (const [column, element] of columns.entries()) {
    const box = boxOf(element)
    if (x < box.left - 8 || x > box.right + 8 || y < box.top || y > box.bottom) continue
    const edge = Math.min(48, box.width / 5)
    if (x < box.left + edge) return { column, fresh: true, line: px(box.left - 8, box.top, 4, box.height) }
    if (x > box.right - edge) return { column: column + 1, fresh: true, line: px(box.right + 4, box.top, 4, box.height) }
    const boxes = element.names.map((name) => boxOf(places.get(name)))
    const after = boxes.findIndex((one) => y < one.top + one.height / 2)
    const row = after < 0 ? boxes.length : after
    const top = row ? boxes[row - 1].bottom + 4 : box.top - 8
    return { column, row, line: px(box.left, top, box.width, 4) }
  }
  return null
}
