// Student performance: one row a class, two rings, two bars with four fills.
// Messages to Python are the actions of view.py.

import {
  boxOf, count, drawOnce, findBox, followTheme, h, hoverCard, icon, isClosed, isNumber, keepAligned,
  keyed, offline, points, ring, s, segments, select, set, text, unless, watch, zoomOf,
} from "../../ui/base.js"
import { popMenu } from "../../ui/menu.js"
import { saveFiles } from "../../ui/save_file.js"
import { GAP_METRIC, METRICS } from "../../ui/vocabulary.js"
import { layBars } from "./bars.js"
import { makeConfusions } from "./confusions.js"
import { FILLS, SORTS, partAt, sum } from "./fills.js"
import { hover } from "./performance_cards.js"
import { drawHead, drawName, makeMark, pairOf, placeMark, spokenPair } from "./pinned.js"

const SIDES = ["positives", "negatives"]
const IMAGES_KEY = "i"
const TURN = 2 * Math.PI * 12.25

export function render({ model, el }) {
  const { input: search, element: find } = findBox("Find class", "/")
  offline(find)
  const list = h("div", { class: "rows offline", role: "listbox", "aria-label": "Classes" })
  const parts = { search, list, empty: emptyState(search, () => draw()), ...header(model, find, popMenu(el), () => list) }
  const scroll = h("div", { class: "scroll" }, list, parts.empty)
  const bars = layBars(model, scroll, list)
  list.after(bars.place)
  const card = hoverCard(el)
  const confusions = makeConfusions(model, card)
  const root = h("section", { class: "panel performance", "aria-label": "Student performance" },
    parts.head, parts.modes, parts.controls, parts.columns, scroll, confusions.element, parts.legend)
  keepAligned(parts.columns, scroll)

  const draw = () => { drawList(model, parts); bars.align() }
  search.addEventListener("input", draw)
  search.addEventListener("keydown", (event) => searchKey(event, model, list, draw))
  list.addEventListener("click", (event) => { if (!openPart(model, event)) pick(model, event.target.closest(".row")) })
  list.addEventListener("keydown", (event) => listKey(event, model, list))
  list.addEventListener("pointerover", (event) => hover(model, card, event.target))
  list.addEventListener("pointerleave", card.hide)
  el.append(root)
  followTheme(model, root)
  saveFiles(model)
  watch(model, ["confused", "confusions", "classes"], () => {
    parts.modes.hidden = !model.classes.length
    parts.shown.show(model.confused ? "confusions" : "classes")
    for (const part of [parts.controls, parts.columns, scroll, parts.legend]) part.hidden = model.confused
    confusions.draw()
    bars.align()
  })
  watch(model, ["rows", "selected", "sort", "descending", "touched", "shifts", "pinned"], draw)
  watch(model, ["extent"], () => { draw(); requestAnimationFrame(bars.lay) })
  model.on("changes", () => card.again())
}

// --- the frame -------------------------------------------------------------------------------

