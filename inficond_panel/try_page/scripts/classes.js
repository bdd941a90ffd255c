// The classes, likeliest first, with probability and decision.

import { h, keyed, s, set, text } from "../../ui/elements.js"
import { sigmoid } from "./students.js"

/** Classes that are shown before all are asked for; those present are always shown. */
const FEW = 6

/** A probability as text; only what is certain would be 0 or 100 %. */
export function percentOf(probability) {
  if (probability < 0.005) return "<1 %"
  return probability > 0.995 ? ">99 %" : `${Math.round(100 * probability)} %`
}

export function makeClasses(facts, onpick) {
  const list = h("ul", { class: "classes" })
  const more = h("button", { class: "more", "aria-expanded": "false", onclick: toggle })
  const element = h("section", { hidden: true }, h("h2", {}, "Classes"), list, more)
  const isSingle = facts.task === "single_label"
  let all = false
  let drawn = () => {}

  function toggle() {
    all = !all
    drawn()
  }

  /** `now` and `before` are the outcomes with and without what-ifs, `chosen` the index of a class. */
  function draw(now, before, chosen) {
    drawn = () => draw(now, before, chosen)
    const order = before.map((_, k) => k).sort((a, b) => before[b].logit - before[a].logit || a - b)
    const shown = order.filter((k, place) => all || place < FEW || now[k].present || k === chosen)
    keyed(
      list,
      shown,
      (k) => k,
      makeRow,
      (row, k) => fillRow(row, k, now[k], before[k], k === chosen),
    )
    more.hidden = shown.length === order.length && !all
    set(more, "aria-expanded", String(all))
    text(more, all ? "Fewer classes" : `All ${order.length} classes`)
    element.hidden = false
  }

  function makeRow(k) {
    const bar = s(
      "svg",
      { class: "bar", height: 8, "aria-hidden": "true" },
      s("rect", { class: "track", width: "100%", height: 8, rx: 2 }),
      s("rect", { class: "fill", height: 8, rx: 2 }),
      isSingle ? null : s("line", { class: "threshold", y1: 0, y2: 8, ...thresholdOf(facts.thresholds[k]) }),
    )
    const button = h(
      "button",
      { onclick: () => onpick(k) },
      h("bdi", {}, facts.classes[k]),
      h("span", { class: "mark" }),
      h("b", { class: "num" }),
      bar,
    )
    return h("li", {}, button)
  }

  function fillRow(row, k, now, before, isChosen) {
    const button = row.firstElementChild
    set(button, "aria-pressed", String(isChosen))
    set(row, "data-present", String(now.present))
    set(row, "data-logit", now.logit) // all digits, for programs that read the page
    const was = percentOf(before.probability)
    const is = percentOf(now.probability)
    text(row.querySelector(".num"), was === is ? is : `${was} → ${is}`)
    text(row.querySelector(".mark"), now.present ? (isSingle ? "likeliest" : "present") : "")
    set(row.querySelector(".fill"), "width", `${100 * now.probability}%`)
  }

  return { element, draw }
}

function thresholdOf(threshold) {
  const place = `${100 * sigmoid(threshold)}%`
  return { x1: place, x2: place }
}
