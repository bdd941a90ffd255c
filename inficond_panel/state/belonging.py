"""State of what people said belongs to a class."""

from __future__ import annotations

from itertools import count

import param

from inficond_panel.state.batch import Notice
from inficond_panel.state.jobs import Job
from inficond_panel.state.tuning import TuningState
from inficond_panel.tuning.belonging import Belonging
from inficond_panel.tuning.history.belongs import ReliedThing


class BelongState(param.Parameterized):
    """Answers of people on what belongs to a class. Only the worker thread reads and writes them
    on disk."""

    belonging = param.Parameter(doc="What belongs to the classes (a ``Belonging``).")

    def __init__(self, tuning: TuningState) -> None:
        self._tuning, self._changes = tuning, count()
        super().__init__(belonging=tuning.tuner.belonging())

    def say(self, thing: ReliedThing, *, on: bool = True) -> None:
        """Record that a thing belongs to its class, or take that back; offer to undo it.

        Raises ``TuningError`` for a class that this page may not tune."""
        tuning = self._tuning
        tuning.rights.require_class(thing.class_name)
        tuner, node = tuning.tuner, tuning.head.id

        def work(_: Job) -> Belonging:
            tuner.set_belongs(node, thing, tuning.author, on=on)
            return tuner.belonging()

        def done(belonging: Belonging) -> None:
            self.belonging = belonging
            words = f"{thing.name} belongs to {thing.class_name}"
            text, offer = (f"{words}.", "Undo") if on else (f"Taken back: {words}.", "Say it again")
            tuning.notice = Notice(text, offer, lambda: self.say(thing, on=not on))

        key = f"belongs {next(self._changes)}"
        tuning.jobs.submit(Job(key, work, done, tuning.tell, kept=True))
