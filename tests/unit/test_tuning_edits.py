"""Edits files: what they say comes back; what is wrong is told all at once, with its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.errors import EditsError
from inficond_panel.tuning import Intent, dump_edits, read_edits
from inficond_panel.tuning.edits_file import dump_intent
from inficond_panel.tuning.repairs.adaptive_penalty import AdaptivePenalty
from inficond_panel.tuning.repairs.label import Label
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.repairs.reweight import Reweight
from inficond_panel.tuning.thumbs import GroupIntent
from inficond_panel.vocabulary.intents import LARGEST_BOUND, SOURCES

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
NAMES = st.lists(CONCEPT, min_size=1, unique=True).map(tuple)
WHY = st.sampled_from(["", "the student and 'wheel' disagree"])
repairs = (
    st.builds(Reweight, CLASS, NAMES, st.booleans())
    | st.builds(Lambda, CLASS, SIZE)
    | st.builds(AdaptivePenalty, CLASS, SIZE)
    | st.builds(Learn, CLASS, st.sampled_from(list(SOURCES)), SIZE.filter(lambda size: size != 0))
    | st.builds(Label, CLASS, st.sampled_from(["000000", "000012"]), st.integers(0, 1), WHY)
)
batches = st.lists(singles | groups | repairs, min_size=1, max_size=5)


@given(iterations=st.lists(batches, max_size=4))
def test_edits_come_back_each_from_one_line(tmp_path_factory, store, iterations):
    path = tmp_path_factory.getbasetemp() / "edits.yaml"
    path.write_text(dump_edits(iterations))
    assert read_edits(path, store) == iterations
    lines = [dump_intent(asked) for batch in iterations for asked in batch]
    assert not any("\n" in line for line in lines)
    path.write_text("".join(f"- - {line}\n" for line in lines) or "[]")
    assert read_edits(path, store) == [[asked] for batch in iterations for asked in batch]


#: Lines of a file, and after each what is wrong there: the column, and words of the message.
WRONG = """\
- - {class: bycicle, concept: wheel, direction: up}  # 13: Did you mean 'bicycle'
  - {class: bicycle, concept: weel, direction: upp, factor: 1}  # 31: Did you mean 'wheel'
    # 48: 'upp'. Did you mean 'up' # 61: above 1
  - {class: bicycle, conzept: wheel, direction: down}  # 5: 'concept' is missing
    # 22: Did you mean 'concept'
- - {class: bicycle, concept: spoke, direction: up}
  - {class: bicycle, concept: spoke, direction: down}
- {class: bicycle, concept: sky, direction: up}  # 3: got a mapping
- []  # 3: has no intents
- - {class: bicycle, concepts: [wheel], direction: up}  # 32: two concepts or more
  - {class: bicycle, concepts: [wheel, weel, wheel], direction: up}  # 40: 'weel' # 46: named twice
  - {class: bicycle, concept: sky, concepts: [wheel, spoke], direction: up}  # 5: not both
  - {class: bicycle, concept: sky, direction: remove, factor: 2}  # 63: no factor
  - {class: bicycle, concept: sky, direction: release, bound: 2}  # 63: no bound
  - {class: bicycle, concept: sky, direction: up, bound: .nan}  # 58: '.nan'
  - {class: bicycle, concept: sky, direction: down, factor: 2, bound: -0.46}  # 71: not both
  - {class: bicycle, concepts: [], direction: balance}  # 32: empty list
  - {class: bicycle, direction: balance, value: 2}  # 5: 'concept' is missing # 49: no 'value'
  - {class: bicycle, direction: lambda}  # 5: 'value' is missing
  - {class: bicycle, direction: lambda, value: -1}  # 48: '-1'
  - {class: bicycle, direction: doubt, value: much, factor: 2}  # 47: 'much' # 61: no 'factor'
  - {class: bicycle, image: nowhere, direction: label, value: 2}  # 29: 'nowhere'
    # 63: expected 0 or 1
  - {class: bicycle, concept: sky, direction: lambda, value: 1}  # 31: no 'concept'
  - {classes: everyone, concept: sky, direction: remove}  # 15: 'everyone'
  - {classes: [bird, brid, bird], concept: sky, direction: remove}  # 22: Did you mean 'bird'
    # 28: named twice
  - {classes: all, class: bird, concept: sky, direction: remove}  # 5: not both
  - {classes: [], concept: sky, direction: remove}  # 15: empty list
  - {class: sheep, direction: learn, from: lables, value: -1}
    # 44: expected labels or teacher or answers or more # 59: expected a number above 0, or auto
  - {class: sheep, image: "000000", direction: label, value: 1, why: [a, b]}
    # 70: expected a text, got
  - {class: sheep, concept: sky, direction: up, why: it may help}  # 54: up takes no 'why'
"""


def test_all_problems_at_once_each_at_its_place(tmp_path, store):
    path = tmp_path / "edits.yaml"
    path.write_text(WRONG, encoding="utf-8")
    with pytest.raises(EditsError) as caught:
        read_edits(path, store)
    expected, at = [], 0
    for number, line in enumerate(WRONG.splitlines(), start=1):
        edit, *notes = line.split(" # ")
        at = number if edit.strip() else at
        expected += [(at, *note.split(": ", 1)) for note in notes]
    for problem, (line, column, words) in zip(caught.value.problems, expected, strict=True):
        assert (problem.line, problem.column) == (line, int(column))
        assert words in problem.message


def test_a_balance_may_name_one_concept_and_a_value_be_left_to_the_data(tmp_path, store):
    doubt = "- - {class: bicycle, direction: doubt, value: auto}\n"
    path = tmp_path / "edits.yaml"
    path.write_text(f"{doubt}  - {{class: sheep, concept: sky, direction: balance}}\n")
    assert read_edits(path, store) == [[AdaptivePenalty("bicycle"), Reweight("sheep", ("sky",))]]


INTENT = "- - {{class: bicycle, concept: wheel, direction: {}, factor: {}}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty; an edits file starts with"),
        ("iterations: []", "expected a list of iterations, got a mapping"),
        ("- - up", "expected an intent"),
        ("- - {class: [bicycle], concept: wheel, direction: up}", "expected the name of a class"),
        (INTENT.format("up", "much"), "expected a number above 1, got 'much'"),
        (INTENT.format("up", ".inf"), "expected a number above 1"),
        (INTENT.format("up", "-2"), "expected a number above 1, got '-2'"),
        (INTENT.format("{}", "2"), "got a mapping"),
        ("- - {class: bicycle, class: bird, concept: wheel, direction: up}", "is repeated"),
        ("- - !!python/object:os.system {class: bicycle}", "tag"),
        ("- - {class: bicycle", "not YAML"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, store, text, expected):
    (tmp_path / "edits.yaml").write_text(text)
    with pytest.raises(EditsError) as caught:
        read_edits(tmp_path / "edits.yaml", store)
    assert any(expected in problem.message for problem in caught.value.problems)
