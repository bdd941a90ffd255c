// Student performance: one row a class, two rings, two bars with four fills.
// Messages to Python are the actions of view.py.

import { boxOf, hoverCard, keepAligned, zoomOf } from "../../ui/boxes.js"
import { findBox, icon, segments, select } from "../../ui/controls.js"
import { callImages, h, isClosed, offline, set, text } from "../../ui/elements.js"
import { followTheme, watch } from "../../ui/model.js"
import { count, isNumber } from "../../ui/numbers.js"
import { longList } from "../../ui/lists/long_list.js"
import { popMenu, saveRows } from "../../ui/parts/menu.js"
import { saveFiles } from "../../ui/parts/save_file.js"
import { GAP_METRIC, METRICS } from "../../ui/vocabulary.js"
import { layBars } from "./bars.js"
import { makeConfusions } from "./confusions.js"
import { FILLS, SORTS, partAt } from "./fills.js"
import { hover } from "./performance_cards.js"
import { SIDES, besideOf, fillRow, makeRow, ringMetric, rowsOf } from "./rows.js"

const IMAGES_KEY = "i"
const LETTER = 6.6 // px per letter of a name

export function render({ model, el }) {
  callImages(model.called)
  const { input: search, element: find } = findBox("Find class", "/")
  offline(find)
  const list = h("div", { class: "rows offline", role: "listbox", "aria-label": "Classes" })
  const scroll = h("div", { class: "scroll" }, list)
  const places = longList({
    scroller: scroll,
    list,
    key: ({ name }) => name,
    make: makeRow,
    fill: (element, row) => fillRow(element, row, model),
  })
  const parts = {
    search,
    list,
    scroll,
    places,
    listed: [],
    verdicts: {},
    pointed: false,
    held: false,
    empty: emptyState(search, () => draw()),
    ...header(model, find, popMenu(el), () => parts.listed),
  }
  scroll.append(parts.empty)
  const bars = layBars(model, scroll, list, () => parts.listed)
  list.after(bars.place)
  const card = hoverCard(el)
  const confusions = makeConfusions(model)
  const root = h(
    "section",
    { class: "panel performance", "aria-label": "Student performance" },
    parts.head,
    parts.modes,
    parts.controls,
    parts.columns,
    scroll,
    confusions.element,
    parts.legend,
  )
  keepAligned(parts.columns, scroll)

  const draw = () => {
    drawList(model, parts)
    bars.align()
  }
  search.addEventListener("input", draw)
  search.addEventListener("keydown", (event) => searchKey(event, model, parts, draw))
  list.addEventListener("click", (event) => {
    if (!openPart(model, event)) pick(model, event.target.closest(".row"))
  })
  list.addEventListener("keydown", (event) => listKey(event, model, parts))
  list.addEventListener("pointerover", (event) => hover(model, card, event.target))
  list.addEventListener("pointerenter", () => {
    parts.pointed = true
  })
  list.addEventListener("pointerleave", () => {
    card.hide()
    parts.pointed = false
    if (parts.held) setTimeout(draw) // a finger leaves before its click
  })
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
  watch(model, ["rows"], () => {
    // before they are drawn: as much room as the longest name needs, if there is
    const names = model.rows.map(({ name }) => name)
    root.style.setProperty("--names", widthOf(names))
    root.style.setProperty("--word", widthOf(names.flatMap((name) => name.split(" "))))
    requestAnimationFrame(bars.lay)
  })
  watch(model, ["rows", "changed", "selected", "sort", "descending", "touched", "shifts", "unchecked"], draw)
  watch(model, ["extent"], () => {
    draw()
    requestAnimationFrame(bars.lay)
  })
  model.on("changes", () => card.again())
}

/** About the width of the longest of the texts. */
const widthOf = (texts) => `${Math.ceil(LETTER * Math.max(0, ...texts.map((words) => words.length)))}px`

// --- the frame -------------------------------------------------------------------------------

