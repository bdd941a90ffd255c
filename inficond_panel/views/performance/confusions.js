// Confusions: a matrix of who is taken for whom, and the list of the same, largest first. In a cell
// the teacher is on the left and the student on the right.

import { count, details, h, keyed, percent, s, set, text } from "../../ui/base.js"

const SHOWN = 100 // confusions in the list
const MOST = 60 // classes of which there is a matrix
const SIDES = [["teacher", 3], ["student", 2]]

export function makeConfusions(model, card) {
  const told = h("p", { class: "muted num", role: "status" })
  const matrix = s("svg", { class: "matrix", "aria-hidden": "true", preserveAspectRatio: "none" })
  const key = h("p", { class: "muted small" }, "A row a class, a column what it is taken for: left by the teacher, right by the student.")
  const list = h("ul", { class: "pairs", "aria-label": "Pairs of classes, most images first" })
  const heads = h("div", { class: "pair-heads small muted", "aria-hidden": "true" }, ["Class → taken for", "Teacher", "Student"].map((head) => h("span", {}, head)))
  const element = h("div", { class: "confusions", tabindex: 0, role: "region", "aria-label": "Confusions" }, told, matrix, key, heads, list)
  const open = (cell, who) => model.send_msg({ action: "open_confused", label: model.classes[cell[0]], named: model.classes[cell[1]], who })
  const at = (event) => cellAt(event, matrix, model)
  matrix.addEventListener("click", (event) => { const found = at(event); if (found?.cell) open(found.cell, found.who) })
  matrix.addEventListener("pointermove", (event) => {
    const found = at(event)
    if (found) card.show(matrix, cardOf(model, found))
    else card.hide()
  })
  matrix.addEventListener("pointerleave", card.hide)
  const draw = () => {
    element.hidden = !model.confused
    const { cells, images } = model.confusions
    if (element.hidden || !cells) return
    const [teacher, student] = SIDES.map(([who]) => rightOf(model, who))
    text(told, `Named rightly: student ${student}, teacher ${teacher} of ${count(total(images))} images`)
    drawMatrix(matrix, model)
    keyed(list, cells.slice(0, SHOWN), (cell) => `${cell[0]} ${cell[1]}`, (cell) => makePair(cell, open), (item, cell) => fillPair(item, cell, model))
  }
  return { element, draw }
}

const total = (values) => values.reduce((sum, value) => sum + value, 0)
const rightOf = ({ confusions: { right, images } }, who) => percent(total(right[who]), total(images))

/** The images of a pair beside each other, as shares of the label's. */
function drawMatrix(svg, { classes, confusions: { cells, images, right } }) {
  const size = classes.length
  svg.toggleAttribute("hidden", size > MOST)
  svg.nextElementSibling.hidden = size > MOST
  if (size > MOST) return
  set(svg, "viewBox", `0 0 ${size} ${size}`)
  const half = (row, column, who, share, kind = "") => share > 0 && s("rect", {
    class: `${who} ${kind}`, x: column + (who === "student" ? 0.5 : 0.04), y: row + 0.06, width: 0.46, height: 0.88, opacity: Math.max(0.15, Math.sqrt(share)).toFixed(3),
  })
  const wrong = cells.flatMap((cell) => SIDES.map(([who, at]) => half(cell[0], cell[1], who, cell[at] / images[cell[0]])))
  const rightly = images.flatMap((all, row) => SIDES.map(([who]) => all > 0 && half(row, row, who, right[who][row] / all, "right")))
  const lines = Array.from({ length: size + 1 }, (_, line) => s("path", { class: "grid", d: `M0 ${line}H${size}M${line} 0V${size}` }))
  svg.replaceChildren(...lines, ...[...rightly, ...wrong].filter(Boolean))
}

/** Place of the matrix under the pointer: label, named, who, and the cell if it is a confusion. */
function cellAt(event, svg, { classes, confusions }) {
  const box = svg.getBoundingClientRect(), size = classes.length
  const x = (size * (event.clientX - box.x)) / box.width, row = Math.floor((size * (event.clientY - box.y)) / box.height)
  const column = Math.floor(x)
  if (!confusions.cells || !(classes[row] && classes[column])) return null
  const cell = confusions.cells.find(([label, named]) => label === row && named === column)
  return { row, column, cell, who: x - column < 0.5 ? "teacher" : "student" }
}

function cardOf({ classes, confusions: { images, right } }, { row, column, cell }) {
  const same = row === column
  const line = (name, who, at) => {
    const number = same ? right[who][row] : cell?.[at] ?? 0
    return [name, count(number), percent(number, images[row])]
  }
  const lines = [line("Teacher", "teacher", 3), line("Student", "student", 2)]
  return [h("b", {}, same ? `${classes[row]}, named rightly` : `${classes[row]} taken for ${classes[column]}`), details(lines)]
}

function makePair(cell, open) {
  const button = (who) => h("button", { class: `num ${who}`, type: "button", onclick: () => open(cell, who) })
  return h("li", {}, h("span", { class: "clip" }), button("teacher"), button("student"))
}

function fillPair(item, [label, named, student, teacher], { classes, confusions: { images } }) {
  const [name, ...buttons] = item.children
  const words = `${classes[label]} → ${classes[named]}`
  text(name, words)
  set(name, "title", `${classes[label]} taken for ${classes[named]}`)
  for (const [button, who, number] of [[buttons[0], "teacher", teacher], [buttons[1], "student", student]]) {
    text(button, count(number))
    button.disabled = !number
    set(button, "aria-label", `${classes[label]} taken for ${classes[named]} by the ${who}: ${count(number)} images, ${percent(number, images[label])}`)
    set(button, "title", `${percent(number, images[label])} of the images of ${classes[label]}; a click shows them`)
  }
}
