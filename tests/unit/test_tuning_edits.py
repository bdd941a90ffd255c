"""Edits files: what they say comes back; what is wrong is told all at once, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.errors import EditsError
from inficond_panel.store import Store
from inficond_panel.tuning import Intent, dump_edits, read_edits
from inficond_panel.tuning.edits import Balance, Doubt, Label, Lambda
from inficond_panel.tuning.edits_file import dump_intent
from inficond_panel.tuning.thumbs import GroupIntent
from inficond_panel.vocabulary.intents import LARGEST_BOUND


def write(folder: Path, text: str) -> Path:
    path = folder / "edits.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str, store: Store) -> list[tuple[int, int, str]]:
    with pytest.raises(EditsError) as caught:
        read_edits(write(folder, text), store)
    return [(p.line, p.column, p.message) for p in caught.value.problems]


def expect(found: list[tuple[int, int, str]], expected: list[tuple[int, int, str]]) -> None:
    """Problems at these places, each with these words in its message."""
    assert [each[:2] for each in found] == [each[:2] for each in expected]
    for (*_, message), (*_, words) in zip(found, expected, strict=True):
        assert words in message


CLASS = st.sampled_from(["bicycle", "tv monitor", "sheep", "bird"])
CONCEPT = st.sampled_from(["wheel", "spoke", "sky", "wheel 2"])
THUMB = st.tuples(st.sampled_from(["up", "down"]), st.none() | st.floats(1.000001, 1e9))
THUMB |= st.sampled_from([("remove",), ("release",)])
THUMB |= st.tuples(
    st.sampled_from(["up", "down"]), st.none(), st.floats(-LARGEST_BOUND, LARGEST_BOUND)
)
GROUP = st.lists(CONCEPT, min_size=2, max_size=4, unique=True)
singles = st.builds(lambda k, c, thumb: Intent(k, c, *thumb), CLASS, CONCEPT, THUMB)
groups = st.builds(lambda k, c, thumb: GroupIntent(k, tuple(c), *thumb), CLASS, GROUP, THUMB)
SIZE = st.none() | st.floats(0, 1e9)
repairs = (
    st.builds(lambda k, c: Balance(k, tuple(c)), CLASS, st.lists(CONCEPT, min_size=1, unique=True))
    | st.builds(Lambda, CLASS, SIZE)
    | st.builds(Doubt, CLASS, SIZE)
)
batches = st.lists(singles | groups | repairs, min_size=1, max_size=5)


@given(iterations=st.lists(batches, max_size=4))
def test_round_trip(tmp_path_factory, store, iterations):
    path = tmp_path_factory.mktemp("edits") / "edits.yaml"
    path.write_text(dump_edits(iterations))
    assert read_edits(path, store) == iterations


@given(asked=singles | groups | repairs)
def test_one_intent_as_a_line(tmp_path_factory, store, asked):
    line = dump_intent(asked)
    assert "\n" not in line
    path = tmp_path_factory.getbasetemp() / "line.yaml"
    path.write_text(f"- - {line}\n")
    assert read_edits(path, store) == [[asked]]


def test_all_problems_at_once_each_at_its_place(tmp_path, store):
    text = """\
- - {class: bycicle, concept: wheel, direction: up}
  - {class: bicycle, concept: weel, direction: upp, factor: 1}
  - {class: bicycle, conzept: wheel, direction: down}
- - {class: bicycle, concept: spoke, direction: up}
  - {class: bicycle, concept: spoke, direction: down}
- {class: bicycle, concept: sky, direction: up}
- []
- - {class: bicycle, concepts: [wheel], direction: up}
  - {class: bicycle, concepts: [wheel, weel, wheel], direction: up}
  - {class: bicycle, concept: sky, concepts: [wheel, spoke], direction: up}
  - {class: bicycle, concept: sky, direction: remove, factor: 2}
  - {class: bicycle, concept: sky, direction: release, bound: 2}
  - {class: bicycle, concept: sky, direction: up, bound: .nan}
  - {class: bicycle, concept: sky, direction: down, factor: 2, bound: -0.46}
