// One image's prediction by concept: a signed bar per concept; bars and intercept sum to the logit.

import { icon } from "../../ui/controls.js"
import { drawOnce, h, set } from "../../ui/elements.js"
import { partsOf } from "../../ui/parts/signed_bar.js"
import { DIRECTIONS, THUMBS } from "../../ui/vocabulary.js"

/** Requests the prediction on the image shown, `{apart: row}`, and draws it when it arrives. */
export function makeApart(model) {
  const element = h("section", { class: "apart", "aria-label": "Prediction by concept" })
  let row = null
  const draw = () => {
    if (!row) return
    const known = model.apart.row === row.row
    drawOnce(element, known ? JSON.stringify(model.apart) : "waiting", () => [
      h("h3", {}, model.extent === "simple" ? "By concept" : "By concept: score × influence"),
      ...(known ? apartOf(model) : [h("span", { class: "spin" })]),
    ])
    for (const button of element.querySelectorAll(".thumb")) {
      const { concept, direction } = button.dataset
      set(button, "aria-pressed", String(model.thumbs[concept] === direction))
      button.disabled = model.frozen
      set(button, "title", model.locked || DIRECTIONS[direction].verb)
    }
  }
  const show = (shown) => {
    row = shown
    draw()
    if (model.apart.row !== row.row) model.send_msg({ action: "take_apart", row: row.row })
  }
  return { element, show, draw }
}

function apartOf(model) {
  const { apart } = model
  return [
    h(
      "p",
      {},
      `The student says ${model.extent === "simple" ? apart.decision.split(":")[0] : apart.decision}.`,
    ),
    ...apart.flip.map((sentence) => h("p", { class: "flip num" }, sentence)),
    h(
      "ul",
      { class: "parts" },
      partsOf(
        apart.bars,
        apart.logit,
        ({ name }) => h("span", { class: "clip" }, name),
        ({ name, kind }) => (kind ? "" : thumbsOf(name, model)),
      ),
    ),
  ]
}

/** Thumbs for a concept of the image, as in the list of the student's concepts. */
function thumbsOf(concept, model) {
  const thumb = (direction) =>
    h(
      "button",
      {
        class: `thumb ${direction}`,
        "data-concept": concept,
        "data-direction": direction,
        "aria-label": `${DIRECTIONS[direction].verb} ${concept}`,
        onclick: () => model.send_msg({ action: "toggle", concept, direction }),
      },
      icon(DIRECTIONS[direction].icon, 14),
    )
  return h("span", { class: "thumbs" }, THUMBS.map(thumb))
}
