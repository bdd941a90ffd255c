// A participant's page: a screen of text or questions, or the bar above the views during a task.

import { clockOf, h, keep, kept, listenWhile, set, text, watch } from "../../ui/base.js"
import { copyButton } from "../../ui/parts/clipboard.js"
import { fillPage, followSize } from "../../ui/parts/page.js"
import { LENGTHS } from "../../ui/vocabulary.js"
import { sureDialog } from "./sure.js"

const TAGS = new Set([
  "h1",
  "h2",
  "h3",
  "p",
  "ul",
  "ol",
  "li",
  "strong",
  "em",
  "code",
  "pre",
  "blockquote",
  "br",
  "hr",
  "a",
  "img",
  "table",
  "thead",
  "tbody",
  "tr",
  "th",
  "td",
])
const DWELL = 1000
const AFTER = "inficond-after" // the session that a page goes on after, where its connection was lost
const LINK = "inficond-link" // what a browser keeps of a person's own link, by their id

export function render({ model, el }) {
  const root = h("div", { class: "frame" })
  el.append(root)
  followSize(root)
  const notice = noticeDialog(root, model)
  askForSize(root, model.least)
  const activity = followActivity(model, root)
  let key = null
  const draw = () => {
    const { screen } = model
    const working = screen.kind === "task"
    document.documentElement.style.setProperty(
      "--page-taken",
      working ? `calc(${model.preview ? 76 : 48}px * var(--zoom, 1))` : "0px",
    )
    document.documentElement.dataset.closed = (working ? screen.closed : []).join(" ")
    if (!working) fillPage()
    if (screen.key !== key) {
      key = screen.key
      activity.forget()
      root.querySelector(":scope > .content")?.remove()
      root.append(h("div", { class: "content" }, working ? makeBar(model) : makeScreen(model)))
      if (!working) focusHeading(root)
    }
    root.querySelector(":scope > .content > *").show?.(screen)
  }
  watch(model, ["screen"], draw)
  watch(model, ["preview"], () => sayPreview(root, model.preview))
  watch(model, ["notice"], () => notice.show(model.notice))
  window.addEventListener("inficond-lost", () => keep("sessionStorage", AFTER, model.session))
  const address = new URLSearchParams(window.location.search)
  const ids = Object.fromEntries(model.ids.map((name) => [name, address.get(name) ?? ""]))
  const place = `${LINK} ${window.location.pathname} ${ids[model.ids[0]]}`
  watch(model, ["own_link"], () => keepLink(place, model.own_link))
  model.send_msg({
    action: "enter",
    ids,
    own: kept("localStorage", place) ?? "",
    token: decodeURIComponent(window.location.hash.slice(1)),
    after: kept("sessionStorage", AFTER) ?? "",
    window: [window.innerWidth, window.innerHeight],
    preview: address.get("preview"),
  })
  keep("sessionStorage", AFTER, null)
}

/** Who came by the open link goes on by their own: in the address, and when they open that one again. */
function keepLink(place, token) {
  if (!token) return
  keep("localStorage", place, token)
  const { pathname, search } = window.location
  window.history.replaceState(null, "", `${pathname}${search}#${token}`)
}

/** A screen reader and the Tab key begin at the heading of a new screen. */
function focusHeading(root) {
  window.scrollTo(0, 0)
  root.querySelector("h1")?.focus({ preventScroll: true })
}

/** Elements of a tree [tag, attributes, children] that Markdown was read into; text stays text. */
function nodes(tree) {
  return tree.map((part) => {
    if (typeof part === "string") return document.createTextNode(part)
    const [tag, attributes, children] = part
    return TAGS.has(tag)
      ? h(tag, allowedOf(tag, attributes), nodes(children))
      : h("span", {}, nodes(children))
  })
}

/** The attributes that an element of Markdown keeps. */
function allowedOf(tag, { src, alt, href }) {
  if (tag === "img") return { src, alt }
  return tag === "a" ? { href, target: "_blank", rel: "noreferrer" } : {}
}

