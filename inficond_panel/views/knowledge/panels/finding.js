// Finding on a student and its repair: a sentence, kinds of repair as buttons, and a list of labels
// that are likely wrong.

import { icon } from "../../../ui/controls.js"
import { drawOnce, h, isolated, keyed, set, text } from "../../../ui/elements.js"
import { onMessage } from "../../../ui/model.js"
import { count, unbroken } from "../../../ui/numbers.js"
import { fadeEdges } from "../../../ui/parts/fading.js"
import { DIRECTIONS } from "../../../ui/vocabulary.js"
import { isBusy, ownRepairs, ownPending, sizeOf } from "../shared.js"

const BELONGS =
  "It is a part of the class, or goes with it rightly: it is no fault. The history keeps the answer"
const button = (onclick, attributes = {}) => h("button", { class: "btn", onclick, ...attributes })

export function makeFinding(model, send, asking) {
  const words = h("span")
  const bar = h("i", { class: "progress" })
  const label = h("span")
  const waits = () =>
    ownPending(model).some(
      ({ concept, direction }) => concept === model.finding.remove && direction === "remove",
    )
  const remove = button(() => {
    if (!waits() && !isBusy(model)) send("remove_suspect", { concept: model.finding.remove })
  })
  const repair = button(() => send(model.repair.running ? "stop_suggesting" : "suggest"), {
    class: "btn suggest",
  })
  const wrong = button(
    () => {
      list.hidden = !list.hidden
      draw()
    },
    { "aria-controls": "wrong-labels" },
  )
  const many = h("span")
  wrong.append(h("span", { class: "verb" }, "Look at "), many) // in little room only what is looked at
  const alone = h("span")
  const raised = () =>
    ownPending(model).some(
      ({ concept, direction }) => concept === model.finding.word?.raise && direction === "up",
    )
  const raise = h("button", {
    class: "group-thumb up",
    onclick: () => {
      if (!isBusy(model)) send("toggle", { concept: model.finding.word.raise, direction: "up" })
    },
  })
  const word = h("p", { class: "word num" }, alone, " ", raise)
  const where = h("span")
  const look = h("button", { class: "group-thumb", onclick: () => send("open_worse_group") })
  const worse = h("p", { class: "worse-group num" }, where, " ", look)
  const tuning = button(() => send("open_tune_labels"))
  const belongs = button(() => send("belongs", { kind: "concept", name: model.finding.suspect, on: true }))
  const shared = h("p", { class: "settled" })
  const questions = h("div", { class: "questions", role: "list", "aria-label": "Shared by all images" })
  const settled = h("p", { class: "settled" })
  const result = h("p", { class: "result", role: "status" })
  const list = h("div", {
    class: "labels",
    id: "wrong-labels",
    role: "list",
    "aria-label": "Labels to look at",
    tabindex: 0,
    hidden: "",
  })
  const note = h("p", { class: "settled", hidden: "" })
  const markEdges = fadeEdges(list)
  const pictures = new Map()
  repair.append(bar, label)
  const element = h(
    "section",
    { class: "finding", "aria-label": "Finding" },
    h("p", { class: "sentence", role: "status", tabindex: 0 }, icon("note", 14), words),
    word,
    worse,
    h("div", { class: "acts" }, remove, belongs, repair, wrong, tuning, asking.element),
    shared,
    questions,
    settled,
    result,
    note,
    list,
  )
  onMessage(model, (message) => {
    for (const [row, source] of Object.entries(message.pictures ?? {})) pictures.set(Number(row), source)
    draw()
  })
  const late = heldBack(model, element, () => draw())
  let fetched = "" // the labels whose pictures were requested: the list stays open from class to class
  function fetchPictures() {
    const rows = model.finding.labels.map(({ row }) => row)
    const wanted = `${model.student} ${rows}`
    if (fetched === wanted || rows.every((row) => pictures.has(row))) return
    fetched = wanted
    send("label_pictures")
  }
  function draw() {
    const {
      student,
      finding,
      finding: { labels = [], belonging = [], checking },
      options,
      repair: { sentence, running, share, text: step },
    } = model
    const { questions: asked = [], worse_group: group = {} } = late()
    element.hidden = !student
    element.classList.toggle("room", options.suspecting)
    element.classList.toggle("checking", Boolean(checking))
    const found = checking ? "" : finding.sentence
    const says = found || (options.suspecting ? `${student} is being checked.` : "")
    drawOnce(words, JSON.stringify([says, student]), () => isolated(says, [student, finding.suspect]))
    words.parentElement.hidden = !words.textContent
    set(words.parentElement, "title", finding.hover || null)
    const { sentence: told, raise: raisable = "" } = finding.word ?? {}
    text(alone, told ?? "")
    word.hidden = told === undefined
    raise.hidden = !raisable
    text(raise, `${DIRECTIONS.up.mark} ${raisable}`)
    set(raise, "aria-label", `${DIRECTIONS.up.verb} ${raisable}`)
    set(raise, "aria-pressed", String(raised()))
    set(
      raise,
      "title",
      "Puts a thumb on the class's own word into the batch: images with the word get higher targets",
    )
    set(raise, "aria-disabled", isBusy(model) ? "true" : null)
    const { rows: doubted = [], button: lookAt = "" } = finding.tune_labels ?? {}
    tuning.hidden = !doubted.length
    text(tuning, lookAt)
    worse.hidden = !group.sentence
    look.hidden = !group.opens
    text(where, group.sentence ?? "")
    text(look, group.words ? `Look at ${group.words}` : "")
    set(worse, "title", group.hover ?? null)
    remove.hidden = !finding.remove
    const removed = `${finding.remove}${finding.like ? ` and ${finding.like} like it` : ""}`
    text(remove, waits() ? `${removed} will be removed` : `Remove ${removed}`)
    const free = !sizeOf(model) // with a batch the button to press is Fine-tune
    remove.classList.toggle("primary", free && !finding.little && !finding.same)
    set(remove, "aria-disabled", waits() || isBusy(model) ? "true" : null)
    belongs.hidden = !finding.suspect
    text(belongs, finding.same ? "It is the same" : "It belongs to it")
    const what = finding.same ? "is the same as" : "belongs to"
    set(belongs, "aria-label", `${finding.suspect} ${what} ${student}`)
    set(belongs, "title", BELONGS)
    questions.hidden = !asked.length
    shared.hidden = !asked.length
    text(shared, headingOf(asked))
    keyed(
      questions,
      asked,
      ({ kind, name }) => `${student} ${kind} ${name}`,
      (one) => makeQuestion(one, model, send),
      (item, one) => fillQuestion(item, one, model),
    )
    settled.hidden = !belonging.length
    drawOnce(settled, JSON.stringify([student, belonging]), () => [
      `Belongs to ${student}:`,
      ...belonging.flatMap((one) => settledButton(one, student, send)),
    ])
    repair.hidden = !options.suggests
    repair.classList.toggle("first", Boolean(finding.little))
    repair.classList.toggle("primary", free && Boolean(finding.little) && !running)
    bar.style.width = running ? `${100 * share}%` : "0"
    text(label, running ? `Looking for a repair ${Math.round(100 * share)} % ✕` : "Find a repair")
    set(
      repair,
      "title",
      running
        ? `${step}. Click to stop.`
        : "Compares what could help on images that did not choose, and puts the best into the batch",
    )
    set(repair, "aria-disabled", !running && isBusy(model) ? "true" : null)
    wrong.hidden = !labels.length
    list.hidden ||= !labels.length
    text(many, `${count(labels.length)} ${finding.labels_words}`)
    set(wrong, "aria-label", `Look at ${many.textContent}`)
    set(wrong, "aria-expanded", String(!list.hidden))
    text(result, sentence)
    result.hidden = !sentence
    text(note, finding.labels_note ?? "")
    note.hidden = list.hidden
    if (!list.hidden) {
      fetchPictures()
      keyed(
        list,
        labels,
        ({ row }) => `${student} ${row}`,
        (one) => makeLabel(one, send),
        (item, one) => fillLabel(item, one, model, pictures),
      )
      markEdges()
    }
  }
  return { element, draw }
}

