// The list of deleted branches.

import { h, keyed, set, text } from "../../ui/elements.js"
import { popUp } from "../../ui/parts/menu.js"

/** Deleted branches, each with a button that shows it again. */
export function deletedList(root, say, leave) {
  const { box, open, close } = popUp(root, { role: "dialog", "aria-label": "Deleted branches" })
  box.classList.add("deleted")
  const rows = h("ul")
  box.append(h("h3", {}, "Deleted branches"), rows)
  const make = () =>
    h(
      "li",
      {},
      h("span", { class: "what" }, h("b", { class: "num" }), h("span", { class: "muted small" })),
      h("button", { class: "btn" }, "Restore"),
    )
  const update = (element, branch) => {
    const [what, button] = element.children
    text(what.firstChild, branch.title)
    text(what.lastChild, branch.text)
    set(button, "aria-label", `Restore ${branch.title}`)
    button.onclick = () => say("restore", { branch: branch.id })
  }
  return {
    open: (anchor) => {
      open(anchor)
      box.querySelector("button")?.focus()
    },
    show: (branches) => {
      const inside = box.contains(box.getRootNode().activeElement)
      keyed(rows, branches, (branch) => branch.id, make, update)
      if (!branches.length) {
        close()
        if (inside) leave()
      } else if (inside && !box.contains(box.getRootNode().activeElement)) box.querySelector("button").focus()
    },
  }
}
