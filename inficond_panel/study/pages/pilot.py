"""Pilot of a study: simulated people go through it, in a folder of their own.

It shows, before the first person comes, whether each step can be reached and left, and gives tables
to write the analysis with. Times begin on 1 January 2000, and people are named S01, S02, ....
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import monotonic

import numpy as np
import pandas as pd

from inficond_panel.common import clock
from inficond_panel.common.progress import time_left
from inficond_panel.errors import StudyError
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.study.pages.simulated_person import SimulatedPerson
from inficond_panel.study.pages.visitor import Visitor
from inficond_panel.study.results.timeline import progress_of
from inficond_panel.study.run.progress import StudyProgress, StudyStep
from inficond_panel.study.run.study import Study
from inficond_panel.study.spec.task_sections import Task

_START = "2000-01-01T09:00:00.000+00:00"
#: Window of a simulated person, at least, in CSS pixels.
_WINDOW = (1280, 800)
#: Number of people after which the remaining time is estimated: one may refuse consent at once.
TIMED = 3
Told = Callable[[float, str], None]


def pilot_folder(study: Study) -> Path:
    """Return the folder of a pilot's records, beside those of the study: ``STUDY.pilot``."""
    return study.folder.with_suffix(".pilot")


def begin_pilot(study: Study) -> None:
    """Empty the folder of ``study`` and mark it as a pilot's. An earlier pilot is replaced; raises
    ``StudyError`` if the folder holds anything else, such as records of people."""
    folder = study.folder
    if folder.exists() and any(folder.iterdir()):
        if not ((folder / "study.sqlite").exists() and study.log.simulated):
            raise StudyError(
                f"{folder} holds no pilot, and is left as it is.",
                "Name another folder with --data.",
            )
        study.log.close()
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    study.log.mark_simulated()


def run_pilot(study: Study, people: int, seed: int = 0, told: Told | None = None) -> pd.DataFrame:
    """Let simulated people take part in ``study``, which ``begin_pilot`` and ``prepare`` have made
    ready; return ``steps_table``. ``told`` is called with the share of people so far."""
    window = study.spec.window
    size = [max(_WINDOW[0], window.width), max(_WINDOW[1], window.height)]
    stuck: Counter[str] = Counter()
    began = monotonic()
    with clock.simulated(_START) as simulated:
        for at in range(people):
            token = study.add_participant()[1]
            random = np.random.default_rng([seed, at])
            person = SimulatedPerson(Visitor(study, token, window=size), random, simulated)
            person.take_part()
            stuck.update([person.stuck] if person.stuck else [])
            if told:
                told((at + 1) / people, _line(at + 1, people, monotonic() - began))
    return steps_table(study, stuck)


def _line(done: int, people: int, seconds: float) -> str:
    """Return ``person 3 of 20, about 1 min 25 s left``, if so many people took ``seconds``."""
    line = f"person {done} of {people}"
    if not TIMED <= done < people:
        return line
    return f"{line}, about {time_left(seconds, done, people - done)}"


def steps_table(study: Study, stuck: Counter[str]) -> pd.DataFrame:
    """Return a row per step: how many people came to it, left it and skipped it, and of a task how
    they left it. ``stuck`` has the number of people per task who could not leave it."""
    steps: dict[str, StudyStep] = {}
    counts: dict[str, Counter[str]] = {}
    for who in study.log.participants():
        progress = progress_of(study, who)
        for step in progress.steps[:-1]:
            steps[step.name] = step
            counts.setdefault(step.name, Counter()).update(_seen(progress, step))
    rows = [{"step": name, **{key: each[key] for key in _COUNTED}} for name, each in counts.items()]
    notes = [*_warnings(steps, counts, stuck), _NOTE]
    headings = plain_headings("step") | {key: Heading(word) for key, word in _COUNTED.items()}
    return make_frame(rows, "step", headings, title="Simulated people", notes=notes)


#: What is counted per step, with its heading.
_COUNTED = {
    "came": "came",
    "went_on": "went on",
    "skipped": "skipped",
    "done": "goal reached",
    "said": "said done",
    "time": "time up",
    "left": "not reached",
}
_NOTE = (
    "No person took part: answers are drawn at random, and times are made up. The records show "
    "that a study works, not what people would do."
)


def _seen(progress: StudyProgress, step: StudyStep) -> list[str]:
    """Return the counts, keys of ``_COUNTED``, to which a person adds at a step. Without a goal
    the person says that the task is done; who stopped inside it has not reached its end."""
    name, outcome = step.name, progress.outcome(step.name)
    if outcome == "done" and not _has_goal(step):
        outcome = "said"
    if not outcome and progress.first(name, "start"):
        outcome = "left"
    facts = {
        "came": progress.first(name, "enter") is not None,
        "went_on": progress.was_left(name),
        "skipped": name in progress.skipped,
    }
    return [key for key, true in facts.items() if true] + [outcome] * (step.kind == "task")


def _has_goal(step: StudyStep) -> bool:
    return isinstance(step.section, Task) and not step.section.ends_by_word


def _warnings(
    steps: Mapping[str, StudyStep], counts: Mapping[str, Counter[str]], stuck: Counter[str]
) -> Iterator[str]:
    """Yield sentences on what a researcher should look at before people come."""
    for name, each in counts.items():
        if not each["came"]:
            yield f"Nobody came to {name}."
        elif _has_goal(steps[name]) and not each["done"]:
            yield f"Nobody of {each['came']} reached the goal of {name}: is it within reach?"
        if stuck[name]:
            yield f"{stuck[name]} of {each['came']} could not leave {name}: set time_limit."
