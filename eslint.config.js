// The browser's scripts: names that are not defined, what is defined and never used, text that would be
// read as HTML, requests, and three rules of style that the formatter leaves open: braces around what
// follows on another line, a declaration per variable, and no string or comment longer than the
// formatter's line.

import { printWidth } from "./prettier.config.js"

const BROWSER = `
  AbortSignal createImageBitmap Blob Bokeh CSS CustomEvent DecompressionStream DOMParser DOMRect
  DataTransfer Element Event File FileReader Image IntersectionObserver KeyboardEvent
  MutationObserver Node PointerEvent ResizeObserver Response ShadowRoot URL URLSearchParams
  XMLSerializer atob btoa cancelAnimationFrame clearInterval clearTimeout console crypto
  customElements document fetch getComputedStyle getSelection history localStorage location matchMedia
  navigator performance queueMicrotask requestAnimationFrame sessionStorage setInterval setTimeout
  structuredClone window
`

function readonly(names) {
  return Object.fromEntries(names.match(/\S+/g).map((name) => [name, "readonly"]))
}

const NO_HTML = "Text from data would be read as HTML. Make elements: inficond_panel/ui/elements.js."
const NO_REQUEST = "Pages load nothing: send an {action, ...} to Python. Where a request must be, say why."

function restricted(names, message) {
  return names.match(/\S+/g).map((property) => ({ property, message }))
}

export default [
  {
    files: ["inficond_panel/**/*.js", "tests/js/**/*.js"],
    languageOptions: {
      ecmaVersion: 2024,
      sourceType: "module",
      globals: readonly(BROWSER),
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "no-const-assign": "error",
      "no-dupe-keys": "error",
      "no-redeclare": "error",
      "no-self-assign": "error",
      "no-undef": "error",
      "no-unreachable": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "prefer-const": "error",
      curly: ["error", "multi-line"],
      "max-len": ["error", { code: printWidth }],
      "one-var": ["error", "never"],
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-restricted-globals": ["error", { name: "fetch", message: NO_REQUEST }],
      "no-restricted-properties": [
        "error",
        ...restricted("innerHTML outerHTML insertAdjacentHTML", NO_HTML),
        ...restricted("fetch sendBeacon XMLHttpRequest WebSocket EventSource", NO_REQUEST),
      ],
    },
  },
  { files: ["tests/js/**/*.js"], languageOptions: { globals: { globalThis: "readonly" } } },
]
