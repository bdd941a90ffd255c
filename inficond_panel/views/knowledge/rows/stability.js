// Whether a concept's influence holds: a button in its row that runs, stops, and tells.

import { details, h, set, text } from "../../../ui/base.js"

export const HOLDS_KEY = "h"

export function holdsButton(concept, send) {
  return h("button", { class: "holds", type: "button", "data-kind": "ask", onclick: () => send("find_stability", { concept }) }, h("i", {}), h("span", { class: "clip" }))
}

export function drawHolds(button, { concept }, found) {
  const kind = found?.kind ?? "ask"
  const share = Math.round(100 * (found?.progress ?? 0))
  set(button, "data-kind", kind)
  button.firstChild.style.width = kind === "running" ? `${share}%` : "0"
  text(button.lastChild, { ask: "holds?", running: `Refitting ${share} % ✕` }[kind] ?? found.short ?? found.text)
  set(button, "aria-label", { ask: `holds? Refit to see whether the influence of ${concept} does (H)`, running: `Refitting ${share} %: stop it for ${concept}` }[kind] ?? `${concept}: ${found.text}`)
  set(button, "title", kind === "ask" ? "Does its influence hold? Refit on other samples (H)" : kind === "error" ? found.text : null)
}

export function holdsCard(concept, { text: words, rows, scope }) {
  return [h("b", {}, `${concept}: ${words}`), details(rows), h("p", { class: "scope" }, scope)]
}
