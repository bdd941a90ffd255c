// A tour of eight steps for who sees the page for the first time. A step that asks for something to
// be done goes on by itself once it is: the person does it, or presses Show me. Nothing is covered.

import { boxOf, h, icon, keep, kept, text, watch, windowOf } from "../../ui/base.js"

const SEEN = "inficond-tour"

/** Steps: the view, what of it is marked, title, words, and what makes the step done. */
function tourSteps({ class: name, concept, interval }) {
  const example = (words) => (name ? words : "")
  return [
    ["configuration", "", "Teacher and students", "A teacher decides which classes an image shows. Each class has a student that imitates it: one weight for each named concept. This strip says what is in view and how well the students do."],
    ["performance", ".rows", "Where they differ", `The list begins with the widest gap to the teacher. Shaded blue: the teacher is right, the student wrong. Select a class${example(`, such as ${name}`)}.`, "class"],
    ["knowledge", ".rows", "What the student looks at", `Its concepts, the most influential first, with the patches most like each. Find one that has nothing to do with the class${example(` (for ${name}: ${concept})`)} and press its name.`, "concept"],
    ["detail", "", "The images of a concept", "The charts say what another influence would do. Below are the images in which the concept is strongest: do they show the class?"],
    ["knowledge", ".row.current .thumbs", "Give it a thumb", "Up raises its influence, down lowers it, ✕ removes it. What the refit would change is previewed above the list; nothing is changed yet.", "pending"],
    ["knowledge", ".submit", "Fine-tune", "The student is solved again, with your bound in force, and kept as an iteration of your history; the last step takes it back. Press Fine-tune.", "tuned"],
    ["provenance", ".rows", "Read the change", interval ? `Each iteration has its change and its ${interval}. Hollow dot: the interval holds 0, and the change is within noise.` : "Each iteration has its change from the one before."],
    ["provenance", "[aria-label='Undo the last iteration']", "Undo", "Undo takes back what the tour has done, and deletes nothing: the row stays, and a click on it returns. That is all. Press ? for the keys and for this tour.", "undone"],
  ]
}

/** `offer` is a line on the page for first-time users; `start()` begins the tour. */
export function makeTour(model, root, places) {
  const steps = tourSteps(model.tour)
  const title = h("h2", { id: "tour-title" }), words = h("p", { id: "tour-words", "aria-live": "polite" }), place = h("span", { class: "muted num" })
  const back = h("button", { class: "btn", type: "button", onclick: () => go(at - 1) }, "Back")
  const next = h("button", { class: "btn primary", type: "button", onclick: () => on() })
  const close = h("button", { class: "icon-btn", type: "button", "aria-label": "End the tour", title: "End the tour (Esc)", onclick: () => end() }, icon("cross"))
  const card = h("div", { class: "tour", role: "dialog", "aria-labelledby": "tour-title", "aria-describedby": "tour-words", popover: "manual" },
    h("div", { class: "head" }, title, close), words, h("div", { class: "foot" }, place, h("span", { class: "grow" }), back, next))
  const mark = h("div", { class: "tour-mark", popover: "manual", "aria-hidden": "true" })
  root.append(mark, card)
  let at = -1, timer = 0, from = null, waited = ""

  const asked = () => at >= 0 && steps[at][4] && !model.progress[steps[at][4]] ? steps[at][4] : ""
  function tell() {
    waited = asked()
    text(next, waited ? "Show me" : at + 1 < steps.length ? "Next" : "Finish")
  }
  function on() {
    if (asked()) model.send_msg({ action: "show_step", step: asked() })
    else go(at + 1)
  }
  function go(step) {
    if (step >= steps.length) return end()
    at = step
    const [view, , name, says] = steps[at]
    places.get(view)?.closest(".tabs")?.bring(view)
    text(title, name)
    text(words, says)
    text(place, `${at + 1} of ${steps.length}`)
    back.hidden = at === 0
    tell()
    settle()
  }
  function settle() {
    const [view, selector] = steps[at]
    const box = anchorOf(places.get(view), selector)
    mark.hidden = !box
    if (box) Object.assign(mark.style, { left: `${box.left - 4}px`, top: `${box.top - 4}px`, width: `${box.width + 8}px`, height: `${box.height + 8}px` })
    Object.assign(card.style, besideOf(box, card))
  }
  function start() {
    from = root.getRootNode().activeElement
    remember()
    mark.showPopover()
    card.showPopover()
    go(0)
    next.focus()
    clearInterval(timer)
    timer = setInterval(() => (root.isConnected ? settle() : clearInterval(timer)), 200)
  }
  function end() {
    clearInterval(timer)
    at = -1
    tell()
    card.hidePopover()
    mark.hidePopover()
    from?.focus()
  }
  function remember() {
    offer.hidden = true
    keep("localStorage", SEEN, "yes") // a browser that keeps nothing asks again
  }
  card.addEventListener("keydown", (event) => {
    if (event.key === "Escape") end()
    else if (event.key === "ArrowRight") on()
    else if (event.key === "ArrowLeft" && at > 0) go(at - 1)
    else return
    event.preventDefault()
    event.stopPropagation()
  })
  watch(model, ["progress"], () => { if (waited && model.progress[waited]) go(at + 1); else tell() })
  const offer = h("div", { class: "notice", role: "region", "aria-label": "Tour" },
    h("span", {}, `New here? A tour of ${steps.length} steps: find a class that is wrong, mend its student, read what it brought.`),
    h("span", { class: "grow" }), h("button", { class: "btn", type: "button", onclick: start }, "Start the tour"),
    h("button", { class: "btn plain", type: "button", onclick: () => { remember(); root.querySelector("[aria-label='Keyboard shortcuts']")?.focus() } }, "Not now"))
  offer.hidden = !model.tour.offered || model.still || kept("localStorage", SEEN) !== null
  return { offer, start }
}

/** Rectangle of a part of a view, through the shadow roots; of the view where there is no such part. */
function anchorOf(place, selector) {
  if (!place?.checkVisibility()) return null
  const part = selector && findDeep(place, selector)
  const box = boxOf(part || place)
  return box.width && box.height ? box : boxOf(place)
}

function findDeep(root, selector) {
  const found = root.querySelector(selector)
  if (found) return found
  for (const element of root.querySelectorAll("*")) {
    const inner = element.shadowRoot && findDeep(element.shadowRoot, selector)
    if (inner) return inner
  }
  return null
}

/** A place beside the box that leaves it free: right, left, below, above, else the lower corner. */
function besideOf(box, card) {
  const { offsetWidth: width, offsetHeight: height } = card
  const screen = windowOf(card), right = screen.width - 16, bottom = screen.height - 16
  const within = (value, low, high) => Math.max(low, Math.min(value, high))
  const at = (left, top) => ({ left: `${left}px`, top: `${top}px` })
  if (!box) return at(right - width, bottom - height)
  const top = within(box.top, 16, bottom - height), left = within(box.left, 16, right - width)
  if (box.right + 16 + width <= right) return at(box.right + 16, top)
  if (box.left - 16 - width >= 16) return at(box.left - 16 - width, top)
  if (box.bottom + 16 + height <= bottom) return at(left, box.bottom + 16)
  if (box.top - 16 - height >= 16) return at(left, box.top - 16 - height)
  return at(right - width, bottom - height)
}
