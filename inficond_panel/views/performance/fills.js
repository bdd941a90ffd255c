// Sorts of the performance view, and the four fills of its bars.

import { fixed, points } from "../../ui/base.js"

export const SORTS = {
  gap: { name: "AP gap", head: ["Gap, pp", "Gap"], show: (row) => points(row.gap), descending: true },
  ap: { name: "AP", head: ["AP", "AP"], show: (row) => fixed(row.ap, 3), descending: false },
  recall: { name: "Recall", head: ["Recall", "Rec."], show: (row) => fixed(row.recall, 3), descending: false },
  precision: { name: "Precision", head: ["Prec.", "Prec."], show: (row) => fixed(row.precision, 3), descending: false },
  f1: { name: "F1", head: ["F1", "F1"], show: (row) => fixed(row.f1, 3), descending: false },
  accuracy: { name: "Accuracy", head: ["Accur.", "Acc."], show: (row) => fixed(row.accuracy, 3), descending: false },
  fidelity: { name: "Fidelity", head: ["Fidelity", "Fid."], show: (row) => fixed(row.fidelity, 3), descending: false },
}
export const FILLS = [
  ["both-right", "both right"],
  ["student-wrong", "teacher right, student wrong"],
  ["both-wrong", "both wrong"],
  ["teacher-wrong", "student right, teacher wrong"],
]

export const sum = (counts) => counts.reduce((a, b) => a + b, 0)
