// The network: loaded from the page or beside it, and run by onnxruntime-web, one photo at a time.
/* global $ort */
// $ort is onnxruntime-web, which inficond_panel/try_page/page.py puts before this script.

/** The connection ended before all bytes had come. */
export class LostConnection extends Error {}

/** Bytes of the part `name`: base64 in the page's element of this id, else a file beside it. `told` gets
    how many have come. */
async function bytesOf(name, told) {
  const element = document.getElementById(name)
  const file = element.dataset.file
  if (!file) return fromBase64(element)
  // eslint-disable-next-line no-restricted-globals -- the network lies beside the page, which has no Python
  const reply = await arriving(fetch(file))
  if (!reply.ok) throw new Error(`${file}: ${reply.status}`)
  const parts = []
  let come = 0
  for (const reader = reply.body.getReader(); ;) {
    const { done, value } = await arriving(reader.read())
    if (done) break
    parts.push(value)
    told((come += value.length))
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer())
}

/** What comes over the network, or the error that it does not. */
async function arriving(promise) {
  try {
    return await promise
  } catch (error) {
    throw new LostConnection(error.message)
  }
}

/** Bytes that lie beside the page, of the part `name`. */
const bytesBeside = (name) => Number(document.getElementById(name).dataset.bytes ?? 0)

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
    `told(come, whole)` says how many bytes have come, of those that lie beside the page. */
export async function loadNetwork({ size }, told) {
  const first = bytesBeside("runtime")
  const whole = first + bytesBeside("model")
  const tell = (come) => told(Math.min(come, whole), whole)
  const runtime = await unpacked(await bytesOf("runtime", tell))
  const model = await bytesOf("model", (come) => tell(first + come))
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
