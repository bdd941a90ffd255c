// Student knowledge: the head, one row a concept, and the places of bar and panels.
// Python answers requests for files and pictures by {save} and {pictures}.

import { hoverCard } from "../../../ui/boxes.js"
import { findBox, icon, onKey, select } from "../../../ui/controls.js"
import { callImages, h, isClosed, set, text, unless } from "../../../ui/elements.js"
import { followTheme, watch } from "../../../ui/model.js"
import { fixed } from "../../../ui/numbers.js"
import { CONCEPT_SORTS, DIRECTIONS, METRICS, POINTS, THUMBS } from "../../../ui/vocabulary.js"
import { longList } from "../../../ui/lists/long_list.js"
import { popMenu, saveRows } from "../../../ui/parts/menu.js"
import { ASK_EVERY } from "../../../ui/lists/near.js"
import { saveFiles } from "../../../ui/parts/save_file.js"
import { comeBack, conceptDialog } from "./concept_dialog.js"
import { HOLDS_KEY, fillRow, makePictures, makeRow, rowContext, rowHover } from "./concept_rows.js"
import { axisOf, effectCardAt } from "./effect_chart.js"
import { drawRest, legendOf } from "./foot.js"
import { HAND_KEY, makeHand } from "./hand.js"
import { isDetailed, ownPending, seek, sender, showPart, shownRows, soughtOf } from "../shared.js"

const TYPING = 120 // ms after the last key until the search starts
const SCALES = "Columns of unlike scales: order and bars of concepts say little."

export function render({ model, el }) {
  callImages(model.called)
  const send = sender(model)
  const dialog = conceptDialog(el, model, send)
  const menu = popMenu(el)
  const head = makeHead(model, send, dialog, menu)
  const [bar, panels] = model.get_child("parts")
  /** The last thumb of the group, which is for all concepts where there are more. */
  const groupThumb = () => [...bar.shadowRoot.querySelectorAll(".twin .group-thumb")].at(-1)
  const table = makeTable(model, send, head.search, dialog, groupThumb)
  const empty = h(
    "div",
    { class: "empty" },
    h("b", {}, "Select a class"),
    h(
      "span",
      { class: "muted" },
      "Its most influential concepts appear here. ",
      h("kbd", {}, "↑"),
      " ",
      h("kbd", {}, "↓"),
      " move, ",
      h("kbd", {}, "Enter"),
      " selects.",
    ),
  )
  const { patchless, curves } = model.options
  const without = `${patchless ? "patchless" : ""} ${curves ? "" : "curveless"}`
  const root = h(
    "section",
    { class: `panel knowledge ${without}`, "aria-label": "Knowledge" },
    head.element,
    bar,
    table.scroll,
    empty,
    table.legend,
  )
  const { unlike } = model.options
  const summary = h("summary", {}, h("b", {}, "Warning: "), SCALES)
  const note = h("details", { class: "unlike" }, summary, h("p", {}, `${unlike}.`))
  table.scroll.prepend(panels, unlike ? note : "", table.columns)
  const overview = makeOverview(model, root, head.back, send)
  el.append(overview.element, root)
  table.hoverable(hoverCard(el))
  saveFiles(model)
  followTheme(model, root)

  watch(
    model,
    [
      "student",
      "rows",
      "found",
      "find",
      "top",
      "sort",
      "concept",
      "pending",
      "status",
      "shift",
      "effects",
      "metric",
      "ghosts",
      "gained",
      "stability",
      "adding",
      "locked",
      "extent",
    ],
    () => {
      const shown = Boolean(model.student)
      empty.hidden = shown
      overview.draw()
      table.scroll.hidden = table.legend.hidden = !shown
      head.draw()
      if (shown) table.draw()
    },
  )
}

/** What stands in the place of the view while no class is selected, where there is such a thing. The
    focus goes along: to the way back, and from there to where it was. Names in it open what they name. */
