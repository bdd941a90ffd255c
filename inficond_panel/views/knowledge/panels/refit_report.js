// What the refit behind a student did: one line, and when it is opened bounds, movers, groups, fit.

import { drawOnce, h, icon, onKey, s, set, text } from "../../../ui/base.js"
import { groupButton, isBusy } from "../shared.js"

const REPORT_KEY = "w"

export function makeReport(model, send) {
  const line = h("span", { class: "told clip" })
  const head = h("button", { class: "unfold-line", type: "button", "aria-controls": "report-body", "aria-keyshortcuts": REPORT_KEY.toUpperCase(),
    title: `What the refit did (${REPORT_KEY.toUpperCase()})`, onclick: () => { model.explained = !model.explained } },
  icon("down", 14), h("b"), line)
  const body = h("div", { class: "unfold-body", id: "report-body", role: "region", tabindex: 0 })
  const element = h("div", { class: "unfold report" }, head, body)
  onKey(element, REPORT_KEY, () => { head.click(); head.focus() })
  const draw = () => {
    const { report, refit, explained } = model
    element.hidden = !model.student || refit == null
    if (element.hidden) return
    text(head.children[1], `What #${refit} did`)
    set(head, "aria-expanded", String(explained))
    element.classList.toggle("expanded", explained)
    set(body, "aria-label", `What #${refit} did to ${model.student}`)
    text(line, report ? report.line : "Being worked out")
    set(line, "title", report ? report.line : null)
    body.hidden = !explained
    if (explained) drawOnce(body, JSON.stringify([report, model.pending, isBusy(model)]), () => (report ? reportOf(report, model, send) : [h("span", { class: "spin" })]))
  }
  return { element, draw }
}

function reportOf(report, model, send) {
  return [
    report.later && h("p", { class: "muted" }, report.later),
    h("div", { class: "sections" }, sectionsOf(report, model, send)),
  ].filter(Boolean)
}

function sectionsOf(report, model, send) {
  return [
    section("Bounds in force", report.bounds.length
      ? h("ul", { class: "bounds" }, report.bounds.map(boundOf)) : h("p", {}, "None on this student.")),
    section("Who moved, in logits", h("ul", { class: "movers" }, report.moved.rows.map(moverOf)), h("p", {}, report.moved.text)),
    report.groups.length > 0 && section("Concepts that stand together", ...report.groups.map((group) => groupOf(group, model, send))),
    section("Images", ...report.images.map(({ split, count, text: sentence }) => h("p", { class: "num" }, sentence, " ",
      count > 0 && h("button", { class: "link", type: "button", onclick: () => send("open_churn", { split }) }, "Show them")))),
    section("Fit", h("p", { class: "num" }, report.fit), h("p", { class: "num" }, report.certificate)),
  ]
}

const section = (title, ...content) => h("section", {}, h("h3", {}, title), ...content)

function boundOf({ concept, bound, since, text: words, price, binds }) {
  return h("li", { class: binds ? "binds" : "" },
    h("b", { class: "clip", title: concept }, concept), h("span", { class: "num" }, bound), h("span", { class: "muted num" }, since),
    h("span", { class: "num" }, [words, price].filter(Boolean).join("; ")))
}

function moverOf({ concept, tuned, share, change, weights }) {
  const half = Number((50 * Math.min(1, Math.abs(share))).toFixed(2))
  const bar = s("svg", { class: "signed", height: 10, "aria-hidden": "true" },
    s("rect", { class: share < 0 ? "negative" : "positive", x: share < 0 ? `${50 - half}%` : "50%", width: `${half}%`, y: 1, height: 8 }),
    s("line", { class: "zero", x1: "50%", x2: "50%", y1: 0, y2: 10 }))
  return h("li", {}, h("span", { class: "clip", title: concept }, tuned ? h("b", {}, concept) : concept, tuned && h("span", { class: "muted" }, " tuned")),
    bar, h("span", { class: "num change" }, change), h("span", { class: "num muted weights" }, weights))
}

function groupOf({ text: sentence, direction, concepts }, model, send) {
  return h("p", { class: "group num" }, sentence, " ", direction && groupButton({ concepts, direction }, model, send))
}
