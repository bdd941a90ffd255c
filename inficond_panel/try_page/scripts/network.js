// The network: loaded from the page or beside it, and run by onnxruntime-web, one photo at a time.
/* global $ort */
// $ort is onnxruntime-web, which inficond_panel/try_page/page.py puts before this script.

/** Bytes of the part `name`: base64 in the page's element of this id, else a file beside it. `told` gets
    the share that has come. */
async function bytesOf(name, told) {
  const element = document.getElementById(name)
  const file = element.dataset.file
  if (!file) return fromBase64(element)
  const reply = await fetch(file)
  if (!reply.ok) throw new Error(`${file}: ${reply.status}`)
  const whole = Number(element.dataset.bytes)
  const parts = []
  let come = 0
  for (const reader = reply.body.getReader(); ;) {
    const { done, value } = await reader.read()
    if (done) break
    parts.push(value)
    come += value.length
    told(Math.min(1, come / whole))
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer())
}

function fromBase64(element) {
  const letters = atob(element.textContent.trim())
  element.remove()
  const bytes = new Uint8Array(letters.length)
  for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at)
  return bytes
}

/** Bytes without gzip; some hosts have taken it away already. */
async function unpacked(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** Load the runtime and the model; returns `scores(input)`, the scores (C,) of an input of `preparedOf`.
    `told(part, share)` says how much of "runtime" or "model" has come. */
export async function loadNetwork({ size }, told) {
  const runtime = await unpacked(await bytesOf("runtime", (share) => told("runtime", share)))
  const model = await bytesOf("model", (share) => told("model", share))
  $ort.env.wasm.wasmBinary = runtime.buffer
  $ort.env.wasm.numThreads = 1 // more need headers that a plain host does not send
  $ort.env.logLevel = "error"
  const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" }
  const session = await $ort.InferenceSession.create(model, options)
  let last = Promise.resolve() // a session runs one photo at a time
  return (input) => {
    const run = last.then(() => scoresOf(session, input, size))
    last = run.then(ignore, ignore)
    return run
  }
}

async function scoresOf(session, input, [width, height]) {
  const pixels = new $ort.Tensor("float32", input, [1, 3, height, width])
  const { score } = await session.run({ pixels }, ["score"])
  return Array.from(score.data)
}

function ignore() {}
