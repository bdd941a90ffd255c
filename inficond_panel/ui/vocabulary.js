// Records of the vocabulary, see inficond_panel/vocabulary: their values come from Python, as data.
/* global $vocabulary */

/** Metrics by key: name, short, column, and beside, the key of one that is always shown with it. */
export const METRICS = $vocabulary.metrics

/** Key of the metric whose gap between teacher and student is shown. */
export const GAP_METRIC = $vocabulary.gapMetric