function makeOverview(model, root, back, send) {
  const element = h("div", { class: "overview" }, model.overview && model.get_child("overview"))
  let before = null
  element.addEventListener("click", (event) => {
    const { concept, student } = event.composedPath()[0].dataset
    if (concept) send("open", { concept, student })
    else if (student) send("select", { student })
  })
  const draw = () => {
    const shown = Boolean(model.overview) && !model.student
    if (shown === before) return
    before = shown
    const focused = (shown ? root : element).matches(":focus-within")
    element.hidden = !shown
    root.hidden = shown
    if (focused && shown) {
      innerOf(element.firstElementChild)?.querySelector("[role=application], .look")?.focus()
    } else if (focused) back.focus()
  }
  return { element, draw }
}

/** Element of the only view in a Panel column; null before it is drawn. */
const innerOf = (column) => [...column.shadowRoot.children].find(({ shadowRoot }) => shadowRoot)?.shadowRoot

// --- head --------------------------------------------------------------------------------------

function makeHead(model, send, dialog, menu) {
  const name = h("span", { class: "subtitle" })
  const back = h(
    "button",
    {
      class: unless("class", "back offline"),
      "aria-label": "All students",
      title: "All students",
      onclick: () => send("select", { student: "" }),
    },
    icon("grid", 14),
  )
  const { input: search, element: find } = findBox("Find concept", "C")
  search.ask = () => {
    clearTimeout(search.waiting)
    search.waiting = 0
    seek(model, search.value)
  }
  search.addEventListener("input", () => {
    clearTimeout(search.waiting)
    search.waiting = setTimeout(search.ask, TYPING)
    search.hurried = ""
  })
  search.addEventListener("blur", () => {
    search.hurried = ""
  })
  const element = h(
    "div",
    { class: "panel-head" },
    h(
      "div",
      { class: "titles" },
      h("h2", {}, "Knowledge"),
      h("span", { class: "whose" }, name, model.overview && back),
    ),
    h("span", { class: "grow" }),
    find,
  )
  showPart(model, element, ["student", "top", "sort"], () => makeTools(model, send, dialog, menu))
  const draw = () => {
    text(name, model.student)
    set(name, "title", model.student || null)
    find.hidden = !model.student
    if (search.value !== model.find && !search.waiting && !search.matches(":focus")) search.value = model.find
  }
  return { element, search, draw, back }
}

/** Button that adds a concept; with details also number and order of the rows, and save as a file. */
function makeTools(model, send, dialog, menu) {
  const add = h(
    "button",
    {
      class: unless("typing", "add"),
      "aria-keyshortcuts": "T",
      title: "Add or delete a concept of your own (T)",
      "aria-label": "Add or delete a concept",
      onclick: () => dialog.open(model.find),
    },
    h("span", { "aria-hidden": "true" }, "+"),
    h("span", { class: "word" }, "Concept"),
  )
  const element = h("span", { class: "tools" }, add)
  if (!isClosed("typing")) onKey(add, "t", () => add.click())
  comeBack(add)
  if (!isDetailed(model)) {
    return {
      element,
      draw: () => {
        element.hidden = !model.student
      },
    }
  }
  const top = select(
    "Concepts listed",
    model.options.tops.map((n) => [n, n ? `Top ${n}` : "All"]),
    model.top,
    (n) => {
      model.top = Number(n)
    },
  )
  const sorts = CONCEPT_SORTS.filter(({ key }) => key !== "suspects" || model.options.suspecting)
  const sort = select(
    "Sort concepts by",
    sorts.map(({ key, name }) => [key, name]),
    model.sort,
    (id) => {
      model.sort = id
    },
  )
  const save = saveRows(menu, (kind) =>
    send("save_concepts", { kind, concepts: shownRows(model).map(({ concept }) => concept) }),
  )
  element.append(top, sort, save)
  const draw = () => {
    element.hidden = !model.student
    top.control.show(model.top)
    sort.control.show(model.sort)
    set(sort, "title", sorts.find(({ key }) => key === model.sort)?.meaning)
  }
  return { element, draw }
}

