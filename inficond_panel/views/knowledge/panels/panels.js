// The panels of one student: the finding with its repairs, and with details panels that open: suspects and
// repairs, metrics, what the refit did.

import { callImages, h } from "../../../ui/elements.js"
import { followTheme, watch } from "../../../ui/model.js"
import { isDetailed, sender, showPart } from "../shared.js"
import { makeAsking } from "./asking.js"
import { makeFinding } from "./finding.js"
import { makeMeasures } from "./measures.js"
import { makeRepairPanel } from "./repair_panel.js"
import { makeReport } from "./refit_report.js"

const UNFOLDS = ["repairing", "measured", "explained"] // one is open at a time
const SHOWN = [
  "student",
  "shift",
  "finding",
  "repair",
  "repairing",
  "path",
  "repairs",
  "pending",
  "status",
  "locked",
  "adding",
  "line",
  "measures",
  "measured",
  "slices",
  "groups",
  "group_by",
  "dividers",
  "threshold",
  "slice_by",
  "slice_metric",
  "report",
  "explained",
]

export function render({ model, el }) {
  callImages(model.called)
  const send = sender(model)
  const asking = makeAsking(el, model, send)
  const finding = makeFinding(model, send, asking)
  el.append(finding.element)
  showPart(model, el, SHOWN, () => makeUnfolds(model, send))
  for (const name of UNFOLDS) {
    model.on(name, () => {
      if (model[name]) for (const other of UNFOLDS) if (other !== name && model[other]) model[other] = false
    })
  }
  followTheme(model, el)
  watch(model, ["student", "asking", "status", "adding", "locked"], asking.draw)
  watch(
    model,
    ["student", "finding", "repair", "pending", "repairs", "status", "locked", "adding"],
    finding.draw,
  )
}

function makeUnfolds(model, send) {
  const makers = isDetailed(model) ? [makeRepairPanel, makeMeasures, makeReport] : []
  const parts = makers.map((make) => make(model, send))
  return {
    element: h(
      "div",
      { class: "unfolds" },
      parts.map(({ element }) => element),
    ),
    draw: () => parts.forEach(({ draw }) => draw()),
  }
}
