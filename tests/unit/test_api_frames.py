"""Students over scores that come from elsewhere: frames become a store, or are refused whole."""

import errno
import os

import numpy as np
import pandas as pd
import pytest
from frames import frames
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st
from PIL import Image

import inficond_panel
from inficond_panel.errors import DataError, InficondError
from inficond_panel.store import open_store, write
from inficond_panel.store.frame_checks import digit_faults, split_faults
from inficond_panel.tuning.thumbs import score_scale, step_sizes


@pytest.fixture
def place(tmp_path):
    return tmp_path / "own.zarr"


def test_rows_are_matched_by_id_like_columns_by_class(place):
    given = frames()
    parts = enumerate(("scores", "logits", "labels"))
    shuffled = {name: given[name].sample(frac=1, random_state=n) for n, name in parts}
    shuffled["labels"] = shuffled["labels"][["cat", "bird"]]
    students = inficond_panel.from_frames(**shuffled, split=given["split"], path=place)
    store = open_store(place)
    assert store.images == list(given["split"].index)
    assert students.concepts == list(given["scores"].columns)
    assert students.classes == ["bird", "cat"]
    np.testing.assert_array_equal(store.concept_score, given["scores"].to_numpy(np.float32))
    np.testing.assert_array_equal(store.teacher_logit, given["logits"].to_numpy(np.float32))
    np.testing.assert_array_equal(store.label, given["labels"].to_numpy())
    assert [str(word) for word in store.split] == list(given["split"])


def test_frames_of_other_content_are_refused(place):
    given = frames()
    inficond_panel.from_frames(**given, path=place)
    given["scores"].iloc[3, 2] += 0.1
    with pytest.raises(DataError, match="already exists with other content"):
        inficond_panel.from_frames(**given, path=place)


def test_labels_may_lack_rows_of_fit(place):
    given = frames()
    split = given["split"]
    given["labels"] = given["labels"][split != "fit"].astype(float)
    given["labels"].iloc[0, 1] = np.nan
    students = inficond_panel.from_frames(**given, path=place).fit()
    label = open_store(place).label
    assert (label[(split == "fit").to_numpy()] == -1).all()
    assert (label[(split != "fit").to_numpy()] == -1).sum() == 1
    assert students.metrics("tune").loc["bird", "accuracy"] > 0.8


def test_what_cannot_be_written_leaves_nothing_and_a_second_writer_is_told(place, monkeypatch):
    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    content_hash = write.content_hash
    with monkeypatch.context() as patch:
        patch.setattr(write, "content_hash", full)  # when the arrays are written
        with pytest.raises(InficondError, match=r"own.zarr cannot be written: No space left"):
            inficond_panel.from_frames(**frames(), path=place)
    assert not list(place.parent.iterdir())

    def meanwhile(hashes: dict[str, str]) -> str:
        monkeypatch.setattr(write, "content_hash", content_hash)
        with pytest.raises(InficondError, match="is being written by process"):
            inficond_panel.from_frames(**frames(), path=place)
        return content_hash(hashes)

    monkeypatch.setattr(write, "content_hash", meanwhile)
    inficond_panel.from_frames(**frames(), path=place)
    assert list(place.parent.iterdir()) == [place]
    inficond_panel.from_frames(**frames(), path=place)  # whole, with the same content


def test_photos_become_thumbnails(place, tmp_path):
    given = frames(8)
    (tmp_path / "photos").mkdir()
    files = {}
    for n, image in enumerate(given["split"].index):
        files[image] = tmp_path / "photos" / f"{image}.png"
        Image.new("RGB", (600, 300), (n * 30, 0, 0)).save(files[image])
    inficond_panel.from_frames(**given, images=files, path=place)
    store = open_store(place)
    assert store.holds("photos")
    assert store.picture(2).size == (256, 128)
    assert abs(store.picture(5).getpixel((9, 9))[0] - 150) < 3


IDS = list(frames()["split"].index)


def drop(n):
    return lambda frame: frame.iloc[n:]


def put(row, column, value):
    def change(frame):
        frame = frame.astype(float)
        frame.iloc[row, column] = value
        return frame

    return change


def twice(frame):
    return pd.concat([frame, frame.iloc[:1]])


