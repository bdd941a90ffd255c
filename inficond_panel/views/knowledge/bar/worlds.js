// The preview in two worlds of photos: parts that are found, and which world the person means.

import { drawOnce, h, inWords, keyed, text } from "../../../ui/elements.js"
import { isBusy, isDetailed } from "../shared.js"

/** The preview's figures in two worlds, and which of them the person means: kept with the refit. */
export function makeWorlds(model, send) {
  const detailed = isDetailed(model)
  const title = h("legend", {}, "Which images do you mean?")
  const list = h("div", { class: "choices" })
  const measure = h("p", { class: "muted" })
  const parts = h("div", { class: "found-parts" })
  const choice = h("fieldset", { class: "worlds" }, title, list, measure)
  const element = h("div", {}, parts, choice)
  const make = ({ key }) =>
    h(
      "label",
      {},
      h("input", { type: "radio", name: "world", value: key, onchange: () => send("mean", { world: key }) }),
      h("span"),
      h("span", { class: "figures num" }),
    )
  const update = (choice, { key, photos, figures }) => {
    const [input, told, numbers] = choice.children
    input.checked = key === model.worlds.meant
    input.disabled = isBusy(model)
    text(told, photos.charAt(0).toUpperCase() + photos.slice(1))
    drawOnce(numbers, JSON.stringify(figures), () =>
      (figures.length ? figures : [["…", ""]]).map(([words, limits]) =>
        h("span", {}, detailed && limits ? `${words} (${limits})` : words),
      ),
    )
  }
  const draw = () => {
    element.hidden = !model.worlds
    if (element.hidden) return
    keyed(list, model.worlds.rows, ({ key }) => key, make, update)
    const { found = [], of } = model.worlds
    parts.hidden = !found.length
    drawOnce(parts, JSON.stringify([of, found]), () => [h("p", {}, of), ...found.map(foundBar)])
    text(measure, model.worlds.measure)
    measure.hidden = !model.worlds.measure
  }
  return { element, draw }
}

/** Share of the images of a part that are found: a bar after the edit, a line where it was before. */
function foundBar({ words, before, after }) {
  const percent = (share) => `${Math.round(100 * share)} %`
  const bar = h("i", { class: "share" }, h("i", { class: "after" }), h("i", { class: "before" }))
  bar.firstChild.style.width = `${100 * after}%`
  bar.lastChild.style.left = `${100 * before}%`
  const change = `${Math.round(100 * before)} → ${percent(after)}`
  return h(
    "div",
    {},
    h("span", { class: "clip", title: words }, h("bdi", {}, inWords(words))),
    bar,
    h("span", { class: "num" }, change),
  )
}
