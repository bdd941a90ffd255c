// Runs a script that a notebook keeps packed, after those before it: extensions need Bokeh itself.
{
  const run = async () => {
    const bytes = Uint8Array.from(atob("PACKED"), (letter) => letter.charCodeAt(0))
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))
    const script = document.createElement("script")
    script.textContent = await new Response(stream).text()
    document.head.append(script)
  }
  globalThis.inficondScripts = (globalThis.inficondScripts ?? Promise.resolve()).then(run)
}