// --- screens ---------------------------------------------------------------------------------------

function makeScreen(model) {
  const { screen } = model
  const say = (action, more = {}) => model.send_msg({ action, ...more })
  const questions = (screen.questions ?? []).map((question) => makeQuestion(question, say))
  const agree = screen.agree
    ? h("input", {
        type: "checkbox",
        onchange: () => {
          next.disabled = !agree.checked
        },
      })
    : null
  const next = h(
    "button",
    { class: "btn primary", type: "submit", disabled: agree ? "" : null },
    screen.button ?? "",
  )
  const form = h(
    "form",
    { class: "card-page panel", novalidate: "" },
    screen.steps ? progress(screen) : "",
    h("h1", { tabindex: -1 }, screen.title),
    screen.text ? h("div", { class: "prose" }, nodes(screen.text)) : "",
    screen.facts
      ? h(
          "dl",
          { class: "facts" },
          screen.facts.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]),
        )
      : "",
    questions,
    screen.code
      ? h("p", { class: "code" }, "Your code: ", h("b", {}, screen.code), copyButton(screen.code))
      : "",
    screen.url ? wayBack(screen, model.preview) : "",
    agree ? h("label", { class: "agree" }, agree, h("span", {}, screen.agree)) : "",
    h(
      "footer",
      {},
      screen.decline ? h("button", { class: "btn", onclick: () => say("decline") }, screen.decline) : "",
      screen.back
        ? h("button", { class: "btn", onclick: () => say("go_back", { step: screen.step }) }, screen.back)
        : "",
      h("span", { class: "grow" }),
      screen.busy ? h("span", { class: "spin", role: "status", "aria-label": "Working" }) : "",
      screen.button ? next : "",
    ),
  )
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    say("next", { step: screen.step })
  })
  form.show = ({ faults = {} }) => {
    questions.forEach((question) => question.show(faults[question.dataset.name]))
    questions
      .find((question) => faults[question.dataset.name])
      ?.querySelector("input, textarea")
      ?.focus()
  }
  return form
}

/** Link back to who sent the participant, followed by itself after some seconds where the study says so. */
function wayBack({ url, seconds }, preview) {
  const told = h("span", { class: "muted", role: "status" })
  const stay = h("button", { class: "btn", hidden: "" }, "Stay here")
  const way = h(
    "p",
    { class: "way-back" },
    h("a", { class: "btn primary", href: url, rel: "noreferrer" }, "Back to where you came from"),
    told,
    stay,
  )
  if (!seconds || preview) return way
  stay.hidden = false
  text(told, `You are taken there in ${seconds} seconds.`)
  const timer = setTimeout(() => way.isConnected && window.location.assign(url), 1000 * seconds)
  stay.addEventListener("click", () => {
    clearTimeout(timer)
    told.remove()
    stay.remove()
  })
  return way
}

function progress({ step, steps }) {
  return h(
    "div",
    {
      class: "progress",
      role: "progressbar",
      "aria-valuemin": 0,
      "aria-valuemax": steps,
      "aria-valuenow": step,
      "aria-label": `Step ${step} of ${steps}`,
    },
    h("span", { style: `width: ${(100 * step) / steps}%` }),
  )
}

function makeQuestion(question, say) {
  const give = (answer) => {
    say("answer", { name: question.name, answer })
    box.show()
  }
  const fault = h("p", { class: "fault", role: "alert", id: `fault-${question.name}` })
  const field = { likert, choice, number: numberField, text: textField }[question.kind](question, give)
  const box = h(
    "fieldset",
    { "data-name": question.name, "aria-describedby": fault.id },
    h("legend", {}, question.text, question.required ? "" : h("span", { class: "muted" }, " (optional)")),
    field,
    fault,
  )
  box.show = (message) => {
    text(fault, message ?? "")
    fault.hidden = !message
  }
  return box
}

