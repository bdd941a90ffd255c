// Student knowledge: the top bar of a pending batch, and one row a concept.
// Messages to Python: {type: toggle | remove | clear | fine_tune | cancel | open, concept, direction},
// {type: group, concepts, direction}, {type: select, student}, {type: stability, concept},
// {type: slice, column}, {type: look | stop_adding}, {type: add, text}, {type: forget, concept},
// {type: save, concepts, kind}, answered by {save}, and {type: pictures, segments}, answered by
// {pictures: {segment: source}}.

const SORTS = [["weight", "Weight"], ["discrepancy_p", "Discrepancy (P)", "Disc. P"], ["discrepancy_n", "Discrepancy (N)", "Disc. N"]]
const TYPING = 120 // ms without a key, then it is searched
const BLANK = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

export function render({ model, el }) {
  const send = (type, detail = {}) => model.send_msg({ type, ...detail })
  const dialog = conceptDialog(el, model, send)
  const head = makeHead(model, send, dialog, popMenu(el))
  const bar = makeBar(model, send)
  const measures = makeMeasures(model, send)
  const report = makeReport(model, send)
  const table = makeTable(model, send, head.search, dialog)
  const empty = h("div", { class: "empty" }, h("b", {}, "Select a class"),
    h("span", { class: "muted" }, "Its most influential concepts appear here. ",
      h("kbd", {}, "↑"), " ", h("kbd", {}, "↓"), " move, ", h("kbd", {}, "Enter"), " selects."))
  const root = h("section", { class: "panel knowledge", "aria-label": "Student knowledge" },
    head.element, bar.element, measures.element, report.element, table.columns, table.scroll, table.rest, empty, table.legend)
  el.append(root)
  table.hoverable(hoverCard(el))
  saveFiles(model)
  followTheme(model, root)

  watch(model, ["student", "rows", "found", "find", "top", "sort", "concept", "pending", "status", "effects", "axis", "metric", "ghosts", "stability", "typing"], () => {
    const shown = Boolean(model.student)
    empty.hidden = shown
    for (const part of [bar.element, table.columns, table.scroll, table.rest, table.legend]) part.hidden = !shown
    head.draw()
    if (shown) table.draw()
  })
  watch(model, ["student", "rows", "pending", "status", "summary", "factor", "group", "notices", "touched", "typing"], () => model.student && bar.draw())
  watch(model, ["student", "line", "measures", "measured", "slices", "columns"], measures.draw)
  watch(model, ["student", "refit", "report", "explained", "pending", "status"], report.draw)
}

// --- head --------------------------------------------------------------------------------------

function makeHead(model, send, dialog, menu) {
  const name = h("span", { class: "subtitle" })
  const top = select("Concepts listed", model.tops.map((n) => [n, `Top ${n}`]), model.top, (n) => { model.top = Number(n) })
  const names = SORTS.map(([id, wide, narrow]) => [id, ...(narrow ? [h("span", { class: "wide" }, wide), h("span", { class: "narrow" }, narrow)] : [wide])])
  const sort = segments("Sort concepts by", names, (id) => { model.sort = id })
  const { input: search, element: find } = findBox("Find concept", "C")
  search.addEventListener("input", () => {
    clearTimeout(search.waiting)
    search.waiting = setTimeout(() => { model.find = search.value }, TYPING)
  })
  const add = h("button", { class: "add", type: "button", "aria-keyshortcuts": "T", title: "Add a concept by typing it (T)", onclick: () => dialog.open(model.find) },
    h("span", { "aria-hidden": "true" }, "+"), h("span", { class: "word" }, "Concept"))
  const save = h("button", { class: "icon-btn", type: "button", "aria-label": "Save the rows shown", title: "Save the rows shown", "aria-haspopup": "menu" }, icon("download"))
  const entry = (words, kind) => ({ name: words, key: "", run: () => send("save", { kind, concepts: shownRows(model).map(({ concept }) => concept) }) })
  save.onclick = () => menu.open(save, save, "Save the rows shown", [entry("Rows shown as CSV", "csv"), entry("Rows shown as JSON", "json")])
  onKey(add, "t", () => add.click())
  const element = h("div", { class: "panel-head" }, h("h2", {}, h("span", { class: "wide" }, "Student knowledge"), h("span", { class: "narrow" }, "Knowledge")), name, h("span", { class: "grow" }), find, add, top, sort, save)
  const draw = () => {
    text(name, model.student)
    find.hidden = add.hidden = top.hidden = sort.hidden = save.hidden = !model.student
    if (search.value !== model.find && !search.matches(":focus")) search.value = model.find
    top.querySelector("select").value = String(model.top)
    sort.show(model.sort)
  }
  return { element, search, draw }
}

