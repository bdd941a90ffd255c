// Suggest: what a machine would do, put into the batch.

import { h, set, text } from "../../../ui/base.js"
import { isBusy } from "./pending.js"

/** What a machine would do: a repair of the student or of all; while one is looked for, its progress and the way to stop it. */
export function makeSuggest(model, send, menu) {
  const bar = h("i", { class: "progress" })
  const label = h("span")
  const element = h("button", { class: "suggest", type: "button", "aria-haspopup": "menu" }, bar, label)
  const ask = (every) => () => send("suggest", { every })
  element.addEventListener("click", () => {
    if (model.suggesting.running) { send("stop_suggesting"); return }
    if (isBusy(model)) return
    const entry = (name, run) => ({ name, key: "", run })
    menu.open(element, element, "Suggest", [
      entry(`Repair ${model.student}`, ask(false)), entry("Repair all students", ask(true))])
  })
  element.hidden = !model.suggests || !!model.cureless
  const draw = () => {
    const { running, share, text: words } = model.suggesting
    const part = Math.round(100 * (share ?? 0))
    bar.style.width = running ? `${part}%` : "0"
    text(label, running ? `Suggesting ${part} % ✕` : "Suggest")
    set(element, "title", running ? `${words}. Click to stop.` : "What a machine would do, by what the data say: it waits in the batch")
    set(element, "aria-label", running ? `Suggesting ${part} %: stop it` : "Suggest")
    set(element, "aria-disabled", !running && isBusy(model) ? "true" : null)
  }
  return { element, draw }
}
