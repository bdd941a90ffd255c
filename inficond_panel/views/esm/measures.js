// All metrics of the student: one line, and when it is opened a table with intervals, and slices.

const MEASURES_KEY = "a"

function makeMeasures(model, send) {
  const line = h("span", { class: "told clip" })
  const head = h("button", { class: "unfold-line", type: "button", "aria-controls": "measures-body", "aria-keyshortcuts": MEASURES_KEY.toUpperCase(),
    title: `All metrics (${MEASURES_KEY.toUpperCase()})`, onclick: () => { model.measured = !model.measured } },
  icon("down", 14), h("b", {}, "Metrics"), line)
  const body = h("div", { class: "unfold-body", id: "measures-body", role: "region", "aria-label": "Metrics", tabindex: 0 })
  const element = h("div", { class: "unfold measures" }, head, body)
  onKey(element, MEASURES_KEY, () => { head.click(); head.focus() })
  const draw = () => {
    element.hidden = !model.student
    text(line, model.line)
    set(line, "title", model.line)
    set(head, "aria-expanded", String(model.measured))
    element.classList.toggle("expanded", model.measured)
    body.hidden = !model.measured
    if (model.measured) drawOnce(body, JSON.stringify([model.measures, model.slices, model.columns]), () => measuresOf(model, send))
  }
  return { element, draw }
}

function measuresOf(model, send) {
  if (!model.measures) return [h("span", { class: "spin" })]
  const { heads, rows, scope } = model.measures
  const cell = ({ text: value, range, words }) => h("td", { class: "num" }, h("b", {}, value), ` ${range} `,
    words === "within noise" && h("span", { class: "badge" }, words))
  const line = ({ name, now, range, changes, note }) => h("tr", {}, h("th", { scope: "row" }, name),
    h("td", { class: "num" }, h("b", {}, now)), h("td", { class: "num" }, range), changes.map(cell), h("td", { class: "muted num" }, note))
  return [
    h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, scope), heads.map((name) => h("th", { scope: "col" }, name)), h("th", {}))), h("tbody", {}, rows.map(line))),
    h("section", { class: "slices" }, slicesOf(model, send)),
  ]
}

function slicesOf({ columns, slices }, send) {
  if (!columns.length) return [h("p", { class: "muted" }, "No slices: the store has no metadata of its images.")]
  const options = [["", "Choose a column"], ...columns.map((name) => [name, name])]
  const pick = select("Slices by", options, slices?.column ?? "", (column) => column && send("slice", { column }), "AP by")
  if (!slices) return [pick]
  const line = ({ name, value, range, images, verdict, worst }) => h("tr", { class: worst ? "worst" : null }, h("th", { scope: "row", class: "clip", title: name }, name),
    h("td", { class: "num" }, h("b", {}, value)), h("td", { class: "num" }, range), h("td", { class: "num" }, images), h("td", { class: "muted num" }, verdict))
  return [pick, h("p", { role: "status" }, slices.worst), h("table", {}, h("tbody", {}, slices.rows.map(line)))]
}
