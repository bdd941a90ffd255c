// The browser's scripts: names that are not defined, what is defined and never used, and three rules of
// style that the formatter leaves open: braces around what follows on another line, a declaration per
// variable, and no string or comment longer than the formatter's line.

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
    },
  },
  { files: ["tests/js/**/*.js"], languageOptions: { globals: { globalThis: "readonly" } } },
]
