"""A concept that the user types on the page."""

from __future__ import annotations

from inficond_panel.state.app_state import AppState
from inficond_panel.state.jobs import Job
from inficond_panel.store import TextEncoder
from inficond_panel.tuning import Tuner
from inficond_panel.tuning.concepts import add_concept, remove_concept, typed_of


def type_concept(app: AppState, job: Job, text: str, encoder: TextEncoder) -> Tuner:
    """Work of a job: add a concept and distill the students over it.

    ``text`` is ``name`` or ``name, synonym, synonym``. The session goes on with a new ``AppState``
    over the tuner that is returned; the one that it had is left as it was.
    """
    tuner = add_concept(app.tuner, text, encoder)
    tuner.root(progress=app.jobs.progress(job), cancelled=job.cancelled)
    return tuner


def forget_concept(app: AppState, job: Job, name: str) -> Tuner:
    """Work of a job: the tuner without a typed concept, with the iterations that it had."""
    tuner = remove_concept(app.tuner, name)
    tuner.root(progress=app.jobs.progress(job), cancelled=job.cancelled)
    return tuner


def typed_concepts(app: AppState) -> list[str]:
    """Names of the concepts that were typed."""
    return [one.name for one in typed_of(app.store)]
