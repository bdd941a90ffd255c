// The photo, with the outline of a concept's place, and what was measured of this place.

import { icon } from "../../ui/controls.js"
import { h, isolated, s } from "../../ui/elements.js"
import { signed } from "../../ui/numbers.js"
import { GRID, outlineOf } from "./places.js"

export function makePicture() {
  const frame = h("div", { class: "frame" })
  const told = h("p", { role: "status" })
  const progress = h("progress", { "aria-label": "Hiding one part after the other", hidden: true })
  const element = h("figure", { class: "picture", hidden: true }, frame, h("figcaption", {}, progress, told))

  function show(photo) {
    photo.shown.setAttribute("role", "img")
    photo.shown.setAttribute("aria-label", "Your photo")
    frame.replaceChildren(photo.shown)
    element.hidden = false
    say([])
  }

  function say(words) {
    progress.hidden = true
    told.replaceChildren(...words)
  }

  function showProgress(done, all) {
    progress.hidden = false
    progress.max = all
    progress.value = done
  }

  /** Draw the outline of `cells`; none removes it. */
  function outline(cells) {
    frame.querySelector("svg")?.remove()
    if (!cells.length) return
    const box = { viewBox: `0 0 ${GRID} ${GRID}`, preserveAspectRatio: "none", "aria-hidden": "true" }
    const lines = ["under", "over"].map((name) => s("path", { class: name, d: outlineOf(cells) }))
    frame.append(s("svg", box, lines))
  }

  return { element, show, say, showProgress, outline }
}

/** What is said of the place of a concept of a class; `value(score)` is what a score adds to the class. */
export function placeWords(place, { concept, className, whole, mean, value }) {
  const names = [concept, className]
  if (whole <= mean) {
    return isolated(`The photo has less of ${concept} than an average photo, so it has no place here.`, names)
  }
  const now = `${concept} adds ${signed(value(whole), 2)} to ${className}.`
  if (!place.cells.length) return isolated(`${now} Hiding no part of the photo lowers it.`, names)
  const then = `with the outlined part hidden ${signed(value(place.score), 2)}`
  const control =
    place.control === null ? "" : `, with as much hidden elsewhere ${signed(value(place.control), 2)}`
  if (place.holds) return isolated(`${now.slice(0, -1)}; ${then}${control}.`, names)
  return isolated(
    `${now} No single place holds it: ${then.replace("outlined", "strongest")}${control}.`,
    names,
  )
}

/** The button that chooses a photo, on which one can be dropped too; `take(file)`. */
export function makeChooser(take) {
  const input = h("input", {
    type: "file",
    accept: "image/*",
    disabled: true,
    onchange: () => {
      if (input.files[0]) take(input.files[0])
      input.value = "" // so that the same photo can be chosen again
    },
  })
  const words = h("b", {}, "Choose a photo")
  const element = h(
    "label",
    { class: "drop" },
    icon("download", 20),
    words,
    h("span", { class: "by-mouse" }, "or drop it here"),
    h("span", { class: "by-touch" }, "or take one"),
    input,
  )
  for (const kind of /** @type {("dragover" | "drop")[]} */ (["dragover", "drop"])) {
    document.addEventListener(kind, (event) => {
      event.preventDefault()
      const file = event.dataTransfer?.files[0]
      if (kind === "drop" && file && !input.disabled) take(file)
    })
  }
  return {
    element,
    open: () => {
      input.disabled = false
    },
    ready: () => words.replaceChildren("Choose another photo"),
  }
}
