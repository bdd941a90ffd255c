// Shows a cell of a notebook as long as the kernel answers, else the still picture of it. Both are
// outputs of the notebook; which of them is seen is a matter of one style sheet in the page.

/** Milliseconds until a cell without an answer of its kernel is hidden; a busy kernel shows it later. */
const PATIENCE = 5000

export function render({ model, el }) {
  const place = outermost(el)
  const picture = `.${model.still}`
  const timer = setTimeout(() => {
    if (document.querySelector(picture)) place.style.display = "none"
  }, PATIENCE)
  model.on("msg:custom", (event) => {
    if (!(event.data ?? event).alive) return
    clearTimeout(timer)
    place.style.display = ""
    hide(picture)
  })
  model.send_msg({}) // what the kernel said before now would be lost
  return () => clearTimeout(timer)
}

/** The notebook's element that contains the whole page of the cell. */
function outermost(el) {
  let root = el.getRootNode()
  let host = el
  while (root instanceof ShadowRoot) {
    host = root.host
    root = host.getRootNode()
  }
  return host
}

function hide(picture) {
  const id = `hide${picture}`
  if (document.getElementById(id)) return
  const sheet = document.createElement("style")
  sheet.id = id
  sheet.textContent = `${picture} { display: none }`
  document.head.append(sheet)
}