function header(model, find, menu, rows) {
  const total = h("span", { class: "muted num" })
  const save = h("button", { class: unless("export", "icon-btn"), type: "button", "aria-label": "Save the rows shown", title: "Save the rows shown", "aria-haspopup": "menu" }, icon("download"))
  const entry = (words, kind) => ({ name: words, key: "", run: () => model.send_msg({ action: "save_students", kind, names: [...rows().children].map(({ dataset }) => dataset.key) }) })
  save.onclick = () => menu.open(save, save, "Save the rows shown", [entry("Rows shown as CSV", "csv"), entry("Rows shown as JSON", "json")])
  const sort = h("span", { class: "sorting" })
  const order = h("button", { class: "icon-btn filled offline", type: "button", onclick: () => { model.descending = !model.descending } }, icon("order"))
  const value = h("span", { class: "value in-full" })
  const rings = h("span"), shifted = h("span"), first = h("span")
  const shown = segments("Shown", [["classes", "Classes"], ["confusions", "Confusions"]], (id) => { model.confused = id === "confusions" })
  return {
    total, sort, order, value, rings, shifted, shown, first,
    modes: h("div", { class: "controls" }, shown),
    legend: legend(rings, model.suspecting && shifted),
    head: h("div", { class: "panel-head" }, h("h2", {}, "Student performance"), total, h("span", { class: "grow" }), save),
    controls: h("div", { class: "controls" }, find, sort, order),
    columns: h("div", { class: "row columns", "aria-hidden": "true" },
      first, value, h("span", { class: "centre in-full" }, ...wideOrNarrow("Teacher", "T")),
      h("span", { class: "centre" }, h("span", { class: "in-simple" }, METRICS[GAP_METRIC].name), h("span", { class: "in-full" }, ...wideOrNarrow("Student", "S"))),
      h("span", { class: "sides" }, h("span", {}, "Positives"), h("span", {}, "Negatives"))),
  }
}

function wideOrNarrow(wide, narrow) {
  return [h("span", { class: "wide" }, wide), h("span", { class: "narrow" }, narrow)]
}

function legend(rings, shifted) {
  const size = h("span", { class: "size" }, h("i"))
  return h("div", { class: "legend" },
    FILLS.map(([fill, name]) => h("span", {}, h("i", { class: `swatch fill ${fill}` }), name)),
    h("span", { class: "all in-full" }, size, h("span", {}, ...wideOrNarrow("size of the subset, share of the split. Rings: ", "subset's size. T, S: "), rings)),
    shifted && h("span", { class: "all" }, h("i", { class: "lean" }), shifted))
}

function emptyState(search, draw) {
  const clear = () => { search.value = ""; draw(); search.focus() }
  return h("div", { class: "empty", hidden: "" }, h("b"), h("span", { class: "muted" }),
    h("button", { class: "link", type: "button", onclick: clear }, "Clear search"))
}

// --- rows ------------------------------------------------------------------------------------

function drawList(model, parts) {
  const { list, search, total, empty } = parts
  const rows = sorted(model.rows, model.sort, model.descending).filter((row) => matches(row, search.value))
  text(total, totalOf(rows.length, model.rows.length))
  text(parts.shifted, shiftsOf(model))
  drawSorting(model, parts)
  drawHead(parts.first, model.pinned, METRICS[GAP_METRIC].short)
  list.style.setProperty("--n", rows.length)
  keyed(list, rows, (row) => row.name, makeRow, (element, row) => fillRow(element, row, model))
  const focusable = list.querySelector("[aria-selected=true]") ?? list.firstElementChild
  for (const row of list.children) set(row, "tabindex", row === focusable ? 0 : -1)
  empty.hidden = rows.length > 0
  list.hidden = rows.length === 0
  text(empty.firstChild, model.rows.length ? "No class matches" : "No classes")
  text(empty.children[1], model.rows.length ? `“${search.value.trim()}”, in ${count(model.rows.length)} classes.` : "The store has no class.")
  empty.lastChild.hidden = !model.rows.length
}

function totalOf(shown, all) {
  return `${shown < all ? `${count(shown)} of ` : ""}${count(all)} ${all === 1 ? "student" : "students"}`
}

/** How many students lean on what holds on fit only; as far as they have been looked at. */
function shiftsOf({ rows, shifts }) {
  const known = Object.values(shifts)
  const many = known.filter(({ shifted }) => shifted).length
  const looked = known.length < rows.length ? `${count(known.length)} so far` : count(rows.length)
  return `leans on what holds on fit only${known.length ? `: ${many ? count(many) : "none"} of ${looked}` : ""}`
}

/** The metric that the rings tell: the one sorted by, or whose gap is. */
const ringMetric = ({ sort, extent }) => (extent === "simple" ? GAP_METRIC : SORTS[sort].metric ?? sort)

