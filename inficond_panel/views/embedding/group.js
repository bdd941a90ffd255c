// The group of concepts selected on the map: a button that tells how many, and a list of them with
// what can be done with one or all.

import { boxOf, windowOf } from "../../ui/boxes.js"
import { icon, iconButton } from "../../ui/controls.js"
import { h, set, setAll, text, unless } from "../../ui/elements.js"
import { count } from "../../ui/numbers.js"
import { longList } from "../../ui/lists/long_list.js"
import { DIRECTIONS, THUMBS } from "../../ui/vocabulary.js"

const LEAST = 180
const HIGHEST = 420 // of the list

export function makeGroup(model, plot, root) {
  const button = h("button", { class: "btn group", "aria-haspopup": "dialog" })
  const title = h("b", { id: "group-title" })
  const thumbs = THUMBS.map((direction) => {
    const { verb, icon: name } = DIRECTIONS[direction]
    return iconButton(
      name,
      `${verb} all of the group`,
      () => model.send_msg({ action: "thumb_group", direction }),
      { class: `icon-btn thumb ${direction}`, "data-direction": direction },
    )
  })
  const save = iconButton(
    "download",
    "Save the group as CSV",
    () => model.send_msg({ action: "save_concepts" }),
    { class: unless("export", "icon-btn") },
  )
  const images = h("button", {
    class: "link small images",
    onclick: () => {
      card.hidePopover()
      model.send_msg({ action: "open_group_images" })
    },
  })
  const list = h("ul", { class: "scroll", tabindex: -1 })
  const forget = h(
    "button",
    {
      class: "link small",
      onclick: () => {
        card.hidePopover()
        plot.focus()
        model.send_msg({ action: "forget_group" })
      },
    },
    "Forget the group",
  )
  const card = h(
    "div",
    { class: "group-card", role: "dialog", popover: "auto", "aria-labelledby": "group-title" },
    h("header", {}, title, h("span", { class: "grow" }), thumbs, save),
    list,
    h("footer", {}, images, h("span", { class: "grow" }), forget),
  )
  root.append(card)
  button.popoverTargetElement = card
  card.addEventListener("toggle", (event) => {
    if (event.newState === "open") place()
  })
  const members = longList({
    scroller: list,
    list,
    stops: false,
    key: ({ concept }) => concept,
    make: () => makeMember(model),
    fill: (item, row) => item.show(row),
  })

  /** Beside the group, where the plot has room at its right or left; else below the view, or above. */
  function place() {
    const box = boxOf(plot)
    const view = boxOf(plot.closest(".panel"))
    const { height } = windowOf(card)
    const wide = card.offsetWidth + 16
    const { from, to } = model.group
    const right = (1 - to) * box.width >= wide
    const left = from * box.width >= wide
    card.style.left = `${Math.max(8, left && !right ? box.left + 8 : box.right - wide + 8)}px`
    const under = height - view.bottom
    if (right || left) stand(Math.max(LEAST, box.height - 8), () => box.top + 4)
    else if (under >= LEAST) stand(under - 12, () => view.bottom + 4)
    else stand(view.top - 12, () => Math.max(8, view.top - 4 - card.offsetHeight))
  }
  /** Give the card its height, then its top, which may depend on the height. */
  function stand(room, topOf) {
    card.style.maxHeight = `${Math.min(HIGHEST, room)}px`
    card.style.top = `${topOf()}px`
  }
  function show() {
    const { count: size = 0, given = "", thumbs: can = false, locked = "", images: shown = 0 } = model.group
    text(button, `${count(size)} selected`)
    set(button, "aria-label", `${count(size)} selected: list them`)
    button.hidden = !size
    if (!size && card.matches(":popover-open")) card.hidePopover()
    text(title, `${count(size)} concept${size === 1 ? "" : "s"}`)
    for (const thumb of thumbs) {
      thumb.disabled = !can
      set(thumb, "title", locked || thumb.getAttribute("aria-label"))
      set(thumb, "aria-pressed", String(given === thumb.dataset.direction))
    }
    text(images, `Look at ${count(shown)} image${shown === 1 ? "" : "s"}`)
    images.hidden = !shown
    members.show(model.group.rows ?? [])
    if (card.matches(":popover-open")) place()
  }
  /** Place the list when it opens: the event of the browser comes later. */
  function open() {
    if (button.hidden) return
    card.showPopover()
    show()
  }
  return { button, show, open }
}

function makeMember(model) {
  const name = h("button", {
    class: "member clip",
    onclick: () => model.send_msg({ action: "open", concept: item.dataset.key }),
  })
  const mark = h("span", { "aria-hidden": "true" })
  const influence = h("span", { class: "num" })
  const drop = h(
    "button",
    { class: "icon-btn", onclick: () => model.send_msg({ action: "drop", concept: item.dataset.key }) },
    icon("cross", 12),
  )
  const item = h("li", {}, name, mark, influence, drop)
  item.show = ({ concept, influence: weight, direction, opened }) => {
    text(name, concept)
    setAll(name, { title: concept, "aria-current": opened ? "true" : null })
    text(mark, DIRECTIONS[direction]?.mark ?? "")
    set(mark, "class", `mark ${direction}`)
    text(influence, weight)
    setAll(drop, {
      title: `Take ${concept} out of the group`,
      "aria-label": `Take ${concept} out of the group`,
    })
  }
  return item
}
