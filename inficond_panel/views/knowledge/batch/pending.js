// What is pending and what is on screen, read from the model of the view.

/** Whether a refit runs, also while it is being cancelled. */
export const isFitting = ({ status }) => status.kind === "fitting" || status.kind === "cancelling"
/** Whether the batch stays as it is for now. */
export const isBusy = (model) => isFitting(model) || Boolean(model.typing.busy) || Boolean(model.locked)

export const ownCures = (model) => model.cures.filter((cure) => cure.class === model.student)

/** How many thumbs and cures wait, of all classes. */
export const sizeOf = (model) => model.pending.length + model.cures.length

export const ownPending = (model) => model.pending.filter((intent) => intent.student === model.student)

/** The search that the rows on screen answer: the one before, while the answer is on its way; empty
    where they are listed. */
export const soughtOf = ({ find, sought }) => (find.trim() ? sought.trim() : "")

/** Search for a part of a name; without one the rows are listed, which needs no answer. */
export function seek(model, part) {
  model.find = part
  if (!part.trim()) model.sought = ""
}

/** The rows on screen: those found, or those listed. */
export const shownRows = (model) => (soughtOf(model) ? model.found : model.rows)