// --- rows --------------------------------------------------------------------------------------

/** The rows on screen: those found, or those listed. */
const shownRows = (model) => (model.find.trim() ? model.found : model.rows)

function makeTable(model, send, search, dialog) {
  const rows = h("div", { class: "rows", role: "list", "aria-label": "Concepts" })
  const metric = h("span", { class: "metric num" })
  const columns = h("div", { class: "row columns", "aria-hidden": model.metrics.length > 1 ? null : "true" },
    h("span", {}, "#"), h("span", {}, "Concept, influence"),
    h("span", { class: "both" }, h("span", { class: "wide", title: "An arrow with a number: how far a curve goes that leaves the axis." }, "Exact what-if"), metric), h("span", {}, "Most similar patches"), h("span"))
  const full = h("span", { class: "full num" })
  const rest = h("p", { class: "tally", role: "status" })
  const pictures = makePictures(model, send, rows)
  const draw = () => {
    const listed = shownRows(model)
    drawMetric(metric, model)
    const context = { ...rowContext(model, listed), pictures }
    rows.style.setProperty("--n", listed.length)
    keyed(rows, listed, (row) => row.concept, (row) => makeRow(row, send), (element, row) => fillRow(element, row, model, context))
    drawRest(rest, model, search, dialog)
    const focusable = rows.querySelector(".row:focus-within") ?? rows.firstElementChild
    for (const row of rows.children) set(row, "tabindex", row === focusable ? 0 : -1)
    text(full, context.similarity ? `, full bar ${context.similarity.toFixed(2)}` : "")
  }
  rows.addEventListener("keydown", (event) => rowKey(event, rows, send))
  search.addEventListener("keydown", (event) => searchKey(event, model, rows))
  const scroll = h("div", { class: "scroll" }, rows)
  return { columns, scroll, rest, legend: legend(full), draw, hoverable: (card) => rowHover(rows, model, card) }
}

function drawMetric(metric, model) {
  const label = (name) => `${name} ±${model.axis} pp`
  drawOnce(metric, `${model.metric} ${model.axis}`, () => {
    if (model.metrics.length < 2) return [label(model.metric)]
    return [select("Metric of the what-if", model.metrics.map((name) => [name, label(name)]), model.metric, (name) => { model.metric = name })]
  })
}

/** The line below the rows: how many concepts there are beside those listed, and the way to them. */
function drawRest(rest, model, search, dialog) {
  const { influential, concepts, sort, rows, found } = model
  const query = model.find.trim()
  drawOnce(rest, JSON.stringify([query, found.length, influential, concepts, sort, rows.length, model.top]), () => {
    const add = h("button", { class: "link", type: "button", onclick: () => dialog.open(query) }, `Add “${query}”`)
    const back = h("button", { class: "link", type: "button", onclick: () => { model.find = "" } }, "Back to the list")
    const exact = found.some(({ concept }) => concept.toLowerCase() === query.toLowerCase())
    const words = found.length ? `${countOf(found.length)} found for “${query}”, of ${count(concepts)}. ` : `No concept has “${query}” in its name. `
    if (query) return [words, back, exact ? "" : " ", exact ? "" : add]
    if (sort !== "weight") return []
    const others = concepts - influential
    const told = influential ? `${countOf(influential)} ${influential === 1 ? "has" : "have"} influence` : "No concept has influence"
    const find = h("button", { class: "link", type: "button", onclick: () => search.focus() }, "Find a concept")
    const next = model.tops.find((n) => n > model.top)
    const more = influential > rows.length && next && h("button", { class: "link", type: "button", onclick: () => { model.top = next } }, `Show ${count(Math.min(next, influential))}`)
    if (more) return [`${told}, ${count(rows.length)} listed. `, more, " ", find]
    return [others ? `${told}; the ${influential ? "other " : ""}${count(others)} ${others === 1 ? "is" : "are"} at 0. ` : `${told}. `, find]
  })
  rest.hidden = !rest.firstChild
}