function header(model, find, menu, listed) {
  const total = h("span", { class: "muted num" })
  const save = saveRows(menu, (kind) =>
    model.send_msg({ action: "save_students", kind, names: listed().map(({ name }) => name) }),
  )
  const sort = h("span", { class: "sorting" })
  const order = h(
    "button",
    {
      class: "icon-btn filled offline",
      onclick: () => {
        model.descending = !model.descending
      },
    },
    icon("order"),
  )
  const value = h("span", { class: "value in-full" })
  const rings = h("span")
  const shifted = h("span")
  const unknown = h("span")
  const first = h("span")
  const shown = segments(
    "Shown",
    [
      ["classes", "Classes"],
      ["confusions", "Confusions"],
    ],
    (id) => {
      model.confused = id === "confusions"
    },
  )
  return {
    total,
    sort,
    order,
    value,
    rings,
    shifted,
    unknown,
    shown,
    first,
    modes: h("div", { class: "controls" }, shown),
    legend: legend(rings, model.suspecting && shifted, unknown),
    head: h(
      "div",
      { class: "panel-head" },
      h("h2", {}, "Student performance"),
      total,
      h("span", { class: "grow" }),
      save,
    ),
    controls: h("div", { class: "controls" }, find, sort, order),
    columns: h(
      "div",
      { class: "row columns", "aria-hidden": "true" },
      first,
      value,
      h("span", { class: "centre in-full" }, ...wideOrNarrow("Teacher", "T")),
      h(
        "span",
        { class: "centre" },
        h("span", { class: "in-simple" }, METRICS[GAP_METRIC].name),
        h("span", { class: "in-full" }, ...wideOrNarrow("Student", "S")),
      ),
      h(
        "span",
        { class: "sides" },
        [
          ["Positives", "Pos."],
          ["Negatives", "Neg."],
        ].map(([long, short]) => h("span", {}, ...longOrShort(long, short))),
      ),
    ),
  }
}

/** Two texts, of which the style sheet shows one; the second pair is for still less room. */
const oneOf =
  (...names) =>
  (...texts) =>
    texts.map((words, at) => h("span", { class: names[at] }, words))
const wideOrNarrow = oneOf("wide", "narrow")
const longOrShort = oneOf("long", "short")

function legend(rings, shifted, unknown) {
  const size = h("span", { class: "size" }, h("i"))
  return h(
    "div",
    { class: "legend" },
    FILLS.map(([fill, name, brief]) =>
      h(
        "span",
        { title: name === brief ? null : name },
        h("i", { class: `swatch fill ${fill}` }),
        ...longOrShort(name, brief),
      ),
    ),
    h(
      "span",
      { class: "all in-full" },
      size,
      h(
        "span",
        {},
        ...longOrShort(
          wideOrNarrow("share of all images. Rings: ", "share of images. T, S: "),
          "share; T, S: ",
        ),
        rings,
      ),
    ),
    h("span", { class: "all in-simple" }, h("i", { class: "swatch teachers" }), "AP of the teacher"),
    shifted && h("span", { class: "all" }, h("i", { class: "lean" }), shifted),
    h("span", { class: "all", hidden: "" }, h("i", { class: "unknown" }, "?"), unknown),
  )
}

function emptyState(search, draw) {
  const clear = () => {
    search.value = ""
    draw()
    search.focus()
  }
  return h(
    "div",
    { class: "empty", hidden: "" },
    h("b"),
    h("span", { class: "muted" }),
    h("button", { class: "link", onclick: clear }, "Clear search"),
  )
}

// --- rows ------------------------------------------------------------------------------------

function drawList(model, parts) {
  const { list, search, total, empty } = parts
  const rows = (parts.listed = inOrder(model, parts).filter((row) => matches(row, search.value)))
  text(total, totalOf(rows.length, model.rows.length))
  text(parts.shifted, shiftsOf(model))
  drawUnknown(parts.unknown, rowsOf(model).filter((row) => row.unknown).length, model.rows.length)
  drawSorting(model, parts)
  const at = rows.findIndex(({ name }) => name === model.selected)
  parts.places.show(rows, { stop: at })
  if (at >= 0 && parts.inView !== model.selected) {
    // another view may have selected it
    parts.places.bring(at)
    parts.inView = model.selected
  }
  empty.hidden = rows.length > 0
  list.hidden = rows.length === 0
  text(empty.firstChild, model.rows.length ? "No class matches" : "No classes")
  text(
    empty.children[1],
    model.rows.length
      ? `“${search.value.trim()}”, in ${count(model.rows.length)} classes.`
      : "The store has no class.",
  )
  empty.lastChild.hidden = !model.rows.length
}

function totalOf(shown, all) {
  return `${shown < all ? `${count(shown)} of ` : ""}${count(all)} ${all === 1 ? "student" : "students"}`
}

/** Numbers of students that may rely on the wrong thing, and of those with too few images to say. */
function shiftsOf({ rows, shifts, unchecked }) {
  const known = Object.values(shifts)
  const many = known.filter(({ relies }) => relies).length
  const unsure = known.filter((each) => each.unsure).length
  const few = unsure ? `; too few images to say: ${count(unsure)}` : ""
  const some = known.length < rows.length
  const looked = some || unchecked ? `${count(known.length)} so far` : count(rows.length)
  const clear = some || !unchecked ? `none of ${looked}` : unchecked
  const found = known.length ? `: ${many ? `${count(many)} of ${looked}` : clear}${few}` : ""
  return `may rely on the wrong thing${found}`
}

