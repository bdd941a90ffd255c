// Top bar of the knowledge view: AP now, changes, the pending batch, its button, its group, notices.

import { icon } from "../../../ui/controls.js"
import { callImages, drawOnce, h, inWords, s, set, text } from "../../../ui/elements.js"
import { followTheme } from "../../../ui/model.js"
import { count, fixed } from "../../../ui/numbers.js"
import { isBusy, isDetailed, isFitting, sender, showPart, sizeOf } from "../shared.js"
import { changeRow, changeScale, drawAxis } from "./changes.js"
import { makeHeld, makeTouched } from "./chips.js"
import { makeLine } from "./line.js"
import { makeBlocks, makeTwin } from "./pending.js"
import { makeWorlds } from "./worlds.js"

export function render({ model, el }) {
  callImages(model.called)
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
    drawOnce(first, notices[0], () => [inWords(notices[0])])
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
