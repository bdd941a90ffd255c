"""A repair of one class, where an image has one class, turns decisions on the others."""

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.cli import main

pytestmark = pytest.mark.commands

CLASSES = ["ward", "hall", "yard"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Three classes, each with a sign; a shortcut goes with the first on fit alone."""
    rng = np.random.default_rng(0)
    fit, label = np.arange(1600) < 800, rng.integers(0, 3, 1600)
    signs = {f"sign of {name}": 1.2 * (label == c) for c, name in enumerate(CLASSES)}
    columns = pd.DataFrame(signs) + rng.normal(size=(1600, 3))
    columns["shortcut"] = np.where(fit, label == 0, 0.6) + rng.normal(size=1600)
    teacher = 1.5 * columns.iloc[:, :3].to_numpy() + np.outer(columns["shortcut"], [1, 0, 0])
    ids = [f"{i:04d}" for i in range(1600)]
    split = np.where(fit, "fit", np.where(np.arange(1600) < 1500, "tune", "holdout"))
    path = tmp_path_factory.mktemp("others") / "own.zarr"
    inficond_panel.from_frames(
        columns.set_index(pd.Index(ids)),
        pd.DataFrame(teacher, index=ids, columns=CLASSES),
        pd.DataFrame(np.eye(3, dtype=int)[label], index=ids, columns=CLASSES),
        split=pd.Series(split, ids),
        path=path,
        task="single_label",
    )
    return path


@pytest.fixture(scope="module")
def told(store, tmp_path_factory):
    history = tmp_path_factory.mktemp("told") / "own.sqlite"

    def printed(capsys, *flags):
        command = ["suggest", str(store), "--class", "ward", "--history", str(history), *flags]
        assert main(command) == 0
        return capsys.readouterr().out, history

    return printed


def test_an_applied_repair_names_the_decisions_on_the_others_that_it_turned(told, store, capsys):
    """Against the likeliest class of each tuning image, before and after."""
    words, history = told(capsys)
    students = inficond_panel.open_students(store, history=history).fit()
    tuner, rows = students.tuner, students.tuner.store.rows("tune")
    nodes = tuner.root(), tuner.node(students.jump(1).node.id)
    old, new = (tuner.logits(node, rows).argmax(axis=1) for node in nodes)
    turned = {name: ((old == c) != (new == c)).sum() for c, name in enumerate(CLASSES)}
    sentence = words.partition("decisions on other classes changed too, on tune: ")[2]
    assert all(f"{name} on {turned[name]} rows" in sentence for name in ("hall", "yard"))


def test_a_dry_run_turned_nothing(told, capsys):
    assert "decisions on other classes" not in told(capsys, "--dry-run")[0]


def test_an_applied_repair_says_how_decisions_on_its_own_class_turned(told, store, capsys):
    """Against the likeliest class of each tuning image, before and after."""
    words, history = told(capsys)
    students = inficond_panel.open_students(store, history=history).fit()
    tuner, rows = students.tuner, students.tuner.store.rows("tune")
    nodes = tuner.root(), tuner.node(students.jump(1).node.id)
    old, new = (tuner.logits(node, rows).argmax(axis=1) == 0 for node in nodes)
    gone, come = (old & ~new).sum(), (new & ~old).sum()
    assert f"ward: {gone + come} of 700 predictions on tuning rows changed" in words
    assert f"{come} to present and {gone} to absent" in words
