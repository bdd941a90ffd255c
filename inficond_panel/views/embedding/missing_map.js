// The concept embedding of a store without a map: a sentence in its place.

import { callImages, h } from "../../ui/elements.js"
import { followTheme } from "../../ui/model.js"

export function render({ model, el }) {
  callImages(model.called)
  el.append(
    h(
      "section",
      { class: "panel map", "aria-label": "Concept embedding" },
      h("header", { class: "panel-head" }, h("h2", {}, "Concept embedding")),
      h("div", { class: "empty" }, h("b", {}, "No map of the concepts"), h("p", {}, model.told)),
    ),
  )
  followTheme(model, el)
}
