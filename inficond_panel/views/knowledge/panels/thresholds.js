// The threshold of the student: the one in force, and on request one chosen by the labels of tune.

import { drawOnce, h, select, set, text } from "../../../ui/base.js"
import { copyText } from "../../../ui/parts/clipboard.js"

const BEST_F1 = ""
const RULES = [[BEST_F1, "best F1"], ...["0.5", "0.8", "0.9", "0.95", "0.99"].map((precision) => [precision, `most recall at precision ${precision}`])]
const CHOOSE = "Choose by tune"
const CROSS_FITTED = "Cross-fitted: each image is decided by a threshold that the others chose."

export function makeThreshold(model, send) {
  const now = h("p", { class: "num" })
  const rule = select("Threshold by", RULES, BEST_F1, () => {}, "Threshold by")
  const button = h("button", { class: "group-thumb", type: "button", title: "The threshold that the labels of tune choose, with its noise. Nothing is changed.", onclick: () => {
    const { value } = rule.control
    send("choose_threshold", { least: value === BEST_F1 ? null : Number(value) })
  } }, CHOOSE)
  const told = h("p", { class: "num", role: "status" })
  const found = h("div", { class: "chosen" })
  const element = h("section", { class: "threshold" }, now, h("div", { class: "pick" }, rule, button), told, found)
  let before = ""
  const draw = () => {
    const { now: value = "", kind = "ask", text: words = "", rows, line } = model.threshold
    text(now, `Threshold: present above a logit of ${value}`)
    text(button, kind === "running" ? "Choosing" : CHOOSE)
    set(button, "aria-disabled", kind === "running" ? "true" : null)
    text(told, kind === "done" ? `Chosen: ${words}` : words)
    told.hidden = !words
    found.hidden = kind !== "done"
    drawOnce(found, JSON.stringify([rows, line]), () => (rows ? [h("p", { class: "muted" }, CROSS_FITTED), worthOf(rows, model.confidence), lineOf(line)] : []))
    if (kind === "done" && before === "running") found.scrollIntoView({ block: "nearest" })
    before = kind
  }
  return { element, draw }
}

function worthOf(rows, confidence) {
  const cell = (...content) => h("td", { class: "num" }, ...content)
  const line = ({ name, now, after, change }) => h("tr", {}, h("th", { scope: "row" }, name), cell(now), cell(h("b", {}, after)),
    cell(`${change.text} ${change.range}`.trim(), change.words === "within noise" && " within noise"))
  return h("table", { class: "by", "aria-label": "Worth of the chosen threshold" },
    h("thead", {}, h("tr", {}, h("td"), ["in force", "chosen", confidence ? `change, ${confidence}` : "change"].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows.map(line)))
}

/** The line of YAML, to be copied: a threshold holds for all iterations, and is of the spec. */
function lineOf(words) {
  const told = h("span", { role: "status" })
  const copy = h("button", { class: "link", type: "button", onclick: () => copyText(words).then((done) => text(told, done ? "Copied" : "The browser refuses to copy")) }, "Copy")
  return h("p", { class: "yaml" }, "In the spec, under students: ", h("code", {}, words), " ", copy, " ", told)
}
