// A dialog that asks before something is done.

import { h } from "../../ui/elements.js"

/** One with `content`: the button `no` closes it, `yes` too and then runs `act`. */
export function sureDialog(attributes, content, [no, yes], act) {
  const dialog = h(
    "dialog",
    attributes,
    content,
    h(
      "footer",
      {},
      h("button", { class: "btn", onclick: () => dialog.close() }, no),
      h(
        "button",
        {
          class: "btn primary",
          onclick: () => {
            dialog.close()
            act()
          },
        },
        yes,
      ),
    ),
  )
  return dialog
}
