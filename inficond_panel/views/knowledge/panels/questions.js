// Photos of one student, large, one after the other: yes, no or skip; and what the answers showed.

import { iconButton } from "../../../ui/controls.js"
import { drawOnce, focusedIn, h, keyed, set, text } from "../../../ui/elements.js"
import { onMessage } from "../../../ui/model.js"

const VALUES = { y: 1, arrowright: 1, n: 0, arrowleft: 0, s: null, arrowdown: null }
const SWIPED = 60 // pixels of a finger to the right: yes, to the left: no

/** The words of the question before the class: of a caption, or else of a photo. */
export const asks = (which, thing) =>
  thing === "caption" ? `Is ${which} caption about` : `Does ${which} photo show`

/** The photos with their buttons and keys, and the result at the end. `close()` leaves them. `draw` needs a
    `kind` (`make_asking`), and takes the focus if it `takes` it, else keeps what it has; `forget` is for
    photos that are no longer asked about. */
export function makeQuestions(model, send, close) {
  const button = (words, onclick, more) => h("button", { class: "btn", onclick, ...more }, words)
  const choice = (words, key, arrow, value) =>
    button([words, h("kbd", { "aria-hidden": "true" }, `${key} ${arrow}`)], () => give(value), {
      "aria-keyshortcuts": key,
    })
  const question = h("span")
  const name = h("bdi")
  const mark = h("span", {}, "?")
  const place = h("span", { class: "grow", role: "status" })
  const bar = h("progress")
  const stage = h("div", { class: "photo" })
  const choices = h(
    "div",
    { class: "choices" },
    choice("No", "N", "←", 0),
    choice("Skip", "S", "↓", null),
    choice("Yes", "Y", "→", 1),
  )
  const undo = button(["Undo", h("kbd", { "aria-hidden": "true" }, "U")], () => send("undo_photo"), {
    "aria-keyshortcuts": "U",
  })
  const teacher = button("", () => send("teacher_answers"))
  const stop = button("", () => (model.asking.can_evaluate ? send("evaluate_photos") : close()))
  const asked = h("div", {}, stage, choices)
  const end = h("div", { class: "end", role: "status" })
  const steps = h("div", { class: "choices" })
  const element = h(
    "div",
    { tabindex: -1, autofocus: "" }, // has the focus for keys, wherever a person clicked
    h(
      "header",
      {},
      h("h2", { id: "asking-title" }, question, h("b", {}, name), mark),
      h("span", { class: "grow" }),
      iconButton("cross", "Close; the answers are kept", close, { title: null }),
    ),
    bar,
    asked,
    end,
    steps,
    h("footer", {}, place, undo, teacher, stop),
  )
  const pictures = new Map()
  let wanted = null
  let shown = ""
  let given = -1
  let at = -1
  let from = 0

  const ready = () => model.asking.kind === "asking" && pictures.has(model.asking.rows[0])
  function give(value) {
    if (!ready() || given === at) return // the photo is answered already, or not visible yet
    given = at
    send("answer_photo", { place: at, value })
  }
  element.addEventListener("keydown", (event) => {
    event.stopPropagation() // no key reaches the page around the photos
    const key = event.key.toLowerCase()
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return
    if (key in VALUES) give(VALUES[key])
    else if (key === "u" || key === "backspace") undo.click()
    else return
    event.preventDefault()
  })
  stage.addEventListener("pointerdown", (event) => {
    from = event.clientX
  })
  stage.addEventListener("pointerup", (event) => {
    if (Math.abs(event.clientX - from) > SWIPED) give(event.clientX > from ? 1 : 0)
  })
  onMessage(model, ({ photo }) => {
    if (!photo) return
    pictures.set(photo.row, photo)
    wanted = null
    if (model.asking.kind) draw()
  })
  /** Request the current photo, then the next photos. */
  function fetch() {
    const row = model.asking.rows.find((one) => !pictures.has(one))
    if (row === undefined || row === wanted) return
    wanted = row
    send("asked_photo", { row })
  }
  function show({
    place: now,
    count,
    rows,
    told,
    class_name: asking,
    teacher: offer,
    can_evaluate,
    shown: thing,
  }) {
    if (now !== at) given = -1
    at = now
    const picture = pictures.get(rows[0])
    text(question, `${asks("this", thing)} `)
    set(bar, "aria-label", thing === "caption" ? "Captions answered" : "Photos answered")
    text(name, asking)
    drawOnce(stage, `${rows[0]} ${Boolean(picture)}`, () => (picture ? [pictureOf(picture, now + 1)] : []))
    set(bar, "max", count)
    bar.value = now
    text(place, now < count ? `${now + 1} of ${count}${told && `. ${told}`}` : told)
    text(teacher, offer)
    teacher.hidden ||= !offer
    text(stop, can_evaluate ? "Stop and evaluate" : "Stop")
    fetch()
  }
  function draw(takes = false) {
    const focused = () => focusedIn(element)
    const holds = takes || focused()
    const { kind, rows, headline, ap, sentences = [], steps: next = [], text: words, share } = model.asking
    for (const part of [asked, question, mark, teacher, stop]) part.hidden = kind !== "asking"
    end.hidden = kind === "asking"
    bar.hidden = place.hidden = !rows
    undo.hidden = kind === "done" || !model.asking.can_undo
    place.hidden ||= kind === "done"
    if (rows) show(model.asking)
    drawOnce(end, JSON.stringify([kind, headline, ap, sentences, words]), () =>
      kind === "done"
        ? resultOf(headline, ap, sentences)
        : [h("p", {}, kind !== "error" && h("span", { class: "spin" }), words)],
    )
    set(end, "data-share", share ? `${Math.round(100 * share)} %` : null)
    const main = next.some(([action]) => action === "evaluate_photos") ? "evaluate_photos" : "leave_photos"
    keyed(
      steps,
      kind === "done" ? next : [],
      ([action]) => action,
      ([action]) => button("", () => send(action)),
      (one, [action, words_]) => {
        text(one, words_)
        one.classList.toggle("primary", action === main)
      },
    )
    if (holds && (kind !== shown || !focused()?.checkVisibility())) element.focus()
    shown = kind
  }
  const forget = () => {
    shown = ""
    pictures.clear()
    end.replaceChildren()
    delete end.dataset.drawn
  }
  return { element, draw, forget }
}

/** The photo, or the caption of an image without one. */
const pictureOf = ({ source, caption }, number) =>
  source
    ? h("img", { src: source, alt: `Photo ${number}`, draggable: "false" })
    : h("p", { dir: "auto" }, caption ? h("q", {}, caption) : "The caption is empty.")

/** The result in a few words and the AP, large; what else is known is unfolded. */
function resultOf(headline, ap, sentences) {
  const all = sentences.map((one) => h("p", {}, one))
  if (!headline) return all
  const more = h("details", {}, h("summary", {}, "How this was measured"), all)
  return [
    h("p", { class: "headline num" }, headline),
    h("p", { class: "num", hidden: ap ? null : "" }, ap),
    more,
  ]
}
