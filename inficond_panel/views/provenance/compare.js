// Two iterations side by side: what was asked for, metrics, influence, images whose prediction changed.

import { drawOnce, h, keyed, s, set, setAll, text } from "../../ui/elements.js"
import { watch } from "../../ui/model.js"
import { count } from "../../ui/numbers.js"
import { titledDialog } from "../../ui/parts/dialog.js"
import { makeDialog, verdictOf } from "../../ui/photos/image_dialog.js"
import { drawPicture, makePictures } from "../../ui/photos/pictures.js"
import { WHISKER, axisOf, whiskerOf } from "../../ui/parts/whisker.js"

export function compareDialog(root, model, say) {
  const scope = h("span", { class: "subtitle num" })
  const swap = h("button", { class: "btn", onclick: () => say("swap") }, "Swap")
  const mean = h("div", { class: "mean num" })
  const sides = h("div", { class: "sides" })
  const tabs = h("div", {
    class: "classes scroll",
    role: "tablist",
    "aria-orientation": "vertical",
    "aria-label": "Classes whose students differ",
  })
  const detail = h("div", { class: "compared scroll", role: "tabpanel", tabindex: 0 })
  const same = h("p", { class: "same muted small" })
  const told = h("div", { class: "empty", role: "status" })
  const content = h("div", { class: "between" }, h("div", {}, tabs, same), detail)
  const { dialog, heading, close } = titledDialog(
    root,
    "compare",
    "",
    [scope, h("span", { class: "grow" }), mean, swap],
    sides,
    content,
    told,
  )
  const pictures = makePictures(model, detail)
  const large = makeDialog(root, pictures, flipFacts)
  let shown = "" // title of the comparison that the dialog shows
  let left = "" // comparison that was closed: a late result must not open it again
  // not by its "close", which comes with a frame: a result, or the wish for another, may be sooner
  new MutationObserver(() => {
    if (!shown || dialog.open) return
    left = shown
    shown = ""
    say("close_comparison")
  }).observe(dialog, { attributeFilter: ["open"] })
  tabs.addEventListener("keydown", (event) => walkTabs(event, tabs))
  pictures.onarrival(() => fillTiles(detail, pictures))
  let drawn = null
  watch(model, ["comparison", "data"], () => {
    const data = model.comparison
    if (data.title !== left) left = ""
    if (data.title && !left && !dialog.open) {
      dialog.showModal()
      close.focus()
    }
    shown = dialog.open ? (data.title ?? "") : ""
    if (!data.title) {
      drawn = null
      if (dialog.open) dialog.close()
      return
    }
    const ready = Boolean(data.sides)
    text(heading, data.title)
    text(scope, data.scope ?? "")
    mean.replaceChildren(
      ...(data.whole ?? []).flatMap((change) => [
        muted(change.metric),
        h("b", {}, change.text),
        muted(change.interval),
        change.noise ? h("span", { class: "badge" }, "within noise") : "",
      ]),
    )
    set(sides, "hidden", ready ? null : "")
    set(content, "hidden", data.detail ? null : "")
    set(told, "hidden", data.detail ? "" : null)
    drawOnce(told, data.error || (ready ? "same" : "busy"), () => {
      if (data.error) return [h("b", {}, "These cannot be compared"), muted(data.error)]
      if (ready) return [h("b", {}, "The same students"), muted("No weight differs.")]
      return [h("i", { class: "spin" }), muted("Comparing…")]
    })
    if (ready) drawSides(sides, data)
    if (!data.detail) return
    keyed(
      tabs,
      data.classes,
      (each) => each.name,
      (each) => makeTab(each, say),
      (tab, each) => updateTab(tab, each, data.detail.name),
    )
    text(same, data.unchanged)
    if (drawn === data.detail.key) return
    drawn = data.detail.key
    detail.scrollTop = 0
    set(detail, "aria-label", data.detail.name)
    detail.replaceChildren(
      h("div", { class: "tables" }, metricsTable(data), moversTable(data)),
      ...drawFlips(data.detail, pictures, large),
    )
  })
}

const muted = (words) => h("span", { class: "muted" }, words)

/** Edits of each side since the common ancestor of the two nodes. */
function drawSides(sides, data) {
  const edited = data.sides.filter(({ steps }) => steps.length)
  sides.replaceChildren(
    ...(edited.length ? edited : data.sides).map(({ title, steps, none }) =>
      h(
        "section",
        { "aria-label": title },
        h("h3", {}, title),
        steps.length
          ? h(
              "ol",
              {},
              steps.map(({ title: step, by, chips }) =>
                h(
                  "li",
                  {},
                  h("b", { class: "num" }, step),
                  chips.map(({ direction, sign, of, concept, title }) =>
                    h("span", { class: `chip ${direction}`, title }, `${sign} ${of}: ${concept}`),
                  ),
                  by ? h("span", { class: "muted small" }, by) : "",
                ),
              ),
            )
          : h("p", { class: "muted" }, none),
      ),
    ),
  )
}

