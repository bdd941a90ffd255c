// What the bars and rings of a class say under the pointer.

function hover(model, card, target) {
  const element = target.closest(".row")
  const row = element && model.rows.find(({ name }) => name === element.dataset.key)
  const side = target.closest("[data-side]")
  if (row && side) card.show(side, sideCard(row, side.dataset.side))
  else if (row && target.closest(".ring, .value, .name")) {
    if (!model.changes[row.name]) model.send_msg({ type: "changes", name: row.name })
    card.show(element.querySelector(".ring"), () => ringCard(row, model.changes[row.name]))
  } else card.hide()
}

function sideCard(row, side) {
  const total = sum(row[side])
  const title = h("b", {}, `${row.name}, ${count(total)} ${total === 1 ? side.slice(0, -1) : side}`)
  if (!total) return [title, h("p", {}, `The split has no ${side.slice(0, -1)} of this class.`)]
  const line = ([fill, name], index) =>
    [[h("i", { class: `swatch fill ${fill}` }), name], count(row[side][index]), percent(row[side][index], total)]
  return [title, details(FILLS.map(line))]
}

function ringCard(row, changes) {
  const undefinedNote = row.reason && h("p", {}, row.reason)
  const lines = [
    ["AP, teacher", fixed(row.teacher_ap, 3)], ["AP, student", fixed(row.ap, 3)],
    ["Gap", isNumber(row.gap) ? `${points(row.gap)} pp` : "–"],
    ...(changes ?? []),
    ["Recall", fixed(row.recall, 3)], ["Precision", fixed(row.precision, 3)], ["F1", fixed(row.f1, 3)],
    ["Accuracy", fixed(row.accuracy, 3)], ["Fidelity", fixed(row.fidelity, 3)],
    ["Fidelity of a constant", fixed(row.constant_fidelity, 3)],
    ["Correlation of the logits", fixed(row.logit_correlation, 3)],
  ]
  return [h("b", {}, row.name), undefinedNote, details(lines)].filter(Boolean)
}