function likert(question, give) {
  const { points, labels, name, value } = question
  const each = labels.length === points
  const names = Array.from({ length: points }, (_, at) =>
    each ? labels[at] : at === 0 ? labels[0] : at === points - 1 ? labels[1] : String(at + 1),
  )
  const step = (label, at) =>
    h(
      "label",
      { class: "step" },
      h("input", {
        type: "radio",
        name,
        value: at + 1,
        checked: value === at + 1 ? "" : null,
        "aria-label": label,
        onchange: () => give(at + 1),
      }),
      h("span", { "aria-hidden": "true" }, each ? label : points <= 11 ? String(at + 1) : ""),
    )
  const scale = h(
    "div",
    { class: `likert ${each ? "worded" : ""}`, style: `--points: ${points}` },
    names.map(step),
  )
  return each
    ? scale
    : h(
        "div",
        {},
        scale,
        h(
          "p",
          { class: "ends muted", "aria-hidden": "true" },
          h("span", {}, labels[0]),
          h("span", {}, labels[1]),
        ),
      )
}

function choice(question, give) {
  const { several, name, options, value } = question
  const chosen = new Set(several ? (value ?? []) : [value])
  const pick = (option, on) => {
    if (!several) return give(option)
    on ? chosen.add(option) : chosen.delete(option)
    give(options.filter((each) => chosen.has(each)))
  }
  return h(
    "div",
    { class: "choice" },
    options.map((option) =>
      h(
        "label",
        {},
        h("input", {
          type: several ? "checkbox" : "radio",
          name,
          checked: chosen.has(option) ? "" : null,
          onchange: (event) => pick(option, event.target.checked),
        }),
        h("span", {}, option),
      ),
    ),
  )
}

function numberField({ name, value, text: words }, give) {
  return h("input", {
    class: "line",
    type: "number",
    step: "any",
    name,
    value: value ?? "",
    "aria-label": words,
    onchange: (event) => give(event.target.value === "" ? null : event.target.valueAsNumber),
  })
}

function textField({ name, value, lines, text: words }, give) {
  const area = h("textarea", {
    name,
    rows: lines,
    "aria-label": words,
    maxlength: LENGTHS.answer,
    onchange: () => give(area.value),
  })
  area.value = value ?? ""
  return area
}

// --- the bar during a task -------------------------------------------------------------------------

function makeBar(model) {
  const { screen } = model
  const goal = h("span", { class: "goal num", role: "status" })
  const clock = h("span", { class: "clock num", role: "timer", title: "Time left" })
  const next = h("button", { class: "btn" })
  const dialog = h(
    "dialog",
    { class: "brief", "aria-label": screen.title },
    h(
      "div",
      { class: "head" },
      h("h2", {}, screen.title),
      h("button", { class: "btn", onclick: () => dialog.close() }, "Close"),
    ),
    h("div", { class: "prose" }, nodes(screen.text)),
  )
  const leave = () => model.send_msg({ action: "leave", step: screen.step })
  const sure = sureDialog(
    { class: "sure", "aria-label": "Go on?" },
    [h("h2", {}, "The task is not done yet"), h("p", {}, "Go on all the same? You cannot come back to it.")],
    ["Stay", "Go on"],
    leave,
  )
  const bar = h(
    "header",
    { class: "bar" },
    h("span", { class: "muted num" }, `Step ${screen.step} of ${screen.steps}`),
    h("b", { class: "clip" }, screen.title),
    goal,
    h("span", { class: "grow" }),
    clock,
    h("button", { class: "btn", onclick: () => dialog.showModal() }, "What to do"),
    next,
    dialog,
    sure,
  )
  next.addEventListener("click", () => (model.screen.sure ? sure.showModal() : leave()))
  bar.show = (now) => {
    text(goal, now.goal ?? "")
    goal.classList.toggle("reached", Boolean(now.done))
    text(next, now.button ?? "")
    next.hidden = !now.button
    next.classList.toggle("primary", Boolean(now.done))
    bar.ends = now.left == null ? null : performance.now() + 1000 * now.left
    tick(bar, clock)
  }
  bar.timer = setInterval(() => (bar.isConnected ? tick(bar, clock) : clearInterval(bar.timer)), 1000)
  return bar
}

