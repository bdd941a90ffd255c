// The panels of one student: a sentence on it, photos to answer, and in details what opens: suspects and
// cures, metrics, what the refit did.

import { followTheme, h, watch } from "../../../ui/base.js"
import { isDetailed, sender, showPart } from "../shared.js"
import { makeAsking } from "./asking.js"
import { makeMeasures } from "./measures.js"
import { makeMending } from "./mending.js"
import { makeReport } from "./refit_report.js"
import { makeSentence } from "./sentence.js"

const UNFOLDS = ["mended", "measured", "explained"] // one is open at a time
const SHOWN = ["student", "teacher", "shift", "shiftless", "terms", "mended", "path", "cures", "pending", "status", "summary", "locked", "adding",
  "line", "measures", "measured", "slices", "threshold", "slice_by", "slice_metric", "refit", "report", "explained"]

export function render({ model, el }) {
  const send = sender(model)
  const asking = makeAsking(el, model, send)
  el.append(asking.element)
  showPart(model, el, SHOWN, () => (isDetailed(model) ? makeUnfolds(model, send) : makeSentence(model)))
  for (const name of UNFOLDS) model.on(name, () => { if (model[name]) for (const other of UNFOLDS) if (other !== name && model[other]) model[other] = false })
  followTheme(model, el)
  watch(model, ["student", "asking", "status", "adding", "locked"], () => { asking.element.hidden = !model.student; asking.draw() })
}

function makeUnfolds(model, send) {
  const parts = [makeMending, makeMeasures, makeReport].map((make) => make(model, send))
  return { element: h("div", { class: "unfolds" }, parts.map(({ element }) => element)), draw: () => parts.forEach(({ draw }) => draw()) }
}
