// Top bar of the knowledge view: AP now, changes, the pending batch, its button, its group, notices.

import {
  count,
  drawOnce,
  fixed,
  followTheme,
  h,
  icon,
  isNumber,
  keyed,
  s,
  select,
  set,
  setAll,
  signed,
  text,
} from "../../ui/base.js"
import { WHISKER, axisOf, toldOf, whiskerOf } from "../../ui/parts/whisker.js"
import { DIRECTIONS, POINTS } from "../../ui/vocabulary.js"
import {
  groupButton,
  isBusy,
  isDetailed,
  isFitting,
  ownRepairs,
  ownPending,
  sender,
  showPart,
  sizeOf,
} from "./shared.js"

const GROUP_SHOWN = 3 // number of members with a chip; the others are counted
/** An empty batch: what to press, by the icons of the rows. */
const tryThumbs = () => [
  h(
    "span",
    { class: "try" },
    "Try ",
    ["up", "down", "remove"].map((name) => icon(DIRECTIONS[name].icon, 14)),
    ": you see the effect first.",
  ),
]

export function render({ model, el }) {
  const send = sender(model)
  followTheme(model, el)
  showPart(
    model,
    el,
    [
      "student",
      "pending",
      "status",
      "summary",
      "factor",
      "group",
      "notices",
      "touched",
      "held",
      "adding",
      "repairs",
      "locked",
      "worlds",
    ],
    () => makeBar(model, send),
  )
}

function makeBar(model, send) {
  const ap = h("b", { class: "num" })
  const detailed = isDetailed(model)
  const label = h("span", { class: "label" })
  const teacher = detailed && h("span", { class: "teacher num" })
  const since = changeRow("Since start", detailed)
  const preview = changeRow("Preview", detailed, "preview")
  const axis = detailed && s("svg", { class: "whisker axis", height: 13, "aria-hidden": "true" })
  const changes = h(
    "div",
    { class: "changes" },
    since.element,
    preview.element,
    axis && h("span", { class: "under" }),
    axis,
  )
  const button = makeButton(model, send)
  const blocks = makeBlocks(model, send)
  const line = makeLine(model, send)
  const twin = makeTwin(model, send)
  const touched = makeTouched(model, send)
  const notices = makeNotices(model)
  const held = makeHeld(model, send)
  const worlds = makeWorlds(model, send)
  const parts = [blocks, line, worlds, twin, held, touched, notices]
  const element = h(
    "div",
    { class: "bar" },
    h("div", { class: "now" }, h("div", { class: "score" }, label, ap, teacher), changes, button.element),
    parts.map((part) => part.element),
  )
  for (const { element: buttons } of [blocks, twin]) {
    buttons.addEventListener("click", button.take) // a button pressed there goes
  }
  if (axis) new ResizeObserver(() => model.student && draw()).observe(axis)
  const draw = () => {
    element.hidden = !model.student
    if (!model.student) return
    const { summary } = model
    text(label, `AP now${summary.of ?? ""}`)
    text(ap, fixed(summary.ap, 3))
    if (teacher) text(teacher, `teacher ${fixed(summary.teacher_ap, 3)}`)
    set(ap, "title", summary.reason || null)
    const scale = axis && changeScale([summary.since, summary.preview], axis.clientWidth)
    since.draw(summary.since, scale, summary.no_change)
    preview.draw(summary.preview, scale, "")
    if (axis) drawAxis(axis, scale)
    for (const part of [button, ...parts]) part.draw()
  }
  return { element, draw }
}

/** Notices on side effects of the batch or, after the refit, of the refit. */
function makeNotices(model) {
  const first = h("span", { class: "clip" })
  const more = h("button", { class: "link" })
  const list = h("ul")
  const element = h(
    "div",
    { class: "notices", role: "status", "aria-label": "Notices" },
    icon("note", 14),
    first,
    more,
    list,
  )
  let open = false
  const draw = () => {
    const { notices } = model
    element.hidden = notices.length === 0
    if (element.hidden) {
      open = false
      return
    }
    drawOnce(first, notices[0], () => [notices[0]])
    set(first, "title", notices[0])
    set(first, "class", open || notices.length === 1 ? "whole" : "clip")
    more.hidden = notices.length === 1
    text(more, open ? "less" : `${count(notices.length - 1)} more`)
    set(more, "aria-expanded", String(open))
    list.hidden = !open
    drawOnce(list, JSON.stringify(notices), () => notices.slice(1).map((notice) => h("li", {}, notice)))
  }
  more.addEventListener("click", () => {
    open = !open
    draw()
  })
  return { element, draw }
}

