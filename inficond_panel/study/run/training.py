"""Training of a study: what it shows of the tasks in advance, as warnings for the researcher."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from inficond_panel.study.run.tasks import Ready
from inficond_panel.study.spec.conditions import Level
from inficond_panel.study.spec.study_spec import StudySpec


def training_warnings(study: StudySpec, ready: Mapping[str, Ready]) -> Iterator[str]:
    """Yield a sentence on each thing that the training shows of the classes of the tasks; ``ready``
    has the prepared tasks by name."""
    if study.training is None:
        return
    training = ready[study.training.name_]
    tasks = [ready[task.name_] for task in study.tasks]
    if same := [each.task.name_ for each in tasks if each.class_name == training.class_name]:
        yield f"it has the class of {', '.join(map(str, same))}; take another class"
    elif study.training.other_classes:
        yield "other_classes lets participants work on the classes of the tasks"
    if not study.within or not _names_suspects(training, study.levels_of(study.training)[0]):
        return
    hiding = [level.name_ for level in study.levels if not _names_suspects(tasks[0], level)]
    if hiding:
        names = ", ".join(map(str, hiding))
        yield f"it names the suspects of all classes, which are hidden under {names}"


def _names_suspects(ready: Ready, level: Level) -> bool:
    """True if the page names suspect concepts in a task under a condition."""
    spec = level.spec.over(ready.spec) if level.spec else ready.spec
    return spec.tuning.suspects
