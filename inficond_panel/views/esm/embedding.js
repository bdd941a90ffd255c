// Concept embedding: heading, choice of projection, the plot (a Bokeh figure), legend and tools.

const LASSO = "M12 4c5 0 8.500 2.400 8.500 5.500S17 15 12 15s-8.500-2.400-8.500-5.500S7 4 12 4zM7 14c-1.500 1.500-1 4 1.500 4.500S9 21 7 21"
const HOME = "M4 12l8-8 8 8M6.500 10.500V20h11v-9.500"

function tool(label, d, onclick) {
  const drawing = s("svg", { class: "icon", width: 16, height: 16, viewBox: "0 0 24 24", "aria-hidden": "true" }, s("path", { d }))
  return h("button", { class: "icon-btn", type: "button", "aria-label": label, title: label, onclick }, drawing)
}

function key(shape, name, attributes = {}) {
  return h("span", attributes, s("svg", { width: 12, height: 12, "aria-hidden": "true" }, shape), name)
}

const KEYS = {
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down", Enter: "open", " ": "group", "+": "in", "=": "in",
  "-": "out", 0: "home", u: "thumb up", d: "thumb down", x: "thumb remove",
}

/** Take what can have the focus below `root` out of the order of tabs, through shadow roots. */
function skipTabs(root) {
  for (const element of root.querySelectorAll("*")) {
    if (element.tabIndex >= 0) element.tabIndex = -1
    if (element.shadowRoot) skipTabs(element.shadowRoot)
  }
}

/** The map takes keys itself; Bokeh's canvas in it, which can do nothing with them, passes its focus on. */
function takeKeys(plot, send) {
  let inside = false
  plot.addEventListener("focusin", (event) => {
    skipTabs(plot)
    if (event.composedPath()[0] !== plot) plot.focus({ preventScroll: true })
    else if (plot.matches(":focus-visible")) { inside = true; send("enter") }
  })
  plot.addEventListener("focusout", (event) => {
    if (inside && !plot.contains(event.relatedTarget)) { inside = false; send("leave") }
  })
  plot.addEventListener("keydown", (event) => {
    const message = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key]
    if (!message || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    inside = true
    send(message)
  })
}

export function render({ model, el }) {
  const choice = segments("Projection", model.projections, (id) => { model.projection = id })
  const all = h("span")
  const cloud = h("span")
  const group = h("button", { class: "link", type: "button", onclick: () => model.send_msg("ungroup") })
  const lasso = tool("Lasso: select a group of concepts", LASSO, () => model.send_msg("lasso"))
  const home = tool("Show the whole map", HOME, () => model.send_msg("home"))
  const legend = h("div", { class: "keys" },
    key(s("circle", { cx: 6, cy: 6, r: 2.5, class: "k-dot" }), all, { class: "wide" }),
    key(s("circle", { cx: 6, cy: 6, r: 4.5, class: "k-top" }), "top 10"),
    key(s("circle", { cx: 6, cy: 6, r: 4, class: "k-negative" }), "negative"),
    key(s("path", { d: "M6 1l5 9H1z", class: "k-up" }), "up"),
    key(s("path", { d: "M6 11l5-9H1z", class: "k-down" }), "down"),
    key(s("rect", { y: 1, width: 12, height: 10, rx: 3, class: "k-cloud" }), cloud))
  const head = h("header", { class: "panel-head" }, h("h2", {}, "Concept embedding"), choice)
  const told = h("p", { class: "vh", role: "status" })
  const plot = h("div", { class: "plot", role: "application", tabindex: 0, "aria-label": "Map of concepts",
    "aria-description": "Arrow keys go from concept to concept. Enter opens, space selects, U, D and X thumb, plus, minus and 0 zoom." })
  plot.append(model.get_child("plot"))
  takeKeys(plot, (message) => model.send_msg(message))
  el.append(h("section", { class: "panel map", "aria-label": "Concept embedding" },
    head, plot, told, h("footer", {}, legend, group, h("span", { class: "grow" }), lasso, home)))
  followTheme(model, el)
  watch(model, ["told"], () => text(told, model.told))
  watch(model, ["projection", "concepts", "group", "lasso", "fault"], () => {
    choice.show(model.projection)
    text(all, `${count(model.concepts)} concepts`)
    text(group, `${count(model.group)} selected ×`)
    set(group, "aria-label", `${count(model.group)} selected ×, forget the group`)
    group.hidden = !model.group
    text(cloud, model.fault ? "no segments" : "segments")
    set(cloud, "title", model.fault || "Each segment lies at the cosine-weighted mean of its three nearest concepts.")
    set(lasso, "aria-pressed", String(model.lasso))
  })
}
