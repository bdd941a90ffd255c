// Fine-tuning provenance: the tree of iterations, what each did, and the total.

import { hoverCard } from "../../ui/boxes.js"
import { icon, iconButton, select } from "../../ui/controls.js"
import { callImages, drawOnce, h, keyed, s, set, setAll, text, unless } from "../../ui/elements.js"
import { followTheme, onMessage, watch } from "../../ui/model.js"
import { count } from "../../ui/numbers.js"
import { METRICS } from "../../ui/vocabulary.js"
import { popMenu } from "../../ui/parts/menu.js"
import { WHISKER, axisOf, whiskerOf } from "../../ui/parts/whisker.js"
import { compareDialog } from "./compare.js"
import { deletedList } from "./deleted_list.js"
import { exportDialog } from "./export_dialog.js"
import { noteLine } from "./note_line.js"
import { ROW, bringIntoView, focusCurrent, focusedRow, isInView, isLong } from "./rows_in_view.js"
import { listen } from "./row_actions.js"

const LANE = 16
const TREE_PAD = 10
const nameOf = ({ metrics, metric }) => metrics.find(([id]) => id === metric)[1]

export function render({ model, el }) {
  callImages(model.called)
  const say = (action, more = {}) => model.send_msg({ action, ...more })
  const parts = {
    ...header(say, model),
    ...list(),
    note: noteLine(say),
    problem: h("p", { class: "problem", role: "alert", hidden: "" }),
    typed: h("p", { class: "typed muted small" }),
    columns: columns(),
    card: hoverCard(el),
    empty: h(
      "div",
      { class: "empty", hidden: "" },
      h("i", { class: "dot" }),
      h("b"),
      h("span", { class: "muted" }),
    ),
    bones: h(
      "div",
      { class: "bones", hidden: "" },
      [1, 2, 3, 4].map(() => h("i", { class: "bone" })),
    ),
  }
  const root = h(
    "section",
    { class: "panel provenance", "aria-label": "Provenance" },
    parts.head,
    parts.columns,
    parts.body,
    parts.empty,
    parts.bones,
    parts.typed,
    parts.problem,
    parts.note,
  )
  el.append(root)
  compareDialog(el, model, say)
  Object.assign(parts, {
    menu: popMenu(el),
    bin: deletedList(el, say, () => focusCurrent(parts.rows)),
    save: exportDialog(el, model, say),
  })
  const state = () => ({ ...model.tree, ...model.results, ...model.data, deleted: model.deleted })
  listen(parts, say, state)
  onMessage(model, (message) => {
    if (message.export) parts.saveButton.click()
  })
  followTheme(model, root)
  watch(model, ["data", "tree", "results", "deleted"], () => draw(state(), parts, root))
}

// --- the frame -----------------------------------------------------------------------------------

function header(say, model) {
  const undo = iconButton("undo", "Undo the last iteration", () => say("undo"))
  const redo = iconButton("redo", "Redo the iteration", () => say("redo"))
  const metric = h("span", { class: "metric" })
  metric.choose = (id) => {
    model.metric = id
  }
  const compare = iconButton("compare", "Compare with the iteration before", () => say("compare_present"), {
    title: "Compare with the iteration before (M on a row: with that one)",
  })
  const save = iconButton("download", "Export the iteration shown", null, {
    class: unless("export", "icon-btn"),
    "aria-haspopup": "dialog",
  })
  const deleted = h(
    "button",
    { class: "icon-btn deleted-btn num", hidden: "", "aria-haspopup": "dialog" },
    icon("bin"),
    h("span", { class: "small" }),
  )
  const total = h(
    "div",
    { class: "total num" },
    metric,
    h("span", { class: "muted" }, "since #0"),
    h("b"),
    h("span", { class: "muted interval" }),
  )
  const mark = h("span", { class: "muted small clip" })
  const head = h(
    "div",
    { class: "panel-head" },
    h("h2", {}, "Provenance"),
    mark,
    undo,
    redo,
    compare,
    save,
    deleted,
    h("span", { class: "grow" }),
    total,
  )
  return { mark, undo, redo, total, metric, head, toggle: compare, saveButton: save, binButton: deleted }
}

function list() {
  const tree = s("svg", { class: "tree", "aria-hidden": "true" })
  const rows = h("div", { class: "rows", role: "listbox", "aria-label": "Iterations, newest first" })
  const more = h("button", { class: "icon-btn row-menu", "aria-haspopup": "menu" }, icon("more"))
  return { tree, rows, more, body: h("div", { class: "body scroll" }, tree, rows, more) }
}