/** One change: value, and a badge where 0 lies in its interval, which in details stands beside it. */
function changeRow(name, detailed, kind = "") {
  const value = h("span", { class: "change num" })
  const range = detailed && h("span", { class: "range-text num" })
  const whisker = detailed && s("svg", { class: "whisker", height: WHISKER, "aria-hidden": "true" })
  const badge = h("span", { class: "noise" }, h("span", { class: "badge" }, "within noise"))
  const element = h(
    "span",
    { class: "one" },
    h("span", { class: "what" }, name),
    value,
    range,
    whisker,
    badge,
  )
  const draw = (change, scale, none) => {
    text(value, change?.text ?? "–")
    badge.firstChild.hidden = !change?.noise
    element.hidden = !detailed && !change
    if (!detailed) return
    text(range, change ? change.interval : none)
    whisker.replaceChildren(...whiskerOf(change, scale.place, kind))
  }
  return { element, draw }
}

/** The axis that both changes share: 0 is on it, ticks are round numbers of points, with room for their
    labels. */
function changeScale(changes, pixels) {
  const values = changes.filter(Boolean).flatMap(({ at }) => at)
  if (!values.length) return { place: () => 50, ticks: [] }
  const low = Math.min(0, ...values)
  const high = Math.max(0, ...values)
  const pad = Math.max(0.1, high - low) * 0.1
  const [from, width] = [low - pad, high - low + 2 * pad]
  const step =
    [0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50].find((size) => width / size <= Math.min(3.6, pixels / 48)) ?? 100
  const first = Math.ceil(from / step)
  const ticks = Array.from(
    { length: Math.floor((from + width) / step) - first + 1 },
    (_, index) => (first + index) * step,
  )
  return { place: axisOf([from, from + width]), ticks }
}

function drawAxis(svg, { place, ticks }) {
  const digits = ticks.some((tick) => Math.abs(tick - Math.round(tick)) > 1e-9) ? 1 : 0
  const label = (tick, index) =>
    `${Math.abs(tick) < 1e-9 ? "0" : signed(tick, digits)}${index === ticks.length - 1 ? ` ${POINTS}` : ""}`
  svg.replaceChildren(
    ...ticks.map((tick, index) =>
      s("text", { x: `${place(tick).toFixed(2)}%`, y: 10, "text-anchor": "middle" }, label(tick, index)),
    ),
  )
}

function makeButton(model, send) {
  const progress = h("i", { class: "progress" })
  const label = h("span")
  const number = h("span", { class: "count" })
  const press = () => {
    if (model.status.kind === "fitting") send("cancel")
    else if (sizeOf(model) && !isBusy(model)) send("fine_tune")
  }
  const main = h(
    "button",
    {
      class: "btn primary",
      title: "Fine-tune (Ctrl+Enter)",
      "aria-keyshortcuts": "Control+Enter",
      "aria-describedby": "batch-status",
      onclick: press,
    },
    progress,
    label,
    number,
  )
  // never disabled: that would take the focus away from a person who has just pressed it
  const clear = h(
    "button",
    {
      class: "btn plain",
      title: "Clear the batch (Shift+Backspace)",
      "aria-keyshortcuts": "Shift+Backspace",
      onclick: () => {
        if (!isBusy(model)) send("clear")
      },
    },
    "Clear",
  )
  const draw = () => {
    const { kind, progress: part } = model.status
    const fitting = isFitting(model)
    const cancelling = kind === "cancelling"
    const size = sizeOf(model)
    const begin = kind === "error" && size ? "Retry" : "Fine-tune"
    const cancel = cancelling ? "Cancelling…" : `Cancel · ${Math.round(100 * part)} %`
    text(label, cancelling || fitting ? cancel : begin)
    text(number, size)
    number.hidden = fitting || size === 0
    progress.style.width = fitting ? `${100 * part}%` : "0"
    main.classList.toggle("cancel", fitting)
    set(main, "aria-disabled", cancelling || (!fitting && (size === 0 || isBusy(model))) ? "true" : null)
    set(clear, "aria-disabled", isBusy(model) || size === 0 ? "true" : null)
  }
  return { element: h("div", { class: "submit" }, main, clear), draw, take: () => main.focus() }
}

