"""Lists of concepts: their sources, the filters, and what is told of both."""

import json
import shutil
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from precompute_factory import named_encoder, photo_set, without_torch
from test_init import home, init, logits, table  # noqa: F401

import precompute
from inficond_panel.cli import main
from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.spec.sections.concepts import Filters
from inficond_panel.store import open_store
from precompute.concepts.corpus import filter_inactive, filter_lines, filter_texts
from precompute.concepts.sources import collect

pytestmark = pytest.mark.commands

CAPTIONS = ["A red bus parked on the street.", "Two dogs and a dog near the street",
            "the dogs walking by a building standing there"]  # fmt: skip


def test_sources_in_their_order_each_concept_once_and_faulty_ones_are_told(tmp_path, monkeypatch):
    rows = ["dog\tHasA\ttail", "wheel\t/r/PartOf\tbicycle", "dog\tCapableOf\tbark",
            "cat\tHasA\tclaw", "/a/[x]\t/r/HasA\t/c/en/dog/n\t/c/en/wet_nose\t{}",
            "/a/[x]\t/r/HasA\t/c/fr/dog\t/c/fr/nez\t{}", ""]  # fmt: skip
    (tmp_path / "facts.tsv").write_text("\n".join(rows))
    (tmp_path / "answer.txt").write_text("Dog:\n1. a tail\n- four legs, fur.\n```\n* 'Wheel'\n")
    (tmp_path / "answer.json").write_text('```json\n{"dog": ["paw", ["fur"]], "n": 3}\n```')
    rows = [{"caption": caption, "id": i} for i, caption in enumerate(CAPTIONS)]
    (tmp_path / "captions.json").write_text(json.dumps({"annotations": rows}))
    (tmp_path / "more.txt").write_text("sky, heaven\nfur\n")
    sources = ["classes", f"assertions:{tmp_path / 'facts.tsv'}",
               f"answer:{tmp_path / 'answer.txt'}", f"answer:{tmp_path / 'answer.json'}",
               f"captions:{tmp_path / 'captions.json'}", str(tmp_path / "more.txt")]  # fmt: skip
    text, notes = collect(sources, ["dog", "bicycle"])
    words = [line for line in text.splitlines() if not line.startswith("#")]
    expected = ["dog", "bicycle", "tail", "wheel", "wet nose", "four legs", "fur", "paw"]
    assert words == [*expected, "street", "sky, heaven"]
    assert [int(note.split()[0]) for note in notes] == [2, 3, 2, 1, 1, 1]
    assert "1 assertions of other relations are left out" in notes[1]
    for source, content, told in (
        ("captionz:x", None, "is not a source of concepts. Did you mean 'captions'"),
        ("answer:gone.txt", None, "cannot be read"),
        ("assertions:x.tsv", "dog has a tail", "x.tsv:1: expected start, relation and end"),
        ("answer:x.json", "[1, ", "is not JSON"),
        ("captions:x.json", "{}", "holds no captions"),
        ("answer:x.txt", "\n", "No concept was found: 0 concepts from the answer"),
    ):
        monkeypatch.chdir(tmp_path)
        if content:
            (tmp_path / source.partition(":")[2]).write_text(content)
        with pytest.raises(DataError, match=told):
            collect([source], ["dog"])


def test_filters_drop_in_order_of_two_alike_the_later_and_by_the_mean_of_five_largest_scores():
    names = ["a very long name of a thing", "hound", "wheel", "rim", "sky"]
    text = np.array([[1, 0, 0], [0.98, 0.2, 0], [0, 1, 0], [0, 0.96, 0.28], [0, 0, 1]])
    filters = Filters(longest=20, class_cosine=0.95, twin_cosine=0.9)
    dog = SimpleNamespace(embed_text=lambda texts: np.eye(3)[: len(texts)])
    found = filter_texts(names, text, ["dog"], dog, ["{}"], filters)
    assert found.kept == [2, 4]
    assert found.dropped == [
        ("a very long name of a thing", "longest", "27 characters"),
        ("hound", "class_cosine", "dog, 0.980"),
        ("rim", "twin_cosine", "wheel, 0.960"),
    ]
    lines = filter_lines(2, found.dropped)
    assert lines[0] == "concepts.filters: 2 of 5 concepts stay"
    assert lines[2] == "1 too similar to a class (class_cosine): hound (dog, 0.980)"
    none_asked = filter_texts(names, text, ["dog"], None, ["{}"], Filters())
    assert none_asked.kept == [0, 1, 2, 3, 4]  # and no class is encoded
    score = np.zeros((7, 3))
    score[:5, 0], score[2, 1] = [0.5, 0.4, 0.3, 0.2, 0.1], 1.0
    found = filter_inactive(["often", "once", "never"], score, 0.2)
    assert (found.kept, found.dropped[1]) == ([0], ("never", "least_score", "0.000"))
    assert filter_inactive(["often", "once", "never"], score, 0.0).kept == [0, 1]


