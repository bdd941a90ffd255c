// What can be done with one iteration: a menu beside its row, and the list of deleted branches.

/** A popover beside what opened it; it closes by itself on Escape and on a press outside. */
function popUp(root, attributes) {
  const box = h("div", { class: "pop", popover: "auto", ...attributes })
  root.append(box)
  let from = null
  box.addEventListener("toggle", (event) => {
    if (event.newState === "closed" && box.contains(box.getRootNode().activeElement)) from?.focus()
  })
  const open = (anchor, back = anchor) => {
    from = back
    box.showPopover()
    const place = anchor.getBoundingClientRect()
    const below = place.bottom + 4 + box.offsetHeight <= window.innerHeight
    box.style.left = `${Math.max(8, Math.min(place.right - box.offsetWidth, window.innerWidth - box.offsetWidth - 8))}px`
    box.style.top = `${below ? place.bottom + 4 : Math.max(8, place.top - box.offsetHeight - 4)}px`
  }
  return { box, open, close: () => { if (box.matches(":popover-open")) box.hidePopover() } }
}

/** `open(anchor, back, title, items)`; an item is {name, key, off, run}, `off` says why not. */
function nodeMenu(root) {
  const { box, open, close } = popUp(root, { role: "menu" })
  const entry = ({ name, key, off, run }) =>
    h("button", { role: "menuitem", type: "button", tabindex: -1, "aria-disabled": off ? "true" : null, title: off || null,
      onclick: () => { if (!off) { close(); run() } } },
    h("span", {}, name), off ? h("span", { class: "muted small" }, off) : h("kbd", { "aria-hidden": "true" }, key))
  box.addEventListener("keydown", (event) => {
    const all = [...box.children]
    const at = all.indexOf(event.target)
    const to = { ArrowDown: (at + 1) % all.length, ArrowUp: (at - 1 + all.length) % all.length, Home: 0, End: all.length - 1 }[event.key]
    if (event.key === "Tab") close()
    if (to === undefined) return
    event.preventDefault()
    all[to].focus()
  })
  return {
    close,
    open: (anchor, back, title, items) => {
      box.replaceChildren(...items.map(entry))
      set(box, "aria-label", title)
      open(anchor, back)
      box.firstElementChild.focus()
    },
  }
}

/** Deleted branches, each with a button that shows it again. */
function deletedList(root, say, leave) {
  const { box, open, close } = popUp(root, { role: "dialog", "aria-label": "Deleted branches" })
  box.classList.add("deleted")
  const rows = h("ul")
  box.append(h("h3", {}, "Deleted branches"), rows)
  const make = () => h("li", {}, h("span", { class: "what" }, h("b", { class: "num" }), h("span", { class: "muted small" })),
    h("button", { class: "btn", type: "button" }, "Restore"))
  const update = (element, branch) => {
    const [what, button] = element.children
    text(what.firstChild, branch.title)
    text(what.lastChild, branch.text)
    set(button, "aria-label", `Restore ${branch.title}`)
    button.onclick = () => say("restore", branch.id)
  }
  return {
    open: (anchor) => {
      open(anchor)
      box.querySelector("button")?.focus()
    },
    show: (branches) => {
      const inside = box.contains(box.getRootNode().activeElement)
      keyed(rows, branches, (branch) => branch.id, make, update)
      if (!branches.length) { close(); if (inside) leave() }
      else if (inside && !box.contains(box.getRootNode().activeElement)) box.querySelector("button").focus()
    },
  }
}
