"""``inficond history``: every action, for people and as JSON, and its mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from factory import small_spec

from inficond_panel.cli import main
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.tuning.history.log import _STEPS


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """#0 ── #1 ── #2 (the head), and #3 from #1, made by a machine."""
    spec = small_spec(tmp_path)
    tuner = open_tuner(spec)
    first = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "remove")])
    tuner.history.set_head(tuner.root_id, first.id, "fine-tune")
    second = tuner.fine_tune(first, [Intent("bicycle", "sky", "up", 3.0)])
    tuner.history.set_head(tuner.root_id, second.id, "fine-tune")
    tuner.fine_tune(first, [Intent("sheep", "grass", "down")], author="machine:random")
    return spec


@pytest.fixture
def run(spec: Path, capsys: pytest.CaptureFixture[str]):
    """Run an action; give status, standard output (read, if JSON), standard error."""

    def call(action: str, *argv: object):
        status = main(["history", action, str(spec), *map(str, argv)])
        out, err = capsys.readouterr()
        return status, json.loads(out) if "--json" in argv and not status else out, err

    return call


def head_number(run) -> int:
    _, document, _ = run("list", "--json")
    return next(row["iteration"] for row in document["rows"] if row["here"])


def test_the_tree_is_drawn(run, spec):
    tuner = open_tuner(spec)
    tuner.count_look(tuner.nodes()[2], "holdout")
    run("rename", "--node", 3, "less grass")
    run("note", "--node", 1, "wheels are\x1b[2J\nin every scene")
    status, out, _ = run("list")
    assert status == 0
    ids = [node.id for node in tuner.nodes()]
    drawn = [" ".join(line.split()) for line in out.splitlines()[4:8]]
    expected = [
        f"● #0 {ids[0]} 0.000 ",
        f"● #1 {ids[1]} remove wheel on bicycle ",
        f"├─◉ #2 {ids[2]} up sky ×3 on bicycle ",
        f"└─● #3 'less grass' {ids[3]} down grass ×2 on sheep ",
    ]
    assert [line[: len(start)] for line, start in zip(drawn, expected, strict=True)] == expected
    assert drawn[1].endswith("0 wheels are\\x1b[2J in every scene")  # and no escape sequence
    assert " machine:random " in drawn[3]
    assert drawn[2].endswith("+00:00 1")


def test_the_history_is_told_by_a_flag(run, tmp_path):
    status, _, err = run("list", "--history", tmp_path / "other.sqlite")
    assert status == 1
    assert "other.sqlite has no iterations" in err


def test_moves_names_notes_and_branches(run):
    def told(*argv: object) -> str:
        status, out, err = run(*argv)
        return out if status == 0 else f"{status} {err}"

    assert told("undo").startswith("Now at #1 ")
    told("undo")
    assert "1 There is nothing to undo" in told("undo")
    told("redo")
    assert run("redo", "--json")[1]["node"]["number"] == head_number(run) == 2
    assert "1 There is nothing to redo" in told("redo")
    assert run("rename", "--node", 1, "no wheels", "--json")[1]["node"]["name"] == "no wheels"
    told("jump", "--node", "no wheels")
    assert head_number(run) == 1
    assert "has no name" in told("rename", "--node", 1, "")
    assert "note 'why'" in told("note", "--node", "#1", "why")
    assert "cannot be named" in told("rename", "--node", 1, "7")

    hidden = run("delete", "--node", 3, "--json")[1]["hidden"]
    assert "#3" not in told("list")
    assert "Not shown, in deleted branches: 1" in told("list")
    assert "#3" in told("list", "--all")
    assert "grass" in told("show", "--node", 3)
    assert "deleted branch" in told("jump", "--node", 3)
    assert "1 The head, which new pages show, is in this branch" in told("delete", "--node", 1)
    assert run("restore", "--node", 3, "--json")[1]["restored"] == hidden
    assert "#3" in told("list")
    assert "nothing, since it was so" in told("restore", "--node", 3)


@pytest.mark.parametrize(
    "argv",
    [
        ["show", "--node", "9"],
        ["jump", "--node", "none"],
        ["compare", "--node", "0", "nine"],
    ],
)
def test_an_iteration_that_is_not_there(run, argv):
    status, out, err = run(*argv)
    assert (status, out) == (1, "")
    assert "There is no iteration" in err


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], ["the action is missing", "Usage: inficond history ACTION SPEC", "Actions: list, "]),
        (["demo"], ["'demo' is not an action", "Usage: inficond history ACTION SPEC"]),
        (["demo", "undo"], ["'demo' is not an action", "Usage: inficond history undo demo"]),
        (["my data.yaml", "undo"], ["Usage: inficond history undo 'my data.yaml'"]),
        (["undoo", "demo"], ["'undoo' is not an action. Did you mean 'undo'?"]),
    ],
)
def test_a_mistaken_action_is_told_with_the_form(capsys, argv, told):
    with pytest.raises(SystemExit) as caught:
        main(["history", *argv])
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [text for text in told if text not in err] == []


def test_all_that_happened_is_replayed_in_a_new_history(run, spec, tmp_path):
    for argv in (
        ["rename", "--node", 1, "no wheels"], ["note", "--node", 2, "why"],
        ["undo"], ["undo"], ["redo"], ["jump", "--node", 1],
        ["compare", "--node", 0, 3, "--split", "holdout"], ["delete", "--node", 3],
        ["restore", "--node", 3], ["delete", "--node", 2],
    ):  # fmt: skip
        assert run(*argv)[0] == 0
    tuner = open_tuner(spec)
    tuner.tag(tuner.store.images[:3], "odd")
    tuner.tag(tuner.store.images[:1], "odd", on=False)
    kinds = {event.kind for event in tuner.history.events(tuner.root_id)}
    assert kinds == set(_STEPS)  # a new kind of event is carried out here too
    fresh = tmp_path / "fresh.sqlite"
    status, document, _ = run("replay", fresh, "--json")
    assert status == 0
    assert [node["equal"] for node in document["nodes"]] == [True] * 4
    old, new = open_tuner(spec), open_tuner(spec, history=fresh)
    assert new.history.state(new.root_id) == old.history.state(old.root_id)
    assert new.tags() == old.tags() == dict.fromkeys(old.store.images[1:3], ("odd",))
    facts = [
        [(n.id, n.weights_hash, n.number, n.name, n.note, n.author, n.bounds) for n in nodes]
        for nodes in (old.nodes(deleted=True), new.nodes(deleted=True))
    ]
    assert facts[0] == facts[1]
    events = [
        [(e.number, e.kind, e.node, e.origin, e.author) for e in t.history.events(t.root_id)]
        for t in (old, new)
    ]
    assert events[0] == events[1]
    status, _, err = run("replay", fresh)
    assert status == 1
    assert "has iterations already" in err


@pytest.mark.parametrize(
    ("action", "remedy"),
    [("replay", "Name a new file."), ("from-backup", "Name a copy of a history.")],
)
def test_a_file_that_is_no_history_is_told_as_that(action, remedy, run, tmp_path):
    other = tmp_path / "notes.txt"
    other.write_text("of the user")
    status, _, err = run(action, other)
    assert status == 1
    assert err == f"{other} is not a history: it is not an SQLite file.\n{remedy}\n"
    assert other.read_text() == "of the user"
