// The panels of one student: a sentence on it, photos to answer, and what opens: suspects and cures,
// metrics, what the refit did.

import { followTheme, h, watch } from "../../../ui/base.js"
import { sender } from "../shared.js"
import { makeAsking } from "./asking.js"
import { makeMeasures } from "./measures.js"
import { makeMending } from "./mending.js"
import { makeReport } from "./refit_report.js"
import { makeSentence } from "./sentence.js"

const UNFOLDS = ["mended", "measured", "explained"] // one is open at a time

export function render({ model, el }) {
  const send = sender(model)
  const sentence = makeSentence(model)
  const asking = makeAsking(el, model, send)
  const mending = makeMending(model, send)
  const measures = makeMeasures(model, send)
  const report = makeReport(model, send)
  const unfolds = h("div", { class: "unfolds in-full" }, mending.element, measures.element, report.element)
  el.append(sentence.element, asking.element, unfolds)
  for (const name of UNFOLDS) model.on(name, () => { if (model[name]) for (const other of UNFOLDS) if (other !== name && model[other]) model[other] = false })
  followTheme(model, unfolds)
  watch(model, ["student", "teacher", "shift", "shiftless", "terms", "mended", "path", "cures", "pending", "status", "locked", "adding"], mending.draw)
  watch(model, ["student", "asking", "status", "adding", "locked"], () => { asking.element.hidden = !model.student; asking.draw() })
  watch(model, ["student", "line", "measures", "measured", "slices", "threshold", "slice_by", "slice_metric"], measures.draw)
  watch(model, ["student", "refit", "report", "explained", "pending", "status", "locked", "adding"], report.draw)
  watch(model, ["student", "teacher", "status", "summary", "shift", "shiftless", "refit"], sentence.draw)
}