/** A block per pending edit of the student; a click removes the edit. */
function makeBlocks(model, send) {
  const element = h("div", { class: "blocks", role: "group", "aria-label": "Edits that wait" })
  const draw = () => {
    const thumbs = ownPending(model).map(({ concept, direction, bound }) => ({
      key: `concept ${concept}`,
      place: ["thumb", model.student, concept],
      kind: direction,
      words: concept,
      mark: DIRECTIONS[direction].mark,
      spoken: `${DIRECTIONS[direction].verb.toLowerCase()} ${concept}`,
      title: `${concept} ${bound}`,
    }))
    const repairs = ownRepairs(model).map(({ place, words }) => ({
      key: `repair ${words}`,
      place,
      kind: "repair",
      words,
      mark: "",
      spoken: words,
      title: words,
    }))
    element.hidden = !thumbs.length && !repairs.length
    keyed(
      element,
      [...thumbs, ...repairs],
      ({ key }) => key,
      ({ place }) =>
        h(
          "button",
          { onclick: () => send("take_out", { place }) },
          h("span", { "aria-hidden": "true" }),
          h("b", { class: "clip" }),
        ),
      (block, { kind, words, mark, spoken, title }) => {
        setAll(block, {
          class: `block ${kind}`,
          "aria-label": `Take out: ${spoken}`,
          title: `${title}: take it out`,
        })
        text(block.firstChild, mark)
        text(block.lastChild, words)
      },
    )
  }
  return { element, draw }
}

/** The line below the blocks: what is pending, how the fit goes; in details what goes with thumbs besides. */
function makeLine(model, send) {
  const factor = isDetailed(model) && makeFactor(model)
  const status = h("span", { class: "status", role: "status", id: "batch-status" })
  const noise = h("span", { class: "badge" }, "preview within noise")
  const element = h("div", { class: "line" }, factor && factor.element, factor && noise, status)
  const draw = () => {
    if (factor) factor.draw()
    element.classList.toggle("idle", model.status.kind === "idle" && sizeOf(model) === 0 && !model.locked)
    noise.hidden = model.status.kind !== "idle" || !model.summary.preview?.noise
    const { flips, turned } = model.summary
    drawOnce(status, JSON.stringify([model.status, flips, turned, sizeOf(model), model.locked]), () =>
      statusOf(model, send),
    )
  }
  return { element, draw }
}

function makeFactor(model) {
  const element = select(
    "Factor",
    model.options.factors.map((x) => [x, `×${x}`]),
    model.factor,
    (x) => {
      model.factor = Number(x)
    },
    "Factor",
  )
  element.classList.add("compact", "factor")
  set(element, "title", "How far a thumb goes: the bound is the influence times the factor, or divided by it")
  const draw = () => {
    element.control.disabled = isBusy(model)
    element.control.show(model.factor)
  }
  return { element, draw }
}

function statusOf(model, send) {
  const { kind, text: words, remedy } = model.status
  const { flips } = model.summary
  if (model.locked) {
    return [
      h("span", { class: "trouble" }, model.locked),
      h("button", { class: "link", onclick: () => send("show_tune") }, "Back to the tuning images"),
    ]
  }
  if (kind === "error") {
    return [icon("cross"), h("span", { class: "trouble" }, [words, remedy].filter(Boolean).join(" "))]
  }
  if (kind === "cancelling") return [h("span", { class: "spin" }), "Stopping; the batch stays."]
  if (kind === "fitting") return [h("span", { class: "num" }, words)]
  if (kind === "previewing" || kind === "moving") {
    return [h("span", { class: "spin" }), words || "Previewing…"]
  }
  if (sizeOf(model) === 0) return kind === "done" ? doneOf(model, send) : tryThumbs()
  if (!isNumber(flips)) return []
  return [
    h(
      "span",
      { class: "num" },
      flips
        ? `${count(flips)} ${flips === 1 ? "image changes its" : "images change their"} prediction`
        : "No image changes its prediction",
    ),
  ]
}