@pytest.fixture(scope="module")
def filtered(tmp_path_factory) -> Iterator[SimpleNamespace]:
    """A store with all concepts, and one whose spec drops the long and the idle."""
    tmp_path = tmp_path_factory.mktemp("filtered")
    with pytest.MonkeyPatch.context() as monkeypatch:
        without_torch(monkeypatch)
        photo_set(tmp_path)
        named_encoder(tmp_path / "encoder")
        plain, spec = tmp_path / "plain.zarr", tmp_path / "spec.yaml"
        precompute.run(load_spec(spec), plain)
        before = open_store(plain)
        fit = before.concept_score[before.rows("fit")]
        top = np.sort(fit, axis=0)[-5:].mean(0)
        least = float(np.sort(top)[1])  # drops the two least active
        filters = f"  filters: {{longest: 5, least_score: {least!r}}}\n"
        text = spec.read_text().replace("words.txt\n", f"words.txt\n{filters}")
        spec.write_text(text)
        report = precompute.run(load_spec(spec), tmp_path / "own.zarr")
        store = open_store(tmp_path / "own.zarr")
        long = [name for name in before.concepts if len(name) > 5]
        idle = [
            n for n, t in zip(before.concepts, top, strict=True) if n not in long and t <= least
        ]
        assert long
        assert idle
        left = [name for name in before.concepts if name not in [*long, *idle]]
        assert store.concepts == left
        assert [name for name, _, _ in report.dropped] == [*long, *idle]
        yield SimpleNamespace(
            folder=tmp_path, spec=spec, before=before, store=store, long=long, idle=idle, left=left
        )


def test_a_store_has_the_concepts_that_stay(filtered):
    store, before, left = filtered.store, filtered.before, filtered.left
    assert store.concepts == left
    columns = [before.concepts.index(name) for name in left]
    np.testing.assert_array_equal(store.concept_score, before.concept_score[:, columns])
    assert store.segment_concept.max() < len(left)


def test_a_filtered_store_is_up_to_date(filtered):
    assert not precompute.run(load_spec(filtered.spec), filtered.folder / "own.zarr").changed


def test_a_store_tells_the_concepts_that_were_dropped(filtered, capsys):
    assert main(["info", str(filtered.folder / "own.zarr")]) == 0
    assert filtered.long[0] in capsys.readouterr().out


@pytest.mark.parametrize("name", ["plain.zarr", "own.zarr"])  # the latter lacks scores of some
def test_the_command_filters_as_the_run_does(filtered, monkeypatch, capsys, name):
    spec, place = filtered.spec, filtered.folder / name
    long, idle, left = filtered.long, filtered.idle, filtered.left
    loader = "precompute.pipeline.stages.load_text_encoder"
    monkeypatch.setattr(loader, lambda *_: without_torch(monkeypatch))
    assert main(["concept", "filter", str(spec), "--store", str(place), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["kept"], document["without_scores"]) == (left, [])
    assert [row["concept"] for row in document["dropped"]] == [*long, *idle]


def test_filters_that_leave_no_concept_are_refused(filtered, tmp_path):
    folder = shutil.copytree(filtered.folder, tmp_path / "own")
    spec, text = folder / "spec.yaml", filtered.spec.read_text()
    spec.write_text(text.replace("longest: 5", "longest: 1"))
    with pytest.raises(DataError, match="leave no concept"):
        precompute.run(load_spec(spec), folder / "own.zarr")


def test_filters_that_cannot_be_are_told_at_their_place(filtered, tmp_path, capsys):
    folder = shutil.copytree(filtered.folder, tmp_path / "own")
    spec, text = folder / "spec.yaml", filtered.spec.read_text()
    spec.write_text(text.replace("longest: 5, least_score", "longest: 0, least"))
    assert main(["check", str(spec)]) == 2
    told = capsys.readouterr().err
    assert "spec.yaml:10:22: concepts.filters.longest: expected a whole number >= 1" in told
    assert "unknown key" in told


def test_init_makes_the_list_or_nothing(home, capsys):  # noqa: F811
    ids = table(home / "data")
    logits(home / "data" / "teacher_logits.csv", ids)
    (home / "a.txt").write_text("whiskers, vibrissae\nrail\n")
    spec, out = init(capsys, "data", "--concepts", "classes", "a.txt")
    own = "# the classes' names\ncat\ntrain\n# a.txt\nwhiskers, vibrissae\nrail"
    assert spec.concepts.corpus.read_text().splitlines() == own.splitlines()
    usual = {"longest": 30, "class_cosine": 0.95, "twin_cosine": 0.95, "least_score": 0}
    assert spec.concepts.filters.values() == usual
    assert "2 concepts from the classes' names" in out
    before = sorted(path.name for path in home.iterdir())
    for sources in (["answer:gone.txt"], ["captionz:a"]):
        assert main(["init", "data", "--output", "b.yaml", "--concepts", *sources]) == 1
        assert sorted(path.name for path in home.iterdir()) == before
