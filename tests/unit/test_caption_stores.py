"""From a table of captions to students, by the base installation: init, precompute, predict."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

import precompute
from inficond_panel import open_students
from inficond_panel.cli import main
from inficond_panel.errors import DataError, InficondError, SpecError
from inficond_panel.predict import score_photos
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.ui.images import make_picture
from precompute.concepts.caption_corpus import caption_corpus
from precompute.teachers.word_features import word_features, word_logistic

pytestmark = [pytest.mark.commands, pytest.mark.page, pytest.mark.slow]

EXAMPLE = Path(__file__).parents[2] / "examples" / "wildlife_captions.csv"
ROWS = [
    ["1", "a red fox at night", "1", "garden"],
    ["2", "two foxes", "1", "wood"],
    ["3", "a deer in the snow", "0", "wood"],
    ["4", "an empty path", "0", "garden"],
] * 10
SPEC = """\
title: Cameras
dataset:
  kind: columns
  root: .
  table: captions.csv
  captions: caption
  labels: [fox]
  metadata: [camera]
  splits:
    fit: {from: all, share: 0.6, seed: 0, stratify: true}
    tune: {from: all, share: 0.2, seed: 0, stratify: true}
    holdout: rest
concepts: {corpus: words.txt, scores: {method: words}}
teacher: {kind: head}
"""


def write(folder, rows=ROWS, spec=SPEC, words="fox\nred fox\nsnow, ice\nowl\n"):
    with (folder / "captions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "caption", "fox", "camera"], *rows])
    (folder / "words.txt").write_text(words)
    (folder / "a.yaml").write_text(spec)
    return folder / "a.yaml"


def made(path):
    spec = load_spec(path)
    precompute.run(spec, spec.store)
    return spec, open_store(spec.store)


@pytest.fixture(scope="module")
def cameras(tmp_path_factory):
    return made(write(tmp_path_factory.mktemp("cameras")))


def test_scores_are_the_words_of_each_caption(cameras):
    _, store = cameras
    np.testing.assert_array_equal(
        store.concept_score[:4], [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    )


def test_rows_without_ids_are_numbered(cameras):
    assert cameras[1].images[:3] == ["1", "2", "3"]


def test_the_store_keeps_the_captions(cameras):
    assert cameras[1].caption(1) == "two foxes"


def test_a_word_in_no_caption_is_a_warning(cameras):
    assert "1 concept in no caption: owl" in cameras[1].attrs["warnings"]


def test_equal_captions_are_no_near_equal_images(cameras):
    assert not cameras[1].near_images.groups


def test_no_photo_is_explained(cameras):
    assert "shown by their captions" in cameras[1].lacks("photos")


def test_a_picture_without_a_photo_has_its_caption(cameras):
    picture = make_picture(cameras[1], 1, -1)
    assert (picture["source"], picture["caption"]) == ("", "two foxes")


def test_a_second_run_changes_nothing(cameras):
    assert not precompute.run(cameras[0], cameras[0].store).changed


def test_a_changed_caption_makes_the_store_again(tmp_path):
    spec, _ = made(write(tmp_path))
    write(tmp_path, [[*ROWS[0][:1], "a fox in the snow", *ROWS[0][2:]], *ROWS[1:]])
    assert precompute.run(load_spec(spec.path), spec.store).changed


def test_a_plan_names_the_stage(tmp_path):
    spec = load_spec(write(tmp_path))
    assert [stage.name for stage in precompute.plan(spec, spec.store).stages] == ["words"]


def test_the_base_installation_is_enough(tmp_path, monkeypatch):
    for name in ("torch", "sklearn", "pyarrow", "open_clip", "skimage"):
        monkeypatch.setitem(sys.modules, name, None)
    made(write(tmp_path))


def test_a_table_of_outputs_is_a_teacher(tmp_path):
    rows = [f"{i},{2 if row[2] == '1' else -2}" for i, row in enumerate(ROWS, 1)]
    (tmp_path / "logits.csv").write_text("\n".join(["image_id,fox", *rows]))
    spec = SPEC.replace("{kind: head}", "{kind: logits, path: logits.csv}")
    _, store = made(write(tmp_path, spec=spec))
    assert set(store.teacher_logit[:, 0]) == {2, -2}


def test_captions_are_a_column_of_the_metadata_of_a_folder(tmp_path):
    rows = [f"{i},{row[1]},{row[3]}" for i, row in enumerate(ROWS, 1)]
    (tmp_path / "about.csv").write_text("\n".join(["image_id,caption,camera", *rows]))
    labels = [f"{i},{row[2]}" for i, row in enumerate(ROWS, 1)]
    (tmp_path / "labels.csv").write_text("\n".join(["image_id,fox", *labels]))
    (tmp_path / "images").mkdir()
    for i in range(1, len(ROWS) + 1):
        Image.new("RGB", (8, 6), (i, 2 * i, 3)).save(tmp_path / "images" / f"{i}.png")
    spec = SPEC.replace("kind: columns", "kind: table\n  labels: labels.csv")
    spec = spec.replace("  table: captions.csv\n", "  metadata: about.csv\n")
    spec = spec.replace("  labels: [fox]\n  metadata: [camera]\n", "")
    _, store = made(write(tmp_path, spec=spec))
    assert store.metadata_columns == ["camera"]
    assert store.caption(1) == "two foxes"
    assert store.holds("photos")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("captions: caption", "captions: text", "has no column 'text'"),
        ("captions: caption", "captions: fox", "No caption in the column 'fox' has a word"),
    ],
)
def test_a_wrong_column_is_named(tmp_path, old, new, message):
    with pytest.raises(DataError, match=message):
        made(write(tmp_path, spec=SPEC.replace(old, new)))


def test_a_corpus_without_a_word_of_the_captions_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"No caption has a word of the corpus words\.txt"):
        made(write(tmp_path, words="owl\nbear\n"))


@pytest.mark.parametrize(
    ("caption", "message"), [("a\x01b", "control character"), ("a " * 6000, "11,999 characters")]
)
def test_a_broken_caption_is_named_with_its_line(tmp_path, caption, message):
    rows = [ROWS[0], ["2", caption, "1", "wood"], *ROWS[2:]]
    with pytest.raises(DataError, match=rf"captions\.csv:3: the caption has .*{message}"):
        made(write(tmp_path, rows))


def test_a_cell_of_json_that_is_no_text_is_named(tmp_path):
    lines = [f'{{"caption": {i}, "fox": {i % 2}, "camera": "a"}}' for i in range(9)]
    (tmp_path / "captions.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"captions\.jsonl:1: the caption is int '0', not text"):
        made(write(tmp_path, spec=SPEC.replace("captions.csv", "captions.jsonl")))


def test_empty_captions_are_a_warning(tmp_path):
    _, store = made(write(tmp_path, [["1", "", "1", "wood"], *ROWS[1:]]))
    assert any("1 caption without a word" in text for text in store.attrs["warnings"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("scores: {method: words}", "scores: {method: centred}", "needs concepts.scores"),
        ("  captions: caption\n", "", "words needs captions; set dataset.captions"),
        ("  captions: caption\n", "", "dataset.path: missing"),
        ("words.txt,", "words.txt, encoder: {model: hf-hub:a/b},", "is not used with scores"),
        ("words.txt,", "words.txt, filters: {twin_cosine: 0.9},", "needs an encoder"),
        ("{kind: head}", "{kind: open_clip}", "write logits, a table of outputs, or head"),
        ("{kind: head}", "{kind: head, oracle: {gamma: 0.5}}", "needs photos"),
    ],
)
def test_a_spec_that_contradicts_words_is_refused(tmp_path, old, new, message):
    with pytest.raises(SpecError) as caught:
        load_spec(write(tmp_path, spec=SPEC.replace(old, new)))
    assert message in str(caught.value)


def test_new_captions_are_scored(cameras):
    spec, store = cameras
    scores = score_photos(spec, store, ["foxes on ice", "a path"])
    assert scores.things == "captions"
    np.testing.assert_array_equal(scores.score, [[1, 0, 1, 0], [0, 0, 0, 0]])


def test_new_captions_without_a_word_of_a_concept_are_counted_and_named(cameras):
    unknown = ["", "a bear " * 9]
    notes = score_photos(*cameras, ["foxes on ice", *unknown]).notes
    assert len(notes) == 1
    assert notes[0].startswith(
        "2 of 3 captions have no word of a concept: (empty), "
        "a bear a bear a bear a bear a bear a bea…. They are decided as "
    )
    assert not score_photos(*cameras, ["foxes on ice"]).notes


def test_predictions_of_captions_count_the_words_of_concepts(cameras):
    students = open_students(cameras[0].path, history=":memory:").fit()
    found = students.predict_images(["two foxes in the snow", "a red fox", "a bear"])
    assert found.table["known_words"].tolist() == [2, 2, 0]
    intercept = students.node.intercepts[0]
    assert found.table.loc[("a bear", "fox"), "student_logit"] == pytest.approx(intercept)


def test_a_table_of_new_captions_is_scored_by_its_ids(cameras, tmp_path):
    (tmp_path / "new.csv").write_text("image_id,caption\nx,a fox\ny,snow\n")
    assert score_photos(*cameras, [tmp_path / "new.csv"]).photos == ("x", "y")


@pytest.fixture
def with_a_long_one(tmp_path):
    """A table of three captions, of which the second is too long."""
    path = tmp_path / "new.csv"
    path.write_text(f"image_id,caption\nx,a fox\ny,{'a' * 12_000}\nz,snow\n")
    return path


def test_a_caption_that_is_too_long_is_named(cameras, with_a_long_one):
    notes = score_photos(*cameras, [with_a_long_one]).notes
    told = "y (has 12,000 characters, more than 10,000)"
    assert notes == (f"1 of 3 captions is not decided: {told}.",)


def test_beside_a_caption_that_is_too_long_the_others_are_decided(cameras, with_a_long_one):
    students = open_students(cameras[0].path, history=":memory:").fit()
    found = students.predict_images(with_a_long_one).table.xs("fox", level="class")
    assert found["student_logit"].notna().tolist() == [True, False, True]
    assert found.loc["y", "fault"].startswith("not decided: has 12,000 characters")


def test_texts_and_captions_of_a_table_are_counted_together(cameras, with_a_long_one):
    notes = score_photos(*cameras, ["foxes on ice", with_a_long_one]).notes
    assert notes[0].startswith("1 of 4 captions is not decided: y (")


def test_a_text_that_is_an_id_of_a_table_is_refused(cameras, with_a_long_one):
    with pytest.raises(DataError, match=r"the caption 'y' is listed twice \(first .*new.csv:3"):
        score_photos(*cameras, [with_a_long_one, "y"])


def test_captions_of_one_id_are_refused(cameras, tmp_path):
    (tmp_path / "new.csv").write_text("image_id,caption\nx,a fox\nx,snow\n")
    with pytest.raises(DataError, match=r"new.csv:3: the caption 'x' is listed twice \(first .*:2"):
        score_photos(*cameras, [tmp_path / "new.csv"])


@pytest.mark.parametrize(
    ("text", "message"),
    [("no.csv", "no file no.csv"), ("!", "No caption has a word"), ("a\0", "control character")],
)
def test_a_caption_that_cannot_be_scored_is_refused(cameras, text, message):
    with pytest.raises(DataError, match=message):
        score_photos(*cameras, [text])


@pytest.mark.parametrize(
    "command",
    [
        ["concept", "add", "SPEC", "owl"],
        ["concept", "words", "SPEC"],
        ["extend", "SPEC", "new.jpg"],
    ],
)
def test_what_needs_an_encoder_is_refused(cameras, command, capsys):
    words = [str(cameras[0].path) if word == "SPEC" else word for word in command]
    assert main(words) != 0
    assert "words of captions" in capsys.readouterr().err


def test_init_writes_a_spec_of_a_table_of_captions(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init", str(EXAMPLE), "--output", "wild.yaml"]) == 0
    spec = load_spec(tmp_path / "wild.yaml")
    assert spec.dataset.captions == "caption"
    assert spec.dataset.labels == ["fox", "deer"]
    assert spec.concepts.of_words


def test_init_makes_other_labels_metadata(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["init", str(EXAMPLE), "--class", "fox", "--output", "wild.yaml"])
    assert load_spec(tmp_path / "wild.yaml").dataset.metadata == ["deer", "camera"]


@pytest.fixture
def hospitals(tmp_path, monkeypatch):
    """A table of captions whose column site has two numbers."""
    monkeypatch.chdir(tmp_path)

    def write_rows(*sites):
        rows = [
            f"{i},a {'red' if i % 2 else 'grey'} shadow,{i % 2},{sites[i % 3]}" for i in range(30)
        ]
        lines = ["id,caption,effusion,site", *rows]
        (tmp_path / "reports.csv").write_text("\n".join(lines))

    return write_rows


@pytest.mark.parametrize("sites", ["001", "NNY", "112"])
def test_init_takes_a_column_called_like_a_group_as_metadata(hospitals, sites, tmp_path):
    hospitals(*sites)
    assert main(["init", "reports.csv", "--output", "a.yaml"]) == 0
    dataset = load_spec(tmp_path / "a.yaml").dataset
    assert (dataset.labels, dataset.metadata) == (["effusion"], ["site"])


def test_init_takes_a_column_called_like_a_group_as_class_if_it_is_named(hospitals, tmp_path):
    hospitals(*"001")
    assert main(["init", "reports.csv", "--class", "site", "--output", "a.yaml"]) == 0
    assert load_spec(tmp_path / "a.yaml").dataset.labels == ["site"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--captions", "text"], "has no column 'text'"),
        (["--encoder", "x"], "--encoder is not used with a table of captions"),
        (["--class", "owl"], "no class 'owl'"),
    ],
)
def test_init_names_what_does_not_fit(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["init", str(EXAMPLE), "--output", "wild.yaml", *words]) != 0
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "told", "first", "second"),
    [
        (
            "image_id,sky,road\n1,0.5,\n2,0.1,1\n3,0.2,0",
            "one table of numbers",
            "init scores",
            "--captions",
        ),
        ("image_id,sky,site\n1,blue,a\n2,red,b", "has no captions", "--captions", "init scores"),
    ],
    ids=["numbers", "words"],
)
def test_init_names_first_what_fits_a_table_without_captions(
    tmp_path, capsys, rows, told, first, second
):
    (tmp_path / "raw.csv").write_text(rows)
    assert main(["init", str(tmp_path / "raw.csv")]) != 0
    error = capsys.readouterr().err
    assert told in error
    assert "its columns are image_id, sky" in error
    assert error.index(first) < error.index(second)


def test_a_corpus_has_the_frequent_words_without_function_words():
    assert caption_corpus(["a red fox", "red foxes", "the fox is red", "an owl"]) == ["fox", "red"]


def test_a_corpus_leaves_out_the_word_for_what_is_described():
    assert caption_corpus(["an image of a fox"] * 3 + ["a stock image"] * 3) == ["fox", "stock"]


def test_a_corpus_has_phrases_that_tell_more_than_a_word():
    captions = ["a red car"] * 3 + ["a red bus"] * 3 + ["a car"] * 3
    assert caption_corpus(captions) == ["car", "red", "bus", "red car"]


def test_features_are_the_words_of_three_captions_of_fit():
    features = word_features(["a cat", "cats", "a cat", "a dog"], np.arange(4))
    np.testing.assert_array_equal(features[:, -1], [1, 1, 1, 0])


def test_heads_on_words_have_the_weights_of_scikit_learn():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 5))
    label = (inputs @ [1, -1, 0.5, 0, 0] + rng.normal(size=200) > 0).astype(int)
    weight, bias = word_logistic(inputs, label, 0.1)
    model = LogisticRegression(C=1 / (0.1 * 200), tol=1e-10, max_iter=10_000).fit(inputs, label)
    np.testing.assert_allclose(weight, model.coef_[0], atol=1e-4)
    np.testing.assert_allclose(bias, model.intercept_[0], atol=1e-4)


def test_every_error_has_a_remedy(tmp_path):
    with pytest.raises(InficondError) as caught:
        made(write(tmp_path, words="owl\n"))
    assert "inficond init TABLE" in caught.value.remedy
