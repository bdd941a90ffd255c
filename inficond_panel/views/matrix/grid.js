// The grid of the matrix: the plot that Python draws (plots/concept_matrix.py), and around and over
// it names, thumbs, a cursor and what is under the pointer. Of names and thumbs only those in view
// are there.

import { boxOf, count, details, h, icon, keyed, setAll, signed, text, zoomOf } from "../../ui/base.js"
import { DIRECTIONS, THUMBS } from "../../ui/vocabulary.js"
import { USUAL, cellAfter, cellSize, coveredPart, offsetFor, placesInView } from "./geometry.js"

const NAMED = 14 // pixels of a row or column from which on it has its name beside it
const TEXT = 11 // pixels; Bokeh takes those of the window
const LEVEL = 64, NUMBERED = 42, LINED = 6 // pixels of a cell: level name of its column, its number, lines around it

const keyOf = (name, concept) => `${name}\n${concept}`

export function makeGrid(model, send, card, enlarge) {
  const heads = h("div", { class: "heads" }), names = h("div", { class: "names" }), thumbs = h("div", { class: "givers" })
  const place = h("div", { class: "plot", inert: "", "aria-hidden": "true" }, model.get_child("plot"))
  const spot = h("i", { class: "spot", hidden: "" }), cursor = h("i", { class: "cursor" }), told = h("p", { class: "vh", role: "status" })
  const cells = h("div", { class: "cells offline", role: "application", tabindex: 0, "aria-label": "Matrix of influences, concepts by students",
    "aria-description": "Arrow keys go from cell to cell. Enter opens its student and concept. U, D and X thumb the concept for all students, or for those chosen; Space chooses the student. Plus and minus enlarge." },
  place, h("i", { class: "lines" }), spot, cursor)
  const target = makeTarget(model)
  const sheet = h("div", { class: "sheet" }, h("div", { class: "corner" }, "Concept"), heads, target.element, names, cells, thumbs)
  const scroll = h("div", { class: "scroll" }, sheet, told)
  let zoom = USUAL, size = { wide: 0, high: 0 }, at = { row: 0, column: 0 }, over = null
  const plot = () => partsOf(model.plot)

  // --- drawing ---------------------------------------------------------------------------------

  const measure = (name) => parseFloat(getComputedStyle(sheet).getPropertyValue(`--${name}`))
  const room = () => ({ width: scroll.clientWidth - measure("names") - measure("givers"), height: scroll.clientHeight - heads.offsetHeight })
  const draw = () => {
    if (!scroll.checkVisibility() || !scroll.clientWidth) return
    const rows = model.concepts.length, columns = model.classes.length
    at = { row: Math.min(at.row, Math.max(0, rows - 1)), column: Math.min(at.column, columns - 1) }
    size = cellSize(room(), rows, columns, zoom)
    sheet.classList.toggle("level", size.wide >= LEVEL)
    size = cellSize(room(), rows, columns, zoom) // the heads may be of another height now
    const lengths = { "--wide": size.wide, "--high": size.high, "--across": columns * size.wide, "--down": rows * size.high }
    for (const [name, value] of Object.entries(lengths)) sheet.style.setProperty(name, `${value}px`)
    sheet.classList.toggle("lined", Math.min(size.wide, size.high) >= LINED)
    const coarse = size.wide < 1 || size.high < 1 ? [Math.ceil(columns * size.wide), Math.ceil(rows * size.high)] : []
    if (coarse.join() !== model.pixels.join()) model.pixels = coarse
    const written = { text: { field: size.wide >= NUMBERED ? "number" : "sign" }, text_font_size: { value: `${TEXT * zoomOf(scroll)}px` } }
    plot().texts.glyph.setv(written, { sync: false })
    plot().texts.setv({ visible: size.high >= NAMED }, { sync: false })
    target.draw()
    drawPart()
  }
  /** What depends on the part in view. */
  const drawPart = () => {
    const { width, height } = room(), rows = model.concepts.length, columns = model.classes.length
    const lit = over ?? (rows && cells.matches(":focus-visible") ? at : null)
    const inView = size.high >= NAMED ? placesInView(scroll.scrollTop, height, size.high, rows, at.row) : lit ? [lit.row] : []
    const across = size.wide >= NAMED ? placesInView(scroll.scrollLeft, width, size.wide, columns, at.column) : lit ? [lit.column] : []
    keyed(names, inView, (row) => model.concepts[row], () => h("span", { class: "clip" }), (element, row) => {
      text(element, model.concepts[row])
      setAll(element, { title: model.concepts[row], class: `clip${row === lit?.row ? " near" : ""}${model.concepts[row] === model.concept ? " opened" : ""}` })
      element.style.top = `${row * size.high}px`
    })
    keyed(thumbs, size.high >= NAMED ? inView : [], (row) => model.concepts[row], makeThumbs, (element, row) => fillThumbs(element, row))
    keyed(heads, across, (column) => model.classes[column], makeHead, (element, column) => fillHead(element, column, lit))
    cover(place, plot().figure, coveredPart(scroll.scrollLeft, width, columns * size.wide), coveredPart(scroll.scrollTop, height, rows * size.high), size, rows)
    move(cursor, at, size)
  }
  const makeThumbs = (row) => {
    const concept = model.concepts[row] // these are kept for it: its row may be another later
    return h("span", { class: "giver" }, THUMBS.map((direction) =>
      h("button", { class: `give ${direction}`, type: "button", "data-direction": direction, onclick: () => send("thumb", { concept, direction }) }, icon(DIRECTIONS[direction].icon, 14))))
  }
  const fillThumbs = (element, row) => {
    const concept = model.concepts[row]
    element.style.top = `${row * size.high}px`
    for (const button of element.children) {
      const { direction } = button.dataset
      const label = `${DIRECTIONS[direction].verb} ${concept} for ${target.words()}`
      button.disabled = Boolean(model.locked)
      setAll(button, { "aria-label": label, title: model.locked || label, "aria-pressed": String(model.given[concept] === direction), tabindex: row === at.row ? 0 : -1 })
    }
  }
  const makeHead = (column) => h("button", { class: "head", type: "button", onclick: () => choose(column) }, h("span", { class: "clip" }))
  const fillHead = (element, column, lit) => {
    const name = model.classes[column]
    text(element.firstChild, name)
    setAll(element, { "aria-pressed": String(model.chosen.includes(name)), "aria-label": `Thumbs of a row are for ${name}`, tabindex: column === at.column ? 0 : -1,
      title: [name, model.effects[name] && `batch: AP ${model.effects[name]}`].filter(Boolean).join("\n"), class: `head${column === lit?.column ? " near" : ""}` })
    element.style.left = `${column * size.wide}px`
  }
  const choose = (column) => {
    const name = model.classes[column]
    model.chosen = model.chosen.includes(name) ? model.chosen.filter((each) => each !== name) : [...model.chosen, name]
  }

  // --- cells -----------------------------------------------------------------------------------

  const cellOf = (event) => {
    const box = boxOf(cells), scale = box.width ? cells.getBoundingClientRect().width / box.width : 1
    const column = Math.floor((event.clientX / scale - box.x) / size.wide), row = Math.floor((event.clientY / scale - box.y) / size.high)
    return row >= 0 && column >= 0 && row < model.concepts.length && column < model.classes.length ? { row, column } : null
  }
  /** The influence in a cell; undefined where the plot has no single cells. */
  const influence = ({ row, column }) => {
    const image = plot().image.data_source.data.image[0]
    const rows = model.concepts.length, columns = model.classes.length
    return image?.length === rows * columns ? image[(rows - 1 - row) * columns + column] || 0 : undefined
  }
  const facts = (cell) => {
    const name = model.classes[cell.column], concept = model.concepts[cell.row], key = keyOf(name, concept)
    const found = (list) => list.find(([one, other]) => keyOf(one, other) === key)
    const value = influence(cell), thumb = found(model.pending)?.[2]
    return { name, concept, lines: [
      ["Influence", value === undefined ? "enlarge to see it" : value ? signed(value, 2) : "none"],
      found(model.bounds) && ["Bound in force", found(model.bounds)[2]],
      thumb && ["Waits", DIRECTIONS[thumb].verb.toLowerCase()],
      found(model.marked) && ["Suspect", "the data speak against it"],
    ].filter(Boolean) }
  }
  const hover = (event) => {
    const cell = cellOf(event)
    if (cell?.row === over?.row && cell?.column === over?.column) return
    over = cell
    spot.hidden = !cell
    drawPart()
    if (!cell) return card.hide()
    move(spot, cell, size)
    const { name, concept, lines } = facts(cell)
    card.show(spot, [h("b", {}, concept), details([["Student", name], ...lines])])
  }
  const open = (cell) => {
    if (Math.min(size.wide, size.high) < LINED) return come(cell)
    card.hide()
    send("open", { class_name: model.classes[cell.column], concept: model.concepts[cell.row] })
  }
  /** Enlarge to the usual size around a cell. */
  const come = (cell) => { at = cell; enlarge("usual"); bring() }
  const bring = () => {
    const { width, height } = room()
    scroll.scrollLeft = offsetFor(at.column, scroll.scrollLeft, width, size.wide)
    scroll.scrollTop = offsetFor(at.row, scroll.scrollTop, height, size.high)
    drawPart()
  }
  const tell = () => {
    const { name, concept, lines } = facts(at)
    text(told, [`${concept}, ${name}`, ...lines.map(([what, value]) => `${what} ${value}`)].join("; "))
  }
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== cells || !model.concepts.length) return
    const page = Math.max(1, Math.floor(room().height / size.high))
    const to = cellAfter(event.key, at, { rows: model.concepts.length, columns: model.classes.length, page })
    const direction = THUMBS.find((name) => DIRECTIONS[name].key === event.key.toLowerCase())
    if (to) { at = to; bring(); tell() }
    else if (direction) send("thumb", { concept: model.concepts[at.row], direction })
    else if (event.key === "Enter") open(at)
    else if (event.key === " ") choose(at.column)
    else if (event.key === "+" || event.key === "=") { enlarge(1); bring() }
    else if (event.key === "-") { enlarge(-1); bring() }
    else return
    event.preventDefault()
  }
  cells.addEventListener("pointermove", hover)
  cells.addEventListener("pointerleave", () => { over = null; spot.hidden = true; card.hide(); drawPart() })
  cells.addEventListener("click", (event) => { const cell = cellOf(event); if (cell) { at = cell; open(cell) } })
  cells.addEventListener("keydown", press)
  cells.addEventListener("blur", drawPart)
  cells.addEventListener("focus", () => { if (cells.matches(":focus-visible") && model.concepts.length) { bring(); tell() } })
  scroll.addEventListener("scroll", () => { if (over) { over = null; spot.hidden = true; card.hide() } requestAnimationFrame(drawPart) }, { passive: true })
  new ResizeObserver(draw).observe(scroll)
  return { element: scroll, draw, focus: () => cells.focus(), enlarge: (step) => { zoom = step; draw() } }
}