/** The finding's parts that come late and need room: those before, of the same student, while the pointer is
    on the rows below, none of which moves under it. */
function heldBack(model, element, draw) {
  let shown = {}
  let of = ""
  let rows = null
  const listen = () => {
    rows = element.getRootNode().host?.parentElement?.querySelector(".rows") ?? null
    rows?.addEventListener("pointerleave", () => setTimeout(draw)) // a finger leaves before its click
  }
  return () => {
    if (!rows) listen()
    const { questions, worse_group } = model.finding
    if (of !== model.student || !rows?.matches(":hover")) shown = { questions, worse_group }
    of = model.student
    return shown
  }
}

/** Where the things of questions go with the class. */
function headingOf(asked) {
  const inFit = asked.filter((one) => one.in_fit).length
  if (inFit && inFit < asked.length) return "For you to decide:"
  return inFit ? "In the training images only:" : "Shared by all images:"
}

/** What all photos share: a sentence that asks, the thumb that helps, and the answer that it belongs. */
function makeQuestion({ kind, name }, model, send) {
  const thumb = h("button", {
    class: "group-thumb",
    onclick: () => {
      if (!isBusy(model)) send("thumb_shared", { kind, name })
    },
  })
  const belongs = h(
    "button",
    {
      class: "group-thumb",
      title: BELONGS,
      "aria-label": `${name} belongs to ${model.student}`,
      onclick: () => send("belongs", { kind, name, on: true }),
    },
    "It belongs to it",
  )
  return h("div", { role: "listitem" }, h("p", { class: "num" }), h("div", { class: "acts" }, thumb, belongs))
}

