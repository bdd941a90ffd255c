// What is pending and what is on screen, read from the model of the view.

export const DIRECTIONS = {
  up: { mark: "▲", verb: "Uptune", key: "u" },
  down: { mark: "▼", verb: "Downtune", key: "d" },
  remove: { mark: "✕", verb: "Remove", key: "x" },
}

/** Whether a refit runs, also while it is being cancelled. */
export const isFitting = ({ status }) => status.kind === "fitting" || status.kind === "cancelling"
export const isBusy = (model) => isFitting(model) || Boolean(model.typing.busy)

export const ownPending = (model) => model.pending.filter((intent) => intent.student === model.student)

/** The rows on screen: those found, or those listed. */
export const shownRows = (model) => (model.find.trim() ? model.found : model.rows)
