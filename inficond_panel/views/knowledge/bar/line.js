// One line on the batch: what to press, how the fit goes, what the refit brought.

import { icon, select } from "../../../ui/controls.js"
import { drawOnce, h, set } from "../../../ui/elements.js"
import { count, imagesOf, isNumber } from "../../../ui/numbers.js"
import { DIRECTIONS } from "../../../ui/vocabulary.js"
import { isBusy, isDetailed, sizeOf } from "../shared.js"

/** An empty batch: what to press, by the icons of the rows. */
const tryThumbs = ({ options: { previews } }) => [
  h(
    "span",
    { class: "try" },
    "Try ",
    ["up", "down", "remove"].map((name) => icon(DIRECTIONS[name].icon, 14)),
    previews ? ": you see the effect first." : ", then Fine-tune.",
  ),
]

/** The line below the blocks: what is pending, how the fit goes; in details what goes with thumbs besides. */
export function makeLine(model, send) {
  const factor = isDetailed(model) && makeFactor(model)
  const status = h("span", { class: "status", role: "status", id: "batch-status" })
  const noise = h("span", { class: "badge" }, "preview within noise")
  const element = h("div", { class: "line" }, factor && factor.element, factor && noise, status)
  const draw = () => {
    if (factor) factor.draw()
    element.classList.toggle("idle", model.status.kind === "idle" && sizeOf(model) === 0 && !model.locked)
    noise.hidden = model.status.kind !== "idle" || !model.summary.preview?.noise
    const { flips, turned } = model.summary
    drawOnce(status, JSON.stringify([model.status, flips, turned, sizeOf(model), model.locked]), () =>
      statusOf(model, send),
    )
  }
  return { element, draw }
}

function makeFactor(model) {
  const element = select(
    "Factor",
    model.options.factors.map((x) => [x, `×${x}`]),
    model.factor,
    (x) => {
      model.factor = Number(x)
    },
    "Factor",
  )
  element.classList.add("compact", "factor")
  set(element, "title", "How far a thumb goes: the bound is the influence times the factor, or divided by it")
  const draw = () => {
    element.control.disabled = isBusy(model)
    element.control.show(model.factor)
  }
  return { element, draw }
}

function statusOf(model, send) {
  const { kind, text: words, remedy } = model.status
  const { flips } = model.summary
  if (model.locked) {
    return [
      h("span", { class: "trouble" }, model.locked),
      h("button", { class: "link", onclick: () => send("show_tune") }, "Back to the tuning images"),
    ]
  }
  if (kind === "error") {
    return [icon("cross"), h("span", { class: "trouble" }, [words, remedy].filter(Boolean).join(" "))]
  }
  if (kind === "cancelling") return [h("span", { class: "spin" }), "Stopping; the batch stays."]
  if (kind === "fitting") return [h("span", { class: "num" }, words)]
  if (kind === "previewing" || kind === "moving") {
    return [h("span", { class: "spin" }), words || "Previewing…"]
  }
  if (sizeOf(model) === 0) return kind === "done" ? doneOf(model, send) : tryThumbs(model)
  if (!isNumber(flips)) return []
  return [
    h(
      "span",
      { class: "num" },
      flips
        ? `${count(flips)} ${flips === 1 ? "image changes its" : "images change their"} prediction`
        : "No image changes its prediction",
    ),
  ]
}

/** What the refit brought: how many images are right and wrong now, which a click shows. */
function doneOf(model, send) {
  const { text: words, change, others } = model.status
  const detailed = isDetailed(model)
  if (!change) return [others ? `${words}. ${others}` : words]
  const { turned } = model.summary
  const told = turned && `${imagesOf(turned.right)} now right, ${count(turned.wrong)} now wrong`
  return [
    turned && (turned.right || turned.wrong)
      ? h(
          "button",
          { class: "link num", title: "Show these images", onclick: () => send("show_turned") },
          told,
        )
      : h("span", {}, "No image changed its prediction"),
    detailed && h("span", { class: "num" }, ` ${words}: AP `, h("b", {}, change.text), ` ${change.interval}`),
    change.noise && h("span", { class: "badge" }, "within noise"),
    others && h("span", {}, ` ${others}`),
  ].filter(Boolean)
}