// --- rows --------------------------------------------------------------------------------------

function makeTable(model, send, search, dialog, groupThumb) {
  const rows = h("div", { class: "rows", role: "list", "aria-label": "Concepts" })
  const rest = h("p", { class: "tally", role: "status" })
  const scroll = h("div", { class: "scroll" }, rows, rest)
  const columns = h("div", { class: "heads" })
  const legend = h("div", { class: "legends" })
  showPart(model, columns, ["effects", "metric", "patches_of", "rows", "found"], () => makeColumns(model))
  const pictures = makePictures(model, send, rows)
  let listed = []
  let context = {}
  let order = ""
  let waiting = 0
  let card = null
  let tuned = []
  let isDone = false
  let extent = null
  const rowOf = (concept) => listed.find((row) => row.concept === concept)
  const elementOf = (concept) => [...rows.children].find(({ dataset }) => dataset.key === concept)
  const places = longList({
    scroller: scroll,
    list: rows,
    key: ({ concept }) => concept,
    make: (row) => makeRow(row, send, isDetailed(model)),
    fill: (element, row) => fillRow(element, row, model, context),
    drawn: () => {
      if (places.isLong()) waiting ||= setTimeout(tellNear, ASK_EVERY)
    },
  })
  const hand = makeHand(rows, model, send, {
    rowOf,
    context: () => context,
    hide: () => card.hide(),
    redraw: (concept) => {
      context.draft = hand.draft
      if (elementOf(concept)) fillRow(elementOf(concept), rowOf(concept), model, context)
    },
    tell: (concept, value) => {
      const told = effectCardAt(rowOf(concept), model, value, true)
      if (told) card.show(elementOf(concept).querySelector(".effect"), told)
    },
  })
  const draw = () => {
    hand.settle()
    if (extent !== model.extent) {
      // hidden parts are not built
      extent = model.extent
      rows.replaceChildren()
      legend.replaceChildren(legendOf(model))
    }
    const now = JSON.stringify([model.student, model.sort, soughtOf(model)])
    const fresh = now !== order
    order = now
    listed = shownRows(model)
    context = { ...rowContext(model, listed), pictures, draft: hand.draft, reach: hand.reach }
    places.show(listed, { fresh })
    showTuned()
    if (search.hurried && model.found.query === model.find) useFound(search, listed, send, places.go)
    drawRest(rest, model, search, dialog)
  }
  /** After a refit: the concept tuned that is listed first, else the top of the list. */
  function showTuned() {
    const given = ownPending(model).map(({ concept }) => concept)
    const done = model.status.kind === "done"
    if (given.length) tuned = given
    if (done && !isDone) {
      const at = listed.findIndex(({ concept }) => tuned.includes(concept))
      tuned = []
      if (at >= 0) places.bring(at)
      else scroll.scrollTop = 0
    }
    isDone = done
  }
  /** Request curves and pictures of a long list where scrolling has stopped. */
  function tellNear() {
    waiting = 0
    const near = [...rows.children].map(({ dataset }) => dataset.key)
    if (near.some((concept) => !model.effects[concept])) model.near = near
    pictures.ask()
  }
  rows.addEventListener("click", (event) => {
    const row = event.target.closest(".row")
    if (row && !event.target.closest("button, a, label, .handle")) send("open", { concept: row.dataset.key })
  })
  rows.addEventListener("keydown", (event) => rowKey(event, rows, send, places, groupThumb))
  search.addEventListener("keydown", (event) => searchKey(event, model, () => listed, send, places.go))
  return {
    columns,
    scroll,
    legend,
    draw,
    hoverable: (one) => {
      card = one
      rowHover(rows, model, card, hand)
    },
  }
}