function columns() {
  return h(
    "div",
    { class: "columns", "aria-hidden": "true" },
    h("span"),
    h("span", {}, "Edits"),
    h("span", { class: "noise" }, h("i", { class: "hollow-dot" }), h("span", {}, "within noise")),
    h("span", { class: "versus" }, "Change", h("span", { class: "long" }, " vs previous")),
    h("span", { class: "value" }),
  )
}

// --- drawing -------------------------------------------------------------------------------------

function draw(data, parts, root) {
  const size = data.error ? 0 : (data.size ?? 0)
  const message = messageOf(data.error, size)
  show(parts.bones, !data.size && !data.error)
  show(parts.empty, message)
  if (message) [...parts.empty.children].slice(1).forEach((part, at) => text(part, message[at]))
  const { columns, body, note, undo, redo, total, toggle } = parts
  for (const part of [columns, body, note, undo, redo, total, toggle]) show(part, size > 1)
  show(parts.saveButton, size)
  drawBin(data.deleted ?? [], parts)
  text(parts.mark, data.mark ?? "")
  show(parts.typed, data.typed)
  text(parts.typed, data.typed ?? "")
  set(parts.typed, "title", data.typed || null)
  text(parts.problem, data.problem ?? "")
  show(parts.problem, data.problem)
  if (size > 1) drawHistory(data, parts, root)
}

/** What is shown in place of the tree: a heading and a sentence. */
function messageOf(error, size) {
  if (error) return ["The history cannot be shown", error]
  return size === 1 ? ["#0, original student", "Fine-tune to add an iteration."] : null
}

function drawBin(deleted, { bin, binButton }) {
  const label = `${count(deleted.length)} deleted branch${deleted.length === 1 ? "" : "es"}`
  setAll(binButton, { "aria-label": label, title: label })
  text(binButton.lastChild, count(deleted.length))
  show(binButton, deleted.length)
  bin.show(deleted)
}

function drawHistory(data, parts, root) {
  for (const name of ["undo", "redo"]) parts[name].disabled = !data[name]
  drawTotal(data, parts)
  text(parts.columns.lastChild, data.head)
  set(parts.columns.lastChild, "title", nameOf(data))
  root.classList.toggle("two-values", Boolean(data.beside))
  root.style.setProperty("--tree", `${TREE_PAD + 10 + data.lanes * laneWidth(data.lanes)}px`)
  root.style.setProperty("--number", `${numberWidth(data)}px`)
  drawTree(parts.tree, data)
  const long = isLong(data)
  parts.rows.classList.toggle("long", long)
  parts.rows.style.height = long ? `${ROW * data.size}px` : ""
  const before = parts.rows.querySelector("[aria-selected=true]")?.dataset.key
  const held = focusedRow(parts.rows)
  keyed(
    parts.rows,
    shownRows(data, isInView(parts.body, held) && held.data),
    (row) => row.id,
    makeRow,
    (element, row) => updateRow(element, row, data),
  )
  set(parts.rows, "aria-disabled", data.busy ? "true" : null)
  const current = parts.rows.querySelector("[aria-selected=true]")
  if (current && current.dataset.key !== before) {
    requestAnimationFrame(() => bringIntoView(parts.body, data.current.place))
  }
  parts.note.show(data.current)
  parts.settle()
  if (held && !focusedRow(parts.rows)) {
    focusCurrent(parts.rows)
    parts.expect(held.data.place)
  }
  parts.arrive()
}

/** The rows that were sent, the current row, which the Tab key goes to, and the one with the focus that
    is in view: what was sent may answer an earlier question. */
function shownRows({ rows, first, current, size }, held = null) {
  const isApart = ({ id, place }) =>
    place < size && (place < first || place >= first + rows.length) && rows.every((row) => row.id !== id)
  const apart = [current, held].filter((row, at) => row && isApart(row) && !(at && row.current))
  return [...rows, ...apart].sort((a, b) => a.place - b.place)
}

function drawTotal(data, { total, metric }) {
  drawOnce(metric, JSON.stringify([data.metrics, data.metric]), () => [
    select("Metric of the iterations", data.metrics, data.metric, metric.choose),
  ])
  text(total.querySelector("b"), data.total?.text ?? "–")
  text(total.querySelector(".interval"), data.total?.interval ?? "")
  set(total, "title", data.total?.noise ? "Within noise: the interval holds 0" : null)
}

/** Lanes stand closer where there are many. */
const laneWidth = (lanes) => Math.min(LANE, 96 / Math.max(lanes, 1))

/** Pixels of the widest number, "#1000": of a digit 8, and no row less than another. */
const numberWidth = ({ rows, current }) =>
  8 * Math.max(3, ...[current, ...rows].map(({ number }) => number.length))