function makeTab({ name }, say) {
  return h(
    "button",
    { role: "tab", onclick: () => say("choose_class", { name }) },
    h("span", { class: "clip" }, name),
    h("span", { class: "num" }),
    h("span", { class: "num muted small" }),
  )
}

function updateTab(tab, { name, change }, shown) {
  text(tab.children[1], change?.text ?? "–")
  text(tab.children[2], change?.noise ? "within noise" : "")
  setAll(tab, { "aria-selected": String(name === shown), tabindex: name === shown ? 0 : -1, title: name })
}

function walkTabs(event, tabs) {
  const all = [...tabs.children]
  const at = all.indexOf(event.target.closest("[role=tab]"))
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key]
  if (to === undefined || !all[to]) return
  event.preventDefault()
  all[to].focus()
  all[to].click()
}

function metricsTable({ detail: { name, metrics, axis }, numbers: [before, after], confidence }) {
  const row = (metric) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, metric.name),
      h("td", {}, metric.before),
      h("td", {}, metric.after),
      confidence &&
        h(
          "td",
          { class: "drawn", "aria-hidden": "true" },
          s("svg", { class: "whisker", height: WHISKER }, whiskerOf(metric.change, axisOf(axis))),
        ),
      h("td", { class: "change" }, metric.change?.text ?? "–"),
      ...(confidence
        ? [
            h("td", { class: "muted small" }, metric.change?.interval ?? ""),
            h("td", { class: "words small" }, metric.words),
          ]
        : []),
    )
  return h(
    "table",
    { class: "metrics num" },
    h("caption", {}, name),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ["Metric", before, after].map((words) => h("th", { scope: "col" }, words)),
        confidence && h("td"),
        h("th", { scope: "col" }, "Change"),
        ...(confidence ? [h("th", { scope: "col" }, confidence), h("td")] : []),
      ),
    ),
    h("tbody", {}, metrics.map(row)),
  )
}

function moversTable({ detail: { movers }, numbers: [before, after] }) {
  const bar = (share) =>
    h("i", {
      class: share < 0 ? "bar less" : "bar",
      style: `width:${50 * Math.abs(share)}%;${share < 0 ? "right" : "left"}:50%`,
    })
  const row = (mover) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, h("span", { class: "clip", title: mover.concept }, mover.concept)),
      h("td", {}, mover.before),
      h("td", {}, mover.after),
      h("td", { class: "drawn", "aria-hidden": "true" }, h("span", { class: "axis" }, bar(mover.share))),
      h("td", { class: "change" }, mover.change),
    )
  return h(
    "table",
    { class: "movers num" },
    h(
      "caption",
      { title: "Change of the weight times the spread of the concept's score, in logits" },
      "Influence that changed most",
    ),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ["Concept", before, after].map((words) => h("th", { scope: "col" }, words)),
        h("td"),
        h("th", { scope: "col" }, "Effect on the decision"),
      ),
    ),
    h("tbody", {}, movers.map(row)),
  )
}

function drawFlips({ churn, flips, name }, pictures, large) {
  const groups = [
    [true, "▲ Now present"],
    [false, "▼ Now absent"],
  ].map(([present, words]) => [words, flips.filter((flip) => flip.present === present)])
  const shown = groups.flatMap(([, group]) => group)
  const tile = (flip) => {
    const place = h("span", { class: "picture" })
    const open = () => large.open(shown, shown.indexOf(flip), { student: name })
    const tile = h(
      "button",
      { class: "tile", "aria-label": `${flip.image}, ${flip.words}`, title: flip.words, onclick: open },
      place,
      flip.fill ? h("i", { class: `fill swatch ${flip.fill}`, "aria-hidden": "true" }) : "",
      h("span", { class: "small" }, flip.verdict),
    )
    tile.row = flip
    pictures.observe(tile)
    const known = pictures.get(flip.row)
    if (known) drawPicture(place, known, flip, "slice")
    return tile
  }
  const grid = ([words, group]) =>
    group.length
      ? h(
          "section",
          { class: "flips" },
          h("h3", { class: "num" }, `${words} ${count(group.length)}`),
          h("div", { class: "grid" }, group.map(tile)),
        )
      : ""
  return [h("h3", { class: "churn" }, churn), ...groups.map(grid)]
}

function fillTiles(detail, pictures) {
  for (const tile of detail.querySelectorAll(".tile")) {
    const place = tile.firstElementChild
    if (!place.firstChild && pictures.get(tile.row.row)) {
      drawPicture(place, pictures.get(tile.row.row), tile.row, "slice")
    }
  }
}

function flipFacts(row, { student }) {
  return [
    [`Class ${student}`, row.label],
    ["Student decides", row.way],
    ["Logit before", row.before],
    ["Logit after", row.after],
    ["Teacher decides", row.teacher],
    ["Decisions now", verdictOf(row.fill)],
  ]
}
