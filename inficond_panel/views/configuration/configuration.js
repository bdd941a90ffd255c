// Configuration: data set, student, targets, class, split, scope, and six metrics with their cards.

import { boxOf, details, hoverCard, placeAt } from "../../ui/boxes.js"
import { choiceOf, icon, segments } from "../../ui/controls.js"
import { callImages, h, isClosed, keyed, offline, set, text } from "../../ui/elements.js"
import { followTheme, watch } from "../../ui/model.js"
import { toldOf } from "../../ui/parts/whisker.js"

const FIELDS = [
  ["dataset", "Dataset"],
  ["student", "Iteration"],
  ["targets", "Targets"],
  ["class", "Class"],
  ["split", "Images"],
  ["scope", "Metrics of"],
]

export function render({ model, el }) {
  callImages(model.called)
  const choose = (what) => (name) => model.send_msg({ action: `choose_${what}`, name })
  const card = hoverCard(el)
  const dialog = holdoutDialog(el, choose("split"))
  const fields = makeFields(model, card, dialog, choose)
  const metrics = h("div", { class: "metrics", role: "group", "aria-label": "Metrics" })
  const line = h(
    "div",
    {},
    FIELDS.map(([key, name]) => field(key, name, fields[key])),
    metrics,
  )
  el.append(h("section", { class: "strip", "aria-label": "Configuration" }, line))
  followTheme(model, line)
  watch(model, ["data", "student"], () => draw(dataOf(model), fields, metrics, card))
}

/** Options of classes are a separate parameter: else each click would send a thousand classes again. */
function dataOf({ data, student, classes }) {
  return { ...data, student, class: { ...data.class, options: classes } }
}

function draw(data, fields, metrics, card) {
  if (!data.metrics) return drawBones(metrics)
  for (const key of ["dataset", "student", "class"]) fields[key].show(data[key], data.busy)
  text(fields.student.quiet, data.mark)
  showTargets(fields.targets, data)
  fields.split.show(data.split)
  const holdout = fields.split.querySelector("[data-value=holdout]")
  if (holdout) set(holdout, "disabled", data.busy ? "" : null) // the look would be at another iteration
  text(fields.split.quiet, data.looks.short)
  fields.split.badge.hidden = data.split !== "holdout"
  set(fields.split.badge, "title", data.locked || null)
  set(metrics.closest(".strip"), "data-split", data.split)
  metrics.classList.toggle("picked", Boolean(data.picked))
  set(metrics, "aria-label", data.picked ? `Metrics on ${data.picked}` : "Metrics")
  fields.scope.show(data.scope)
  set(fields.scope.querySelector("[data-value=class]"), "disabled", data.class.name ? null : "")
  const all = fields.scope.querySelector("[data-value=all]")
  text(all, `All ${data.class.count}`)
  keyed(
    metrics,
    data.metrics,
    (metric) => metric.key,
    () => makeMetric(card),
    updateMetric,
  )
}

/** A control under its name; some have a quiet word beside the name. */
function field(key, name, control) {
  const quiet = [control.badge, control.quiet].filter(Boolean).flatMap((part) => [" ", part])
  return h(
    "div",
    { class: "field", "data-field": key, hidden: key === "targets" ? "" : null },
    h("span", { class: "name" }, name, quiet),
    control,
  )
}

/** The choice of targets exists only if the store has the oracle's logits. */
function showTargets(control, { targets, busy }) {
  set(control.closest(".field"), "hidden", targets ? null : "")
  if (!targets) return
  control.show(targets.value)
  for (const button of control.querySelectorAll("button")) set(button, "disabled", busy ? "" : null)
  text(control.quiet, targets.error || targets.told)
  set(control.quiet, "title", targets.error || null)
}

function makeFields(model, card, dialog, choose) {
  const splits = [
    ["tune", "Tuning"],
    ...(isClosed("holdout") ? [] : [["holdout", icon("lock", 13), "Holdout"]]),
  ]
  const split = segments("Images in view", splits, (value) => {
    if (value === model.data.split) return
    if (value === "tune") choose("split")(value)
    else if (!model.data.busy) dialog.ask(split, model.data.looks.text)
  })
  set(
    split.firstElementChild,
    "title",
    "The images on screen. Students learned from others, the training images",
  )
  if (splits.length > 1) {
    set(
      split.lastElementChild,
      "title",
      "Images that no student was trained or chosen on. Each look at them is counted",
    )
  }
  split.badge = h("b", { class: "badge holdout", hidden: "" }, "HOLDOUT")
  const targets = segments(
    "Targets",
    [
      ["teacher", "Teacher"],
      ["oracle", "Oracle"],
    ],
    (value) => {
      if (model.data.targets && value !== model.data.targets.value) choose("targets")(value)
    },
  )
  set(
    targets,
    "title",
    "Whose answers students learn: the teacher's, or those of the oracle, a teacher that has seen the labels",
  )
  const student = offline(richSelect("Iteration", choose("student"), card))
  for (const control of [split, targets, student]) control.quiet = h("span", { class: "quiet num" })
  set(targets.quiet, "role", "status")
  return {
    split,
    targets,
    student,
    dataset: richSelect("Dataset", choose("dataset"), card),
    class: offline(richSelect("Class", choose("class"), card)),
    scope: segments(
      "Metrics of",
      [
        ["class", "Class"],
        ["all", "All"],
      ],
      choose("scope"),
    ),
  }
}