/** For whom a row's thumbs are, above them. */
function makeTarget(model) {
  const label = h("span"), all = h("button", { class: "link", type: "button", onclick: () => { model.chosen = [] } }, "all")
  const words = () => (model.chosen.length ? (model.chosen.length === 1 ? model.chosen[0] : `${count(model.chosen.length)} students`) : "all students")
  const element = h("div", { class: "corner end", title: "Press names of students to choose for whom the thumbs of a row are." }, label, all)
  const draw = () => { text(label, model.chosen.length ? `For ${words()}` : `For all ${count(model.classes.length)}`); all.hidden = !model.chosen.length }
  return { element, draw, words }
}

/** The figure, and its layers in the order of plots/concept_matrix.py. */
function partsOf(pane) {
  const figure = [...pane.references()].find(({ type }) => type === "Figure")
  const [image, texts, boxes] = figure.renderers
  return { figure, image, texts, boxes }
}

function move(element, { row, column }, { wide, high }) {
  Object.assign(element.style, { left: `${column * wide}px`, top: `${row * high}px`, width: `${Math.max(wide, 3)}px`, height: `${Math.max(high, 3)}px` })
}

/** Let the plot cover a part of the cells, left to right and top to bottom. Rows count from below. */
function cover(place, { x_range, y_range }, [left, right], [top, bottom], { wide, high }, rows) {
  Object.assign(place.style, { left: `${left}px`, width: `${right - left}px`, top: `${top}px`, height: `${bottom - top}px` })
  if (right <= left || bottom <= top) return
  x_range.setv({ start: left / wide, end: right / wide }, { sync: false })
  y_range.setv({ start: rows - bottom / high, end: rows - top / high }, { sync: false })
}
