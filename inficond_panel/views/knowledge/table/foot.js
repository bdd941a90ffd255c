// Foot of the table: number of concepts that are not listed, and the legend.

import { drawOnce, h, isClosed, s } from "../../../ui/elements.js"
import { count } from "../../../ui/numbers.js"
import { isDetailed, seek, soughtOf } from "../shared.js"

/** The line below the rows: number of concepts that are not listed, and a button that lists them. */
export function drawRest(rest, model, search, dialog) {
  const {
    influential,
    sort,
    rows,
    found: { rows: found },
    options: { concepts },
  } = model
  const ranked = rows.filter(({ rank }) => rank).length // others are held at 0
  const query = soughtOf(model)
  drawOnce(
    rest,
    JSON.stringify([
      query,
      found.length,
      influential,
      concepts,
      sort,
      rows.length,
      model.top,
      model.shift.sentence,
    ]),
    () => {
      const add = h("button", { class: "link", onclick: () => dialog.open(query) }, `Add “${query}”`)
      const back = h("button", { class: "link", onclick: () => seek(model, "") }, "Back to the list")
      const exact =
        isClosed("typing") || found.some(({ concept }) => concept.toLowerCase() === query.toLowerCase())
      const words = found.length
        ? `${countOf(found.length)} found for “${query}”, of ${count(concepts)}. `
        : `No concept has “${query}” in its name. `
      if (query) return [words, back, exact ? "" : " · ", exact ? "" : add]
      if (sort === "suspects") {
        return [
          rows.length
            ? `${countOf(rows.length)} of ${count(concepts)} stand${rows.length === 1 ? "s" : ""} out.`
            : (model.shift.sentence ?? "Suspects are being looked for."),
        ]
      }
      if (sort !== "weight") return []
      const others = concepts - influential
      const told = influential
        ? `${countOf(influential)} ${influential === 1 ? "has" : "have"} influence`
        : "No concept has influence"
      const find = h("button", { class: "link", onclick: () => search.focus() }, "Find a concept")
      const next = model.options.tops.find((n) => n > model.top) ?? 0 // all
      const more =
        influential > ranked &&
        h(
          "button",
          {
            class: "link",
            onclick: () => {
              model.top = next
            },
          },
          next ? `Show ${count(Math.min(next, influential))}` : "Show all",
        )
      if (more) return [`${told}, ${count(ranked)} listed. `, more, " · ", find]
      if (!others) return [`${told}. `, find]
      const rest = `${influential ? "other " : ""}${count(others)} ${others === 1 ? "is" : "are"}`
      return [`${told}; the ${rest} at 0. `, find]
    },
  )
  rest.hidden = !rest.firstChild
  rest.classList.toggle("found", Boolean(query))
}

const countOf = (n) => `${count(n)} concept${n === 1 ? "" : "s"}`

export function legendOf(model) {
  const {
    options: { patchless, pictured, curves, confidence, previews },
  } = model
  const detailed = isDetailed(model)
  const circle = (name) =>
    s(
      "svg",
      { class: "mark", width: 12, height: 12, "aria-hidden": "true" },
      s("circle", { class: name, cx: 6, cy: 6, r: 3.5 }),
    )
  return h(
    "div",
    { class: "legend" },
    h(
      "span",
      {},
      h("i", { class: "swatch-influence" }),
      h("span", { class: "wide" }, "influence relative to the strongest; left of zero is negative"),
      h("span", { class: "narrow" }, "influence"),
    ),
    curves && h("span", {}, circle("dot"), detailed ? "now" : "now, on the line of AP"),
    curves &&
      h(
        "span",
        {},
        s(
          "svg",
          { class: "mark", width: 12, height: 12, "aria-hidden": "true" },
          s("line", { class: "tick", x1: 6, x2: 6, y1: 3, y2: 9 }),
        ),
        "zero",
      ),
    detailed && previews && curves && h("span", {}, circle("dot pending"), "pending"),
    detailed &&
      confidence &&
      curves &&
      h("span", {}, h("i", { class: "swatch-band" }), `${confidence} interval`),
    patchless
      ? pictured && h("span", { title: patchless }, "no patches: no segments")
      : h("span", {}, h("i", { class: "swatch-similarity" }), "similarity"),
  )
}
