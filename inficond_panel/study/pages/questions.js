// A question of a study: its text, its field by kind, and what is wrong with the answer.

import { h, text } from "../../ui/elements.js"
import { isNumber } from "../../ui/numbers.js"
import { LENGTHS } from "../../ui/vocabulary.js"

export function makeQuestion(question, say) {
  const give = (answer) => {
    say("answer", { name: question.name, answer })
    clear()
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
    fault.style.minHeight = ""
  }
  // The line stays, empty: a field is left by pressing on another, which must not move away meanwhile.
  const clear = () => {
    fault.style.minHeight = `${fault.offsetHeight}px`
    text(fault, "")
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

function numberField({ name, value, lowest, highest, text: words }, give) {
  const range = rangeOf(lowest, highest)
  return h(
    "div",
    {},
    h("input", {
      class: "line",
      type: "number",
      step: "any",
      name,
      value: value ?? "",
      "aria-label": range ? `${words} (${range})` : words,
      onchange: (event) => give(event.target.value === "" ? null : event.target.valueAsNumber),
    }),
    range ? h("span", { class: "muted", "aria-hidden": "true" }, ` ${range}`) : "",
  )
}

/** The numbers that are allowed, in words; "" for all. */
function rangeOf(lowest, highest) {
  if (isNumber(lowest)) return isNumber(highest) ? `${lowest} to ${highest}` : `${lowest} or more`
  return isNumber(highest) ? `at most ${highest}` : ""
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
