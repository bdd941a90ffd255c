// The browser's scripts: names that are not defined, and what is defined and never used.

const BROWSER = `
  AbortSignal createImageBitmap Blob Bokeh CSS CustomEvent DecompressionStream DOMParser DOMRect DataTransfer Element Event File FileReader Image
  IntersectionObserver KeyboardEvent MutationObserver Node PointerEvent ResizeObserver Response ShadowRoot URL
  URLSearchParams XMLSerializer atob btoa cancelAnimationFrame clearInterval clearTimeout console
  crypto customElements document fetch getComputedStyle getSelection history localStorage location
  matchMedia navigator performance queueMicrotask requestAnimationFrame sessionStorage setInterval
  setTimeout structuredClone window
`

export default [
  {
    files: ["inficond_panel/**/*.js", "tests/js/**/*.js"],
    languageOptions: {
      ecmaVersion: 2024,
      sourceType: "module",
      globals: Object.fromEntries(BROWSER.trim().split(/\s+/).map((name) => [name, "readonly"])),
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
      "eqeqeq": ["error", "always", { null: "ignore" }],
    },
  },
  { files: ["tests/js/**/*.js"], languageOptions: { globals: { globalThis: "readonly" } } },
]