function fillQuestion({ children: [words, acts] }, { sentence, direction, concepts }, model) {
  const [thumb] = acts.children
  const { mark, verb } = DIRECTIONS[direction]
  const waits = ownPending(model)
    .filter((one) => one.direction === direction)
    .map((one) => one.concept)
  text(words, unbroken(sentence))
  thumb.hidden = !concepts.length
  thumb.className = `group-thumb ${direction}`
  text(thumb, `${mark} ${concepts.join(", ")}`)
  set(thumb, "aria-label", `${verb} ${concepts.join(", ")}`)
  set(thumb, "aria-pressed", String(concepts.every((one) => waits.includes(one))))
  set(thumb, "aria-disabled", isBusy(model) ? "true" : null)
}

function settledButton({ kind, name, by }, student, send) {
  const label = `Take back: ${name} belongs to ${student}`
  const title = `Said by ${by}`
  const onclick = () => send("belongs", { kind, name, on: false })
  return h(
    "span",
    { title },
    `${name} `,
    h("button", { class: "group-thumb", "aria-label": label, onclick }, "Take back"),
  )
}

function makeLabel({ row }, send) {
  return h(
    "div",
    { role: "listitem" },
    h(
      "button",
      { class: "photo", onclick: () => send("open_label", { row }) },
      h("img", { alt: "", draggable: "false" }),
    ),
    h("button", { class: "group-thumb", onclick: () => send("correct_label", { row }) }),
  )
}

/** A click on a label adds the opposite label to the batch. */
function fillLabel({ children: [photo, mark] }, { row, image, label }, model, pictures) {
  const words = `${label ? "not" : "is"} ${model.student}`
  if (pictures.has(row)) set(photo.firstChild, "src", pictures.get(row))
  set(photo, "aria-label", `Image ${image}, labelled ${label ? "" : "not "}${model.student}: show it large`)
  text(mark, words)
  set(mark, "aria-label", `Image ${image} ${words}`)
  set(
    mark,
    "aria-pressed",
    String(ownRepairs(model).some((repair) => repair.direction === "label" && repair.image === image)),
  )
  set(mark, "title", model.options.unrepairable || "Teaches the corrected label; the data set stays as it is")
  mark.disabled = isBusy(model) || Boolean(model.options.unrepairable)
}
