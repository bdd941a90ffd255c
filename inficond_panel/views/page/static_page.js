// A page without a server: what views ask for is answered from the file, and nothing can be changed.

(() => {
  const answers = JSON.parse(document.getElementById("answers").textContent)
  const ALLOWED = "[role=tablist], dialog" // works without a server

  const DRAGGED = ".handle, .grip" // what sets an influence

  function begin() {
    const page = window.Bokeh?.documents[0]
    if (!page) return setTimeout(begin, 20)
    page.on_change((event) => {
      const id = event.msg_data?.origin?.id
      if (event.msg_type !== "bokeh_event" || !(id in answers)) return
      const values = { type: "map", entries: [["model", { id }], ["data", answers[id]]] }
      const answer = { kind: "MessageSent", msg_type: "bokeh_event", msg_data: { type: "event", name: "esm_event", values } }
      setTimeout(() => page.apply_json_patch({ events: [answer] }))
    })
  }
  begin()

  const within = (event, selector) => event.composedPath().some((place) => place.matches?.(selector))
  const allowed = (event) => within(event, ALLOWED)
  for (const kind of ["click", "dblclick", "change", "input", "contextmenu"]) {
    window.addEventListener(kind, (event) => {
      if (allowed(event)) return
      event.stopImmediatePropagation()
      event.preventDefault()
    }, true)
  }
  window.addEventListener("pointerdown", (event) => {
    if (within(event, DRAGGED)) event.stopImmediatePropagation()
  }, true)
  window.addEventListener("keydown", (event) => {
    const moves = /^(Tab|Escape|Arrow|Page|Home|End)/.test(event.key)
    if (!allowed(event) && !moves) event.stopImmediatePropagation()
  }, true)
})()
