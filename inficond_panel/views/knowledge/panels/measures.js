// All metrics of the student: one line, and when it is opened a table with intervals, and slices.

import { select } from "../../../ui/controls.js"
import { drawOnce, h, set, text } from "../../../ui/elements.js"
import { count, fixed, signed } from "../../../ui/numbers.js"
import { copyButton } from "../../../ui/parts/clipboard.js"
import { toldOf } from "../../../ui/parts/whisker.js"
import { makeGroups } from "./groups.js"
import { ofTeacher } from "./teacher.js"
import { makeUnfold } from "./unfold.js"

const MEASURES_KEY = "a"

export function makeMeasures(model, send) {
  const { element, line, body, show } = makeUnfold(model, "measured", {
    kind: "measures",
    key: MEASURES_KEY,
    title: "Metrics",
    meaning: "All metrics",
    label: "Metrics",
  })
  const table = h("div")
  const threshold = makeThreshold(model, send)
  const slices = makeSlices(model)
  const groups = makeGroups(model)
  const wait = h("span", { class: "spin" })
  body.append(wait, table, threshold.element, slices.element, groups.element)
  const draw = () => {
    element.hidden = !model.student
    drawOnce(line, JSON.stringify(model.line), () => model.line.flatMap(partOf))
    set(line, "title", model.line.map(wordsOf).join(" · "))
    wait.hidden = Boolean(model.measures)
    table.hidden = slices.element.hidden = groups.element.hidden = !model.measures
    threshold.element.hidden = !model.measures || !model.threshold.kind
    if (!show()) return
    if (model.measures) drawOnce(table, JSON.stringify(model.measures), () => [measuresOf(model.measures)])
    threshold.draw()
    slices.draw()
    groups.draw()
  }
  return { element, draw }
}

const wordsOf = ({ name, now, after, change, note }) =>
  [name, now, after && `→ ${after}`, change && `(${toldOf(change)})`].filter(Boolean).join(" ") + note

/** One metric of the line, and its value after the batch with the interval; a hollow dot is within noise. */
function partOf({ name, now, after, change, note }, index) {
  const parts = [index ? " · " : "", `${name} `, h("span", { class: after ? "wide" : "" }, now)]
  if (after) parts.push(` → ${after}`)
  if (change?.noise) {
    parts.push(" ", h("i", { class: "hollow-dot", role: "img", "aria-label": "within noise" }))
  }
  if (change) parts.push(h("span", { class: "range-text" }, ` ${change.interval}`))
  return [...parts, note]
}

function measuresOf({ heads, rows, scope }) {
  const ranged = rows.some(({ range }) => range)
  const noise = () =>
    h("i", { class: "hollow-dot", role: "img", "aria-label": "within noise", title: "within noise" })
  const valueOf = ([value, unit]) => h("b", {}, value, unit && h("span", { class: "wide" }, ` ${unit}`))
  const cell = ({ text: value, range, words }) =>
    h(
      "td",
      { class: "num" },
      words === "unchanged" ? h("span", { class: "muted" }, words) : valueOf(value.split(" ")),
      ` ${range} `,
      words === "within noise" && noise(),
      words === "too few" && h("span", { class: "muted small" }, words),
    )
  const line = ({ name, now, range, changes, note }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, name, note && h("span", { class: "muted num" }, note)),
      h("td", { class: "num" }, h("b", {}, now)),
      ranged && h("td", { class: "num" }, range),
      changes.map(cell),
    )
  const noisy = rows.some(({ changes }) => changes.some(({ words }) => words === "within noise"))
  return h(
    "table",
    {},
    h("caption", { class: "num" }, scope, noisy && h("span", {}, noise(), " within noise")),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("td"),
        heads.map((name) => h("th", { scope: "col" }, name)),
      ),
    ),
    h("tbody", {}, rows.map(line)),
  )
}