function tick(bar, clock) {
  clock.hidden = bar.ends == null
  if (bar.ends == null) return
  const seconds = Math.max(0, Math.round((bar.ends - performance.now()) / 1000))
  text(clock, clockOf(seconds))
  set(clock, "aria-label", `Time left: ${Math.ceil(seconds / 60)} minutes`)
  clock.classList.toggle("short", seconds < 60)
}

// --- what stands in the way ------------------------------------------------------------------------

/** A dialog over everything, which cannot be put away but by its button. */
function noticeDialog(root, model) {
  const title = h("h2")
  const words = h("p")
  const button = h("button", { class: "btn primary", onclick: () => model.send_msg({ action: "try_again" }) })
  const dialog = h(
    "dialog",
    { class: "sure", role: "alertdialog", "aria-label": "Notice" },
    title,
    words,
    h("footer", {}, button),
  )
  dialog.addEventListener("cancel", (event) => event.preventDefault())
  root.append(dialog)
  /** @param {{ title?: string, text?: string, button?: string }} notice */
  dialog.show = ({ title: head, text: body, button: label } = {}) => {
    text(title, head ?? "")
    text(words, body ?? "")
    text(button, label ?? "")
    button.hidden = !label
    if (head && !dialog.open) dialog.showModal()
    else if (!head && dialog.open) dialog.close()
  }
  return dialog
}

/** A dialog over everything while the window is smaller than the study needs. */
function askForSize(root, [width, height]) {
  if (!width && !height) return
  const words = h("p")
  const title = "A larger window is needed"
  const dialog = h(
    "dialog",
    { class: "sure", role: "alertdialog", "aria-label": title },
    h("h2", {}, title),
    words,
  )
  dialog.addEventListener("cancel", (event) => event.preventDefault())
  root.append(dialog)
  const measure = () => {
    const { innerWidth, innerHeight } = window
    const small = innerWidth < width || innerHeight < height
    text(
      words,
      `This study needs a window of at least ${width} × ${height} pixels. This one has ` +
        `${innerWidth} × ${innerHeight}. Make it larger, or use a larger screen.`,
    )
    if (small && !dialog.open) dialog.showModal()
    else if (!small && dialog.open) dialog.close()
  }
  listenWhile(root, window, "resize", measure)
  requestAnimationFrame(measure)
}

/** Say above everything that this is a preview. */
function sayPreview(root, words) {
  root.querySelector(":scope > .preview")?.remove()
  if (words) root.prepend(h("p", { class: "preview", role: "status" }, words))
}

// --- activity --------------------------------------------------------------------------------------

/** Tell which view is used, by pointer or keyboard, and whether the page is seen at all. */
function followActivity(model, root) {
  let view = ""
  let waiting = null
  const viewOf = (event) =>
    event.composedPath().find((part) => part.dataset?.view && part.classList?.contains("place"))?.dataset
      .view ?? ""
  const visit = (name) => {
    clearTimeout(waiting)
    if (name && name !== view) {
      view = name
      model.send_msg({ action: "visit", view })
    }
  }
  const listen = (type, act, /** @type {EventTarget} */ target = document) =>
    listenWhile(root, target, type, act, true)
  listen("pointerdown", (event) => visit(viewOf(event)))
  listen("keydown", (event) => visit(viewOf(event)))
  listen("pointerover", (event) => {
    const name = viewOf(event)
    clearTimeout(waiting)
    if (name && name !== view) waiting = setTimeout(() => visit(name), DWELL)
  })
  let left = false // the page, for another: its connection is closed, and the server sees that
  listen(
    "pagehide",
    () => {
      left = true
    },
    window,
  )
  listen(
    "pageshow",
    () => {
      left = false
    },
    window,
  )
  listen(
    "visibilitychange",
    () => left || model.send_msg({ action: document.hidden ? "go_away" : "come_back" }),
  )
  return {
    forget: () => {
      view = ""
    },
  }
}
