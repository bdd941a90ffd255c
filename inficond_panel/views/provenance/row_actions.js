// What a person does with the rows, by pointer and keys: cards, menu, actions.

import { details } from "../../ui/boxes.js"
import { h, isClosed, set } from "../../ui/elements.js"
import { timeOf } from "../../ui/numbers.js"
import { ROW, walking } from "./rows_in_view.js"

const RESTED = 600 // ms that the pointer rests on a row before its card opens

export function listen(parts, say, data) {
  const { rows, body, note, card, more, menu, save, saveButton, bin, binButton } = parts
  const go = (row) => {
    if (!row || rows.hasAttribute("aria-disabled")) return
    if (row.getAttribute("aria-selected") !== "true") say("jump", { node: row.dataset.key })
  }
  const explain = (row) => {
    if (!row || menu.isOpen()) return card.hide()
    const {
      card: { title, text: note, intents, facts, made },
      metrics,
    } = row.data
    card.show(
      row,
      [
        h("b", {}, title),
        note ? h("p", {}, note) : "",
        details([
          ...intents,
          ...metrics.map((value, at) => [data().metrics[at][1], value]),
          ["Made", timeOf(made)],
          ...facts,
        ]),
      ],
      rows.closest(".panel"),
    )
  }
  const acts = actions(say, { note, save, data })
  const openMenu = (row, anchor = row) => {
    card.hide()
    menu.open(anchor, row, `Actions of ${row.data.title}`, acts(row))
  }
  let over = null
  const place = (row) => {
    over = row
    if (!row) return
    more.style.top = `${ROW * row.data.place + (ROW - 24) / 2}px`
    set(more, "aria-label", `Actions of ${row.data.title}`)
  }
  parts.settle = () =>
    place(rows.querySelector(".row:hover, .row:focus") ?? rows.querySelector("[aria-selected=true]"))
  const walk = walking(parts, say, data)
  more.addEventListener("click", () => openMenu(over, more))
  saveButton.addEventListener("click", () => save.open(data().current))
  binButton.addEventListener("click", () => bin.open(binButton))
  rows.addEventListener("click", (event) => {
    card.hide()
    go(event.target.closest(".row"))
  })
  rows.addEventListener("contextmenu", (event) => {
    event.preventDefault()
    const row = event.target.closest(".row")
    if (row) openMenu(row)
  })
  let resting = 0
  let pointed = null
  const rest = (row) => {
    if (row === pointed) return
    pointed = row
    clearTimeout(resting)
    card.hide()
    if (row) resting = setTimeout(() => explain(row), RESTED)
  }
  rows.addEventListener("pointerover", (event) => {
    const row = event.target.closest(".row")
    rest(row)
    if (row) place(row)
  })
  rows.addEventListener("pointerleave", () => rest(null))
  rows.addEventListener("focusin", (event) => {
    place(event.target)
    if (event.target.matches(":focus-visible")) explain(event.target)
  })
  rows.addEventListener("focusout", card.hide)
  rows.addEventListener("keydown", (event) =>
    press(event, { size: data().size, card, go, acts, openMenu, walk }),
  )
  body.addEventListener(
    "scroll",
    () => {
      pointed = undefined // the rows move under a pointer that rests: it opens a card anew
      rest(rows.querySelector(".row:focus-visible") ? null : rows.querySelector(".row:hover"))
      note.classList.toggle("scrolled", body.scrollTop + body.clientHeight < body.scrollHeight - 1)
    },
    { passive: true },
  )
}

/** What can be done with a row; each has a key that works on the row itself. */
function actions(say, { note, save, data }) {
  const compare = (...pair) => {
    const [before, after] = pair.sort((a, b) => a.at - b.at)
    say("compare", { before: before.id, after: after.id })
  }
  return (row) => {
    const { id, current, kept } = row.data
    const shown = data().current
    const busy = data().busy ? "A fine-tune is under way" : ""
    return [
      {
        name: "Show this iteration",
        key: "Enter",
        off: busy || (current ? "It is shown" : ""),
        run: () => say("jump", { node: id }),
      },
      {
        name: `Compare with ${current ? "the iteration before" : shown.title}`,
        key: "M",
        off: data().size < 2 ? "There is no other" : "",
        run: () => {
          if (current) say("compare_present")
          else compare(shown, row.data)
        },
      },
      { name: "Rename", key: "R", run: () => note.edit(row.data, "name", row) },
      { name: "Write a note", key: "N", run: () => note.edit(row.data, "note", row) },
      {
        name: "Export",
        key: "E",
        off: isClosed("export") ? "Nothing can be exported here" : "",
        run: () => save.open(row.data),
      },
      {
        name: "Delete the branch from here",
        key: "Del",
        off: busy || kept,
        run: () => say("delete", { node: id }),
      },
    ]
  }
}

function press(event, { size, card, go, acts, openMenu, walk }) {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const row = event.target
  const at = row.data.place
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: size - 1 }[event.key]
  const key = event.key === "Delete" ? "Del" : event.key.toUpperCase()
  const act = acts(row).find((each) => each.key === key)
  if (event.key === "Enter" || event.key === " ") go(row)
  else if (event.key === "Escape") card.hide()
  else if (event.key === "." || event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) {
    openMenu(row)
  } else if (act) {
    card.hide()
    if (act.off) {
      openMenu(row)
    } // the item says why it is off
    else act.run()
  } else if (to === undefined) return
  else walk(Math.max(0, Math.min(size - 1, to)))
  event.preventDefault()
  event.stopPropagation()
}
