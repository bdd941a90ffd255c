// Effect of the refit behind a student: one line, and when it is opened bounds, movers, groups, fit.

import { drawOnce, h, set, text } from "../../../ui/elements.js"
import { signedBar } from "../../../ui/parts/signed_bar.js"
import { groupButton, isBusy, section } from "../shared.js"
import { makeUnfold } from "./unfold.js"

export function makeReport(model, send) {
  const { element, line, title, body, show } = makeUnfold(model, "explained", {
    kind: "report",
    key: "w",
    title: "",
    meaning: "Effect of the last fine-tune",
  })
  const draw = () => {
    const {
      report,
      report: { number, line: words },
    } = model
    element.hidden = !model.student || !number
    if (element.hidden) return
    text(title, `Effect of #${number}`)
    set(body, "aria-label", `Effect of #${number} on ${model.student}`)
    text(line, words ?? "Being worked out")
    set(line, "title", words)
    if (show()) {
      drawOnce(body, JSON.stringify([report, model.pending, isBusy(model)]), () =>
        words ? reportOf(report, model, send) : [h("span", { class: "spin" })],
      )
    }
  }
  return { element, draw }
}

function reportOf(report, model, send) {
  return [
    report.later && h("p", { class: "muted" }, report.later),
    h(
      "div",
      { class: "sections" },
      section(
        "Bounds",
        report.bounds.length
          ? h("ul", { class: "bounds" }, report.bounds.map(boundOf))
          : h("p", {}, "None on this student."),
      ),
      section(
        "Influences that changed, in logits",
        h("ul", { class: "movers" }, report.moved.rows.map(moverOf)),
        h("p", {}, report.moved.text),
      ),
      report.groups.length > 0 &&
        section("Correlated concepts", ...report.groups.map((group) => groupOf(group, model, send))),
      section(
        "Images",
        ...report.images.map(({ split, count, text: sentence }) =>
          h(
            "p",
            { class: "num" },
            sentence,
            " ",
            count > 0 &&
              h("button", { class: "link", onclick: () => send("open_churn", { split }) }, "Show them"),
          ),
        ),
      ),
      report.lost && section("Threshold", h("p", { class: "num" }, report.lost)),
      report.worlds.length > 0 &&
        section(
          "Which world is meant",
          ...report.worlds.map((sentence) => h("p", { class: "num" }, sentence)),
        ),
      section(
        "Training loss, in nats: less is better",
        h("p", { class: "num" }, report.fit),
        h("p", { class: "num" }, report.certificate),
      ),
    ),
  ].filter(Boolean)
}

function boundOf({ concept, bound, since, text: words, price, binds }) {
  return h(
    "li",
    { class: binds ? "binds" : "" },
    h("b", { class: "clip", title: concept }, concept),
    h("span", { class: "num" }, bound),
    h("span", { class: "muted num" }, since),
    h("span", { class: "num" }, [words, price].filter(Boolean).join("; ")),
  )
}

function moverOf({ concept, tuned, share, change, weights }) {
  return h(
    "li",
    {},
    h(
      "span",
      { class: "clip", title: concept },
      tuned ? h("b", {}, concept) : concept,
      tuned && h("span", { class: "muted" }, " tuned"),
    ),
    signedBar(share),
    h("span", { class: "num change" }, change),
    h("span", { class: "num muted weights" }, weights),
  )
}

function groupOf({ text: sentence, direction, concepts }, model, send) {
  return h(
    "p",
    { class: "group num" },
    sentence,
    " ",
    direction && groupButton({ concepts, direction }, model, send),
  )
}
