// The concepts that decided a class, as bars, with the thumbs of a what-if, and a button that asks where
// a concept is.

import { icon } from "../../ui/controls.js"
import { h, isolated, keyed, set, text } from "../../ui/elements.js"
import { fixed, signed } from "../../ui/numbers.js"
import { signedBar } from "../../ui/parts/signed_bar.js"
import { percentOf } from "./classes.js"
import { contributionsOf } from "./students.js"

/** Concepts that are shown before all are asked for. */
const FEW = 8
/** How often a concept counts with a thumb up and down. */
export const TWICE = 2
export const NOT = 0

/** `actions`: `count(at, factor)` toggles a thumb, `reset()` takes all away, `where(at)` asks for a place. */
export function makeConcepts(facts, actions) {
  const title = h("h2")
  const decided = h("p")
  const whatIf = h("p", { class: "what-if", role: "status" })
  const reset = h("button", { class: "more", onclick: actions.reset }, "Take all thumbs back")
  const list = h("ul", { class: "concepts" })
  const more = h("button", { class: "more", "aria-expanded": "false", onclick: toggle })
  const note = h(
    "p",
    { class: "muted" },
    "Bars: what a concept adds to the class, or takes from it, beside an average photo. " +
      "A thumb asks: what if? Up: the concept counts twice; down: not at all. Nothing is learned or stored.",
  )
  const element = h("section", { hidden: true }, title, decided, whatIf, reset, list, more, note)
  let all = false
  let drawn = () => {}

  function toggle() {
    all = !all
    drawn()
  }

  /** `shown`: scores, the index `k` of the class, factors of its concepts by index, outcomes `now` and
      `before`, and `place`, the concept whose place is outlined. */
  function draw(shown) {
    drawn = () => draw(shown)
    const { scores, k, factors, now, before } = shown
    const parts = contributionsOf(facts, scores, k)
    parts.sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.at - b.at)
    const most = Math.max(...parts.map((part) => Math.abs(part.value)), 1e-12)
    const visible = all ? parts : parts.slice(0, FEW)
    title.replaceChildren(...isolated(`What decided ${facts.classes[k]}`, [facts.classes[k]]))
    decided.replaceChildren(...decisionWords(facts, k, before))
    whatIf.replaceChildren(...whatIfWords(facts, k, factors, before, now))
    reset.hidden = !Object.keys(factors).length
    keyed(
      list,
      visible,
      (part) => part.at,
      makeRow,
      (row, part) => fillRow(row, part, most, shown),
    )
    more.hidden = parts.length <= FEW
    set(more, "aria-expanded", String(all))
    text(more, all ? "Fewer concepts" : `All ${parts.length} concepts`)
    element.hidden = false
  }

  function makeRow({ at }) {
    const name = facts.concepts[at]
    const thumb = (factor, label, look) =>
      h(
        "button",
        {
          class: `thumb ${look}`,
          "aria-label": label,
          title: label,
          onclick: () => actions.count(at, factor),
        },
        icon("thumb", 20),
      )
    return h(
      "li",
      {},
      h("bdi", {}, name),
      h("span", { class: "num" }),
      h("div", { class: "of-part" }),
      h(
        "div",
        { class: "acts" },
        thumb(TWICE, `What if ${name} counts twice?`, "up"),
        thumb(NOT, `What if ${name} does not count?`, "down"),
        h(
          "button",
          { class: "where", "aria-label": `Where is ${name}?`, onclick: () => actions.where(at) },
          "Where?",
        ),
      ),
    )
  }

  function fillRow(row, { at, value }, most, { factors, place }) {
    const factor = factors[at] ?? 1
    text(row.querySelector(".num"), signed(factor * value, 2))
    row.querySelector(".of-part").replaceChildren(signedBar((factor * value) / (TWICE * most)))
    set(row, "data-counts", factor === 1 ? null : factor === TWICE ? "twice" : "not")
    set(row.querySelector(".up"), "aria-pressed", String(factor === TWICE))
    set(row.querySelector(".down"), "aria-pressed", String(factor === NOT))
    set(row.querySelector(".where"), "aria-pressed", String(place === at))
  }

  return { element, draw }
}

function decisionWords(facts, k, { present, logit, probability }) {
  const name = facts.classes[k]
  if (facts.task === "single_label") {
    const word = present ? "the likeliest class" : "not the likeliest class"
    return isolated(`${name} is ${word}: ${percentOf(probability)}.`, [name])
  }
  const [threshold, side] = [facts.thresholds[k], present ? "above" : "not above"]
  const words = `${name} is ${present ? "present" : "absent"}: ${percentOf(probability)}. `
  return isolated(`${words}Its logit ${fixed(logit, 2)} is ${side} the threshold ${fixed(threshold, 2)}.`, [
    name,
  ])
}

function whatIfWords(facts, k, factors, before, now) {
  const of = (factor) =>
    Object.keys(factors)
      .filter((at) => factors[at] === factor)
      .map((at) => facts.concepts[at])
  const [twice, not] = [of(TWICE), of(NOT)]
  if (!twice.length && !not.length) return []
  const parts = []
  if (twice.length) parts.push(`${twice.join(", ")} counted twice`)
  if (not.length) parts.push(`${not.join(", ")} did not count`)
  const change = `${facts.classes[k]} ${percentOf(before.probability)} → ${percentOf(now.probability)}`
  const logits = `logit ${fixed(before.logit, 2)} → ${fixed(now.logit, 2)}`
  return isolated(`If ${parts.join(" and ")}: ${change}, ${logits}.`, [facts.classes[k], ...twice, ...not])
}
