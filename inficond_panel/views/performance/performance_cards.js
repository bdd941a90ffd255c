// Hover cards of the bars and rings of a class.

import { details } from "../../ui/boxes.js"
import { h } from "../../ui/elements.js"
import { count, fixed, isNumber, percent, points } from "../../ui/numbers.js"
import { METRICS, POINTS } from "../../ui/vocabulary.js"
import { FILLS, SORTS, sum } from "./fills.js"
import { rowsOf } from "./rows.js"

export function hover(model, card, target) {
  const element = target.closest(".row")
  const row = element && rowsOf(model).find(({ name }) => name === element.dataset.key)
  const side = target.closest("[data-side]")
  if (row && side) card.show(side, sideCard(row, side.dataset.side))
  else if (row && target.closest(".ring, .value, .name")) {
    if (!model.changes[row.name]) model.send_msg({ action: "find_changes", name: row.name })
    card.show(element.querySelector(".ring.student"), () => ringCard(row, model))
  } else card.hide()
}

function sideCard(row, side) {
  const total = sum(row[side])
  const title = h("b", {}, `${row.name}, ${count(total)} ${total === 1 ? side.slice(0, -1) : side}`)
  if (!total) return [title, h("p", {}, `No image is a ${side.slice(0, -1)} of this class.`)]
  const line = ([fill, name], index) => [
    [h("i", { class: `swatch fill ${fill}` }), name],
    count(row[side][index]),
    row.picked ? `${count(row.picked[side][index])} picked` : percent(row[side][index], total),
  ]
  return [title, details(FILLS.map(line)), h("p", { class: "muted" }, "A click picks the images of a part.")]
}

function ringCard(row, { changes, shifts }) {
  const undefinedNote = row.reason && h("p", {}, row.reason)
  const lines = [
    ["AP behind the teacher", isNumber(row.gap) ? `${points(row.gap)} ${POINTS}` : "–"],
    ...(changes[row.name] ?? []),
  ]
  const both = Object.keys(SORTS)
    .filter((key) => key in METRICS)
    .map((key) => [SORTS[key].name, fixed(row.teacher[key], 3), fixed(row[key], 3)])
  const words = row.unknown || shifts[row.name]?.words
  const shift = words && h("p", {}, words)
  return [
    h("b", {}, row.name),
    undefinedNote,
    shift,
    details([["", "Teacher", "Student"], ...both]),
    details(lines),
  ].filter(Boolean)
}
