"""``inficond history``: each action, its mistakes, and copies made and brought back in use."""

import dataclasses
import json
import re
import shutil
import sqlite3
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from factory import STUDENTS, small_spec
from waiting import wait_until

from inficond_panel.cli import main
from inficond_panel.commands.history import history_actions
from inficond_panel.errors import HistoryError
from inficond_panel.tuning import Intent, Tuner, open_tuner
from inficond_panel.tuning.history.belongs import ReliedThing
from inficond_panel.tuning.history.log import _STEPS
from inficond_panel.tuning.suggest.expected import ExpectedGain
from inficond_panel.tuning.suggest.gain import Gain

pytestmark = pytest.mark.commands


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """#0 ── #1 ── #2 (the head), and #3 from #1, made by a machine."""
    spec = small_spec(tmp_path_factory.mktemp("tree"))
    tuner = open_tuner(spec)
    first = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "remove")])
    second = tuner.fine_tune(first, [Intent("bicycle", "sky", "up", 3.0)])
    for node in (first, second):
        tuner.history.set_head(tuner.root_id, node.id, "fine-tune")
    tuner.fine_tune(first, [Intent("sheep", "grass", "down")], author="machine:random")
    tuner.history.close()
    return spec.parent


@pytest.fixture
def spec(tree, tmp_path):
    shutil.copytree(tree, tmp_path, dirs_exist_ok=True)
    return tmp_path / "small.yaml"


@pytest.fixture
def told(spec, run):
    """Run an action; its answer (read, if it is JSON), or its status and fault."""

    def call(action: str, *argv: object):
        status, out, err = run("history", action, spec, *argv)
        if status:
            assert out == ""
            return f"{status} {err}"
        return json.loads(out) if "--json" in argv else out

    return call


def test_the_tree_is_drawn(told, spec):
    tuner = open_tuner(spec)
    tuner.count_look(tuner.nodes()[2], "holdout")
    told("rename", "--node", 3, "less grass")
    told("note", "--node", 1, "wheels are\x1b[2J\nin every scene")
    ids = [node.id for node in tuner.nodes()]
    drawn = [" ".join(line.split()) for line in told("list").splitlines()[4:8]]
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


@pytest.fixture
def head(told):
    """Number of the iteration at the head."""
    return lambda: next(row["iteration"] for row in told("list", "--json")["rows"] if row["here"])


def test_an_undo_moves_to_the_parent(told):
    assert told("undo").startswith("Now at #1 ")


def test_at_the_root_there_is_nothing_to_undo(told):
    told("undo")
    told("undo")
    assert "1 There is nothing to undo" in told("undo")


def test_a_redo_moves_back(told, head):
    told("undo")
    told("undo")
    told("redo")
    assert told("redo", "--json")["node"]["number"] == head() == 2


def test_at_the_end_there_is_nothing_to_redo(told):
    assert "1 There is nothing to redo" in told("redo")


def test_an_iteration_is_found_by_its_name(told, head):
    assert told("rename", "--node", 1, "no wheels", "--json")["node"]["name"] == "no wheels"
    told("jump", "--node", "no wheels")
    assert head() == 1


def test_a_name_can_be_taken_away(told):
    told("rename", "--node", 1, "no wheels")
    assert "has no name" in told("rename", "--node", 1, "")


def test_a_note_is_told(told):
    assert "note 'why'" in told("note", "--node", "#1", "why")


def test_a_name_like_a_number_is_refused(told):
    assert "cannot be named" in told("rename", "--node", 1, "7")


def test_a_deleted_branch_is_listed_on_request_alone(told):
    told("delete", "--node", 3)
    assert "#3" not in told("list")
    assert "Not shown, in deleted branches: 1" in told("list")
    assert "#3" in told("list", "--all")
    assert "grass" in told("show", "--node", 3)


def test_the_head_is_not_moved_to_a_deleted_branch(told):
    told("delete", "--node", 3)
    assert "deleted branch" in told("jump", "--node", 3)


def test_the_branch_of_the_head_is_not_deleted(told):
    assert "1 The head, which new pages show, is in this branch" in told("delete", "--node", 1)


