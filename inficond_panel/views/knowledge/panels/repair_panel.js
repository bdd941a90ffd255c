// What the data say against a student in numbers, what would help, and the repair beside thumbs:
// the penalty.

import { folded } from "../../../ui/boxes.js"
import { drawOnce, h, s, set, text } from "../../../ui/elements.js"
import { fixed, isNumber } from "../../../ui/numbers.js"
import { DIRECTIONS } from "../../../ui/vocabulary.js"
import { axisOf } from "../../../ui/parts/whisker.js"
import { isBusy, ownRepairs, ownPending, section } from "../shared.js"
import { makeUnfold } from "./unfold.js"

const ALIKE = "like the teacher"
const ALIKE_MEANING =
  "Share of the labelled tuning images that student and teacher decide alike; fidelity is of all images"

const AUTO = "auto"

export function makeRepairPanel(model, send) {
  const { element, line, body, show } = makeUnfold(model, "repairing", {
    kind: "repair-panel",
    key: "b",
    title: "Evidence",
    meaning: "Suspects and repairs",
    label: "Suspects and repairs",
  })
  const draw = () => {
    const {
      shift,
      finding: { sentence: problem, terms },
      repair: { levers, notes, sentence },
    } = model
    element.hidden = !model.student || !(model.options.suspecting || levers?.length)
    text(line, shift.sentence ?? (problem || "Being looked for"))
    set(line, "title", shift.sentence ?? problem)
    const key = [
      levers,
      notes,
      sentence,
      shift,
      problem,
      terms,
      model.path,
      model.repairs,
      model.pending,
      isBusy(model),
    ]
    if (show()) {
      drawOnce(body, JSON.stringify(key), () => {
        const found = shift.kind ? sectionsOf(model, send) : [problem || h("span", { class: "spin" })]
        return [leversOf(model, send), ...(model.options.suspecting ? found : [])].filter(Boolean)
      })
    }
  }
  return { element, draw }
}

function sectionsOf(model, send) {
  return [
    h(
      "p",
      { class: "num" },
      model.shift.sentence,
      model.shift.by_teacher &&
        " The training images have no labels: the teacher's decisions stand for them.",
    ),
    model.shift.comparison && h("p", { class: "num" }, model.shift.comparison),
    model.options.unrepairable && h("p", {}, model.options.unrepairable),
    model.finding.terms.length > 0 && h("p", { class: "num" }, `Active: ${model.finding.terms.join("; ")}.`),
    h("div", { class: "repairs" }, suspectsOf(model, send), penaltyOf(model, send)),
  ].filter(Boolean)
}

/** The effect of each kind of repair, after the student as it is; a click adds the repair to the batch. */
function leversOf(model, send) {
  const { levers = [], notes, sentence } = model.repair
  if (!levers.length) return sentence && h("p", {}, sentence)
  const cell = (content) => h("td", { class: "num" }, content)
  const row = ({ name, ap, gain, agreement, concepts, needs, can, taken }) =>
    h(
      "tr",
      { class: taken ? "worst" : null },
      h("th", { scope: "row" }, name, taken && h("span", { class: "muted" }, " proposed")),
      cell(h("b", {}, ap)),
      cell(gain),
      cell(agreement),
      cell(concepts),
      h("td", {}, needs),
      h(
        "td",
        {},
        can &&
          h(
            "button",
            {
              class: "group-thumb",
              "aria-label": `Take ${name}`,
              disabled: isBusy(model),
              onclick: () => send("take_lever", { name }),
            },
            "Take",
          ),
      ),
    )
  return section(
    "What would help?",
    h(
      "table",
      { class: "by levers" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["repair", "AP", "gain", ALIKE, "concepts", "needs", ""].map((name) =>
            h("th", { scope: "col", title: name === ALIKE ? ALIKE_MEANING : null }, name),
          ),
        ),
      ),
      h("tbody", {}, levers.map(row)),
    ),
    notes.map((note) => h("p", { class: "num" }, note)),
  )
}

/** A button that adds a repair to the batch, or removes it. */
function repairButton(model, send, repair, pressed, name, label, title) {
  return h(
    "button",
    {
      class: "group-thumb repair",
      "aria-pressed": String(pressed),
      "aria-label": label,
      title: model.options.unrepairable || title,
      disabled: isBusy(model) || Boolean(model.options.unrepairable),
      onclick: () => send("repair", { repair }),
    },
    name,
  )
}

