// What is pending and what is on screen, read from the model of the view.

/** Whether a refit runs, also while it is being cancelled. */
export const isFitting = ({ status }) => status.kind === "fitting" || status.kind === "cancelling"
/** Whether the batch stays as it is for now. */
export const isBusy = (model) => isFitting(model) || Boolean(model.typing.busy) || Boolean(model.locked)

export const ownCures = (model) => model.cures.filter((cure) => cure.class === model.student)

/** How many thumbs and cures wait, of all classes. */
export const sizeOf = (model) => model.pending.length + model.cures.length

export const ownPending = (model) => model.pending.filter((intent) => intent.student === model.student)

/** The rows on screen: those found, or those listed. */
export const shownRows = (model) => (model.find.trim() ? model.found : model.rows)