def test_a_deleted_branch_is_restored(told):
    hidden = told("delete", "--node", 3, "--json")["hidden"]
    assert told("restore", "--node", 3, "--json")["restored"] == hidden
    assert "#3" in told("list")


def test_nothing_is_restored_of_what_is_not_deleted(told):
    assert "nothing, since it was so" in told("restore", "--node", 3)


@pytest.mark.parametrize(
    ("argv", "fault"),
    [
        (["show", "--node", "9"], "There is no iteration"),
        (["jump", "--node", "none"], "There is no iteration"),
        (["compare", "--node", "0", "nine"], "There is no iteration"),
        (["list", "--history", "other.sqlite"], "There is no history other.sqlite."),
    ],
    ids=["show", "jump", "compare", "list"],
)
def test_what_is_not_in_the_history_is_refused(told, monkeypatch, tmp_path, argv, fault):
    monkeypatch.chdir(tmp_path)
    found = told(*argv)
    assert found.startswith("1 ")
    assert fault in found


def test_the_world_meant_is_kept_with_the_iteration(told, spec):
    told("meant", "--node", 1, "independent")
    assert open_tuner(spec).nodes()[1].worlds_meant == {"bicycle": "independent"}


def test_the_world_meant_is_answered(told):
    assert "bicycle is independent (without this correlation)" in told(
        "meant", "--node", 1, "independent"
    )


def test_the_world_meant_is_in_the_document(told):
    facts = told("meant", "--node", 1, "these", "--json")["node"]
    assert facts["meant"] == {"bicycle": "these"}


def test_the_world_meant_of_one_class_is_chosen_by_its_name(told, spec):
    tuner = open_tuner(spec)
    thumbs = [Intent(name, "sky", "down") for name in ("bicycle", "sheep")]
    node = tuner.fine_tune(tuner.root(), thumbs)
    told("meant", "--node", node.id, "independent", "--class", "sheep")
    assert open_tuner(spec).node(node.id).worlds_meant == {"sheep": "independent"}


def test_a_deleted_iteration_can_have_a_world_meant(told, spec):
    told("delete", "--node", 3)
    told("meant", "--node", 3, "these")
    assert open_tuner(spec).nodes(deleted=True)[3].worlds_meant == {"sheep": "these"}


@pytest.mark.parametrize(
    ("argv", "fault"),
    [
        (["--node", "0", "these"], "has no thumb, so no world is meant"),
        (["--node", "1", "these", "--class", "sheep"], "'sheep', which has no thumb"),
        (["--node", "1", "these", "--class", "bicycl"], "Did you mean 'bicycle'"),
        (["--node", "9", "these"], "There is no iteration"),
    ],
)
def test_a_world_that_cannot_be_meant_is_refused(told, argv, fault):
    assert fault in told("meant", *argv)


def test_another_world_is_told_with_the_two_that_there_are(spec, capsys):
    with pytest.raises(SystemExit):
        main(["history", "meant", str(spec), "--node", "1", "unbiased"])
    assert "choose from 'these', 'independent'" in capsys.readouterr().err


def test_what_belongs_to_a_class_is_kept(told, spec):
    told("belongs", "--class", "bicycle", "wheel")
    assert open_tuner(spec).belonging().has("bicycle", "concept", "wheel")


def test_what_belongs_to_a_class_is_taken_back(told, spec):
    for argv in ([], ["--take-back"]):
        told("belongs", "--class", "bicycle", "wheel", *argv)
    assert not open_tuner(spec).belonging().said


def test_what_belongs_to_the_classes_is_listed(told):
    told("belongs", "--class", "bicycle", "wheel")
    (row,) = told("belonging", "--json")["rows"]
    assert (row["class"], row["name"], row["kind"]) == ("bicycle", "wheel", "concept")


def test_nothing_that_belongs_to_a_class_is_said_to_be_nothing(told):
    assert "Nobody said that something belongs to a class." in told("belonging")


def test_a_name_that_is_nothing_in_the_store_belongs_to_no_class(told):
    assert "Did you mean 'wheel'" in told("belongs", "--class", "bicycle", "whel")


