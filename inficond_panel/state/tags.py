"""Tags that people give images, the same for all sessions of a history."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import param

from inficond_panel.state.jobs import Job, Jobs
from inficond_panel.state.tuning import TuningState
from inficond_panel.tuning import Tuner


class TagsState(param.Parameterized):
    """Tags by image id. The worker reads and writes them, never the event loop."""

    tags = param.Dict({}, doc="Tags of each image that has some, in order.")

    def __init__(self, tuner: Tuner, tuning: TuningState, jobs: Jobs) -> None:
        self._tuner, self._tuning, self._jobs, self._changes = tuner, tuning, jobs, count()
        super().__init__(tags=tuner.tags())

    def put(self, rows: Sequence[int], tag: str, *, on: bool = True) -> None:
        """Give the images at ``rows`` of the store a tag, or take it from them."""
        images = [self._tuner.store.images[row] for row in rows]

        def work(_: Job) -> dict[str, tuple[str, ...]]:
            self._tuner.tag(images, tag, author=self._tuning.author, on=on)
            return self._tuner.tags()

        def done(tags: dict[str, tuple[str, ...]]) -> None:
            self.tags = tags

        self._jobs.submit(Job(f"tag {next(self._changes)}", work, done, self._tuning.tell))
