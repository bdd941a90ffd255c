// An influence set by hand: the end of a row's bar, or the dot on its curve, dragged or moved by keys. Where
// it is left waits as a bound in the batch.

import { h, listenWhile, set } from "../../../ui/elements.js"
import { signed } from "../../../ui/numbers.js"
import { effectWordsAt } from "./effect_chart.js"
import { directionTo, valueAfter, valueAtPart, within } from "./influence_value.js"

export const HAND_KEY = "i"
const GRIP = 3 // pixels that a pointer moves before it drags

/** The end of a row's bar, which can be moved. */
export const makeHandle = (concept) =>
  h("span", { class: "handle", role: "slider", tabindex: -1, "aria-label": `Influence of ${concept}` })

/** The hand on the rows: its `draft` is {concept, value} while one is moved. `redraw` draws the row of a
    concept, `rowOf` gives its data, `context` what rows share; `tell` shows what the curve reads, `hide`
    hides it. */
export function makeHand(rows, model, send, { rowOf, redraw, context, tell, hide }) {
  const hand = { draft: null, dragging: false, sent: false }
  const end = () => {
    hand.dragging = false
    hide()
  }
  hand.move = (concept, value) => {
    hand.draft = { concept, value }
    redraw(concept)
    tell(concept, value)
  }
  hand.drop = () => {
    const { draft } = hand
    hand.draft = null
    if (draft) redraw(draft.concept)
    end()
  }
  /** The row stays as it is until the batch has the bound: see `settle`. */
  hand.keep = () => {
    hand.sent = true
    send("set_bound", hand.draft)
    end()
  }
  hand.settle = () => {
    if (hand.sent) Object.assign(hand, { draft: null, sent: false })
  }
  /** Values at the ends of the curve, if there is one. */
  hand.curve = (concept) => {
    const { x } = model.effects[concept] ?? { x: [] }
    return x.length ? [x[0], x[x.length - 1]] : []
  }
  /** Values that keys reach: those of the bar and of the curve. */
  hand.reach = (concept) => {
    const values = [...context().ends, ...hand.curve(concept)]
    return [Math.min(...values), Math.max(...values)]
  }
  hand.ends = (part, concept) => (part.matches(".effect") ? hand.curve(concept) : context().ends)
  hand.value = (concept) =>
    hand.draft?.value ?? context().intents.get(concept)?.value ?? rowOf(concept).influence
  dragOn(rows, hand)
  keysOn(rows, hand)
  return hand
}

/** No handle moves while thumbs are off. */
const isFree = (row) => !row.querySelector(".thumb").disabled

function dragOn(rows, hand) {
  let from = null
  let swallow = false
  rows.addEventListener("pointerdown", (event) => {
    const row = event.target.closest(".row")
    const grip = event.target.closest(".grip, .handle")
    swallow = false
    if (grip && !event.button && isFree(row)) {
      from = {
        concept: row.dataset.key,
        part: grip.closest(".effect") ?? row.querySelector(".strength"),
        x: event.clientX,
      }
    }
  })
  rows.addEventListener("pointermove", (event) => {
    if (!event.buttons) from = null
    if (!from || (!hand.dragging && Math.abs(event.clientX - from.x) < GRIP)) return
    if (!hand.dragging) rows.setPointerCapture(event.pointerId)
    hand.dragging = swallow = true
    const { part, concept } = from
    const box = part.getBoundingClientRect()
    hand.move(
      concept,
      valueAtPart(within((event.clientX - box.left) / box.width, [0, 1]), hand.ends(part, concept)),
    )
  })
  rows.addEventListener("pointerup", () => {
    from = null
    if (hand.dragging) hand.keep()
  })
  rows.addEventListener("pointercancel", () => {
    from = null
    hand.drop()
  })
  // the end of a drag must not count as a click on the row
  rows.addEventListener(
    "click",
    (event) => {
      if (swallow) {
        swallow = false
        event.stopImmediatePropagation()
      }
    },
    true,
  )
  listenWhile(
    rows,
    document,
    "keydown",
    (event) => {
      if (event.key !== "Escape" || !hand.dragging) return
      event.stopPropagation()
      from = null
      hand.drop()
    },
    true,
  )
}

function keysOn(rows, hand) {
  rows.addEventListener("keydown", (event) => {
    if (!event.target.matches(".handle") || event.ctrlKey || event.metaKey || event.altKey) return
    const row = event.target.closest(".row")
    const concept = row.dataset.key
    const to = valueAfter(event.key, event.shiftKey, hand.value(concept), hand.reach(concept))
    if (to !== undefined) {
      if (isFree(row)) hand.move(concept, to)
    } else if (event.key === "Enter" && hand.draft) {
      hand.keep()
      row.focus()
    } else if (event.key === "Escape") {
      hand.drop()
      row.focus()
    } else return
    event.preventDefault()
    event.stopImmediatePropagation()
  })
  rows.addEventListener("focusout", (event) => {
    if (event.target.matches(".handle") && hand.draft && !hand.sent && !hand.dragging) hand.drop()
  })
}

/** Set position and text of a row's handle. */
export function drawHandle(handle, row, intent, model, { place, strongest, reach, frozen }) {
  const value = intent?.value ?? row.influence
  const [low, high] = reach(row.concept)
  const asked = { up: "or more", down: "or less" }[directionTo(value, row.influence)] ?? "as it is now"
  handle.hidden = !strongest || frozen
  handle.style.left = `${place(strongest ? value / strongest : 0).toFixed(2)}%`
  for (const [name, number] of [
    ["valuemin", low],
    ["valuemax", high],
    ["valuenow", value],
  ]) {
    set(handle, `aria-${name}`, String(number))
  }
  set(
    handle,
    "aria-valuetext",
    `${signed(value, 2)}, ${asked}${effectWordsAt(model.effects[row.concept], value, model)}`,
  )
}
