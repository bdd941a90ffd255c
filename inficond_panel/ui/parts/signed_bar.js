// A bar from zero to either side: a part of a logit; and the list of all parts.

import { h, s } from "../elements.js"

/** `share` is of the half, from -1 to 1. */
export function signedBar(share) {
  const half = Number((50 * Math.min(1, Math.abs(share))).toFixed(2))
  return s(
    "svg",
    { class: "signed", height: 10, "aria-hidden": "true" },
    s("rect", {
      class: share < 0 ? "negative" : "positive",
      x: share < 0 ? `${50 - half}%` : "50%",
      width: `${half}%`,
      y: 1,
      height: 8,
    }),
    s("line", { class: "zero", x1: "50%", x2: "50%", y1: 0, y2: 10 }),
  )
}

/** Items of the list of a logit's parts and their sum; `nameOf(bar)` is an element, `more(bar)` what follows
    the value. */
export const partsOf = (bars, logit, nameOf, more = (/** @type {any} */ _bar) => "") => [
  ...bars.map((bar) =>
    h(
      "li",
      {
        class: bar.kind,
        "data-name": bar.kind ? null : bar.name,
        title: bar.text ? `${bar.name}: score × influence = ${bar.text}` : null,
      },
      nameOf(bar),
      signedBar(bar.share),
      h("span", { class: "num" }, bar.value),
      more(bar),
    ),
  ),
  h("li", { class: "sum" }, h("span", {}, "Student logit"), h("span"), h("b", { class: "num" }, logit)),
]
