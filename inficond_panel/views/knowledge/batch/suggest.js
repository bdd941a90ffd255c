// Suggest: what a machine would do, put into the batch.

import { h, set, text } from "../../../ui/base.js"
import { isBusy } from "./pending.js"

/** What a machine would do: a menu of strategies; while one runs, its progress and the way to stop it. */
export function makeSuggest(model, send, menu) {
  const bar = h("i", { class: "progress" })
  const label = h("span")
  const element = h("button", { class: "suggest", type: "button", "aria-haspopup": "menu" }, bar, label)
  const ask = (strategy, every) => () => send("suggest", { strategy, every })
  element.addEventListener("click", () => {
    if (model.suggesting.running) { send("stop_suggesting"); return }
    if (isBusy(model)) return
    const entry = (name, run) => ({ name, key: "", run })
    menu.open(element, element, "Suggest", [
      ...(model.cureless ? [] : [entry(`Repair ${model.student}`, ask("repair", false)), entry("Repair all students", ask("repair", true))]),
      entry(`Thumbs for ${model.student}, cross-fitted`, ask("crossfit", false)), entry("Thumbs for all students, cross-fitted", ask("crossfit", true))])
  })
  element.hidden = !model.suggests
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