/** What the refit brought: how many images are right and wrong now, which a click shows. */
function doneOf(model, send) {
  const { text: words, change, others } = model.status
  const detailed = isDetailed(model)
  if (!change) return [others ? `${words}. ${others}` : words]
  const { turned } = model.summary
  const told = turned && `${count(turned.right)} images now right, ${count(turned.wrong)} now wrong`
  return [
    turned && (turned.right || turned.wrong)
      ? h(
          "button",
          { class: "link num", title: "Show these images", onclick: () => send("show_turned") },
          told,
        )
      : h("span", {}, "No image changed its prediction"),
    detailed && h("span", { class: "num" }, ` ${words}: AP `, h("b", {}, change.text), ` ${change.interval}`),
    change.noise && h("span", { class: "badge" }, "within noise"),
    others && h("span", {}, ` ${others}`),
  ].filter(Boolean)
}

/** The preview's figures in two worlds, and which of them the person means: kept with the refit. */
function makeWorlds(model, send) {
  const detailed = isDetailed(model)
  const title = h("legend", {}, "Which photos do you mean?")
  const list = h("div", { class: "choices" })
  const measure = h("p", { class: "muted" })
  const parts = h("div", { class: "found-parts" })
  const choice = h("fieldset", { class: "worlds" }, title, list, measure)
  const element = h("div", {}, parts, choice)
  const make = ({ key }) =>
    h(
      "label",
      {},
      h("input", { type: "radio", name: "world", value: key, onchange: () => send("mean", { world: key }) }),
      h("span"),
      h("span", { class: "figures num" }),
    )
  const update = (choice, { key, photos, figures }) => {
    const [input, told, numbers] = choice.children
    input.checked = key === model.worlds.meant
    input.disabled = isBusy(model)
    text(told, photos.charAt(0).toUpperCase() + photos.slice(1))
    drawOnce(numbers, JSON.stringify(figures), () =>
      (figures.length ? figures : [["…", ""]]).map(([words, limits]) =>
        h("span", {}, detailed && limits ? `${words} (${limits})` : words),
      ),
    )
  }
  const draw = () => {
    element.hidden = !model.worlds
    if (element.hidden) return
    keyed(list, model.worlds.rows, ({ key }) => key, make, update)
    const { found = [], of } = model.worlds
    parts.hidden = !found.length
    drawOnce(parts, JSON.stringify([of, found]), () => [h("p", {}, of), ...found.map(foundBar)])
    text(measure, model.worlds.measure)
    measure.hidden = !model.worlds.measure
  }
  return { element, draw }
}

/** Share of the images of a part that are found: a bar after the edit, a line where it was before. */
function foundBar({ words, before, after }) {
  const percent = (share) => `${Math.round(100 * share)} %`
  const bar = h("i", { class: "share" }, h("i", { class: "after" }), h("i", { class: "before" }))
  bar.firstChild.style.width = `${100 * after}%`
  bar.lastChild.style.left = `${100 * before}%`
  const change = `${Math.round(100 * before)} → ${percent(after)}`
  return h(
    "div",
    {},
    h("bdi", { class: "clip", title: words }, words),
    bar,
    h("span", { class: "num" }, change),
  )
}

/** Concepts that may replace the concept of the last thumb: a chip per concept gives it the same thumb, one
    chip gives it to all. */
function makeTwin(model, send) {
  const element = h("div", { class: "twin", role: "group", "aria-label": "Correlated concepts" })
  const draw = () => {
    element.hidden = !model.group
    drawOnce(element, JSON.stringify([model.group, model.pending, isBusy(model)]), () =>
      model.group ? groupOffer(model, send) : [],
    )
  }
  return { element, draw }
}

function groupOffer(model, send) {
  const { of, members, concepts, direction, more } = model.group
  const { mark, verb } = DIRECTIONS[direction]
  const chip = ({ concept, r }) =>
    h(
      "button",
      {
        class: "group-thumb one",
        disabled: isBusy(model),
        "aria-label": `${verb} ${concept} too`,
        title: `Its correlation with ${of} is ${fixed(r, 2)}: it would take its place`,
        onclick: () => send("join_group", { of, concept }),
      },
      h("span", { "aria-hidden": "true" }, mark),
      h("span", { class: "clip" }, concept),
    )
  const rest = members.length - GROUP_SHOWN + more
  return [
    h("span", { class: "muted" }, "also:"),
    ...members.slice(0, GROUP_SHOWN).map(chip),
    rest > 0 &&
      h(
        "span",
        { class: "muted num", title: `${count(rest)} more concepts correlated with ${of}` },
        `+${count(rest)}`,
      ),
    members.length > 1 && groupButton(model.group, model, send, `all ${concepts.length}`),
  ].filter(Boolean)
}

