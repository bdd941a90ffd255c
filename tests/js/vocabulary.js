// What Python puts before the first module of each source, see inficond_panel/ui/browser.py.
// Imported first, for its effect.

globalThis.$vocabulary = {
  metrics: {
    ap: { name: "AP", short: "AP", column: "AP", beside: "" },
    recall: { name: "Recall", short: "Rec.", column: "Recall", beside: "" },
  },
  gapMetric: "ap",
  directions: { up: { verb: "Uptune", mark: "▲", key: "u", icon: "thumb" } },
  thumbs: ["up"],
  background: "#ffffff",
}