/** One metric of the student on the images with each value of a column; the worst is named. */
function makeSlices(model) {
  const by = select(
    "Slices by",
    [["", "none"], ...model.options.columns.map((name) => [name, name])],
    model.slice_by,
    (column) => {
      model.slice_by = column
    },
    "Slices by",
  )
  const metric = select("Metric of the slices", model.options.slice_metrics, model.slice_metric, (id) => {
    model.slice_metric = id
  })
  const told = h("p", { role: "status" })
  const table = h("table", { class: "by" })
  const none = h("p", { class: "muted" }, "No slices: the store has no metadata of its images.")
  const element = h(
    "section",
    { class: "slices" },
    ...(model.options.columns.length ? [h("div", { class: "pick" }, by, metric), told, table] : [none]),
  )
  const draw = () => {
    const { heads = [], rows = [], told: words = "" } = model.slices ?? {}
    by.control.show(model.slice_by)
    metric.control.show(model.slice_metric)
    text(told, words)
    drawOnce(table, JSON.stringify(model.slices), () =>
      rows.length
        ? [
            sliceHeads(heads),
            h(
              "tbody",
              {},
              rows.map((row) => sliceLine(row, heads, model)),
            ),
          ]
        : [],
    )
    told.hidden = !words
    table.hidden = !rows.length
  }
  return { element, draw }
}

const sliceHeads = (heads) =>
  h(
    "thead",
    {},
    h(
      "tr",
      {},
      heads.filter(Boolean).map((name) => h("th", { scope: "col" }, name)),
    ),
  )

function sliceLine(
  { name, key, value, range, teacher, beside, images, verdict, worst, ...more },
  heads,
  model,
) {
  const cell = (...content) => h("td", { class: "num" }, ...content)
  return h(
    "tr",
    { class: worst ? "worst" : null },
    h("th", { scope: "row", class: "clip", title: name }, name),
    cell(h("b", {}, value), ofTeacher(teacher, more.teacher_range)),
    heads[2] && cell(range),
    heads[3] && cell(beside),
    cell(
      h(
        "button",
        {
          class: "link",
          title: "Pick these images",
          onclick: () => model.send_msg({ action: "open_slice", value: key }),
        },
        images,
      ),
    ),
    cell(verdict),
  )
}

// --- the threshold: the present one, and on request one chosen by the labels of tuning images -----------

const BEST_F1 = ""
const RULES = [
  [BEST_F1, "best F1"],
  ...["0.5", "0.8", "0.9", "0.95", "0.99"].map((precision) => [
    precision,
    `most recall at precision ${precision}`,
  ]),
]
const CHOOSE = "Choose by tuning images"
const CROSS_FITTED = "Each image is decided by a threshold that the others chose."

function makeThreshold(model, send) {
  const now = h("p", { class: "num" })
  const rule = select("Threshold by", RULES, BEST_F1, () => {}, "Threshold by")
  const button = h(
    "button",
    {
      class: "group-thumb",
      title:
        "The threshold that the labels of the tuning images choose, with its interval. Nothing is changed.",
      onclick: () => {
        const { value } = rule.control
        send("choose_threshold", { least: value === BEST_F1 ? null : Number(value) })
      },
    },
    CHOOSE,
  )
  const told = h("p", { class: "num", role: "status" })
  const found = h("div", { class: "chosen" })
  const trial = makeTrial(model, send)
  const element = h(
    "section",
    { class: "threshold" },
    now,
    trial.element,
    h("div", { class: "pick" }, rule, button),
    told,
    found,
  )
  let before = ""
  const draw = () => {
    const { now: value = "", kind = "ask", text: words = "", rows, line } = model.threshold
    text(now, `Threshold: the student says present above a logit of ${value}`)
    trial.draw()
    text(button, kind === "running" ? "Choosing" : CHOOSE)
    set(button, "aria-disabled", kind === "running" ? "true" : null)
    text(told, kind === "done" ? `Chosen: ${words}` : words)
    told.hidden = !words
    found.hidden = kind !== "done"
    drawOnce(found, JSON.stringify([rows, line]), () =>
      rows
        ? [h("p", { class: "muted" }, CROSS_FITTED), worthOf(rows, model.options.confidence), lineOf(line)]
        : [],
    )
    if (kind === "done" && before === "running") found.scrollIntoView({ block: "nearest" })
    before = kind
  }
  return { element, draw }
}

