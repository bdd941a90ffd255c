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

/** Bokeh outlines its canvas on focus; after a click that is only noise. */
function blur(element) {
  let active = element.getRootNode().activeElement
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement
  active?.blur()
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
  const plot = h("div", { class: "plot" })
  plot.append(model.get_child("plot"))
  plot.addEventListener("pointerdown", () => {
    window.addEventListener("pointerup", () => setTimeout(() => blur(plot)), { capture: true, once: true })
  })
  el.append(h("section", { class: "panel map", "aria-label": "Concept embedding" },
    head, plot, h("footer", {}, legend, group, h("span", { class: "grow" }), lasso, home)))
  followTheme(model, el)
  watch(model, ["projection", "concepts", "group", "lasso", "fault"], () => {
    choice.show(model.projection)
    text(all, `${count(model.concepts)} concepts`)
    text(group, `${count(model.group)} selected ×`)
    set(group, "aria-label", `Forget the selected group of ${model.group}`)
    group.hidden = !model.group
    text(cloud, model.fault ? "no segments" : "segments")
    set(cloud, "title", model.fault || "Each segment lies at the cosine-weighted mean of its three nearest concepts.")
    set(lasso, "aria-pressed", String(model.lasso))
  })
}
