// Fine-tuning provenance: the tree of iterations, what each did, and the total.

const ROW = 32
const LANE = 16
const TREE_PAD = 10

export function render({ model, el }) {
  const say = (kind, value = "") => model.send_msg({ kind, value })
  const parts = { ...header(say), ...list(), note: noteLine(say), columns: columns(), empty: untouched(), bones: bones(), card: hoverCard(el) }
  const root = h("section", { class: "panel provenance", "aria-label": "Fine-tuning provenance" },
    parts.head, parts.columns, parts.body, parts.empty, parts.bones, parts.note)
  el.append(root)
  listen(parts, say)
  const fit = () => fitChips(parts)
  new ResizeObserver(fit).observe(parts.rows)
  followTheme(model, root)
  watch(model, ["data"], () => { draw(model.data, parts, root); fit() })
}

// --- the frame -----------------------------------------------------------------------------------

function header(say) {
  const button = (name, label) => h("button", { class: "icon-btn", type: "button", "aria-label": label, title: label, onclick: () => say(name) }, icon(name))
  const undo = button("undo", "Undo the last iteration")
  const redo = button("redo", "Redo the iteration")
  const metric = h("span", { class: "muted" })
  const total = h("div", { class: "total num" }, metric, h("b"), h("span", { class: "muted interval" }))
  const head = h("div", { class: "panel-head" }, h("h2", {}, "Fine-tuning provenance"), undo, redo, h("span", { class: "grow" }), total)
  return { undo, redo, total, metric, head }
}

function list() {
  const tree = s("svg", { class: "tree", "aria-hidden": "true" })
  const rows = h("div", { class: "rows", role: "listbox", "aria-label": "Iterations, newest first" })
  return { tree, rows, body: h("div", { class: "body scroll" }, tree, rows) }
}

function columns() {
  return h("div", { class: "columns", "aria-hidden": "true" }, h("span"), h("span", {}, "Intents"),
    h("span", { class: "noise" }, h("i"), h("span", {}, "within noise")),
    h("span", { class: "versus" }, "Change", h("span", { class: "long" }, " vs previous")), h("span", { class: "ap" }, "AP"))
}

function untouched() {
  return h("div", { class: "empty", hidden: "" }, h("i", { class: "dot" }), h("b"), h("span", { class: "muted" }))
}

function bones() {
  return h("div", { class: "bones", hidden: "" }, [1, 2, 3, 4].map(() => h("i", { class: "bone" })))
}

// --- drawing -------------------------------------------------------------------------------------

function draw(data, parts, root) {
  const rows = data.rows ?? []
  const message = data.error ? ["The history cannot be shown", data.error]
    : rows.length === 1 ? ["#0, untouched student", "Fine-tune to add an iteration."] : null
  show(parts.bones, !data.rows && !data.error)
  show(parts.empty, message)
  if (message) [...parts.empty.children].slice(1).forEach((part, at) => text(part, message[at]))
  for (const part of [parts.columns, parts.body, parts.note, parts.undo, parts.redo, parts.total]) show(part, rows.length > 1)
  if (rows.length > 1) drawHistory(data, parts, root)
}

function drawHistory(data, parts, root) {
  for (const name of ["undo", "redo"]) parts[name].disabled = !data[name]
  drawTotal(data, parts)
  text(parts.columns.lastChild, data.metric)
  const lanes = Math.max(...data.rows.map((row) => row.lane))
  root.style.setProperty("--tree", `${TREE_PAD + 10 + lanes * laneWidth(lanes)}px`)
  drawTree(parts.tree, data, lanes)
  const before = parts.rows.querySelector("[aria-selected=true]")?.dataset.key
  keyed(parts.rows, data.rows, (row) => row.id, makeRow, (element, row) => updateRow(element, row, data))
  set(parts.rows, "aria-disabled", data.busy ? "true" : null)
  const current = parts.rows.querySelector("[aria-selected=true]")
  if (current.dataset.key !== before) requestAnimationFrame(() => bringIntoView(parts.body, current))
  parts.note.show(data.rows.find((row) => row.current))
}

/** Scroll the list, and nothing around it. */
function bringIntoView(body, row) {
  const top = row.offsetTop - row.parentElement.offsetTop
  if (top < body.scrollTop || top + ROW > body.scrollTop + body.clientHeight) body.scrollTop = top - (body.clientHeight - ROW) / 2
}