/** Key of the metric that stands below the one sorted by, if any. */
const besideOf = (sort) => METRICS[sort]?.beside

function drawSorting(model, { sort, order, value, rings }) {
  const shown = [model.sort, besideOf(model.sort)].filter(Boolean)
  if (sort.dataset.value !== model.sort) {
    const pickSort = (id) => { model.descending = SORTS[id].descending; model.sort = id }
    const names = model.sorts.map((id) => [id, SORTS[id].name])
    if (!sort.firstChild) sort.append(offline(select("Sort by", names, model.sort, pickSort, "Sort:")))
    sort.querySelector("select").value = model.sort
    sort.dataset.value = model.sort
    value.replaceChildren(...shown.map((key) => h("span", {}, wideOrNarrow(...SORTS[key].head))))
    text(rings, `${SORTS[ringMetric(model)].name} of teacher, student`)
  }
  const label = model.descending ? "Largest first" : "Smallest first"
  set(order, "aria-label", `${label}. Turn the order round`)
  set(order, "title", label)
}

/** By the sort's value, undefined last whichever the direction, equal ones by name. */
function sorted(rows, key, descending) {
  const sign = descending ? -1 : 1
  return [...rows].sort((a, b) => {
    if (isNumber(a[key]) !== isNumber(b[key])) return isNumber(a[key]) ? -1 : 1
    return (isNumber(a[key]) && sign * (a[key] - b[key])) || a.name.localeCompare(b.name)
  })
}

const matches = (row, query) => row.name.toLowerCase().includes(query.trim().toLowerCase())

function makeRow() {
  return h("div", { class: "row", role: "option" }, h("span", { class: "vh" }),
    h("span", { class: "name clip", "aria-hidden": "true" }), h("span", { class: "value num in-full", "aria-hidden": "true" }), makeRing("teacher"), makeRing("student"),
    h("span", { class: "bars", "aria-hidden": "true" }, SIDES.map((side) => h("span", { class: "side", "data-side": side },
      h("span", { class: "size" }, h("i")), h("span", { class: "bar" })))),
    h("i", { class: "touch num", "aria-hidden": "true" }), h("i", { class: "lean", "aria-hidden": "true" }))
}

function makeRing(who) {
  const circle = (name) => s("circle", { cx: 15, cy: 15, r: 12.25, class: name, transform: "rotate(-90 15 15)" })
  return s("svg", { class: `ring ${who} ${who === "teacher" ? "in-full" : ""}`, viewBox: "0 0 30 30", "aria-hidden": "true" },
    circle("rest"), circle("part"), who === "student" && makeMark(), s("text", { x: 15, y: 19, "text-anchor": "middle" }))
}

/** Fill a row, unless it shows all of it already: of a thousand a click changes two. */
function fillRow(element, row, model) {
  const [words, name, value, teacher, student, bars, badge, lean] = element.children
  const shift = model.shifts[row.name], pair = pairOf(model, row.name, ringMetric(model))
  const selected = row.name === model.selected, touched = model.touched[row.name] ?? 0
  const told = [row, shift, selected, touched, model.sort, ringMetric(model), JSON.stringify([pair, model.pinned.number])]
  if (element.told?.every((each, at) => each === told[at])) return
  element.told = told
  set(element, "aria-selected", String(selected))
  text(words, `${spoken(row, model)}${touched ? `; ${touched} in the batch` : ""}${shift ? `; ${shift.words}` : ""}`)
  lean.hidden = !shift?.shifted
  drawName(name, row.name, pair)
  set(name, "title", row.name)
  text(badge, touched || "")
  set(badge, "title", `${touched} in the batch`)
  fillValue(value, row, model)
  fillRing(teacher, row.teacher[ringMetric(model)])
  fillRing(student, row[ringMetric(model)])
  placeMark(student.querySelector(".pinned"), pair)
  SIDES.forEach((side, index) => fillSide(bars.children[index], row[side], row.images))
}

