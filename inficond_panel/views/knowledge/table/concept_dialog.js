// Dialog that adds a typed concept: encoder and prompt, progress with cancel, typed concepts so far.

import { icon, select } from "../../../ui/controls.js"
import { drawOnce, h, isClosed, keyed, text, unless } from "../../../ui/elements.js"
import { watch } from "../../../ui/model.js"
import { count } from "../../../ui/numbers.js"
import { titledDialog } from "../../../ui/parts/dialog.js"
import { isFitting } from "../shared.js"

const FROM = "typing" // kept on the document, since new views replace these after a concept was added

/** Focus `button` once it is on screen, after this dialog has replaced the views. */
export function comeBack(button, frames = 600) {
  const { dataset } = document.documentElement
  if (dataset.from !== FROM || !frames) return
  if (!button.isConnected || !button.offsetParent) {
    return void requestAnimationFrame(() => comeBack(button, frames - 1))
  }
  delete dataset.from
  button.focus()
}

/** What becomes of iterations on ``others``, the other branches; ``stays`` where no typed concept is taken
    away again. */
function leftBehind(others, stays) {
  const ending = stays
    ? "What you type stays: it cannot be deleted here."
    : "Other open pages keep the concepts that they have."
  if (!(others > 0)) return ending
  const [which, keep, it] =
    others === 1
      ? ["The iteration of other branches", "keeps", "it"]
      : [`The ${count(others)} iterations of other branches`, "keep", "them"]
  const fate = stays
    ? `${which} cannot be gone back to then.`
    : `${which} ${keep} the present concepts: Delete brings ${it} back.`
  return `${fate} ${ending}`
}

export function conceptDialog(root, model, send) {
  const input = h("input", {
    type: "text",
    id: "typed-text",
    autocomplete: "off",
    spellcheck: "true",
    maxlength: 200,
    "aria-describedby": "typed-how",
  })
  const how = h("p", { class: "muted", id: "typed-how" })
  const from = select("Made from", [], "", () => draw(), "From")
  const told = h("div", { class: "told", role: "status" })
  const bar = h("i", { class: "progress" })
  const label = h("span")
  const main = h("button", { class: "btn primary", type: "submit" }, bar, label)
  const list = h("ul")
  const typed = h("section", {}, h("h3", {}, "Typed in this history"), list)
  const form = h(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault()
        if (model.typing.kind === "adding") send("stop_adding")
        else if (input.value.trim() && !model.typing.busy) {
          leave("add", { text: input.value, tag: from.control.value })
        }
      },
    },
    h("label", { for: "typed-text" }, "Name; synonyms after it, with commas between"),
    h("div", { class: "field" }, input, main),
    from,
    how,
  )
  const leave = (action, more) => {
    document.documentElement.dataset.from = FROM
    send(action, more)
  }
  const { dialog, close } = titledDialog(
    root,
    "typing",
    "Add a concept",
    h("span", { class: "grow" }),
    form,
    told,
    typed,
  )
  dialog.addEventListener("close", () => {
    delete document.documentElement.dataset.from
  })

  const draw = () => {
    const {
      encoder,
      prompt,
      prompts,
      tags,
      kind,
      text: words,
      progress,
      remedy,
      busy,
      typed: names,
      carried,
      others,
    } = model.typing
    const name = input.value.split(",")[0].trim()
    const more = prompts > 1 ? ` and ${prompts - 1} more ${prompts === 2 ? "prompt" : "prompts"}` : ""
    drawOnce(from.control, JSON.stringify(tags), () => [
      h("option", { value: "" }, "its text"),
      ...Object.entries(tags).map(([tag, number]) =>
        h("option", { value: tag }, `${count(number)} photos tagged ${tag}`),
      ),
    ])
    from.hidden = !Object.keys(tags).length
    const missing = from.control.value ? "" : model.typing.missing
    how.hidden = Boolean(model.options.patchless) // nothing could be scored
    const made = from.control.value
      ? "What these photos have in common."
      : `Encoded by ${encoder} as “${prompt.replace("{}", name || "…")}”${more}.`
    const hint = from.hidden ? "It can be made from photos too: give 5 or more that show it a tag. " : ""
    const again = carried > 0 ? ", and the edits of this branch are made again, from #1 on" : ""
    text(
      how,
      `${made} ${hint}Scored from the segments of the store; no photo is read. ` +
        `All students are fitted anew with it${again}. ` +
        leftBehind(others, isClosed("forgetting")),
    )
    drawOnce(told, JSON.stringify([missing, kind, words, remedy]), () => {
      if (missing) return [icon("note", 14), h("span", {}, missing)]
      if (kind === "error") return [icon("cross", 14), h("span", {}, h("b", {}, words), ` ${remedy}`)]
      return busy ? [h("span", { class: "spin" }), h("span", { class: "num" }, words)] : []
    })
    input.disabled = Boolean(missing)
    input.readOnly = busy // keeps the focus
    const cancel = { adding: `Cancel · ${Math.round(100 * progress)} %`, cancelling: "Cancelling…" }
    text(label, cancel[kind] ?? "Add")
    bar.style.width = busy ? `${100 * progress}%` : "0"
    main.classList.toggle("cancel", busy)
    main.disabled = Boolean(missing) || kind === "cancelling" || (!busy && !name) || isFitting(model)
    typed.hidden = !Object.keys(names).length
    keyed(
      list,
      Object.entries(names),
      ([one]) => one,
      ([one, title]) =>
        h(
          "li",
          {},
          h("span", { class: "clip", title }, title),
          h(
            "button",
            {
              class: unless("forgetting", "btn plain"),
              "aria-label": `Delete ${one}`,
              onclick: () => {
                close.focus()
                leave("forget", { concept: one })
              },
            },
            "Delete",
          ),
        ),
      (item) => {
        item.lastChild.disabled = busy || isFitting(model)
      },
    )
  }
  input.addEventListener("input", draw)
  watch(model, ["typing", "status"], draw)
  return {
    open: (words = "") => {
      input.value = words
      send("look_for_texts")
      draw()
      dialog.showModal()
      input.focus()
    },
  }
}