FAULTS = [  # what is done to one of the frames, and the message
    ("scores", drop(1), "scores has no row for 1 row of split: '0000'"),
    ("logits", drop(7), "logits has no row for 7 rows .* '0004', and 2 more"),
    ("split", drop(1), "scores has 1 row not in split: '0000'"),
    ("labels", drop(3), "labels has no row for 1 row of split: '0002'"),
    ("scores", twice, "scores has duplicate row ids: '0000'"),
    ("scores", lambda x: x.rename(columns={"red": " beak"}), "duplicate column names: 'beak'"),
    ("split", twice, "split has duplicate row ids: '0000'"),
    ("scores", lambda x: x.set_index("red", append=True), "scores has an index of 2 levels"),
    ("scores", put(3, 1, np.nan), "1 NaN or infinite value, .* nan in 'beak' of the row '0003'"),
    ("logits", put(3, 1, np.inf), "logits has 1 NaN or infinite value"),
    ("scores", put(3, 1, 1e39), "scores has 1 NaN or infinite value"),  # beyond float32
    ("scores", put(3, 1, 1e30), r"1 value beyond ±1e\+15, .* 1e\+30 in 'beak' .* '0003'; divide"),
    (
        "scores",
        lambda x: x.assign(beak=x["beak"] + 1e6),
        "differ by little, first 'beak': as 32-bit",
    ),
    ("metadata", lambda _: frames()["labels"].iloc[:1], "metadata has no row for 199 rows"),
    ("metadata", lambda _: ["a"], "metadata is list, expected pandas.DataFrame"),
    ("logits", lambda z: 1 / (1 + np.exp(-z)), r'(?s)all lie from 0 to 1\..* pass outputs="prob'),
    ("logits", lambda z: 100 / (1 + np.exp(-z)), "logits are never below 0, so the teacher"),
    ("labels", put(2, 0, -1), "1 value other than 0, 1 and .* -1.0 in 'bird' of the row '0002'"),
    ("split", lambda x: x.replace("tune", "tun"), r"'tun' for .* '0002'. Did you mean 'tune'\?"),
    ("split", lambda x: x.replace("fit", "train"), r"'train' for .* There are fit \(training\)"),
    ("split", lambda x: x.replace("fit", "holdout"), "split has no row with the value 'fit'"),
    (
        "split",
        lambda x: x.replace("tune", "holdout"),
        r"'tune', tuning rows: .*60 % fit, 20 % tune",
    ),
    ("labels", lambda x: x.rename(columns={"cat": "cats"}), r"'cat' of logits \(nearest: 'cats'\)"),
    ("scores", lambda x: x.astype({"red": str}), "scores has columns that are not numeric: 'red'"),
    ("scores", lambda _: [[1, 2]], "scores is list, expected pandas.DataFrame"),
    ("split", lambda _: ["fit"], "split is list, expected pandas.Series"),
    ("scores", lambda x: x[[]], "scores has no column"),
    ("scores", lambda x: x.set_axis([*"abcde", "a"], axis=1), "duplicate column names: 'a'"),
    ("images", lambda _: {"0000": "a", "x": "b"}, "(?s)no row for 199 .* not in split: 'x'"),
    ("images", lambda _: dict.fromkeys(IDS, "x.jpg"), "(?s)'0000' cannot be read.* and 188 more"),
]


def wrong_splits(words):
    split = pd.Series(words, index=[f"{i:04d}" for i in range(len(words))])
    return [fault for fault in split_faults(split, split) if "no image" not in fault]


def test_a_wrong_split_is_named_once():
    assert len(wrong_splits(["train", "val", "train", "val"])) == 2


def test_a_wrong_split_is_named_with_its_first_image():
    assert "'train' for the image '0001'" in wrong_splits(["fit", "train", "train"])[0]


def test_at_most_five_wrong_splits_are_named():
    assert len(wrong_splits([f"word {i}" for i in range(5000)])) == 6


def test_the_other_wrong_splits_are_counted():
    more = wrong_splits([f"word {i}" for i in range(5000)])[-1]
    assert more == "split has 4,995 more values that are no splits"


def test_frames_that_make_no_store_are_refused_whole_with_all_faults_at_once(place):
    for name, change, message in FAULTS:
        given = frames()
        given[name] = change(given.get(name))
        with pytest.raises(InficondError, match=message):
            inficond_panel.from_frames(**given, path=place)
        assert not list(place.parent.iterdir())  # nothing half made
    # a missing logit does not make logits look like probabilities
    given = frames()
    given["scores"] = put(3, 1, np.nan)(given["scores"])
    given["labels"] = put(2, 0, 5)(given["labels"])
    given["logits"] = drop(1)(put(3, 1, np.nan)(given["logits"]))
    with pytest.raises(DataError) as told:
        inficond_panel.from_frames(**given, path=place)
    parts = ("scores has 1 NaN", "labels has 1 value", "logits has no row for 1")
    for part in (*parts, "logits has 1 NaN or infinite value"):
        assert part in str(told.value)
    assert str(told.value).count("\n- ") == 4
    assert "probabilities" not in str(told.value)


@pytest.mark.parametrize("value", [0.1, 1e30])
def test_a_constant_column_is_not_said_to_lose_digits(value):
    scores = frames()["scores"].assign(beak=value)
    assert not list(digit_faults(scores))


