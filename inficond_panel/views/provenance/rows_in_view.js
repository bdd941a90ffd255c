// The list of iterations: which rows are in view, which has the focus, and rows that are not here yet.

import { set } from "../../ui/elements.js"
import { ASK_EVERY, bringNear } from "../../ui/lists/near.js"

export const ROW = 32 // height of a row

/** Whether only a part of the rows was sent: then each row is placed by its index. */
export const isLong = (data) => data.rows.length < data.size

export const isInView = (body, row) =>
  row &&
  ROW * row.data.place > body.scrollTop - ROW &&
  ROW * row.data.place < body.scrollTop + body.clientHeight

/** Scroll the list, and nothing around it. */
export function bringIntoView(body, place) {
  const top = ROW * place
  if (top < body.scrollTop || top + ROW > body.scrollTop + body.clientHeight) {
    body.scrollTop = top - (body.clientHeight - ROW) / 2
  }
}

export const focusedRow = (rows) => rows.querySelector(":focus")

export function focusCurrent(rows) {
  rows.querySelector("[aria-selected=true]")?.focus({ preventScroll: rows.classList.contains("long") })
}

/** Of a long list the rows near those in view are asked for. `walk(place)` goes to a row, also to
    one that is not here: to that when it has come. */
export function walking(parts, say, data) {
  const { rows, body } = parts
  let wanted = null
  let asking = 0
  /** Return to the row at this index when it is sent again, if the rows sent now do not include it. */
  parts.expect = (place) => {
    const { first, rows: here } = data()
    if (isLong(data()) && (place < first || place >= first + here.length)) wanted ??= place
  }
  const ask = () => {
    asking = 0
    const { first, rows: here, size } = data()
    if (!size || !isLong(data()) || !body.clientHeight) return
    const screen = Math.ceil(body.clientHeight / ROW) + 1
    const margin = Math.ceil(screen / 2)
    const top = Math.max(0, Math.floor(body.scrollTop / ROW))
    const end = Math.min(size, top + screen)
    if (top < first || end > first + here.length) {
      say("show_rows", { first: Math.max(0, top - margin), last: Math.min(size, end + margin) })
    }
  }
  parts.arrive = () => {
    if (!focusedRow(rows)) wanted = null // it was taken elsewhere
    const row = wanted !== null && [...rows.children].find((each) => each.data.place === wanted)
    if (row) {
      wanted = null
      for (const each of rows.children) set(each, "tabindex", each === row ? 0 : -1)
      row.focus()
    }
    asking ||= setTimeout(ask, ASK_EVERY)
  }
  body.addEventListener(
    "scroll",
    () => {
      asking ||= setTimeout(ask, ASK_EVERY)
    },
    { passive: true },
  )
  new ResizeObserver(() => {
    asking ||= setTimeout(ask, ASK_EVERY)
  }).observe(body)
  return (place) => {
    wanted = place
    bringNear(body, { step: ROW }, place)
    parts.arrive()
    if (wanted !== null) ask()
  }
}