def test_to_which_class_it_belongs_has_to_be_said(told):
    assert "Name it: --class CLASS 'wheel'" in told("belongs", "wheel")


def test_a_mistaken_action_is_told_with_the_form(capsys):
    for argv, faults in (
        ([], ["the action is missing", "Usage: inficond history ACTION SPEC", "Actions: list, "]),
        (["demo"], ["'demo' is not an action", "Usage: inficond history ACTION SPEC"]),
        (["demo", "undo"], ["'demo' is not an action", "Usage: inficond history undo demo"]),
        (["my data.yaml", "undo"], ["Usage: inficond history undo 'my data.yaml'"]),
        (["undoo", "demo"], ["'undoo' is not an action. Did you mean 'undo'?"]),
    ):
        with pytest.raises(SystemExit) as caught:
            main(["history", *argv])
        assert caught.value.code == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert [text for text in faults if text not in err] == []


def test_all_that_happened_is_replayed_in_a_new_history(told, spec, tmp_path):
    for argv in (
        ["rename", "--node", 1, "no wheels"], ["note", "--node", 2, "why"],
        ["undo"], ["undo"], ["redo"], ["jump", "--node", 1],
        ["compare", "--node", 0, 3, "--split", "holdout"], ["delete", "--node", 3],
        ["restore", "--node", 3], ["delete", "--node", 2],
    ):  # fmt: skip
        assert not told(*argv).startswith("1")
    tuner = open_tuner(spec)
    tuner.tag(tuner.store.images[:3], "odd")
    tuner.set_meant(tuner.nodes(deleted=True)[1].id, {"bicycle": "these"})
    tuner.set_expected(tuner.nodes(deleted=True)[1].id, ExpectedGain(Gain(0.1, 0.0, 0.2), 1).text)
    tuner.tag(tuner.store.images[:1], "odd", on=False)
    tuner.set_belongs(tuner.root_id, ReliedThing("bicycle", "concept", "wheel"))
    kinds = {event.kind for event in tuner.history.events(tuner.root_id)}
    assert kinds == set(_STEPS)  # a new kind of event is carried out here too
    fresh = tmp_path / "fresh.sqlite"
    assert [node["equal"] for node in told("replay", fresh, "--json")["nodes"]] == [True] * 4
    old, new = open_tuner(spec), open_tuner(spec, history=fresh)
    assert new.history.state(new.root_id) == old.history.state(old.root_id)
    assert new.tags() == old.tags() == dict.fromkeys(old.store.images[1:3], ("odd",))

    def facts(tuner: Tuner) -> list:
        nodes = [
            (n.id, n.weights_hash, n.number, n.name, n.note, n.expected, n.author, n.bounds)
            for n in tuner.nodes(deleted=True)
        ]
        events = tuner.history.events(tuner.root_id)
        return [nodes, [(e.number, e.kind, e.node, e.origin, e.author) for e in events]]

    assert facts(new) == facts(old)
    assert "1 " in told("replay", fresh)
    assert "has iterations already" in told("replay", fresh)


def test_a_replay_with_other_bits_says_how_near_the_optimum_it_is(told, tmp_path, monkeypatch):
    monkeypatch.setattr(history_actions, "same_weights", lambda old, new: new.number != 1)
    lines = told("replay", tmp_path / "again.sqlite")
    assert "3 are equal bit for bit." in lines
    (gap,) = re.findall(r"#1 \w+ has different weights, within (\S+) of their optimum\.", lines)
    assert 0 < float(gap) <= 1e-6


def all_of(tuner: Tuner) -> list:
    nodes = [(n.id, n.weights_hash, n.name, n.created) for n in tuner.nodes(deleted=True)]
    return [nodes, tuner.history.events(tuner.root_id)]


def test_the_log_is_verified(told, spec):
    head = open_tuner(spec).history.verify()[1]
    assert f"Its head: {head}" in told("verify")


def test_a_head_in_the_chain_is_accepted(told):
    found = told("verify", "--json")
    head = found["head_of_log"]
    assert "head" not in found  # an iteration's id, which --head would not accept
    assert told("verify", "--json", "--head", head)["head_of_log"] == head


