// What is pending and what is on screen, read from the model of the view.

/** Whether a refit runs, also while it is being cancelled. */
export const isFitting = ({ status }) => status.kind === "fitting" || status.kind === "cancelling"
export const isBusy = (model) => isFitting(model) || Boolean(model.typing.busy)

export const ownPending = (model) => model.pending.filter((intent) => intent.student === model.student)

/** The rows on screen: those found, or those listed. */
export const shownRows = (model) => (model.find.trim() ? model.found : model.rows)
