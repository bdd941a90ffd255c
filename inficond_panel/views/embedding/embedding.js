// Concept embedding: heading, choice of projection, the plot (a Bokeh figure), legend and tools.

import { hoverCard, zoomOf } from "../../ui/boxes.js"
import { icon, iconButton, ICONS, segments } from "../../ui/controls.js"
import { callImages, elementsIn, h, s, set, setAll, text, unless } from "../../ui/elements.js"
import { followTheme, onMessage, watch } from "../../ui/model.js"
import { count } from "../../ui/numbers.js"
import { saveFiles } from "../../ui/parts/save_file.js"
import { DIRECTIONS, THUMBS } from "../../ui/vocabulary.js"
import { makeGroup } from "./group.js"
import { makeSegmentCard } from "./segment_card.js"

Object.assign(ICONS, {
  lasso: [
    "M12 4c5 0 8.500 2.400 8.500 5.500S17 15 12 15s-8.500-2.400-8.500-5.500S7 4 12 4z" +
      "M7 14c-1.500 1.500-1 4 1.500 4.500S9 21 7 21",
  ],
  home: ["M4 12l8-8 8 8M6.500 10.500V20h11v-9.500"],
})

function key(shape, name, attributes = {}) {
  return h("span", attributes, s("svg", { width: 12, height: 12, "aria-hidden": "true" }, shape), name)
}

const KEYS = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  Enter: "open",
  " ": "group",
  "+": "in",
  "=": "in",
  "-": "out",
  0: "home",
  s: "segment",
  ...Object.fromEntries(THUMBS.map((direction) => [DIRECTIONS[direction].key, `thumb ${direction}`])),
}

/** The map handles keys itself; Bokeh's canvas, which cannot, passes its focus on to the map. */
function takeKeys(plot, model) {
  let inside = false
  plot.addEventListener("focusin", (event) => {
    for (const element of elementsIn(plot)) if (element.tabIndex >= 0) element.tabIndex = -1
    if (event.composedPath()[0] !== plot) plot.focus({ preventScroll: true })
    else if (plot.matches(":focus-visible")) {
      inside = true
      model.send_msg({ action: "press", key: "enter" })
    }
  })
  plot.addEventListener("focusout", (event) => {
    if (inside && !plot.contains(event.relatedTarget)) {
      inside = false
      model.send_msg({ action: "leave" })
    }
  })
  plot.addEventListener("keydown", (event) => {
    const key = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key]
    if (!key || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    inside = true
    model.send_msg({ action: key === "home" ? "show_all" : "press", ...(key !== "home" && { key }) })
  })
}

/** Projections to choose from; one that the store lacks says how to get it. */
function makeChoice(model, root) {
  const card = hoverCard(root)
  const missing = new Map(model.projections.filter(([, , how]) => how).map(([id, , how]) => [id, how]))
  const choice = segments(
    "Projection",
    model.projections.map(([id, name]) => [id, name]),
    (id) => {
      if (missing.has(id)) explain(id)
      else {
        card.hide()
        model.projection = id
      }
    },
  )
  set(choice, "title", "Three ways to place concepts: similar ones stand close together")
  const buttons = [...choice.children].filter((button) => missing.has(button.dataset.value))
  const explain = (id) =>
    card.show(
      buttons.find((button) => button.dataset.value === id),
      [h("p", {}, missing.get(id))],
    )
  for (const button of buttons) {
    setAll(button, { "aria-disabled": "true", "aria-description": missing.get(button.dataset.value) })
    button.addEventListener("pointerenter", () => explain(button.dataset.value))
    for (const leave of ["pointerleave", "blur"]) button.addEventListener(leave, card.hide)
  }
  return choice
}

export function render({ model, el }) {
  callImages(model.called)
  const use = (action) => () => model.send_msg({ action })
  const choice = makeChoice(model, el)
  const all = h("span")
  const cloud = h("span")
  const lasso = iconButton("lasso", "Lasso: select a group of concepts", use("use_lasso"))
  const home = iconButton("home", "Show the whole map", use("show_all"))
  const save = h(
    "button",
    { class: unless("export", "icon-btn in-full"), onclick: use("save_concepts") },
    icon("download"),
  )
  const concepts = key(s("circle", { cx: 6, cy: 6, r: 2.5, class: "k-dot" }), all, { class: "wide" })
  const legend = h(
    "div",
    { class: "keys" },
    concepts,
    key(s("circle", { cx: 6, cy: 6, r: 4.5, class: "k-top" }), "top 10"),
    key(s("circle", { cx: 6, cy: 6, r: 4, class: "k-negative" }), "negative"),
    h(
      "span",
      {},
      s(
        "svg",
        { width: 34, height: 12, "aria-hidden": "true" },
        s("path", { d: "M6 1l5 9H1z", class: "k-up" }),
        s("path", { d: "M18 11l5-9H13z", class: "k-down" }),
        s("path", { d: "M25 2l8 8M33 2l-8 8", class: "k-remove" }),
      ),
      "edits",
    ),
    key(s("rect", { y: 1, width: 12, height: 10, rx: 3, class: "k-cloud" }), cloud),
  )
  const head = h("header", { class: "panel-head" }, h("h2", {}, "Concept embedding"), choice)
  const told = h("p", { class: "vh", role: "status" })
  const plot = h("div", {
    class: "plot",
    role: "application",
    tabindex: 0,
    "aria-label": "Map of concepts",
    "aria-description":
      "Arrow keys go from concept to concept. Enter opens, space selects, U, D and X raise, lower and " +
      "remove, S shows the nearest segment, plus, minus and 0 zoom.",
  })
  plot.append(model.get_child("plot"))
  const assigned = h("p", { class: "assigned clip" })
  const group = makeGroup(model, plot, el)
  takeKeys(plot, model)
  const segment = makeSegmentCard(model, plot, el, (words) => text(told, words))
  el.append(
    h(
      "section",
      { class: "panel map", "aria-label": "Concept embedding" },
      head,
      plot,
      assigned,
      told,
      h("footer", {}, legend, group.button, lasso, home, save),
    ),
  )
  followTheme(model, el)
  new ResizeObserver(() => {
    if (plot.isConnected && model.zoom !== zoomOf(plot)) model.zoom = zoomOf(plot)
  }).observe(plot)
  saveFiles(model)
  onMessage(model, ({ open }) => {
    if (open === "group") {
      segment.hide()
      setTimeout(group.open)
    }
  })
  watch(model, ["assigned"], () => {
    const { words = "", lit = false } = model.assigned
    assigned.hidden = !words
    assigned.classList.toggle("lit", lit)
    text(assigned, words)
    set(assigned, "title", words || null)
  })
  watch(model, ["told"], () => {
    text(told, model.told)
    segment.hide()
  })
  watch(model, ["group"], () => {
    group.show()
    const label = model.group.count
      ? `Save the ${count(model.group.count)} selected concepts as CSV`
      : "Save all concepts as CSV"
    setAll(save, { title: label, "aria-label": label })
  })
  watch(model, ["projection", "concepts", "lasso", "fault", "picked"], () => {
    choice.show(model.projection)
    segment.hide()
    concepts.classList.toggle("wide", !model.picked)
    text(all, model.picked ? `larger: in more of the ${model.picked}` : `${count(model.concepts)} concepts`)
    text(cloud, model.fault ? "no segments" : "segments")
    set(cloud, "title", model.fault || "Point at the cloud to see the photo of the nearest segment.")
    set(lasso, "aria-pressed", String(model.lasso))
  })
}
