// Fine-tuning provenance: the tree of iterations, what each did, and the total.

import {
  count,
  details,
  drawOnce,
  followTheme,
  h,
  hoverCard,
  icon,
  iconButton,
  isClosed,
  keyed,
  onMessage,
  s,
  select,
  set,
  setAll,
  text,
  timeOf,
  unless,
  watch,
} from "../../ui/base.js"
import { METRICS } from "../../ui/vocabulary.js"
import { popMenu } from "../../ui/parts/menu.js"
import { ASK_EVERY, bringNear } from "../../ui/lists/near.js"
import { WHISKER, axisOf, whiskerOf } from "../../ui/parts/whisker.js"
import { compareDialog } from "./compare.js"
import { deletedList } from "./deleted_list.js"
import { exportDialog } from "./export_dialog.js"

const ROW = 32
const LANE = 16
const RESTED = 600 // ms that the pointer rests on a row before its card opens
const TREE_PAD = 10
const nameOf = ({ metrics, metric }) => metrics.find(([id]) => id === metric)[1]

export function render({ model, el }) {
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
    { class: "panel provenance", "aria-label": "Fine-tuning provenance" },
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
    h("span", { class: "muted" }, "Total,"),
    metric,
    h("b"),
    h("span", { class: "muted interval" }),
  )
  const mark = h("span", { class: "muted small clip" })
  const head = h(
    "div",
    { class: "panel-head" },
    h("h2", {}, h("span", { class: "long" }, "Fine-tuning "), "provenance"),
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

/** Whether only a part of the rows was sent: then each row is placed by its index. */
const isLong = (data) => data.rows.length < data.size

/** The rows that were sent, the current row, which the Tab key goes to, and the one with the focus that
    is in view: what was sent may answer an earlier question. */
function shownRows({ rows, first, current, size }, held = null) {
  const isApart = ({ id, place }) =>
    place < size && (place < first || place >= first + rows.length) && rows.every((row) => row.id !== id)
  const apart = [current, held].filter((row, at) => row && isApart(row) && !(at && row.current))
  return [...rows, ...apart].sort((a, b) => a.place - b.place)
}

const isInView = (body, row) =>
  row &&
  ROW * row.data.place > body.scrollTop - ROW &&
  ROW * row.data.place < body.scrollTop + body.clientHeight

/** Scroll the list, and nothing around it. */
function bringIntoView(body, place) {
  const top = ROW * place
  if (top < body.scrollTop || top + ROW > body.scrollTop + body.clientHeight) {
    body.scrollTop = top - (body.clientHeight - ROW) / 2
  }
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
  const name = row.name ? [h("b", { class: "name", title: row.name }, row.name)] : []
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

// --- keyboard and pointer --------------------------------------------------------------------------

function listen(parts, say, data) {
  const { rows, body, note, card, more, menu, save, saveButton, bin, binButton } = parts
  const go = (row) => {
    if (!row || rows.hasAttribute("aria-disabled")) return
    if (row.getAttribute("aria-selected") !== "true") say("jump", { node: row.dataset.key })
  }
  const explain = (row) => {
    if (!row || menu.isOpen()) return card.hide()
    const {
      card: { title, text: note, intents, facts, made },
      metrics,
    } = row.data
    card.show(
      row,
      [
        h("b", {}, title),
        note ? h("p", {}, note) : "",
        details([
          ...intents,
          ...metrics.map((value, at) => [data().metrics[at][1], value]),
          ["Made", timeOf(made)],
          ...facts,
        ]),
      ],
      rows.closest(".panel"),
    )
  }
  const acts = actions(say, { note, save, data })
  const openMenu = (row, anchor = row) => {
    card.hide()
    menu.open(anchor, row, `Actions of ${row.data.title}`, acts(row))
  }
  let over = null
  const place = (row) => {
    over = row
    if (!row) return
    more.style.top = `${ROW * row.data.place + (ROW - 24) / 2}px`
    set(more, "aria-label", `Actions of ${row.data.title}`)
  }
  parts.settle = () =>
    place(rows.querySelector(".row:hover, .row:focus") ?? rows.querySelector("[aria-selected=true]"))
  const walk = walking(parts, say, data)
  more.addEventListener("click", () => openMenu(over, more))
  saveButton.addEventListener("click", () => save.open(data().current))
  binButton.addEventListener("click", () => bin.open(binButton))
  rows.addEventListener("click", (event) => {
    card.hide()
    go(event.target.closest(".row"))
  })
  rows.addEventListener("contextmenu", (event) => {
    event.preventDefault()
    const row = event.target.closest(".row")
    if (row) openMenu(row)
  })
  let resting = 0
  let pointed = null
  const rest = (row) => {
    if (row === pointed) return
    pointed = row
    clearTimeout(resting)
    card.hide()
    if (row) resting = setTimeout(() => explain(row), RESTED)
  }
  rows.addEventListener("pointerover", (event) => {
    const row = event.target.closest(".row")
    rest(row)
    if (row) place(row)
  })
  rows.addEventListener("pointerleave", () => rest(null))
  rows.addEventListener("focusin", (event) => {
    place(event.target)
    if (event.target.matches(":focus-visible")) explain(event.target)
  })
  rows.addEventListener("focusout", card.hide)
  rows.addEventListener("keydown", (event) =>
    press(event, { size: data().size, card, go, acts, openMenu, walk }),
  )
  body.addEventListener(
    "scroll",
    () => {
      pointed = undefined // the rows move under a pointer that rests: it opens a card anew
      rest(rows.querySelector(".row:focus-visible") ? null : rows.querySelector(".row:hover"))
      note.classList.toggle("scrolled", body.scrollTop + body.clientHeight < body.scrollHeight - 1)
    },
    { passive: true },
  )
}

/** What can be done with a row; each has a key that works on the row itself. */
function actions(say, { note, save, data }) {
  const compare = (...pair) => {
    const [before, after] = pair.sort((a, b) => a.at - b.at)
    say("compare", { before: before.id, after: after.id })
  }
  return (row) => {
    const { id, current, kept } = row.data
    const shown = data().current
    const busy = data().busy ? "A fine-tune is under way" : ""
    return [
      {
        name: "Show this iteration",
        key: "Enter",
        off: busy || (current ? "It is shown" : ""),
        run: () => say("jump", { node: id }),
      },
      {
        name: `Compare with ${current ? "the iteration before" : shown.title}`,
        key: "M",
        off: data().size < 2 ? "There is no other" : "",
        run: () => {
          if (current) say("compare_present")
          else compare(shown, row.data)
        },
      },
      { name: "Rename", key: "R", run: () => note.edit(row.data, "name", row) },
      { name: "Write a note", key: "N", run: () => note.edit(row.data, "note", row) },
      {
        name: "Export",
        key: "E",
        off: isClosed("export") ? "Nothing can be exported here" : "",
        run: () => save.open(row.data),
      },
      {
        name: "Delete the branch from here",
        key: "Del",
        off: busy || kept,
        run: () => say("delete", { node: id }),
      },
    ]
  }
}

function press(event, { size, card, go, acts, openMenu, walk }) {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const row = event.target
  const at = row.data.place
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: size - 1 }[event.key]
  const key = event.key === "Delete" ? "Del" : event.key.toUpperCase()
  const act = acts(row).find((each) => each.key === key)
  if (event.key === "Enter" || event.key === " ") go(row)
  else if (event.key === "Escape") card.hide()
  else if (event.key === "." || event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) {
    openMenu(row)
  } else if (act) {
    card.hide()
    if (act.off) {
      openMenu(row)
    } // the item says why it is off
    else act.run()
  } else if (to === undefined) return
  else walk(Math.max(0, Math.min(size - 1, to)))
  event.preventDefault()
  event.stopPropagation()
}

const focusedRow = (rows) => rows.querySelector(":focus")

function focusCurrent(rows) {
  rows.querySelector("[aria-selected=true]")?.focus({ preventScroll: rows.classList.contains("long") })
}

/** Of a long list the rows near those in view are asked for. `walk(place)` goes to a row, also to
    one that is not here: to that when it has come. */
function walking(parts, say, data) {
  const { rows, body } = parts
  let wanted = null
  let asking = 0
  /** Return to the row at this index when it is sent again, if the rows sent now do not include it. */
  parts.expect = (place) => {
    const { first, rows: here } = data()
    if (isLong(data()) && (place < first || place >= first + here.length)) wanted ??= place
  }
  const ask = () => {
    asking = 0
    const { first, rows: here, size } = data()
    if (!size || !isLong(data()) || !body.clientHeight) return
    const screen = Math.ceil(body.clientHeight / ROW) + 1
    const margin = Math.ceil(screen / 2)
    const top = Math.max(0, Math.floor(body.scrollTop / ROW))
    const end = Math.min(size, top + screen)
    if (top < first || end > first + here.length) {
      say("show_rows", { first: Math.max(0, top - margin), last: Math.min(size, end + margin) })
    }
  }
  parts.arrive = () => {
    if (!focusedRow(rows)) wanted = null // it was taken elsewhere
    const row = wanted !== null && [...rows.children].find((each) => each.data.place === wanted)
    if (row) {
      wanted = null
      for (const each of rows.children) set(each, "tabindex", each === row ? 0 : -1)
      row.focus()
    }
    asking ||= setTimeout(ask, ASK_EVERY)
  }
  body.addEventListener(
    "scroll",
    () => {
      asking ||= setTimeout(ask, ASK_EVERY)
    },
    { passive: true },
  )
  new ResizeObserver(() => {
    asking ||= setTimeout(ask, ASK_EVERY)
  }).observe(body)
  return (place) => {
    wanted = place
    bringNear(body, { step: ROW }, place)
    parts.arrive()
    if (wanted !== null) ask()
  }
}

// --- name and note -----------------------------------------------------------------------------------

/** Fields with name and note of the iteration shown; `edit` brings those of another for a while. */
function noteLine(say) {
  const title = h("b", { class: "num" })
  const field = (what, most, action) =>
    h("input", {
      class: what,
      type: "text",
      maxlength: most,
      placeholder: `Add a ${what}`,
      autocomplete: "off",
      onchange: ({ target }) => say(action, { node: row.id, text: target.value.trim() }),
    })
  const fields = { name: field("name", 80, "rename"), note: field("note", 500, "set_note") }
  const line = h("div", { class: "notes" }, title, fields.name, fields.note)
  let row = {}
  let current = {}
  let back = null
  const fill = (next) => {
    // what is being written stays
    const writing = row.id === next.id && line.matches(":focus-within")
    row = next
    text(title, row.number)
    for (const [what, input] of Object.entries(fields)) {
      setAll(input, {
        "aria-label": `${what === "name" ? "Name" : "Note"} of ${row.number}`,
        title: row[what] || null,
      })
      if (!writing || input.value === input.defaultValue) input.value = row[what]
      input.defaultValue = row[what]
    }
  }
  line.addEventListener("keydown", (event) => {
    event.stopPropagation()
    if (event.key === "Escape") event.target.value = event.target.defaultValue
    else if (event.key !== "Enter") return
    back?.focus() // else Enter sends what has changed, and the focus stays
    back = null
  })
  line.addEventListener("focusout", (event) => {
    if (row.id !== current.id && !line.contains(event.relatedTarget)) fill(current)
  })
  line.edit = (node, what, from) => {
    fill(node)
    back = from
    fields[what].select()
  }
  line.show = (next) => {
    current = next
    if (row.id === current.id || !line.matches(":focus-within")) fill(current)
  }
  return line
}
