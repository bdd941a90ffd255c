"""Concepts typed in a task: whose they are, what is measured and recorded, and what comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factory import ATTRS, small_arrays, spec_text
from studies import STUDY, Visitor, small_study

from inficond_panel.errors import SpecError
from inficond_panel.store import write_store
from inficond_panel.study.pages.report import write_report
from inficond_panel.study.results.results import results, with_holdout
from inficond_panel.study.results.study_tables import events_table
from inficond_panel.study.results.timeline import board, rebuild, timeline
from inficond_panel.study.run.study import Study
from inficond_panel.tuning import Intent

DIGEST = "d" * 64


class Encoder:
    """Vectors drawn from the text, in place of the encoder of a spec."""

    digest = DIGEST

    def __init__(self, spec: object) -> None:
        self.spec = spec

    def check(self) -> None:
        """It is there."""

    def embed_text(self, texts: list[str]) -> np.ndarray:
        """Unit vectors."""
        rngs = [np.random.default_rng(list(text.encode())) for text in texts]
        vectors = np.stack([rng.normal(size=24) for rng in rngs]).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def _encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inficond_panel.study.pages.work.PageEncoder", Encoder)


def typing_study(folder: Path, more: str = "", text: str = STUDY) -> Study:
    attrs = {**ATTRS, "encoder_digest": DIGEST, "prompts": ["a photo of a {}"]}
    write_store(folder / "small.zarr", small_arrays(concepts=10), attrs)
    (folder / "small.yaml").write_text(spec_text())
    (folder / "start.yaml").write_text(EDITS)
    task = f"class: bicycle\n    may_type: true{more}"
    return small_study(folder, text.replace("class: bicycle", task))


EDITS = "- - {class: bicycle, concept: wheel, direction: down, factor: 2}\n"


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return typing_study(tmp_path)


@pytest.fixture
def visitor(study: Study) -> Visitor:
    found = Visitor(study, study.add_participant()[1])
    found.to_task()
    return found


def typed(visitor: Visitor, text: str) -> None:
    visitor.page.work._views["knowledge"].act({"action": "add", "text": text})


def test_a_closed_browser_finds_its_concepts_again(study: Study) -> None:
    _, token = study.add_participant()
    first = Visitor(study, token)
    first.to_task()
    first.tune("spoke")
    typed(first, "moss")
    first.page.work.app.tuning.toggle(Intent("bicycle", "moss", "up"))
    node = first.page.work.app.students.node.id
    first.page.close()
    again = Visitor(study, token)
    app = again.page.work.app
    assert app.students.node.id == node
    assert app.selection.concept == "moss"
    assert app.tuning.thumbs == [Intent("bicycle", "moss", "up", factor=2.0)]
    assert again.screen["goal"] == "Fine-tunes 1, goal 2"
    app.tuning.fine_tune()
    assert again.screen["goal"].startswith("Done")
    assert again.leave()["kind"] == "brief"
    other = Visitor(study, study.add_participant()[1])
    other.to_task()
    assert "moss" not in other.page.work.app.store.concepts


def test_figures_are_of_the_concepts_that_there_were(study: Study, visitor: Visitor) -> None:
    visitor.tune("spoke")
    typed(visitor, "moss")
    app = visitor.page.work.app
    shown = app.tuner.metrics(app.students.node, "tune")["bicycle"].ap
    [result] = results(study)
    assert (result.typed, result.iterations, result.thumbs) == (1, 1, 1)
    assert result.node == app.students.node.id
    assert result.ap_end == shown
    app.tuning.toggle(Intent("bicycle", "moss", "up"))
    app.tuning.fine_tune()
    app.tuning.undo()
    last = app.students.node
    visitor.leave()
    [result] = results(study)
    assert (result.typed, result.iterations, result.undos) == (1, 2, 0)  # done at the second
    assert [place.iterations for place in board(study)] == [None]
    [seen] = with_holdout(study, [result])
    tuner = study.tuner(visitor.page.session.participant, "bicycle")
    node = tuner.node(result.node)
    assert node.parent == last.id
    assert seen.holdout_end == tuner.metrics(node, "holdout")["bicycle"].ap
    tuner.history.close()


def test_everything_is_rebuilt_and_told_with_its_concepts(
    study: Study, visitor: Visitor, tmp_path: Path
) -> None:
    visitor.tune("spoke")
    typed(visitor, "moss")
    visitor.tune("sky")
    typed(visitor, "lichen, green crust")
    who = visitor.page.session.participant
    rebuilt = rebuild(study, who)
    assert len(rebuilt) == 2 + 3 + 3  # each root, with what was carried on
    assert all(item.equal for item in rebuilt)
    told = [m for m in timeline(study, who) if m.action in {"fine-tune", "type", "add"}]
    assert [(m.source, m.action, m.typed) for m in told] == [
        ("study", "fine-tune", ()),
        ("history", "add", ()),
        ("history", "fine-tune", ()),
        ("study", "type", ("moss",)),
        ("study", "fine-tune", ("moss",)),
        ("history", "add", ("moss",)),
        ("history", "fine-tune", ("moss",)),
        ("study", "type", ("moss", "lichen")),
    ]
    assert events_table(study).typed.iloc[-1] == "moss; lichen"
    visitor.leave()
    (page, *_), _ = write_report(study, tmp_path / "report")
    assert "<h2>Concepts typed</h2>" in page.read_text()
    rows = pd.read_csv(tmp_path / "report" / "typed.csv")
    assert rows.concept.tolist() == ["moss", "lichen"]
    assert rows.synonyms.fillna("").tolist() == ["", "green crust"]
    summary = pd.read_csv(tmp_path / "report" / "summary.csv")
    assert set(summary.typed) == {1}  # the other came when it was done


def test_an_encoder_that_does_not_fit_is_told_before_anybody_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = typing_study(tmp_path)
    study.prepare(encoder=Encoder)
    monkeypatch.setattr(Encoder, "digest", "e" * 64)
    study.prepare()  # a report needs no encoder
    with pytest.raises(SpecError, match=r"tasks\[0\].may_type: .*another encoder"):
        study.check(encoder=Encoder)
