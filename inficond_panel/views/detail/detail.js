// Concept detail: heading, the charts, filter chips, the gallery of images with the concept's
// segment outlined, and a dialog with one image and its prediction.

import { iconButton, ICONS, segments } from "../../ui/controls.js"
import { callImages, h, s, set, setAll, text, unless } from "../../ui/elements.js"
import { followTheme, onMessage, watch } from "../../ui/model.js"
import { count } from "../../ui/numbers.js"
import { makeDialog, verdictOf } from "../../ui/photos/image_dialog.js"
import { makePictures } from "../../ui/photos/pictures.js"
import { saveFiles } from "../../ui/parts/save_file.js"
import { makeApart } from "./apart.js"
import { makeCharts } from "./charts.js"
import { drawEmpty } from "./empty.js"
import { makeGallery } from "./gallery.js"
import { makeHeat } from "./heat.js"
import { makeTags } from "./tags.js"

Object.assign(ICONS, {
  pick: ["M4 8V5h3M11 5h2M17 5h3v3M20 12v2M4 12v2M4 17v2h3M11 19h2M17 19h3v-2", "M8.500 12l2.500 2.500 5-5"],
})

const FILTERS = [
  ["", "All", "All", "All"],
  ["assigned", "Assigned", "Assigned", "Assigned"],
  ["positive", "Positives", "Positives", "Pos."],
  ["negative", "Negatives", "Negatives", "Neg."],
  ["right", "Student right", "Right", "Right"],
  ["wrong", "Student wrong", "Wrong", "Wrong"],
]
const ASSIGNED =
  "A segment of the image is nearer to this concept than to any other. Where a sentence says how many " +
  "images show the concept, it counts high scores instead, so it can be other images."
/** What the curves show: their names, and what these mean, by what a thumb does. */
const MODES = {
  all: [
    ["exact", "Fixed", "The other influences stay fixed"],
    ["refit", "Refit", "Refit: the others are fitted again"],
  ],
  target: [
    ["exact", "Fixed", "The other influences stay fixed, which no thumb does"],
    ["refit", "Thumbs", "Thumbs: what the refit gives after a thumb of each size, lower to raise"],
  ],
}
const PAIR = { positive: "negative", negative: "positive", right: "wrong", wrong: "right" }

