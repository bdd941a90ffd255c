"""Figures of each participant's last students in two worlds, against the task's start.

In photos like the tuning images, and without the correlation that the participant's thumbs lower
(``tuning.two_worlds``). A task whose last students have no thumb has none of these figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from inficond_panel.results.two_worlds import world_rows
from inficond_panel.study.results.results import TaskResult
from inficond_panel.study.run.records import Participant
from inficond_panel.study.run.study import Study
from inficond_panel.study.run.tasks import SPLIT
from inficond_panel.tuning import Iteration, Node, Tuner
from inficond_panel.tuning.two_worlds import ClassWorlds, compared, correlated_concepts
from inficond_panel.wording.things import with_word


def worlds_rows(study: Study, results: Iterable[TaskResult]) -> Iterator[dict[str, Any]]:
    """Yield a row per result with thumbs, world and metric, as ``results.two_worlds`` has them.

    Tasks without an end are left out, and results of a participant who is deleted meanwhile.
    """
    people = {who.label: who for who in study.log.participants()}
    for result in (each for each in results if each.outcome and each.participant in people):
        worlds = final_worlds(study, people[result.participant], result)
        where = {name: getattr(result, name) for name in ("participant", "task", "condition")}
        for row in world_rows(worlds) if worlds else ():
            yield {**where, **row, "reason": with_word(row["reason"], study.image_word)}


def final_worlds(study: Study, participant: Participant, result: TaskResult) -> ClassWorlds | None:
    """Return the figures of the task's class at the last students of ``result``, against the task's
    start; None without a thumb of the participant on the class."""
    ready = study.ready_for(participant, result.task)
    name, sets = ready.class_name, study.concept_sets(participant, result.task)
    with ExitStack() as opened:
        tuners = [study.tuner(participant, result.task, each) for each in sets]
        for tuner in tuners:
            opened.callback(tuner.history.close)
        own = tuners[-1].history.get(result.node)
        last = next(each for each in tuners if own is None or each.root_id == own.root)
        node = last.node(result.node)
        branch = _since(last.path(node)[::-1], ready.nodes)
        intents = [each for at in branch for each in at.intents if each.class_name == name]
        if not intents:
            return None
        before = tuners[0].at(tuners[0].node(ready.start.id), SPLIT)[name]
        worlds = compared(
            before, last.at(node, SPLIT)[name], correlated_concepts(intents, last.store)
        )
        return worlds.meant_for(_meant(last, branch, name))


def _since(
    path: Sequence[Node | Iteration], start: Sequence[Node | Iteration]
) -> Sequence[Node | Iteration]:
    """Return the iterations of ``path`` after those that repeat the edits of ``start``; both begin
    with original students, which a typed concept makes anew."""
    equal = 0
    for mine, given in zip(path, start, strict=False):
        if mine.edits != given.edits:
            break
        equal += 1
    return path[equal:]


def _meant(tuner: Tuner, branch: Sequence[Node | Iteration], name: str) -> str:
    """Return the world that the participant last said for a class; "" if never."""
    said: Mapping[str, str] = {}
    for at in branch:
        said = {**said, **tuner.node(at.id).worlds_meant}
    return said.get(name, "")