function suspectsOf(model, send) {
  const { suspects } = model.shift
  const removed = new Set(
    ownPending(model)
      .filter(({ direction }) => direction === "remove")
      .map(({ concept }) => concept),
  )
  const remove = (concept) =>
    h(
      "button",
      {
        class: "group-thumb remove",
        "aria-pressed": String(removed.has(concept)),
        "aria-label": `${DIRECTIONS.remove.verb} ${concept}`,
        title: "Hold its influence at 0; correlated concepts may replace it",
        disabled: isBusy(model),
        onclick: () => send("toggle", { concept, direction: "remove" }),
      },
      DIRECTIONS.remove.mark,
    )
  const item = ({ concept, reason, hover, numbers, group, removed: held }, place) =>
    h(
      "li",
      {},
      h("span", { class: "num muted" }, `${place + 1}`),
      h(
        "button",
        { class: "link clip", title: `${concept}: ${hover}`, onclick: () => send("open", { concept }) },
        concept,
      ),
      h("span", { class: "gives" }, held ? "" : remove(concept)),
      h(
        "details",
        { class: "num" },
        h("summary", {}, reason),
        h(
          "p",
          {},
          numbers,
          group.length > 0 && h("span", { class: "muted" }, ` Alike: ${group.join(", ")}.`),
        ),
      ),
    )
  const list = (items) => h("ol", { class: "suspects" }, items)
  return section(
    "Suspects",
    suspects.length
      ? list(
          folded(
            suspects.map(({ concept }) => concept),
            suspects.map(item),
            list,
          ),
        )
      : h("p", {}, "No concept stands out."),
  )
}

/** AP over lambda with its interval, and a slider along the values that were solved. */
function penaltyOf(model, send) {
  const { points: path, auto: alone } = model.path
  if (!path) return section("Penalty λ: larger means fewer concepts", h("span", { class: "spin" }))
  const pending = ownRepairs(model).find(({ direction }) => direction === "lambda")
  const now = path.findIndex((point) => point.now)
  const auto = pending?.value === AUTO
  const chosen = pending && !auto ? nearest(path, pending.value) : now
  const told = h("p", { class: "num", role: "status" }, wordsAt(path, chosen, now))
  const slider = h("input", {
    type: "range",
    min: 0,
    max: path.length - 1,
    step: 1,
    value: chosen,
    disabled: isBusy(model) || !model.options.penalised,
    "aria-label": "Penalty λ",
    "aria-valuetext": wordsAt(path, chosen, now),
  })
  slider.addEventListener("input", () => {
    text(told, wordsAt(path, Number(slider.value), now))
    set(slider, "aria-valuetext", told.textContent)
    for (const mark of chart.querySelectorAll("circle")) {
      mark.classList.toggle("pending", mark.dataset.at === slider.value)
    }
  })
  slider.addEventListener("change", () => {
    const at = Number(slider.value)
    if (at !== now) send("repair", { repair: { direction: "lambda", value: path[at].value } })
    else if (pending) send("take_out", { place: pending.place })
  })
  const chart = chartOf(path, chosen, now)
  return section(
    "Penalty λ: larger means fewer concepts",
    h("div", { class: "penalty" }, chart, slider),
    told,
    alone && h("p", { class: "num" }, alone),
    h(
      "p",
      { class: "gives" },
      repairButton(
        model,
        send,
        { direction: "lambda", value: AUTO },
        auto,
        "choose λ",
        "choose λ by AP on tuning images",
        alone || "The λ with the highest AP on tuning images, if it gains more than noise",
      ),
    ),
  )
}

const nearest = (path, value) =>
  path.reduce(
    (best, point, at) =>
      Math.abs(Math.log(point.value / value)) < Math.abs(Math.log(path[best].value / value)) ? at : best,
    0,
  )

function wordsAt(path, at, now) {
  const point = path[at]
  const marks = [at === now && "now", point.auto && "auto"].filter(Boolean).join(", ")
  const lambda = `λ ${point.text}${marks && ` (${marks})`}`
  const concepts = point.concepts === 1 ? "1 concept" : `${point.concepts} concepts`
  return `${lambda}: AP on tuning images ${point.told}, ${concepts} left`
}

function chartOf(path, chosen, now) {
  const known = path.filter(({ ap }) => isNumber(ap))
  const place = axisOf([
    Math.min(...known.map(({ low, ap }) => low ?? ap)),
    Math.max(...known.map(({ high, ap }) => high ?? ap)),
  ])
  const x = (at) => `${(path.length > 1 ? 4 + (92 * at) / (path.length - 1) : 50).toFixed(2)}%`
  const y = (value) => `${(100 - place(value)).toFixed(2)}%`
  const marksOf = ({ ap, low, high }, at) => {
    if (!isNumber(ap)) return []
    const band = { class: "band-line", x1: x(at), x2: x(at), y1: y(low), y2: y(high) }
    const kind = `dot ${at === now ? "now" : ""} ${at === chosen && at !== now ? "pending" : ""}`
    const dot = { class: kind, "data-at": at, cx: x(at), cy: y(ap), r: 3.5 }
    return [isNumber(low) && s("line", band), s("circle", dot)]
  }
  const values = path.map(({ text: lambda, ap }) => `${lambda} ${fixed(ap, 3)}`).join(", ")
  const attributes = {
    class: "path",
    height: 72,
    role: "img",
    "aria-label": `AP on tuning images by λ: ${values}`,
  }
  return s("svg", attributes, path.flatMap(marksOf))
}