def test_a_head_that_is_not_in_the_chain_is_refused(told):
    assert "no event with the checksum abc" in told("verify", "--head", "abc")


def test_a_copy_made_while_others_write_is_whole(spec, tmp_path):
    tuner, other = open_tuner(spec), open_tuner(spec)
    node, done = tuner.nodes()[1], threading.Event()

    def write() -> None:
        while not done.is_set():
            other.history.set_note(node.id, "note")

    writer = threading.Thread(target=write)
    writer.start()
    copies = [tmp_path / f"copy {at}.sqlite" for at in range(10)]
    for at, place in enumerate(copies):
        wait_until(lambda n=5 * at: len(tuner.history.events(tuner.root_id)) > n, "more is written")
        place.write_bytes(tuner.history.serialize())
    done.set()
    writer.join()
    events = all_of(tuner)[1]
    lengths = []
    for place in copies:
        copy = open_tuner(spec, history=place)
        found = all_of(copy)[1]  # reads the chain of checksums
        assert found == events[: len(found)]
        lengths.append(len(found))
        copy.history.close()
    assert lengths == sorted(lengths)
    assert lengths[-1] > lengths[0]


def test_a_copy_is_brought_back_for_all_that_have_the_history_open(told, spec, tmp_path):
    copy, reader = tmp_path / "copy.sqlite", open_tuner(spec)
    told("rename", "--node", 1, "no wheels")
    told("undo")
    before = all_of(reader)
    assert told("backup", copy, "--json")["iterations"] == 4
    assert all_of(open_tuner(spec, history=copy)) == before
    thumb = [Intent("sheep", "sky", "down")]
    reader.fine_tune(reader.nodes()[1], thumb)
    told("rename", "--node", 1, "gone again")
    after = all_of(reader)
    assert len(after[0]) == 5
    kept = told("from-backup", copy, "--json")["kept"]
    assert all_of(reader) == all_of(open_tuner(spec)) == before
    assert all_of(open_tuner(spec, history=kept)) == after
    reader.fine_tune(reader.nodes()[1], thumb)
    assert [node.number for node in reader.nodes()] == [0, 1, 2, 3, 4]


def test_a_copy_holds_the_iterations_of_all_students(told, spec, tmp_path):
    before, text = all_of(open_tuner(spec)), spec.read_text()
    spec.write_text(text.replace(STUDENTS, "students: {l2: 0.5}\n"))
    assert open_tuner(spec).nodes() == []
    assert told("backup", tmp_path / "copy.sqlite", "--json")["iterations"] == 0
    assert "no iterations of these students" in told("list")
    spec.write_text(text)
    assert all_of(open_tuner(spec, history=tmp_path / "copy.sqlite")) == before


@pytest.fixture
def notes(tmp_path) -> Path:
    """A file of the user, which is no history."""
    file = tmp_path / "notes.txt"
    file.write_text("of the user")
    return file


def test_a_copy_overwrites_nothing(told, notes):
    assert "already exists" in told("backup", notes)
    assert notes.read_text() == "of the user"


def test_a_copy_names_the_history_that_it_is_of(told, tmp_path, monkeypatch, spec):
    used = shutil.move(spec.with_name("small.history.sqlite"), tmp_path / "used.sqlite")
    monkeypatch.setenv("INFICOND_HISTORY", str(used))
    copy = tmp_path / "copy.sqlite"
    assert f"4 iterations of {used} copied to {copy}." in told("backup", copy)


@pytest.mark.parametrize("action", ["backup", "list"])
def test_a_history_that_is_not_there_is_not_made(told, tmp_path, monkeypatch, action):
    none = tmp_path / "none.sqlite"
    monkeypatch.setenv("INFICOND_HISTORY", str(none))
    assert f"There is no history {none}." in told(action, *[tmp_path / "copy"] * (action[0] == "b"))
    assert not none.exists()
    assert not (tmp_path / "copy").exists()