const countOf = (n) => `${count(n)} concept${n === 1 ? "" : "s"}`

/** What all rows share: the scale of the influence bars and of the similarity bars. */
function rowContext(model, rows) {
  const unitOf = rows.find(({ share }) => share)
  const strongest = unitOf ? unitOf.influence / unitOf.share : 0
  const ghosts = new Map(rows.map(({ concept, influence }) => [concept, model.ghosts[concept]]).filter(([, value]) => isNumber(value)))
  const ghostShare = (concept) => (strongest && ghosts.has(concept) ? ghosts.get(concept) / strongest : null)
  const shares = rows.flatMap(({ share, concept }) => [share, ghostShare(concept) ?? share])
  const left = Math.max(0.52, -Math.min(0, ...shares))
  const right = Math.max(0.52, ...shares)
  const unit = 90 / (left + right)
  const similarity = Math.max(0, ...rows.flatMap(({ patches }) => patches.map((patch) => patch.similarity)))
  const intents = new Map(ownPending(model).map((intent) => [intent.concept, intent]))
  const place = (share) => Math.max(0, Math.min(100, 1 + (left + share) * unit))
  return { place, similarity, intents, ghosts, ghostShare, frozen: isBusy(model) }
}

function makeRow({ concept }, send) {
  const open = () => send("open", { concept })
  const holds = holdsButton(concept, send)
  const toggle = (direction) => h("button", {
    class: `thumb ${direction}`, type: "button", "data-direction": direction, "aria-pressed": "false",
    "aria-label": `${DIRECTIONS[direction].verb} ${concept}`, title: `${DIRECTIONS[direction].verb} (${DIRECTIONS[direction].key})`,
    onclick: () => send("toggle", { concept, direction }),
  }, icon(direction === "remove" ? "cross" : "thumb"))
  return h("div", { class: "row", role: "listitem", "aria-keyshortcuts": "u d x g h" },
    h("span", { class: "rank num" }),
    h("div", { class: "concept" },
      h("div", { class: "title" }, h("button", { class: "open clip", type: "button", title: concept, onclick: open }, concept), h("span", { class: "influence num" })),
      s("svg", { class: "strength", height: 12, role: "img" }), h("span", { class: "below" }, h("span", { class: "note" }), holds)),
    s("svg", { class: "effect", role: "img" }),
    h("div", { class: "patches" }),
    h("div", { class: "thumbs", role: "group", "aria-label": `Tune ${concept}` }, Object.keys(DIRECTIONS).map(toggle)))
}