// --- the active bounds, the students touched ---------------------------------------------------

const RELEASE = "release"
const HELD_SHOWN = 2 // more are one line, which unfolds

function makeHeld(model, send) {
  const list = h("span", { class: "chips" })
  const more = h("button", {
    class: "link",
    onclick: () => {
      open = !open
      draw()
    },
  })
  const element = h(
    "div",
    { class: "held", role: "group", "aria-label": "Earlier thumbs" },
    h(
      "span",
      {
        class: "muted",
        title: "What earlier thumbs hold: limits of influences, and what they add to the targets",
      },
      "Earlier thumbs:",
    ),
    list,
    more,
  )
  let open = false
  const make = ({ concept }) =>
    h(
      "span",
      { class: "chip" },
      h(
        "button",
        {
          class: "name clip offline",
          "aria-label": `Open ${concept}`,
          onclick: () => send("open", { concept }),
        },
        concept,
      ),
      h("span", { class: "num" }),
      h(
        "button",
        {
          class: "lift",
          onclick: () => {
            if (!isBusy(model)) send("toggle", { concept, direction: RELEASE })
          },
        },
        icon(DIRECTIONS[RELEASE].icon, 12),
      ),
    )
  const update = (chip, { concept, bound }, released) => {
    const [name, limit, lift] = chip.children
    const words = `${DIRECTIONS[RELEASE].verb} ${concept}, ${bound}`
    set(name, "title", concept)
    text(limit, bound)
    setAll(lift, {
      "aria-label": words,
      title: released ? `${words}: waits; once more takes it back` : words,
      "aria-pressed": String(released),
      "aria-disabled": isBusy(model) ? "true" : null,
    })
  }
  function draw() {
    const { held } = model
    const released = new Set(
      ownPending(model)
        .filter(({ direction }) => direction === RELEASE)
        .map(({ concept }) => concept),
    )
    element.hidden = !held.length
    const folds = held.length > HELD_SHOWN
    const shown = open || !folds ? held : []
    keyed(
      list,
      shown,
      ({ concept }) => concept,
      make,
      (chip, one) => update(chip, one, released.has(one.concept)),
    )
    more.hidden = !folds
    const zero = held.every(({ bound }) => bound.startsWith("= 0"))
    text(more, open ? "less" : `${count(held.length)} held${zero ? " at 0" : ""}`)
    set(more, "aria-expanded", String(open))
  }
  return { element, draw }
}

const STUDENTS_SHOWN = 6 // of a batch; the rest is a number

/** The students that the batch changes, if there are others than the student shown; a click selects one. */
function makeTouched(model, send) {
  const element = h("div", { class: "touched", role: "group", "aria-label": "Students of this batch" })
  const make = ({ student }) =>
    h(
      "button",
      { onclick: () => send("select", { student }) },
      h("b", { class: "clip" }),
      h("span", { class: "num", "aria-hidden": "true" }),
      h("span", { class: "num change" }),
    )
  const update = (button, { student, items, change }) => {
    const [name, marks, told] = button.children
    text(name, student)
    text(marks, items.map(([glyph, kind, n]) => (glyph === kind ? kind : `${glyph}${n}`)).join(" "))
    text(told, change ? `${change.text}${change.noise ? ", within noise" : ""}` : "")
    set(button, "aria-current", student === model.student ? "true" : null)
    const edits = items.map(([, kind, n]) => `${n} ${kind}`).join(", ")
    set(button, "title", `${student}: ${edits}${change ? `; AP ${toldOf(change)}` : ""}`)
  }
  const label = h("span", { class: "muted" })
  const list = h("span", { class: "chips" })
  const rest = h("span", { class: "muted num" })
  element.append(label, list, rest)
  const draw = () => {
    const { touched, student } = model
    element.hidden = !touched.some((one) => one.student !== student)
    if (element.hidden) return
    text(label, `This batch tunes ${touched.length} ${touched.length === 1 ? "student" : "students"}:`)
    const shown = touched.slice(0, STUDENTS_SHOWN)
    keyed(list, shown, (one) => one.student, make, update)
    text(rest, touched.length > shown.length ? `and ${count(touched.length - shown.length)} more` : "")
  }
  return { element, draw }
}