def test_metadata_is_kept_as_text_and_divides_metrics(place):
    given = frames()
    ids = given["split"].index
    year, night = [2020.0, None] * (len(ids) // 2), [True, False] * (len(ids) // 2)
    camera = [f"00{i % 3}" for i in range(len(ids))]
    frame = pd.DataFrame({"camera": camera, "year": year, "night": night}, index=ids)
    students = inficond_panel.from_frames(**given, metadata=frame.iloc[::-1], path=place)
    store = students.tuner.store
    assert store.metadata_columns == ["camera", "year", "night"]
    assert store.metadata[:2].tolist() == [["000", "2020", "1"], ["001", "", "0"]]
    found = students.fit().slices("camera", classes=["bird"])
    assert {name for _, name in found.index} == {"000", "001", "002"}


@pytest.fixture(scope="module")
def plain():
    """Students over signed scores, as they are given."""
    return from_signed(frames(signed=True))


def from_signed(given, l1=1e-4):
    return inficond_panel.from_frames(**given).with_settings(lambda_=l1).fit()


def test_scale_penalty_and_step_of_each_concept_by_hand(plain):
    given = frames(signed=True)
    fit = given["scores"][given["split"] == "fit"]
    found = plain.scales("cat")
    weights = plain.node.weights[:, 1]
    np.testing.assert_allclose(found["spread"], fit.std(ddof=0), rtol=1e-6)
    np.testing.assert_allclose(found["low"], fit.min(), rtol=1e-6)
    np.testing.assert_allclose(found["penalty"], 1e-4 / fit.std(ddof=0), rtol=1e-6)
    np.testing.assert_allclose(found["effect"], weights * fit.std(ddof=0), rtol=1e-6)
    effect = 0.05 * np.abs(weights * fit.std(ddof=0)).max()  # tuning.step × the largest effect
    np.testing.assert_allclose(found["step_effect"], effect, rtol=0.01)  # spread in three digits
    np.testing.assert_allclose(found["step"] * fit.std(ddof=0), effect, rtol=0.01)


@settings(max_examples=8, deadline=None)
@hypothesis_given(st.lists(st.floats(-50, 50), min_size=6, max_size=6), st.floats(0.01, 100))
def test_scores_on_another_scale_give_the_same_students(plain, shift, scale):
    """The intercept is free, and weights w / a under λ·a are weights w under λ."""
    given = frames(signed=True)
    given["scores"] = (given["scores"] + np.array(shift)) * scale
    students = from_signed(given, 1e-4 * scale)
    weights, logits = students.node.weights * scale, students.decision_function("tune")
    np.testing.assert_allclose(weights, plain.node.weights, rtol=5e-3, atol=2e-3)
    np.testing.assert_allclose(logits, plain.decision_function("tune"), atol=0.02)


@settings(max_examples=8, deadline=None)
@hypothesis_given(scales=st.lists(st.floats(1e-3, 1e3), min_size=6, max_size=6))
def test_a_thumb_does_as_much_whatever_the_scale_of_the_score(plain, scales):
    """On concepts without influence the bound is the step, which follows the scale."""
    given = frames(signed=True)
    given["scores"] *= np.array(scales)
    tuner = inficond_panel.from_frames(**given).tuner
    steps = step_sizes(plain.node.weights[:, 0] / np.array(scales), 0.05, score_scale(tuner.store))
    effects = tuner.fit_data.images.spread * steps
    np.testing.assert_allclose(effects, plain.scales("bird")["step_effect"], rtol=0.02)


@pytest.mark.parametrize("direction", ["up", "down", "remove"])
def test_a_thumb_is_obeyed_where_scores_are_below_0(plain, direction):
    before = plain.node.weights[3, 0]
    after = plain.tune([("bird", "tail", direction)]).node.weights[3, 0]
    plain.undo()
    assert {"up": after > before, "down": after < before, "remove": after == 0}[direction]


def _in_units(*, income: float = 1.0, rare: float = 0.5) -> dict:
    """Frames whose column "wing" is times ``income``, and "tail" 1 for a share ``rare`` of rows."""
    given = frames()
    given["scores"]["wing"] *= income
    given["scores"]["tail"] = (np.arange(len(given["scores"])) % round(1 / rare) == 0).astype(float)
    return given


def test_columns_of_unlike_units_are_warned_of_where_the_store_is_made(place, capsys):
    given = _in_units(income=1e4)
    store = inficond_panel.from_frames(**given, path=place).tuner.store
    spread = given["scores"][given["split"] == "fit"].std(ddof=0)
    (warning,) = store.attrs["warnings"]
    assert f"'wing' {spread.max():.2g} and {spread.idxmin()!r} {spread.min():.2g}" in warning
    assert warning in capsys.readouterr().err


def test_the_line_of_the_warning_of_unlike_units_ends_it(place):
    given = _in_units(income=1e4)
    scores, split = given["scores"], given["split"]
    given["scores"] = scores / scores[split == "fit"].std()
    assert "warnings" not in inficond_panel.from_frames(**given, path=place).tuner.store.attrs


def test_columns_that_cannot_be_divided_are_named_in_the_warning(place):
    given = _in_units(income=1e4)
    given["scores"].loc[given["split"] == "fit", "tail"] = 1.0
    (warning,) = inficond_panel.from_frames(**given, path=place).tuner.store.attrs["warnings"]
    assert "without the columns that are constant on fit" in warning


def test_rare_attributes_of_0_and_1_are_in_the_same_unit_as_others(place):
    given = _in_units(rare=0.005)
    assert "warnings" not in inficond_panel.from_frames(**given, path=place).tuner.store.attrs