function fillRow(element, row, model, context) {
  const [rank, concept, effect, patches, thumbs] = element.children
  const [title, strength, { children: [note, holds] }] = concept.children
  const intent = context.intents.get(row.concept)
  const ghost = context.ghosts.get(row.concept)
  const now = signed(row.influence, 2)
  const then = isNumber(ghost) ? signed(ghost, 2) : now
  text(rank, row.rank ?? "–")
  drawOnce(title.lastChild, `${now} ${then}`, () => (then === now ? [now] : [h("span", { class: "before" }, now), ` → ${then}`]))
  set(title.lastChild, "title", then === now ? null : `The batch takes it from ${now} to ${then}`)
  set(element, "aria-label", `${row.rank ? `${row.rank}, ` : ""}${row.concept}, influence ${signed(row.influence, 2)}`)
  element.classList.toggle("current", row.concept === model.concept)
  set(title.firstChild, "aria-current", row.concept === model.concept ? "true" : null)
  drawOnce(strength, JSON.stringify([row.share, intent?.share, intent?.direction, context.place(0), context.ghostShare(row.concept)]), () => strengthOf(row, intent, context))
  set(strength, "aria-label", `influence ${signed(row.influence, 2)}`)
  drawOnce(note, JSON.stringify([intent, row.held, row.discrepancy, row.undefined, model.sort]), () => noteOf(row, intent, model.sort))
  set(note, "class", `note ${intent?.direction ?? ""}`)
  drawHolds(holds, row, model.stability[row.concept])
  holds.hidden = row.influence === 0 && !model.stability[row.concept]
  drawEffect(effect, row, intent, model)
  fillPatches(patches, row, context)
  for (const button of thumbs.children) {
    set(button, "aria-pressed", String(intent?.direction === button.dataset.direction))
    button.disabled = context.frozen
  }
}

/** The bar from the zero line; what the batch adds or takes away is dashed: until it is known, the bound. */
function strengthOf({ share, concept }, intent, { place, ghostShare }) {
  const bound = ghostShare(concept) ?? (intent && isNumber(intent.share) ? intent.share : share)
  const solid = share > 0 ? Math.min(share, Math.max(0, bound)) : Math.max(share, Math.min(0, bound))
  const bar = (from, to, name) => {
    const [left, right] = [place(Math.min(from, to)), place(Math.max(from, to))]
    return right > left && s("rect", { class: name, x: `${left.toFixed(2)}%`, width: `${(right - left).toFixed(2)}%`, y: 2, height: 8 })
  }
  const zero = `${place(0).toFixed(2)}%`
  return [
    s("rect", { class: "rest", width: "100%", y: 2, height: 8, rx: 2 }),
    bar(0, solid, share < 0 ? "negative" : "positive"), bar(share, bound, `ghost ${intent?.direction ?? ""}`),
    s("line", { class: "zero", x1: zero, x2: zero, y1: 0, y2: 12 }),
  ].filter(Boolean)
}

function noteOf(row, intent, sort) {
  const parts = []
  if (intent) parts.push(h("span", {}, `${DIRECTIONS[intent.direction].mark} ${intent.bound} pending`))
  else if (row.held) parts.push(icon("lock", 11), h("span", {}, row.held))
  if (sort === "weight") return parts
  const side = sort === "discrepancy_p" ? "P" : "N"
  if (isNumber(row.discrepancy)) parts.push(h("span", { class: "discrepancy num" }, `${side} ${signed(row.discrepancy, 3)}`))
  else parts.push(h("span", { class: "discrepancy", title: row.undefined }, parts.length ? `${side} –` : row.undefined))
  return parts
}

/** Pictures by segment, kept while the page lives; those not there yet are asked for together. */
function makePictures(model, send, rows) {
  const known = new Map(), waiting = new Set()
  const ask = () => {
    if (waiting.size) send("pictures", { segments: [...waiting] })
    waiting.clear()
  }
  model.on("msg:custom", (event) => {
    for (const [segment, source] of Object.entries((event.data ?? event).pictures)) known.set(segment, source)
    for (const image of rows.querySelectorAll("img")) paint(image)
  })
  const paint = (image) => {
    const source = known.get(image.dataset.segment)
    if (source) set(image, "src", source)
    return Boolean(source)
  }
  const want = (image) => {
    if (paint(image)) return
    if (!waiting.size) setTimeout(ask)
    waiting.add(Number(image.dataset.segment))
  }
  return { want }
}

function makePatch({ segment }, pictures) {
  const image = h("img", { src: BLANK, "data-segment": segment, alt: "", decoding: "async", draggable: "false" })
  pictures.want(image)
  return h("span", { class: "patch" }, image, h("i", {}, h("b")))
}