def test_a_copy_that_is_not_there_is_not_made(told, tmp_path):
    none = tmp_path / "none"
    assert "There is no file" in told("from-backup", none)
    assert not none.exists()


def test_an_empty_copy_has_no_iterations(told, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert "no iterations of these students" in told("from-backup", tmp_path / "empty")


@pytest.mark.parametrize(
    ("action", "remedy"),
    [("replay", "Name a new file."), ("from-backup", "Name a copy of a history.")],
)
def test_a_file_that_is_no_history_is_left_alone(told, spec, notes, action, remedy):
    before = all_of(open_tuner(spec))
    fault = f"{notes} is not a history: it is not an SQLite file."
    assert told(action, notes) == f"1 {fault}\n{remedy}\n"
    assert notes.read_text() == "of the user"
    assert all_of(open_tuner(spec)) == before


def test_a_copy_waits_only_so_long_for_one_that_writes(told, spec, tmp_path, monkeypatch):
    told("backup", tmp_path / "copy.sqlite")
    reader, copy = open_tuner(spec), open_tuner(spec, history=tmp_path / "copy.sqlite")
    before, database = all_of(reader), reader.history._database
    monkeypatch.setattr(database, "schema", dataclasses.replace(database.schema, busy_seconds=0.05))
    reader.history.close()
    other = sqlite3.connect(reader.history.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(HistoryError, match="in use by another process"):
        reader.history.overwrite_with(copy.history)
    other.execute("ROLLBACK")
    other.close()
    assert all_of(reader) == before


@pytest.fixture
def of_demo(run, tmp_path) -> SimpleNamespace:
    """A history of the demo with one iteration, a place for a copy, and commands on it."""
    history, copy = tmp_path / "demo.sqlite", tmp_path / "copy.sqlite"

    def demo(*argv: object):
        status, out, err = run(*argv, "--history", history, "--json")
        assert not status, err
        return json.loads(out)

    def opened(path: Path | str) -> Tuner:
        return open_tuner("demo", history=path)

    tuner = opened(history)
    tuner.fine_tune(tuner.root(), [Intent("bicycle", "traffic light", "remove")])
    return SimpleNamespace(run=demo, opened=opened, history=history, copy=copy)


def test_a_concept_typed_since_is_gone_with_a_copy_that_is_brought_back(of_demo):
    demo, opened, history, copy = of_demo.run, of_demo.opened, of_demo.history, of_demo.copy
    demo("history", "backup", "demo", copy)
    demo("concept", "add", "demo", "red bus")
    assert "red bus" in opened(history).store.concepts
    document = demo("history", "from-backup", "demo", copy)
    assert document["iterations"] == 2
    assert [node.number for node in opened(history).nodes()] == [0, 1]
    assert "red bus" not in opened(history).store.concepts
    assert "red bus" in opened(document["kept"]).store.concepts


def test_a_copy_has_its_typed_concepts(of_demo):
    demo, opened, copy = of_demo.run, of_demo.opened, of_demo.copy
    demo("concept", "add", "demo", "red bus")
    demo("distill", "demo")
    demo("history", "backup", "demo", copy)
    assert "red bus" in opened(copy).store.concepts


def test_a_concept_that_was_removed_is_in_no_new_copy(of_demo):
    demo, opened, copy = of_demo.run, of_demo.opened, of_demo.copy
    demo("concept", "add", "demo", "red bus")
    demo("distill", "demo")
    demo("concept", "remove", "demo", "red bus")
    demo("history", "backup", "demo", copy)
    assert "red bus" not in opened(copy).store.concepts
    assert len(opened(copy).nodes()) == 2


def test_one_class_of_two_iterations_is_compared(told):
    document = told("compare", "--node", 0, 1, "--class", "bicycle", "--json")
    assert {row["class"] for row in document["changes"]["rows"]} == {"bicycle"}


def test_a_class_that_is_not_there_is_not_compared(told):
    assert "There is no class 'bicycl'" in told("compare", "--node", 0, 1, "--class", "bicycl")


def test_the_two_limits_of_a_weight_are_named(told):
    assert re.search(r"^class +concept +at least +at most +weight", told("show", "--node", 1), re.M)
