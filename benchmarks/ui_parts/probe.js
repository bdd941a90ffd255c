// Put into the page before anything else: notes when each view changes, and when that was painted.
// A change is one of the page's elements (in shadow roots too) or a drawing on a canvas.

window.probe = (() => {
  let views = {},
    began = 0,
    painted = 0,
    queued = false,
    drawn = null

  const viewOf = (node) => {
    for (let at = node; at; at = at.parentNode ?? at.host) {
      if (at.dataset?.view && at.classList.contains("place")) return at.dataset.view
      if (at.classList?.contains("saved")) return "" // tells the time, also when nothing happens
    }
    return "page"
  }
  const paint = () => {
    queued = false
    painted = performance.now() - began
  }
  const note = (node) => {
    const view = viewOf(node)
    if (!view) return
    const now = performance.now() - began
    views[view] = { first: views[view]?.first ?? now, last: now }
    if (queued) return
    queued = true
    requestAnimationFrame(() => setTimeout(paint))
  }
  /** Note a canvas once a drawing: thousands of glyphs would pay for each. */
  const noteDrawing = (canvas) => {
    drawn = canvas
    queueMicrotask(() => {
      drawn = null
    })
    if (canvas.isConnected) note(canvas)
  }
  const observer = new MutationObserver((changes) =>
    new Set(changes.map(({ target }) => target)).forEach(note),
  )
  const what = { subtree: true, childList: true, attributes: true, characterData: true }
  observer.observe(document, what)
  const attach = Element.prototype.attachShadow
  Element.prototype.attachShadow = function (init) {
    const root = attach.call(this, init)
    observer.observe(root, what)
    return root
  }
  for (const name of ["drawImage", "fillRect", "stroke", "fill"]) {
    const draw = CanvasRenderingContext2D.prototype[name]
    CanvasRenderingContext2D.prototype[name] = function (...given) {
      if (this.canvas !== drawn) noteDrawing(this.canvas)
      return draw.apply(this, given)
    }
  }

  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))

  /** Milliseconds from `act` until `shown` is true and painted, and until all was quiet. */
  async function measure(act, shown, quiet) {
    views = {}
    painted = 0
    began = performance.now()
    act()
    let seen = 0
    for (;;) {
      await frame()
      const now = performance.now() - began
      if (!seen && shown()) seen = now
      const last = Math.max(0, painted, ...Object.values(views).map((view) => view.last))
      if (seen && now - Math.max(last, seen) > quiet) return { shown: seen, settled: painted, views }
      if (now > 180000) throw new Error(`not within three minutes: ${JSON.stringify(views)}`)
    }
  }

  /** All elements that match, in shadow roots too. */
  function all(selector, root = document) {
    const found = [...root.querySelectorAll(selector)]
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) found.push(...all(selector, element.shadowRoot))
    }
    return found
  }
  /** Milliseconds until the classes were listed and the map was drawn; 0 before that. */
  let open = 0
  const look = () => {
    if (all(".performance [role=option]").length && views.embedding)
      frame().then(() => {
        open = performance.now()
      })
    else setTimeout(look, 10)
  }
  look()
  return { measure, all, opened: () => open }
})()
