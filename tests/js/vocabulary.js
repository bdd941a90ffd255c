// What Python puts before the first module of each source, see inficond_panel/ui/browser.py.
// Imported first, for its effect.

globalThis.$vocabulary = {
  asked: 20,
  lengths: { tag: 40, answer: 4000, studyNote: 2000 },
  metrics: {
    ap: { name: "AP", short: "AP", column: "AP", beside: "" },
    recall: { name: "Recall", short: "Rec.", column: "Recall", beside: "" },
  },
  gapMetric: "ap",
  classSorts: [
    {
      key: "gap",
      name: "AP gap",
      head: ["Gap, points", "Gap"],
      metric: "ap",
      points: true,
      descending: true,
    },
    {
      key: "recall",
      name: "Recall",
      head: ["Recall", "Rec."],
      metric: "recall",
      points: false,
      descending: false,
    },
  ],
  conceptSorts: [{ key: "weight", name: "Influence", meaning: "Strongest first" }],
  directions: { up: { verb: "Raise", mark: "▲", key: "u", icon: "thumb" } },
  thumbs: ["up"],
  background: "#ffffff",
}