export function render({ model, el }) {
  callImages(model.called)
  const section = h("section", { class: "panel detail", "aria-label": "Concept detail" })
  const head = makeHead(model, section)
  const charts = makeCharts(model, el)
  const legend = makeLegend(model)
  const chips = makeChips(pick, () => model.send_msg({ action: "save_images", filters: [...chosen] }))
  head.element.append(chips.export_)
  const pictures = makePictures(model)
  const apart = makeApart(model)
  const heat = makeHeat(model, () => dialog.refresh())
  const tags = makeTags(model, () => passing)
  const show = (row) => {
    tags.show(row)
    apart.show(row)
  }
  const dialog = makeDialog(el, pictures, factsOf, {
    show,
    element: h("div", {}, tags.element, heat.element, apart.element),
    over: heat.over,
  })
  const gallery = makeGallery(pictures, (at) => dialog.open(passing, at, model))
  const empty = h("div", { class: "empty" })
  const take = iconButton(
    "pick",
    "Pick these images",
    () => model.send_msg({ action: "pick_images", filters: [...chosen] }),
    { hidden: "" },
  )
  head.element.append(take)
  const listed = h("p", { class: "small muted listed" })
  const content = h(
    "div",
    { class: "content" },
    charts.element,
    legend.element,
    chips.element,
    listed,
    gallery.element,
  )
  section.append(head.element, content, empty)
  el.append(section)
  const chosen = new Set()
  let rows = []
  let passing = []
  let enlarged = null

  const clear = () => {
    model.filters = []
  }
  function pick(id) {
    const others = model.filters.filter((one) => one !== id && one !== PAIR[id])
    model.filters = !id ? [] : chosen.has(id) ? others : [...others, id]
  }
  let asked = false // from the list of suggestions, which disappears with the focus when the answer comes
  const open = ({ class_name, concept }) => {
    asked = true
    model.send_msg({ action: "open", class_name, concept })
  }
  const showEmpty = () => {
    drawEmpty(empty, model, { rows, passing, chosen: FILTERS.filter(([id]) => chosen.has(id)), clear, open })
    if (!asked || !empty.hidden) return
    asked = false
    chips.element.querySelector("button").focus()
  }
  function drawRows() {
    chosen.clear()
    model.filters.forEach((id) => chosen.add(id))
    const allAssigned = rows.every((row) => row.assigned)
    if (allAssigned) chosen.delete("assigned") // no choice, as in a store without segments
    passing = rows.filter((row) => [...chosen].every((id) => row[id]))
    text(listed, model.listed)
    listed.hidden = !model.listed
    const many = passing.length === 1 ? "this image" : `these ${count(passing.length)} images`
    const label = `Pick ${many}: all views show their numbers`
    setAll(take, { "aria-label": label, title: label })
    take.hidden = !passing.length || (Boolean(model.picked) && passing.length === rows.length)
    chips.show(rows, chosen)
    showEmpty()
    gallery.element.hidden = !passing.length
    gallery.show(passing)
  }
  watch(model, ["filters"], () => {
    gallery.home()
    drawRows()
  })
  followTheme(model, el)
  saveFiles(model)
  model.on("apart", () => {
    apart.draw()
    dialog.refresh()
  })
  watch(model, ["thumbs", "frozen", "locked"], apart.draw)
  watch(model, ["tagged", "known_tags"], tags.draw)
  model.on(["starts", "known_tags"], () => {
    if (!(model.student && (model.concept || model.picked))) showEmpty()
  }) // else its images have not arrived yet
  onMessage(model, (message) => {
    enlarged = message.enlarged ?? enlarged
    queueMicrotask(enlarge) // after the images have been taken over
  })
  /** Open the requested image large, once the gallery lists it. */
  function enlarge() {
    const from = [passing, rows].find((listed) => listed.some(({ row }) => row === enlarged))
    if (!from) return
    dialog.open(
      from,
      from.findIndex(({ row }) => row === enlarged),
      model,
    )
    enlarged = null
  }
  watch(model, ["student", "concept", "picked", "influence", "pending", "mode", "refit", "captions"], () => {
    content.hidden = !(model.student && (model.concept || model.picked))
    charts.element.hidden = legend.element.hidden = Boolean(model.picked) || !model.curves
    head.show()
  })
  watch(model, ["captions", "steps", "bands", "refit", "concept", "student"], charts.show)
  watch(model, ["captions", "bands", "pending", "mode"], () => legend.show(model))
  let before = {}
  watch(model, ["gallery", "student", "outlined", "picked"], () => {
    const { student, outlined, picked } = model
    if (outlined !== before.outlined) pictures.forget()
    if (outlined !== before.outlined || picked !== before.picked || student !== before.student) {
      gallery.home()
      charts.leave()
    }
    before = { student, outlined, picked }
    rows = rowsOf(model.gallery)
    drawRows()
    enlarge()
  })
}

function rowsOf({ rows = [], labels, fills, names, assigned = [] }) {
  return rows.map((row, at) => {
    const fill = names[fills[at]]
    return {
      row,
      fill,
      label: labels[at],
      positive: labels[at] === 1,
      negative: labels[at] === 0,
      right: /both-right|teacher-wrong/.test(fill),
      wrong: /student-wrong|both-wrong/.test(fill),
      assigned: Boolean(assigned[at]),
    }
  })
}

/** Facts on the image in the dialog; facts from the server arrive a moment later. */
function factsOf(row, model) {
  const known = model.apart.row === row.row ? model.apart.facts : []
  const facts = model.extent === "simple" ? known.slice(0, 1) : known // the label; then come logits
  return [["Decisions", verdictOf(row.fill)], ...facts]
}

// --- heading ----------------------------------------------------------------------------

/** Button that shows the charts in `section` to a reader without details, who does not need them at first. */
function makeUnfold(section) {
  const button = h("button", { class: "btn unfold-charts in-simple" }, "Charts")
  const show = (on) => {
    section.classList.toggle("charted", on)
    set(button, "aria-expanded", String(on))
    set(button, "title", `${on ? "Hide" : "Show"} what other influences of the concept would give`)
  }
  button.addEventListener("click", () => show(!section.classList.contains("charted")))
  show(false)
  return button
}

