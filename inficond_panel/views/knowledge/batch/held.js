// The bounds in force on the student shown, each with what releases it.

import { count, h, icon, keyed, set, text } from "../../../ui/base.js"
import { DIRECTIONS } from "../../../ui/vocabulary.js"
import { isBusy, ownPending } from "./pending.js"

const RELEASE = "release"
const SHOWN = 6 // the rest is a number

export function makeHeld(model, send) {
  const list = h("span", { class: "chips" })
  const more = h("button", { class: "link", type: "button", onclick: () => { open = !open; draw() } })
  const element = h("div", { class: "held", role: "group", "aria-label": "Bounds in force" }, h("span", { class: "muted" }, "Held:"), list, more)
  let open = false
  const make = ({ concept }) => h("span", { class: "chip" },
    h("button", { class: "name clip offline", type: "button", "aria-label": `Open ${concept}`, onclick: () => send("open", { concept }) }, concept), h("span", { class: "num" }),
    h("button", { class: "lift", type: "button", onclick: () => { if (!isBusy(model)) send("toggle", { concept, direction: RELEASE }) } }, icon(DIRECTIONS[RELEASE].icon, 12)))
  const update = (chip, { concept, bound }, released) => {
    const [name, limit, lift] = chip.children
    const words = `${DIRECTIONS[RELEASE].verb} ${concept}, ${bound}`
    set(name, "title", concept)
    text(limit, bound)
    set(lift, "aria-label", words)
    set(lift, "title", released ? `${words}: waits; once more takes it back` : words)
    set(lift, "aria-pressed", String(released))
    set(lift, "aria-disabled", isBusy(model) ? "true" : null)
  }
  function draw() {
    const { held } = model
    const released = new Set(ownPending(model).filter(({ direction }) => direction === RELEASE).map(({ concept }) => concept))
    element.hidden = !held.length
    const shown = open ? held : held.slice(0, SHOWN)
    keyed(list, shown, ({ concept }) => concept, make, (chip, one) => update(chip, one, released.has(one.concept)))
    more.hidden = held.length <= SHOWN
    text(more, open ? "less" : `${count(held.length - SHOWN)} more`)
    set(more, "aria-expanded", String(open))
  }
  return { element, draw }
}