"""
    expected = [
        (1, 13, "Did you mean 'bicycle'"),
        (2, 31, "Did you mean 'wheel'"),
        (2, 48, "'upp'. Did you mean 'up'"),
        (2, 61, "above 1"),
        (3, 5, "'concept' is missing"),
        (3, 22, "Did you mean 'concept'"),
        (6, 3, "got a mapping"),
        (7, 3, "has no intents"),
        (8, 32, "two concepts or more"),
        (9, 40, "'weel'"),
        (9, 46, "named twice"),
        (10, 5, "not both"),
        (11, 63, "no factor"),
        (12, 63, "no bound"),
        (13, 58, "'.nan'"),
        (14, 71, "not both"),
    ]
    expect(problems(tmp_path, text, store), expected)


def test_reads_repairs(tmp_path, store):
    image = store.images[0]
    text = f"""\
- - {{class: bicycle, concepts: [wheel, spoke], direction: balance}}
  - {{class: sheep, concept: sky, direction: balance}}
  - {{class: bicycle, direction: lambda, value: 0.003}}
  - {{class: bicycle, direction: doubt, value: auto}}
  - {{class: bicycle, image: "{image}", direction: label, value: 1}}
"""
    assert read_edits(write(tmp_path, text), store) == [
        [
            Balance("bicycle", ("wheel", "spoke")),
            Balance("sheep", ("sky",)),
            Lambda("bicycle", 0.003),
            Doubt("bicycle"),
            Label("bicycle", image, 1),
        ]
    ]


def test_all_problems_of_repairs_at_once(tmp_path, store):
    text = """\
- - {class: bicycle, concepts: [], direction: balance}
  - {class: bicycle, direction: balance, value: 2}
  - {class: bicycle, direction: lambda}
  - {class: bicycle, direction: lambda, value: -1}
  - {class: bicycle, direction: doubt, value: much, factor: 2}
  - {class: bicycle, image: nowhere, direction: label, value: 2}
  - {class: bicycle, concept: sky, direction: lambda, value: 1}
"""
    expected = [
        (1, 32, "empty list"),
        (2, 5, "'concept' is missing"),
        (2, 49, "no 'value'"),
        (3, 5, "'value' is missing"),
        (4, 48, "'-1'"),
        (5, 47, "'much'"),
        (5, 61, "no 'factor'"),
        (6, 29, "'nowhere'"),
        (6, 63, "expected 0 or 1"),
        (7, 31, "no 'concept'"),
    ]
    expect(problems(tmp_path, text, store), expected)


INTENT = "- - {{class: {}, concept: {}, direction: {}, factor: {}}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty; an edits file starts with"),
        ("iterations: []", "expected a list of iterations, got a mapping"),
        ("- - up", "expected an intent"),
        ("- - {class: [bicycle], concept: wheel, direction: up}", "expected the name of a class"),
        (INTENT.format("bicycle", "wheel", "up", "much"), "expected a number above 1, got 'much'"),
        (INTENT.format("bicycle", "wheel", "up", ".inf"), "expected a number above 1"),
        (INTENT.format("bicycle", "wheel", "up", "-2"), "expected a number above 1, got '-2'"),
        (INTENT.format("bicycle", "wheel", "{}", "2"), "got a mapping"),
        ("- - {class: bicycle, class: bird, concept: wheel, direction: up}", "is repeated"),
        ("- - !!python/object:os.system {class: bicycle}", "tag"),
        ("- - {class: bicycle", "not YAML"),
    ],
)
def test_message(tmp_path, store, text, expected):
    assert any(expected in message for _, _, message in problems(tmp_path, text, store))


def test_classes_that_are_wrong_are_told_each_at_its_place(tmp_path, store):
    text = """\
- - {classes: everyone, concept: sky, direction: remove}
  - {classes: [bird, brid, bird], concept: sky, direction: remove}
  - {classes: all, class: bird, concept: sky, direction: remove}
  - {classes: [], concept: sky, direction: remove}
"""
    expected = [
        (1, 15, "'everyone'"),
        (2, 22, "Did you mean 'bird'"),
        (2, 28, "named twice"),
        (3, 5, "not both"),
        (4, 15, "empty list"),
    ]
    expect(problems(tmp_path, text, store), expected)