/** The value sorted by; below accuracy stands the fidelity, and the other way round. */
function fillValue(element, row, { sort }) {
  const below = SORTS[besideOf(sort)]
  const parts = () => [SORTS[sort].show(row), below && h("span", { class: "beside" }, below.show(row))].filter(Boolean)
  drawOnce(element, JSON.stringify([sort, row[sort], row[besideOf(sort)]]), parts)
}

function fillRing(svg, value) {
  const part = isNumber(value) ? value * TURN : 0
  set(svg.children[1], "stroke-dasharray", `${part.toFixed(2)} ${TURN.toFixed(2)}`)
  text(svg.lastChild, ring(value))
}

function fillSide(element, counts, images) {
  const [size, bar] = element.children
  const total = sum(counts)
  size.firstChild.style.height = `${images ? Math.max((100 * total) / images, total ? 6 : 0) : 0}%`
  bar.classList.toggle("none", total === 0)
}

function spoken(row, model) {
  const { sort } = model, pair = pairOf(model, row.name, ringMetric(model))
  const value = (name, number) => `${name} ${isNumber(number) ? number : "undefined"}`
  const gap = isNumber(row.gap) ? `AP gap ${points(row.gap)} points` : `AP gap undefined, ${row.reason}`
  const side = (name) => `${name}: ${FILLS.map(([, fill], index) => `${row[name][index]} ${fill}`).join(", ")}`
  const told = [sort, besideOf(sort)].filter((key) => key && key !== "gap" && key !== GAP_METRIC).map((key) => value(SORTS[key].name, rounded(row[key])))
  return [row.name, gap, ...told, value("teacher AP", rounded(row.teacher[GAP_METRIC])), value("student AP", rounded(row[GAP_METRIC])), ...(pair ? [spokenPair(METRICS[ringMetric(model)].name, pair, model.pinned)] : []), ...SIDES.map(side)].join("; ")
}

const rounded = (value) => (isNumber(value) ? Number(value.toFixed(3)) : value)

// --- keyboard and pointer ----------------------------------------------------------------------

function pick(model, row) {
  if (row && !isClosed("class")) model.selected = row.dataset.key
}

/** The images of the part of a bar that was clicked, if it was one. */
function openPart(model, event) {
  const bar = event.target.closest(".bar"), row = bar?.closest(".row")
  if (!bar || bar.classList.contains("none")) return false
  const { x, width } = boxOf(bar), side = bar.parentElement.dataset.side, name = row.dataset.key
  const counts = model.rows.find((each) => each.name === name)[side]
  openImages(model, name, side, partAt(counts, (event.clientX / zoomOf(bar) - x) / width))
  return true
}

function openImages(model, name, side, fill) {
  if (!isClosed("class") || name === model.selected) model.send_msg({ action: "open_images", name, side, fill })
}

function listKey(event, model, list) {
  const row = event.target.closest(".row")
  const rows = [...list.children]
  const at = rows.indexOf(row)
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key]
  if (event.key === "Enter" || event.key === " ") pick(model, row)
  else if (event.key.toLowerCase() === IMAGES_KEY && !event.ctrlKey && !event.metaKey && !event.altKey) openImages(model, row.dataset.key, SIDES[Number(event.shiftKey)], "")
  else if (to === undefined) return
  else focusRow(rows, Math.max(0, Math.min(rows.length - 1, to)))
  event.preventDefault()
}

function focusRow(rows, index) {
  rows.forEach((row, at) => set(row, "tabindex", at === index ? 0 : -1))
  rows[index]?.focus()
}

function searchKey(event, model, list, draw) {
  if (event.key === "Enter") pick(model, list.firstElementChild)
  else if (event.key === "ArrowDown") focusRow([...list.children], 0)
  else if (event.key === "Escape") { event.target.value = ""; draw() }
  else return
  event.preventDefault()
}