/** Heads of the columns. In a row of few things the scale of the curves stands here alone. */
function makeColumns(model) {
  const metrics = model.options.metrics.map(([id]) => [id, `${METRICS[id].short}, ${POINTS}`])
  const metric =
    isDetailed(model) &&
    select("Metric of the what-if", metrics, model.metric, (id) => {
      model.metric = id
    })
  const [ends, unit] = [h("span"), h("span", { class: "unit" })]
  const title =
    "A line is the metric at other influences of the concept, the others fixed, as a change from now; " +
    "a ring is what this batch gives. The heights of all lines have one scale, whose ends stand here, in " +
    "points."
  const scale = h("span", { class: "num curve-head", title }, ends, unit)
  const patches = patchChoice(model)
  const curves =
    metric &&
    h(
      "span",
      {
        class: "metric num curve-head",
        title:
          "A curve has the other influences fixed; a ring is what this batch gives. All have one axis, in " +
          "points of change.",
      },
      metric,
    )
  const element = h(
    "div",
    { class: "row columns" },
    metric && h("span", { class: "rank" }, "#"),
    h("span", { class: "concept-head" }, metric ? "Concept, influence" : "Concept"),
    curves || scale,
    patches,
    h("span"),
  )
  const draw = () => {
    if (metric) metric.control.show(model.metric)
    else {
      const { short } = METRICS[model.metric]
      const axis = axisOf(model)
      text(ends, axis ? `${short} ±${fixed(axis, 0)}` : short)
      text(unit, axis ? ` ${POINTS}` : "")
    }
    patches.control?.show(model.patches_of)
  }
  return { element, draw }
}

/** Heading of the patches: a choice between nearest and assigned segments. */
function patchChoice(model) {
  const element = h("span", { class: model.options.patchless ? "patch-head" : "metric" })
  if (model.options.patchless) return element
  const options = [
    ["nearest", "Most similar patches"],
    ["assigned", "Assigned segments"],
  ]
  const choice = select("Patches shown", options, model.patches_of, (id) => {
    model.patches_of = id
  })
  choice.classList.add("patch-choice")
  set(
    choice,
    "title",
    "Most similar: nearest to the concept's text. Assigned: segments whose best concept it is.",
  )
  element.append(choice)
  element.control = choice.control
  return element
}

// --- keyboard --------------------------------------------------------------------------------

function rowKey(event, rows, send, places, groupThumb) {
  const row = event.target.closest(".row")
  if (!row || event.target.matches("select") || event.ctrlKey || event.metaKey || event.altKey) return
  const direction = THUMBS.find((name) => DIRECTIONS[name].key === event.key.toLowerCase())
  const to = places.placeOf(event.key, row.at)
  if (direction) row.querySelector(`.thumb.${direction}`).click()
  else if (to !== undefined) places.go(to)
  else if (event.key.toLowerCase() === HAND_KEY) row.querySelector(".handle").focus()
  else if (event.key.toLowerCase() === HOLDS_KEY) row.querySelector(".holds")?.click()
  else if (event.key.toLowerCase() === "g") groupThumb()?.click()
  else if (event.key === "Enter" && event.target === row) send("open", { concept: row.dataset.key })
  else return
  event.preventDefault()
}

function searchKey(event, model, listed, send, go) {
  const { target, key } = event
  if (key === "Escape" && target.value) {
    target.value = target.hurried = ""
    target.ask()
  } else if (["Escape", "ArrowDown", "Enter"].includes(key)) {
    target.ask()
    target.hurried = key
    const isAnswered = model.found.query === model.find // else it is used after the answer
    if (isAnswered) useFound(target, listed(), send, go)
  } else return
  event.preventDefault()
}

/** Keys in the search box: open the first match, or go to its row. */
function useFound(search, listed, send, go) {
  const { hurried: key } = search
  search.hurried = ""
  if (listed.length && key === "Enter") send("open", { concept: listed[0].concept })
  else if (listed.length) go(0)
}
