"""Small studies for tests, and participants that act in them without a browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from factory import small_spec

from inficond_panel.study.pages.visitor import Visitor as PageVisitor
from inficond_panel.study.run.records import Note, Participant
from inficond_panel.study.run.study import Study, open_study
from inficond_panel.tuning import Intent

STUDY = """title: Small study
spec: small.yaml
consent: {text: "**Please** read."}
introduction:
  - {title: Hello, text: Words.}
form:
  - {name: age, kind: number, text: Your age?, lowest: 18, highest: 120}
tasks:
  - name: bicycle
    title: Bicycle
    class: bicycle
    text: Improve it.
    done_when: {rule: iterations, count: 2}
  - name: sheep
    title: Sheep
    class: sheep
    text: Improve it.
questionnaire:
  - title: Opinions
    questions:
      - {name: q1, kind: likert, text: It was easy.}
      - {name: remarks, kind: text, text: Anything else?}
"""


def small_study(folder: Path, text: str = STUDY, *, prepare: bool = True) -> Study:
    """A study on a small store of its own."""
    if not (folder / "small.yaml").exists():
        small_spec(folder)
    file = folder / "study.yaml"
    file.write_text(text)
    study = open_study(file)
    if prepare:
        study.prepare()
    return study


def at(minute: float) -> str:
    """A time, so many minutes after noon."""
    seconds = round(minute * 60_000) / 1000
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    return f"2026-01-01T{12 + int(hours):02d}:{int(minutes):02d}:{rest:06.3f}+00:00"


class Person:
    """One who takes part, at times of our choice."""

    def __init__(self, study: Study, monkeypatch) -> None:
        self.study, self._patch = study, monkeypatch
        self.participant: Participant = study.add_participant()[0]
        self.opened(0.0)

    def _clock(self, minute: float) -> None:
        self._patch.setattr("inficond_panel.common.clock.now", lambda: at(minute))

    def opened(self, minute: float, session: str = "one") -> None:
        """Open the link."""
        self._clock(minute)
        self.session = session
        self.study.log.open(self.participant.number, session)

    def notes(
        self, minute: float, step: str, action: str, view: str = "", **payload: object
    ) -> None:
        """Record one thing."""
        self._clock(minute)
        if action == "start":
            self.study.tuner(self.participant, step).history.close()
        note = Note(at(minute), step, view, action, payload)
        self.study.log.append(self.participant.number, self.session, [note])

    def tune(self, task: str, minutes: Sequence[float], concepts: Sequence[str]) -> str:
        """Fine-tune at these minutes, one concept down each time; the last node's id."""
        self._clock(minutes[0])
        tuner = self.study.tuner(self.participant, task)
        node = tuner.head()
        name = self.study.ready[task].class_name
        for minute, concept in zip(minutes, concepts[: len(minutes)], strict=True):
            self._clock(minute)
            node = tuner.fine_tune(node, [Intent(name, concept, "remove")])
            tuner.set_head(node, "fine-tune")
        tuner.history.close()
        return node.id

    def answers(self, minute: float, step: str, **answers: object) -> None:
        """Give answers, and go on."""
        self.notes(minute, step, "answer", **answers)
        self.notes(minute, step, "leave")


class Visitor(PageVisitor):
    """Who takes part in ``STUDY`` without a browser."""

    def __init__(
        self, study: Study, token: str, after: str = "", external: str = "", own: str = ""
    ) -> None:
        super().__init__(study, token, after, {"pid": external}, own)

    @property
    def actions(self) -> list[str]:
        """Actions recorded of the participant."""
        return [e.action for e in self.study.log.events(self.page.session.participant.number)]

    def to_task(self) -> None:
        """Go on to the views of the first task."""
        self.next()
        self.next()
        self.send("answer", name="age", answer=40)
        self.next()
        assert self.screen["kind"] == "brief"
        self.next()
        assert self.screen["kind"] == "task"

    def tune(self, concept: str) -> None:
        """Fine-tune with one thumb down."""
        tuning = self.page.work.app.tuning
        tuning.toggle(Intent("bicycle", concept, "down"))
        tuning.fine_tune()


def at_work(study: Study) -> Visitor:
    """One who has come by a link of their own, in the views of the first task."""
    visitor = Visitor(study, study.add_participant()[1])
    visitor.to_task()
    return visitor