const EVERY = 150 // ms between two thresholds that are sent while the slider moves

/** Any threshold, tried while it is moved: what it would decide on the images in view. All views follow,
    until it is reset. */
function makeTrial(model, send) {
  const slider = h("input", {
    type: "range",
    min: 0,
    step: 1,
    class: "offline",
    "aria-label": "Try another threshold",
  })
  const told = h("p", { class: "num" })
  const reset = h("button", { class: "link", onclick: () => move(null) }, "Reset")
  const kept = h("div")
  const element = h(
    "div",
    {},
    told,
    h("div", { class: "pick" }, h("label", { class: "pick" }, h("span", {}, "Try another"), slider), reset),
    kept,
  )
  let shown = null
  let sent = 0
  let waiting = 0
  const move = (threshold) => {
    clearTimeout(waiting)
    waiting = 0
    sent = Date.now()
    send("try_threshold", { threshold })
  }
  /** Send where the slider is, at once or soon. */
  const follow = () => {
    const { threshold, now } = shown
    const at = Number(slider.value)
    const go = () => move(at === now ? null : threshold[at])
    clearTimeout(waiting)
    waiting = setTimeout(go, Math.max(0, sent + EVERY - Date.now()))
  }
  const say = () => {
    const { threshold, found, wrong } = shown
    const at = Number(slider.value)
    const [positives, tp, fp] = [found[0], found[at], wrong[at]]
    const share = (part, whole) => fixed(whole ? part / whole : null, 3)
    const measures = [
      `F1 ${share(2 * tp, positives + tp + fp)}`,
      `precision ${share(tp, tp + fp)}`,
      `recall ${share(tp, positives)}`,
      `${count(tp)} of ${count(positives)} found, ${count(fp)} wrongly`,
    ]
    const words = `Above ${signed(threshold[at], 3)}: ${measures.join(" · ")}`
    text(told, words)
    set(slider, "aria-valuetext", words)
  }
  slider.addEventListener("input", () => {
    say()
    follow()
  })
  const draw = () => {
    const trial = model.measures?.trial
    const { tried = {} } = model.threshold
    element.hidden = !trial?.threshold
    if (element.hidden) return
    reset.hidden = !tried.line
    drawOnce(kept, tried.line ?? "", () => (tried.line ? [lineOf(tried.line)] : []))
    const other = JSON.stringify(trial) !== JSON.stringify(shown)
    if (other) {
      shown = trial
      slider.max = trial.threshold.length - 1
    } else if (waiting || slider.matches(":active")) return // where a person holds it
    slider.value = tried.line ? nearest(trial.threshold, tried.value) : trial.now
    say()
  }
  return { element, draw }
}

/** Index of the number that is nearest to `value` in an ascending list. */
function nearest(list, value) {
  const distance = list.map((each) => Math.abs(each - value))
  return distance.indexOf(Math.min(...distance))
}

function worthOf(rows, confidence) {
  const cell = (...content) => h("td", { class: "num" }, ...content)
  const line = ({ name, now, after, change }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      cell(now),
      cell(h("b", {}, after)),
      cell(
        `${change.text} ${change.range}`.trim(),
        ["within noise", "too few"].includes(change.words) && ` ${change.words}`,
      ),
    )
  return h(
    "table",
    { class: "by", "aria-label": "Worth of the chosen threshold" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("td"),
        ["now", "chosen", confidence ? `change, ${confidence}` : "change"].map((name) =>
          h("th", { scope: "col" }, name),
        ),
      ),
    ),
    h("tbody", {}, rows.map(line)),
  )
}

/** The line of YAML, to be copied: a threshold holds for all iterations, and is of the spec. */
const lineOf = (words) =>
  h(
    "p",
    { class: "yaml" },
    "In the spec, under students: ",
    h("code", {}, words),
    " ",
    copyButton(words, "link"),
  )