/** Number of classes that the teacher does not know; empty if there are none. */
function drawUnknown(element, many, all) {
  text(element, `the teacher does not know the class: ${count(many)} of ${count(all)}`)
  element.parentElement.hidden = !many
}

function drawSorting(model, { sort, order, value, rings }) {
  const shown = [model.sort, besideOf(model.sort)].filter(Boolean)
  if (sort.dataset.value !== model.sort) {
    const pickSort = (id) => {
      model.descending = SORTS[id].descending
      model.sort = id
    }
    const names = Object.values(SORTS).map(({ key, name }) => [key, name])
    if (!sort.firstChild) sort.append(offline(select("Sort by", names, model.sort, pickSort, "Sort:")))
    sort.querySelector("select").show(model.sort)
    sort.dataset.value = model.sort
    value.replaceChildren(...shown.map((key) => h("span", {}, wideOrNarrow(...SORTS[key].head))))
    set(
      value,
      "title",
      SORTS[model.sort].points
        ? `${METRICS[SORTS[model.sort].metric].name} of the teacher less the student's`
        : null,
    )
    text(rings, `${SORTS[ringMetric(model)].name} of teacher, student`)
  }
  const label = model.descending ? "Largest first" : "Smallest first"
  set(order, "aria-label", `${label}. Turn the order round`)
  set(order, "title", label)
}

/** Sorted; the classes stay where they are while images are picked out, and under the pointer, so that
    a click meets the row that it aims at, until another sort is chosen. */
function inOrder(model, parts) {
  const sort = [model.sort, model.descending].join(" ")
  parts.held = (model.picked || parts.pointed) && parts.sorted?.sort === sort
  if (parts.held) {
    const named = new Map(rowsOf(model).map((row) => [row.name, row]))
    return parts.sorted.names.map((name) => named.get(name)).filter(Boolean)
  }
  if (Object.keys(model.shifts).length === model.rows.length) parts.verdicts = model.shifts
  const rows = sorted(model, parts.verdicts)
  parts.sorted = { sort, names: rows.map(({ name }) => name) }
  return rows
}

/** By the sort's value, undefined last whichever the direction, equal ones by name; of where to begin
    by rank, which `shifts` has, the last that were known of all classes, and last of all classes with
    too few positives. `in_order` of the start view orders its cards alike. */
function sorted(model, shifts) {
  const { sort: key, descending } = model
  const sign = descending ? -1 : 1
  const rank = (row) => {
    if (key !== BEGIN) return 0
    return row.few === null ? (shifts[row.name]?.rank ?? 0) : Infinity
  }
  return rowsOf(model).sort((a, b) => {
    if (rank(a) !== rank(b)) return rank(a) - rank(b)
    if (isNumber(a[key]) !== isNumber(b[key])) return isNumber(a[key]) ? -1 : 1
    return (isNumber(a[key]) && sign * (a[key] - b[key])) || a.name.localeCompare(b.name)
  })
}

const BEGIN = "begin"
const matches = (row, query) => row.name.toLowerCase().includes(query.trim().toLowerCase())

// --- keyboard and pointer ----------------------------------------------------------------------

function pick(model, row) {
  if (row && !isClosed("class")) model.selected = row.dataset.key
}

/** The images of the part of a bar that was clicked, if it was one. */
function openPart(model, event) {
  const bar = event.target.closest(".bar")
  const row = bar?.closest(".row")
  if (!bar || bar.classList.contains("none")) return false
  const { x, width } = boxOf(bar)
  const side = bar.parentElement.dataset.side
  const name = row.dataset.key
  const counts = rowsOf(model).find((each) => each.name === name)[side]
  openImages(model, name, side, partAt(counts, (event.clientX / zoomOf(bar) - x) / width))
  return true
}

function openImages(model, name, side, fill) {
  if (!isClosed("class") || name === model.selected) {
    model.send_msg({ action: "open_images", name, side, fill })
  }
}

function listKey(event, model, parts) {
  const row = event.target.closest(".row")
  const at = row.at
  const last = parts.listed.length - 1
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last }[event.key]
  if (event.key === "Enter" || event.key === " ") pick(model, row)
  else if (event.key.toLowerCase() === IMAGES_KEY && !event.ctrlKey && !event.metaKey && !event.altKey) {
    openImages(model, row.dataset.key, SIDES[Number(event.shiftKey)], "")
  } else if (to === undefined) return
  else parts.places.go(Math.max(0, Math.min(last, to)))
  event.preventDefault()
}

function searchKey(event, model, parts, draw) {
  if (event.key === "Enter") pick(model, parts.list.firstElementChild)
  else if (event.key === "ArrowDown") parts.places.go(0)
  else if (event.key === "Escape") {
    event.target.value = ""
    draw()
  } else return
  event.preventDefault()
}