/** A select whose face is a name and a quiet size; with one option only, just its face. Its card
    shows on hover and focus. `show({ id, name, size, options, card }, busy)` fills it. */
function richSelect(label, onpick, card) {
  const name = h("span", { class: "clip" })
  const size = h("span", { class: "muted num" })
  const list = choiceOf(label, [], onpick)
  const face = h(
    "label",
    { class: "select rich" },
    h("span", { class: "text", "aria-hidden": "true" }, name, size),
    icon("down", 14),
    list,
  )
  let shown = {}
  explains(face, card, () => shown.card)
  face.show = (data, busy) => {
    shown = data
    text(name, data.name || "none")
    text(size, data.size ?? "")
    const options = data.options.map((option) => (Array.isArray(option) ? option : [option, option]))
    const value = data.id ?? data.name
    keyed(
      list,
      value ? options : [["", "none"], ...options],
      ([id]) => id,
      ([id]) => h("option", { value: id }),
      (option, [, title]) => text(option, title),
    )
    list.show(value)
    const still = options.length < 2
    face.classList.toggle("still", still)
    set(face.querySelector(".icon"), "hidden", still ? "" : null)
    list.disabled = still || busy
    set(face, "tabindex", still ? 0 : null)
    set(face, "aria-label", still ? [label, data.name, data.size].filter(Boolean).join(" ") : null)
  }
  return face
}

// --- metrics -----------------------------------------------------------------------------------

function makeMetric(card) {
  const metric = h(
    "div",
    { class: "metric", tabindex: 0, role: "group" },
    h("span", { class: "head" }, h("span", { class: "name" }), h("span", { class: "teacher num" })),
    h("span", { class: "value num" }, h("b"), h("span")),
    h("span", { class: "best" }),
  )
  explains(metric, card, () => metric.card)
  return metric
}

function updateMetric(metric, data) {
  metric.card = data.card
  text(metric.querySelector(".name"), data.name)
  text(metric.querySelector(".teacher"), data.teacher ?? "")
  text(metric.querySelector("b"), data.now)
  text(metric.querySelector(".value > span"), data.change?.text ?? "")
  text(metric.querySelector(".best"), data.few || (data.name.endsWith("AP") ? "1 is perfect" : ""))
  set(
    metric,
    "aria-label",
    [`${data.name} ${data.now}`, data.teacher, data.change && `change ${toldOf(data.change)}`]
      .filter(Boolean)
      .join(", "),
  )
  set(
    metric,
    "aria-description",
    `${data.card.text} ${data.card.rows.map((row) => row.join(" ")).join(". ")}`,
  )
}

function drawBones(metrics) {
  keyed(
    metrics,
    [0, 1, 2, 3, 4, 5],
    (at) => `bone ${at}`,
    () => h("div", { class: "metric" }, h("i", { class: "bone" }), h("i", { class: "bone big" })),
    () => {},
  )
}

/** Show what `data()` gives (title, text, rows) beside `anchor` while it is hovered or focused. */
function explains(anchor, card, data) {
  const show = () => {
    const { title, text: words, rows = [] } = data() ?? {}
    if (title) card.show(anchor, [h("b", {}, title), words ? h("p", {}, words) : "", details(rows)])
  }
  anchor.addEventListener("pointerenter", show)
  anchor.addEventListener("pointerleave", card.hide)
  anchor.addEventListener("pointerdown", card.hide)
  anchor.addEventListener("focusin", (event) => {
    if (event.target.matches(":focus-visible")) show()
  })
  anchor.addEventListener("focusout", card.hide)
  anchor.addEventListener("keydown", (event) => {
    if (event.key === "Escape") card.hide()
  })
}

// --- holdout -----------------------------------------------------------------------------------

/** The question before the holdout is opened: `ask(anchor, sentence)`; yes selects "holdout". */
function holdoutDialog(root, say) {
  const words = h("p")
  const stay = h("button", { class: "btn", onclick: () => dialog.close() }, "Stay")
  const look = h(
    "button",
    {
      class: "btn primary",
      onclick: () => {
        dialog.close()
        say("holdout")
      },
    },
    "Look",
  )
  const dialog = h(
    "dialog",
    { closedby: "any", "aria-label": "Look at holdout?" },
    h("b", {}, "Look at holdout?"),
    words,
    h("div", {}, stay, look),
  )
  root.append(dialog)
  dialog.ask = (anchor, sentence) => {
    text(words, sentence)
    dialog.showModal()
    const box = boxOf(anchor)
    placeAt(dialog, box, 6, box.left)
  }
  return dialog
}
