// A screen of text or questions, with its buttons.

import { h, text } from "../../ui/elements.js"
import { copyButton } from "../../ui/parts/clipboard.js"
import { nodes } from "./prose.js"
import { makeQuestion } from "./questions.js"

export function makeScreen(model) {
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
