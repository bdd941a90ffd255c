// Records of the vocabulary, see inficond_panel/vocabulary: their values come from Python, as data.
/* global $vocabulary */

/** Metrics by key: name, short, column, and beside, the key of one that is always shown with it. */
export const METRICS = $vocabulary.metrics

/** Key of the metric whose gap between teacher and student is shown. */
export const GAP_METRIC = $vocabulary.gapMetric

/** Unit of percentage points. */
export const POINTS = $vocabulary.points

/** Sorts of the classes: key, name, head in two widths, metric, points, and descending. */
export const CLASS_SORTS = $vocabulary.classSorts

/** Sorts of a student's concepts: key, name, short, and meaning. */
export const CONCEPT_SORTS = $vocabulary.conceptSorts

/** Directions of a thumb by key: verb, mark, key on the keyboard, and icon of the button. */
export const DIRECTIONS = $vocabulary.directions

/** Keys of the directions that have a button and a key. */
export const THUMBS = $vocabulary.thumbs

/** Longest texts that people write, in characters: tag, answer, studyNote. */
export const LENGTHS = $vocabulary.lengths

/** Number of photos that a person is asked about at once. */
export const ASKED = $vocabulary.asked

/** Colour of the page behind the views. */
export const BACKGROUND = $vocabulary.background
