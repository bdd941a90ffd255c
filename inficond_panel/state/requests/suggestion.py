"""Suggestion of a machine, put into the batch of a person."""

from __future__ import annotations

from collections.abc import Sequence

import param

from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.tuning import TuningState
from inficond_panel.tuning.suggest import Suggestion, suggest


class SuggestState(param.Parameterized):
    """One suggestion at a time: its intents wait in the batch until they are fitted or cleared."""

    running = param.Boolean(False, doc="Whether one is looked for.")
    share = param.Number(0.0, bounds=(0, 1), doc="How much of it is done.")
    text = param.String("", doc="What it does now.")
    latest = param.Parameter(None, doc="The last ``Suggestion`` for the node shown; None: none.")
    problem = param.String("", doc="Why there is none.")

    def __init__(self, tuning: TuningState, jobs: Jobs) -> None:
        self._tuning, self._jobs = tuning, jobs
        super().__init__()

    def ask(self, classes: Sequence[str] | None = None) -> None:
        """Look for repairs of ``classes`` (all), and put them into the batch."""
        if self._tuning.busy or self._tuning.locked:
            return
        only = self._tuning.rights.class_name
        classes = [only] if only else classes
        tuner, head = self._tuning.tuner, self._tuning.head
        self.param.update(running=True, share=0.0, text="Starting", latest=None, problem="")

        def work(job: Job) -> Suggestion:
            return suggest(
                tuner,
                head,
                classes=classes,
                progress=self._jobs.progress(job),
                cancelled=job.cancelled,
            )

        self._jobs.submit(Job("suggestion", work, self._done, self._failed, self._tell))

    def cancel(self) -> None:
        """Stop looking; the batch stays as it is."""
        if self.running:
            self._jobs.cancel("suggestion")

    def _tell(self, share: float, text: str) -> None:
        self.param.update(share=share, text=text)

    def _done(self, suggestion: Suggestion) -> None:
        still = suggestion.parent == self._tuning.head.id and not self._tuning.locked
        self.param.update(running=False, text="", latest=suggestion if still else None)
        if still and suggestion.intents:
            self._tuning.put(suggestion.intents)

    def _failed(self, error: InficondError) -> None:
        cancelled = isinstance(error, CancelledError)
        problem = "" if cancelled else error.whole_for_page
        self.param.update(running=False, text="", problem=problem)

    @param.depends("_tuning.status", watch=True)
    def _yield_to_refit(self) -> None:
        """A refit shows another node, for which nothing is suggested yet."""
        if self._tuning.busy:
            self.cancel()
        if self.latest is not None and self.latest.parent != self._tuning.head.id:
            self.latest = None