function makeHead(model, section) {
  const concept = h("span", { class: "subtitle" })
  const influence = h("span", { class: "muted num influence" })
  const modes = MODES[model.thumb_does]
  const how = segments(
    "What-if",
    modes.map(([id, name]) => [id, name]),
    (id) => {
      model.mode = id
    },
  )
  how.classList.add("how")
  modes.forEach(([, , meaning], at) => {
    setAll(how.children[at], { title: meaning, "aria-label": meaning })
  })
  const solving = h("span", { class: "solving num", role: "status" })
  const steer = h("button", {
    class: "link small",
    onclick: () =>
      model.send_msg({ action: model.refit.state === "solving" ? "stop_refits" : "resume_refits" }),
  })
  const unfold = makeUnfold(section)
  const back = h("button", { class: "btn back", onclick: () => model.send_msg({ action: "leave_images" }) })
  const title = h("h2")
  const element = h(
    "header",
    { class: "panel-head" },
    title,
    h("div", { class: "what" }, concept, influence),
    solving,
    steer,
    how,
    unfold,
    back,
  )
  const show = () => {
    const open = model.student && model.concept && !model.picked
    const what = model.picked || model.concept
    text(title, model.picked ? "Images" : "Concept detail")
    text(concept, what)
    set(concept, "title", what || null)
    text(influence, open ? `influence ${model.influence}` : "")
    text(back, model.concept ? `Back to ${model.concept}` : "Close")
    back.hidden = !model.picked
    set(element.parentElement, "data-direction", model.pending.direction)
    how.hidden = unfold.hidden = !(open && model.curves)
    how.show(model.mode)
    const { state, share } = model.refit
    text(
      solving,
      {
        solving: `${Math.round(100 * share)} %`,
        waiting: "waiting",
        stopped: `stopped at ${Math.round(100 * share)} %`,
      }[state] ?? "",
    )
    text(steer, state === "solving" ? "Stop" : "Go on")
    solving.hidden = !open || !state || state === "done"
    steer.hidden = solving.hidden || state === "waiting"
  }
  return { element, show }
}

// --- legend -----------------------------------------------------------------------------

/** Legend below the charts, with the marks that are drawn. */
function makeLegend(model) {
  const key = (name) => {
    const label = h("span")
    const shape =
      name === "interval"
        ? s("rect", { y: 1, width: 20, height: 8 })
        : s("line", { x1: 0, x2: 20, y1: 5, y2: 5 })
    set(shape, "class", name)
    return Object.assign(
      h(
        "span",
        { class: "sample" },
        s("svg", { width: 20, height: 10, "aria-hidden": "true" }, shape),
        label,
      ),
      { label },
    )
  }
  const names = ["teacher", "interval", "refit", "exact", "pending", "preview"]
  const keys = Object.fromEntries(names.map((name) => [name, key(name)]))
  const element = h("div", { class: "samples" }, Object.values(keys))
  const show = ({ mode, bands, pending, captions }) => {
    const told = {
      teacher: "teacher",
      interval: model.confidence &&
        (mode === "refit" || Object.keys(bands).length) && [
          model.confidence,
          h("span", { class: "long" }, " interval"),
        ],
      refit: mode === "refit" && (model.thumb_does === "target" ? "thumbs, lower to raise" : "refit"),
      exact: "others fixed",
      pending: captions.some((caption) => caption.pending) && `pending ${pending.text}`,
      preview: captions.some((caption) => caption.preview) && "preview",
    }
    for (const [name, words] of Object.entries(told)) {
      keys[name].hidden = !words
      if (words) keys[name].label.replaceChildren(...[words].flat())
    }
    set(keys.exact.querySelector("line"), "class", mode === "refit" ? "exact behind" : "exact")
  }
  return { element, show }
}

// --- filter chips ----------------------------------------------------------------------------------

function makeChips(pick, save) {
  const chips = FILTERS.map(([id, long, middle, short]) => {
    const number = h("span", { class: "num" })
    const title = id === "assigned" ? ASSIGNED : undefined
    const button = h(
      "button",
      { class: "filter-chip offline", "data-id": id, title, onclick: () => pick(id) },
      h("span", { class: "long" }, long),
      h("span", { class: "brief", "data-middle": middle, "data-short": short }),
      " ",
      number,
    )
    return { id, button, number, long }
  })
  const export_ = iconButton("download", "Save the images shown as CSV", save, {
    class: unless("export", "icon-btn"),
    hidden: "",
  })
  const element = h(
    "div",
    { class: "chips", role: "group", "aria-label": "Show images" },
    chips.map((chip) => chip.button),
  )
  /** The count on a chip is the number of images after a click on it. */
  function show(rows, chosen) {
    for (const { id, button, number, long } of chips) {
      const with_ = id ? [...chosen].filter((other) => other !== PAIR[id]).concat(id) : []
      const n = rows.filter((row) => with_.every((key) => row[key])).length
      text(number, count(n))
      set(button, "aria-pressed", String(id ? chosen.has(id) : !chosen.size))
      button.hidden = id === "assigned" && rows.every((row) => row.assigned)
      set(button, "aria-label", `${long}, ${count(n)}`)
    }
    export_.hidden = !rows.length
    export_.disabled = !rows.some((row) => [...chosen].every((key) => row[key]))
  }
  return { element, export_, show }
}