function fillPatches(patches, row, { similarity, pictures }) {
  keyed(patches, row.patches, (patch) => patch.segment, (patch) => makePatch(patch, pictures),
    (element, patch, index) => {
      set(element.firstChild, "alt", `${row.concept}, patch ${index + 1}, similarity ${patch.similarity.toFixed(2)}`)
      set(element, "title", `similarity ${patch.similarity.toFixed(2)}`)
      element.lastChild.firstChild.style.width = `${similarity > 0 ? (100 * Math.max(0, patch.similarity)) / similarity : 0}%`
    })
}

/** One card for all of a row that has more to say: the chart, the verdict, the bar of influence. */
function rowHover(rows, model, card) {
  const rowOf = (part) => shownRows(model).find(({ concept }) => concept === part.closest(".row").dataset.key)
  rows.addEventListener("pointermove", (event) => {
    const part = event.target.closest?.(".effect, .holds, .strength, .influence")
    const row = part && rowOf(part)
    const children = row && (part.matches(".effect") ? effectCard(part, row, model, event.clientX)
      : part.matches(".holds") ? model.stability[row.concept]?.kind === "done" && holdsCard(row.concept, model.stability[row.concept])
        : influenceCard(row, model))
    if (children) card.show(part, children)
    else card.hide()
  })
  rows.addEventListener("pointerleave", card.hide)
}

function influenceCard(row, model) {
  const ghost = model.ghosts[row.concept]
  return [h("b", {}, row.concept), details([
    ["Influence", signed(row.influence, 3)],
    ["Of the strongest", percent(Math.abs(row.share), 1)],
    ["Rank", row.rank ? `${row.rank} of ${count(model.concepts)}` : "–"],
    row.held && ["Bound", row.held],
    isNumber(ghost) && ["After this batch", signed(ghost, 3)],
    isNumber(row.discrepancy) && ["Discrepancy", signed(row.discrepancy, 3)],
  ].filter(Boolean))]
}

// --- keyboard, legend --------------------------------------------------------------------

function rowKey(event, rows, send) {
  const row = event.target.closest(".row")
  if (!row || event.ctrlKey || event.metaKey || event.altKey) return
  const direction = Object.keys(DIRECTIONS).find((name) => DIRECTIONS[name].key === event.key.toLowerCase())
  const all = [...rows.children]
  const to = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (direction) row.querySelector(`.thumb.${direction}`).click()
  else if (to) focusAmong(all, all.indexOf(row) + to)
  else if (event.key.toLowerCase() === HOLDS_KEY) row.querySelector(".holds").click()
  else if (event.key.toLowerCase() === "g") rows.closest(".knowledge").querySelector(".twin .group-thumb")?.click()
  else if (event.key === "Enter" && event.target === row) send("open", { concept: row.dataset.key })
  else return
  event.preventDefault()
}

function searchKey(event, model, rows) {
  const { target, key } = event
  if (key === "Escape" && target.value) { clearTimeout(target.waiting); target.value = ""; model.find = "" }
  else if (key === "Escape") target.blur()
  else if (key === "ArrowDown" && rows.firstElementChild) focusAmong([...rows.children], 0)
  else if (key === "Enter" && rows.firstElementChild) rows.firstElementChild.querySelector(".open").click()
  else return
  event.preventDefault()
}

function focusAmong(rows, index) {
  const next = rows[Math.max(0, Math.min(rows.length - 1, index))]
  rows.forEach((row) => set(row, "tabindex", row === next ? 0 : -1))
  next.focus()
}

function legend(full) {
  const circle = (name) => s("svg", { class: "mark", width: 12, height: 12, "aria-hidden": "true" }, s("circle", { class: name, cx: 6, cy: 6, r: 3.5 }))
  return h("div", { class: "legend" },
    h("span", {}, h("i", { class: "swatch-influence" }), h("span", { class: "wide" }, "influence relative to the strongest; left of zero is negative"), h("span", { class: "narrow" }, "influence")),
    h("span", {}, circle("dot"), "now"), h("span", {}, circle("dot pending"), "pending"),
    h("span", {}, h("i", { class: "swatch-band" }), "95 % interval"),
    h("span", {}, h("i", { class: "swatch-similarity" }), h("span", {}, "similarity", full)))
}
