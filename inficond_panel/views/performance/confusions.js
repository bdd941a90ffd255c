// Confusions: a list of who is taken for whom by teacher and student, most images first.

import { h, keyed, set, text } from "../../ui/elements.js"
import { count, imagesOf, percent } from "../../ui/numbers.js"

const SHOWN = 100 // confusions in the list

export function makeConfusions(model) {
  const told = h("p", { class: "muted num", role: "status" })
  const list = h("ul", { class: "pairs", "aria-label": "Pairs of classes, most images first" })
  const heads = h(
    "div",
    { class: "pair-heads small muted", "aria-hidden": "true" },
    ["Class → taken for", "Teacher", "Student"].map((head) => h("span", {}, head)),
  )
  const element = h(
    "div",
    { class: "confusions", tabindex: 0, role: "region", "aria-label": "Confusions" },
    told,
    heads,
    list,
  )
  const open = (cell, who) =>
    model.send_msg({
      action: "open_confused",
      label: model.classes[cell[0]],
      named: model.classes[cell[1]],
      who,
    })
  const draw = () => {
    element.hidden = !model.confused
    const { cells, images } = model.confusions
    if (element.hidden || !cells) return
    const [teacher, student] = ["teacher", "student"].map((who) => rightOf(model, who))
    text(told, `Named rightly: student ${student}, teacher ${teacher} of ${count(total(images))} images`)
    keyed(
      list,
      cells.slice(0, SHOWN),
      (cell) => `${cell[0]} ${cell[1]}`,
      (cell) => makePair(cell, open),
      (item, cell) => fillPair(item, cell, model),
    )
  }
  return { element, draw }
}

const total = (values) => values.reduce((sum, value) => sum + value, 0)
const rightOf = ({ confusions: { right, images } }, who) => percent(total(right[who]), total(images))

function makePair(cell, open) {
  const button = (who) => h("button", { class: `num ${who}`, onclick: () => open(cell, who) })
  return h("li", {}, h("span", { class: "clip" }), button("teacher"), button("student"))
}

function fillPair(item, [label, named, student, teacher], { classes, confusions: { images } }) {
  const [name, ...buttons] = item.children
  const words = `${classes[label]} → ${classes[named]}`
  text(name, words)
  set(name, "title", `${classes[label]} taken for ${classes[named]}`)
  for (const [button, who, number] of [
    [buttons[0], "teacher", teacher],
    [buttons[1], "student", student],
  ]) {
    text(button, count(number))
    button.disabled = !number
    set(
      button,
      "aria-label",
      `${classes[label]} taken for ${classes[named]} by the ${who}: ` +
        `${imagesOf(number)}, ${percent(number, images[label])}`,
    )
    set(
      button,
      "title",
      `${percent(number, images[label])} of the images of ${classes[label]}; a click shows them`,
    )
  }
}