function drawTree(tree, data) {
  if (tree.edges === data.edges) return
  tree.edges = data.edges
  const x = (lane) => TREE_PAD + lane * laneWidth(data.lanes)
  const y = (row) => ROW * row + ROW / 2
  const line = ({ from: [row, lane], to: [endRow, endLane], path }) => {
    const bend = y(endRow - 1)
    const start = `M${x(lane)} ${y(row)}V`
    const curve = `C${x(lane)} ${bend + 18},${x(endLane)} ${bend + 14},${x(endLane)} ${y(endRow)}`
    const d = start + (lane === endLane ? y(endRow) : bend + curve)
    return s("path", { d, class: path ? "path" : null })
  }
  const dot = (row) =>
    s("circle", {
      cx: x(row.lane),
      cy: y(row.place),
      r: row.current ? 5 : 4,
      class: row.current ? "current" : row.path ? "path" : null,
    })
  setAll(tree, { height: ROW * data.size })
  tree.replaceChildren(
    ...[...data.edges].sort((a, b) => a.path - b.path).map(line),
    ...shownRows(data).map(dot),
  )
}

function makeRow() {
  return h(
    "div",
    { class: "row offline", role: "option" },
    h("span", { class: "number num" }),
    h("span", { class: "chips" }),
    s("svg", { class: "whisker", height: WHISKER, "aria-hidden": "true" }),
    h("span", { class: "change num" }),
    h("span", { class: "interval num" }),
    h("span", { class: "quiet" }),
    h("span", { class: "value num" }),
  )
}

const UNKNOWN = { value: "", beside: "", change: null, quiet: "", metrics: [] }

function updateRow(element, structure, data) {
  const row = { ...structure, ...(data.each?.[data.of[structure.id]] ?? UNKNOWN) }
  const long = isLong(data)
  const [number, chips, whisker, change, range, quiet, value] = element.children
  element.data = row
  element.style.top = long ? `${ROW * row.place}px` : ""
  setAll(element, {
    "aria-posinset": long ? row.place + 1 : null,
    "aria-setsize": long ? data.size : null,
    "aria-selected": String(row.current),
    "data-aside": row.path ? null : "",
    tabindex: row.current ? 0 : -1,
  })
  text(number, row.number)
  drawChips(chips, row, data.class)
  drawOnce(change, JSON.stringify([row.change, !row.value]), () => [
    row.change?.text ?? (row.value && "–"),
    row.change?.noise ? aside(", within noise") : "",
  ])
  text(range, row.change?.interval ?? "")
  text(quiet, row.quiet)
  drawOnce(value, JSON.stringify([data.metric, data.metrics, row.value, row.beside]), () => [
    row.value && aside(`${nameOf(data)} `),
    row.value,
    row.beside && besideOf(row, data),
  ])
  drawOnce(whisker, JSON.stringify(row.change && [row.change, data.axis]), () =>
    whiskerOf(row.change, axisOf(data.axis)),
  )
  for (const part of [whisker, change, range]) show(part, !row.quiet)
  show(quiet, row.quiet)
}

function drawChips(parent, row, shown) {
  const own = row.chips.some(({ of }) => of === shown) ? shown : ""
  drawOnce(parent, JSON.stringify([row.chips, own, row.name, row.looks, row.by]), () => chipsOf(row, shown))
}

function chipsOf(row, shown) {
  const chip = ({ direction, verb, sign, of, concept, title }) =>
    h(
      "span",
      { class: `chip ${direction}`, title },
      h("span", { "aria-hidden": "true" }, `${sign} `),
      aside(`${verb} `),
      of === shown ? "" : `${of}: `,
      concept,
    )
  const quiet = row.chips.length ? [] : [h("span", { class: "muted" }, "original student")]
  const name = row.name ? [h("b", { class: "name" }, h("bdi", { title: row.name }, row.name))] : []
  const looks = row.looks ? [h("span", { class: "looks num" }, row.looks)] : []
  const by = row.by
    ? [
        h(
          "span",
          { class: "looks", title: row.by },
          h("span", { class: "long" }, "by a "),
          row.by.replace("by a ", ""),
        ),
      ]
    : []
  const edits = row.chips.flatMap((each) => [chip(each), " "]) // chips without room are in the row's card
  return [...name, h("span", { class: "edits" }, edits, quiet), ...by, ...looks]
}

/** Fidelity beside accuracy, and the other way round. */
function besideOf({ beside: value }, { metrics, beside: metric }) {
  const name = nameOf({ metrics, metric })
  return h(
    "span",
    { class: "beside", title: name },
    aside(`, ${name} `),
    h("span", { "aria-hidden": "true" }, `${METRICS[metric].short} `),
    value,
  )
}

/** Text for screen readers instead of a sign or column. */
const aside = (words) => h("span", { class: "vh" }, words)

const show = (element, visible) => set(element, "hidden", visible ? null : "")