function drawTotal(data, { total, metric }) {
  text(metric, `Total, ${data.metric}`)
  text(total.querySelector("b"), data.total?.text ?? "–")
  text(total.querySelector(".interval"), data.total?.interval ?? "")
  set(total, "title", data.total?.noise ? "Within noise: the interval holds 0" : null)
}

/** Lanes stand closer where there are many. */
const laneWidth = (lanes) => Math.min(LANE, 96 / Math.max(lanes, 1))

function drawTree(tree, data, lanes) {
  const x = (lane) => TREE_PAD + lane * laneWidth(lanes)
  const y = (row) => ROW * row + ROW / 2
  const line = ({ from, to, path }) => {
    const bend = y(to[0] - 1)
    const d = from[1] === to[1] ? `M${x(from[1])} ${y(from[0])}V${y(to[0])}`
      : `M${x(from[1])} ${y(from[0])}V${bend}C${x(from[1])} ${bend + 18},${x(to[1])} ${bend + 14},${x(to[1])} ${y(to[0])}`
    return s("path", { d, class: path ? "path" : null })
  }
  const onPath = new Set(data.edges.filter((edge) => edge.path).flatMap((edge) => [edge.from[0], edge.to[0]]))
  const dot = (row, at) => s("circle", { cx: x(row.lane), cy: y(at), r: row.current ? 5 : 4, class: row.current ? "current" : onPath.has(at) ? "path" : null })
  const edges = [...data.edges].sort((a, b) => a.path - b.path)
  setAll(tree, { height: ROW * data.rows.length })
  tree.replaceChildren(...edges.map(line), ...data.rows.map(dot))
}

function makeRow() {
  return h("div", { class: "row", role: "option" }, h("span", { class: "number num" }), h("span", { class: "chips" }),
    s("svg", { class: "whisker", height: 14, "aria-hidden": "true" }), h("span", { class: "change num" }),
    h("span", { class: "interval num" }), h("span", { class: "quiet" }), h("span", { class: "ap num" }))
}

function updateRow(element, row, data) {
  const [number, chips, whisker, change, range, quiet, ap] = element.children
  element.card = row.card
  set(element, "aria-selected", String(row.current))
  set(element, "tabindex", row.current ? 0 : -1)
  set(element, "aria-label", spoken(row, data))
  text(number, row.number)
  drawChips(chips, row)
  text(change, row.change?.text ?? (row.ap && "–"))
  text(range, row.change?.interval ?? "")
  text(quiet, row.quiet)
  text(ap, row.ap)
  drawWhisker(whisker, row.change, data.axis)
  for (const part of [whisker, change, range]) show(part, !row.quiet)
  show(quiet, row.quiet)
}

function drawChips(parent, row) {
  const chip = ({ direction, sign, of, concept }) =>
    h("span", { class: `chip ${direction}` }, `${sign} `, of ? h("span", { class: "of" }, `${of}: `) : "", concept)
  const quiet = row.chips.length ? [] : [h("span", { class: "muted" }, "untouched student")]
  const more = h("span", { class: "chip more", hidden: "" })
  const looks = row.looks ? [h("span", { class: "looks num" }, row.looks)] : []
  parent.replaceChildren(...row.chips.map(chip), ...quiet, more, ...looks)
}

function drawWhisker(svg, change, [low, high]) {
  const at = (value) => `${(100 * (value - low)) / (high - low)}%`
  const zero = s("line", { class: "zero", x1: at(0), x2: at(0), y1: 0, y2: 14 })
  if (!change?.at.length) return svg.replaceChildren()
  const [from, middle, to] = change.at.map(at)
  svg.replaceChildren(zero, s("line", { class: "range", x1: from, x2: to, y1: 7, y2: 7 }),
    s("circle", { class: change.noise ? "dot hollow" : "dot", cx: middle, cy: 7, r: 3.5 }))
}

function spoken(row, data) {
  const intents = row.chips.map(({ direction, of, concept }) => `${direction} ${concept}${of ? ` for ${of}` : ""}`).join(", ")
  const change = row.change ? `change ${row.change.text} ${row.change.interval}${row.change.noise ? ", within noise" : ""}` : row.quiet
  return [row.number, intents || "untouched student", row.looks, change, `${data.metric} ${row.ap}`].filter(Boolean).join(", ")
}

