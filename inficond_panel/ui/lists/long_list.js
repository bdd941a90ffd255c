// A list of any length: all items of a short one are there, of a long one those near the part in
// view, each in its row of a grid.

import { boxOf } from "../boxes.js"
import { keyed, set, setAll } from "../elements.js"
import { bringNear, placeOf, placesNear } from "./near.js"

export const SHORT_LIST = 50 // largest number of items that are all built

/** The part of `scroller` that shows `list`, which may begin below other parts; its scroll padding is
    covered. */
function viewOf(scroller, list) {
  const covered = () => parseFloat(getComputedStyle(scroller).scrollPaddingTop) || 0
  const above = () =>
    scroller === list ? 0 : boxOf(list).y - boxOf(scroller).y + scroller.scrollTop - covered()
  return {
    get scrollTop() {
      return scroller.scrollTop - above()
    },
    set scrollTop(top) {
      scroller.scrollTop = top + above()
    },
    get clientHeight() {
      return scroller.clientHeight - covered()
    },
  }
}

/** Items of `list`, a grid whose rows are `--row` high, in `scroller`. `key(row)` names the item of a
    row, `make(row)` creates it, `fill(item, row)` fills it, and `drawn()` follows when items were
    drawn. Where items are `stops`, the Tab key goes to one of them, and arrows to the others. */
export function longList({ scroller, list, key, make, fill, drawn = () => {}, stops = true }) {
  const view = viewOf(scroller, list)
  let rows = []
  let current = 0
  let inView = 0
  let later = 0
  let wanted = -1
  const isLong = () => rows.length > SHORT_LIST
  const plan = () => ({
    size: rows.length,
    step: parseFloat(getComputedStyle(list).getPropertyValue("--row")),
  })
  const markStop = (item) => {
    if (stops) set(item, "tabindex", item.at === current ? 0 : -1)
  }

  function draw(places) {
    keyed(
      list,
      places,
      (at) => key(rows[at]),
      (at) => make(rows[at]),
      (item, at) => {
        fill(item, rows[at])
        setAll(item, { "aria-posinset": at + 1, "aria-setsize": rows.length })
        item.style.gridRow = at + 1
        item.at = at
        markStop(item)
      },
    )
    drawn()
  }
  function drawNear() {
    later = 0
    draw(isLong() ? placesNear(view, plan(), current) : [...rows.keys()])
  }
  /** Items of another list: those in view and the one with the focus now, the others once these are
      painted. */
  function drawFirst() {
    if (isLong() || !inView) return drawNear()
    draw([...rows.keys()].filter((at) => at < inView || at === current))
    later ||= requestAnimationFrame(() => setTimeout(drawNear))
  }
  /** Show `now`. The item with the focus keeps it; else the Tab key goes to the one at `stop`. What
      is `fresh`, another list, begins at its top. */
  function show(now, { stop = 0, fresh = false } = {}) {
    const held = list.matches(":focus-within") && rows[current] ? key(rows[current]) : null
    const kept = held === null ? -1 : now.findIndex((row) => key(row) === held)
    rows = now
    current = Math.max(0, kept < 0 ? stop : kept)
    if (fresh) scroller.scrollTop = 0
    list.style.setProperty("--n", rows.length)
    list.classList.toggle("long", isLong())
    if (fresh) drawFirst()
    else drawNear()
  }
  /** Go to the item at an index, which may not be built yet. */
  function go(at) {
    current = at
    if (isLong()) {
      bringNear(view, plan(), at)
      drawNear()
    }
    for (const item of list.children) {
      markStop(item)
      if (item.at === at) item.focus({ preventScroll: isLong() })
    }
  }
  /** Once the list has a size, scroll an item out of view to the middle; the focus does not change. */
  function bring(at) {
    wanted = at
    if (wanted < 0 || !scroller.clientHeight) return
    const step = list.scrollHeight / rows.length
    const above = wanted * step - view.scrollTop
    if (above <= -step || above >= view.clientHeight) view.scrollTop += above - (view.clientHeight - step) / 2
    else bringNear(view, { step }, wanted)
    wanted = -1
  }
  scroller.addEventListener(
    "scroll",
    () => {
      if (isLong()) requestAnimationFrame(drawNear)
    },
    { passive: true },
  )
  list.addEventListener("focusin", (event) => {
    current = event.target.closest("[aria-posinset]")?.at ?? current
  })
  new ResizeObserver(() => {
    inView = Math.ceil(scroller.clientHeight / plan().step)
    if (isLong()) drawNear()
    bring(wanted)
  }).observe(scroller)
  return { show, go, bring, isLong, placeOf: (pressed, at) => placeOf(pressed, view, plan(), at) }
}
