// The bar above the views during a task: step, goal, time left, what to do.

import { h, set, text } from "../../ui/elements.js"
import { clockOf } from "../../ui/numbers.js"
import { nodes } from "./prose.js"
import { sureDialog } from "./sure.js"

export function makeBar(model) {
  const { screen } = model
  const goal = h("span", { class: "goal num", role: "status" })
  const clock = h("span", { class: "clock num", role: "timer", title: "Time left" })
  const next = h("button", { class: "btn" })
  const dialog = h(
    "dialog",
    { class: "brief", "aria-label": screen.title },
    h(
      "div",
      { class: "head" },
      h("h2", {}, screen.title),
      h("button", { class: "btn", onclick: () => dialog.close() }, "Close"),
    ),
    h("div", { class: "prose" }, nodes(screen.text)),
  )
  const leave = () => model.send_msg({ action: "leave", step: screen.step })
  const sure = sureDialog(
    { class: "sure", "aria-label": "Go on?" },
    [h("h2", {}, "The task is not done yet"), h("p", {}, "Go on all the same? You cannot come back to it.")],
    ["Stay", "Go on"],
    leave,
  )
  const bar = h(
    "header",
    { class: "bar" },
    h("span", { class: "muted num" }, `Step ${screen.step} of ${screen.steps}`),
    h("b", { class: "clip" }, screen.title),
    goal,
    h("span", { class: "grow" }),
    clock,
    h("button", { class: "btn", onclick: () => dialog.showModal() }, "What to do"),
    next,
    dialog,
    sure,
  )
  next.addEventListener("click", () => (model.screen.sure ? sure.showModal() : leave()))
  bar.show = (now) => {
    text(goal, now.goal ?? "")
    goal.classList.toggle("reached", Boolean(now.done))
    text(next, now.button ?? "")
    next.hidden = !now.button
    next.classList.toggle("primary", Boolean(now.done))
    bar.ends = now.left == null ? null : performance.now() + 1000 * now.left
    tick(bar, clock)
  }
  bar.timer = setInterval(() => (bar.isConnected ? tick(bar, clock) : clearInterval(bar.timer)), 1000)
  return bar
}

function tick(bar, clock) {
  clock.hidden = bar.ends == null
  if (bar.ends == null) return
  const seconds = Math.max(0, Math.round((bar.ends - performance.now()) / 1000))
  text(clock, clockOf(seconds))
  set(clock, "aria-label", `Time left: ${Math.ceil(seconds / 60)} minutes`)
  clock.classList.toggle("short", seconds < 60)
}