/** Chips that do not fit become "+3". All widths are read before anything is written. */
function fitChips({ rows }) {
  const boxes = [...rows.querySelectorAll(".chips")]
  boxes.forEach((box) => box.querySelectorAll(".chip").forEach((chip) => show(chip, !chip.classList.contains("more"))))
  const plans = boxes.map((box) => {
    const looks = box.querySelector(".looks")
    const room = box.clientWidth - (looks ? looks.offsetWidth + 8 : 0)
    const widths = [...box.querySelectorAll(".chip:not(.more)")].map((chip) => chip.offsetWidth + 4)
    return fitting(widths, room + 4)
  })
  boxes.forEach((box, at) => {
    const chips = [...box.querySelectorAll(".chip:not(.more)")]
    const more = box.querySelector(".more")
    chips.forEach((chip, index) => show(chip, index < plans[at]))
    text(more, `+${chips.length - plans[at]}`)
    show(more, plans[at] < chips.length)
  })
}

/** How many leading chips fit into `room` with a "+n" behind them; at least one. */
function fitting(widths, room) {
  const total = (count) => widths.slice(0, count).reduce((sum, width) => sum + width, 0)
  if (total(widths.length) <= room) return widths.length
  let count = widths.length - 1
  while (count > 1 && total(count) + 36 > room) count -= 1
  return Math.max(count, 1)
}

const show = (element, visible) => set(element, "hidden", visible ? null : "")

// --- keyboard and pointer --------------------------------------------------------------------------

function listen({ rows, body, note, card }, say) {
  const go = (row) => {
    if (row && row.getAttribute("aria-selected") !== "true" && !rows.hasAttribute("aria-disabled")) say("jump", row.dataset.key)
  }
  const explain = (row) => {
    if (row) card.show(row, [h("b", {}, row.card.title), row.card.text ? h("p", {}, row.card.text) : "", details(row.card.rows)])
    else card.hide()
  }
  rows.addEventListener("click", (event) => { card.hide(); go(event.target.closest(".row")) })
  rows.addEventListener("pointerover", (event) => explain(event.target.closest(".row")))
  rows.addEventListener("pointerleave", card.hide)
  rows.addEventListener("focusin", (event) => { if (event.target.matches(":focus-visible")) explain(event.target) })
  rows.addEventListener("focusout", card.hide)
  rows.addEventListener("keydown", (event) => press(event, rows, card, go))
  body.addEventListener("scroll", () => {
    card.hide()
    note.classList.toggle("scrolled", body.scrollTop + body.clientHeight < body.scrollHeight - 1)
  }, { passive: true })
}

function press(event, rows, card, go) {
  const all = [...rows.children]
  const at = all.indexOf(event.target)
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key]
  if (event.key === "Enter" || event.key === " ") go(all[at])
  else if (event.key === "Escape") card.hide()
  else if (to === undefined) return
  else focusOn(all, Math.max(0, Math.min(all.length - 1, to)))
  event.preventDefault()
}

function focusOn(rows, index) {
  rows.forEach((row, at) => set(row, "tabindex", at === index ? 0 : -1))
  rows[index].focus()
}

// --- the note of the current node --------------------------------------------------------------------

function noteLine(say) {
  const edit = h("button", { class: "icon-btn", type: "button", "aria-label": "Write a note", onclick: () => open() }, icon("pen", 14))
  const words = h("span", { class: "clip" })
  const input = h("input", { type: "text", maxlength: 500, hidden: "", "aria-label": "Note" })
  const line = h("div", { class: "note" }, edit, words, input)
  let row = { number: "", note: "", id: "" }
  const open = () => {
    input.value = row.note
    toggle(true)
    input.focus()
  }
  const toggle = (editing) => {
    show(input, editing)
    show(words, !editing)
  }
  const close = (save) => {
    if (input.hidden) return
    toggle(false)
    const note = input.value.trim()
    if (save && note !== row.note) {
      line.show({ ...row, note })
      say("note", note)
    }
  }
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "Escape") return
    event.preventDefault()
    close(event.key === "Enter")
    edit.focus()
  })
  input.addEventListener("blur", () => close(true))
  words.addEventListener("dblclick", open)
  line.show = (next) => {
    if (next.id !== row.id) close(false)
    row = next
    text(words, next.note ? `${next.number}: ${next.note}` : `Add a note to ${next.number}`)
    words.classList.toggle("muted", !next.note)
    set(words, "title", next.note || null)
  }
  return line
}
