"""Photos added to a store are asked about, their answers taught, and the nodes replayed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from factory import small_spec, unlabelled_arrays
from more_factory import added_part
from scipy.special import expit
from spread_shortcut import shifted_frames
from test_learn_more import another, unbiased_part

import inficond_panel
from inficond_panel.distill import Scores, fit
from inficond_panel.errors import StoreError
from inficond_panel.state import AppState, Jobs
from inficond_panel.store.more_photos import AllImages
from inficond_panel.tuning import open_tuner, read_edits
from inficond_panel.tuning.answer_files import Draft, asked_rows, read_answers
from inficond_panel.tuning.answers import Answers, decided, judged, photos_to_ask, teacher_decided
from inficond_panel.tuning.edits import Label, Learn
from inficond_panel.tuning.edits_file import dump_edits
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs.cross_fit import cross_fitted_logits, steps_to
from inficond_panel.tuning.replay import replay
from inficond_panel.ui.images import load_photo
from inficond_panel.views.knowledge.view import KnowledgeView

ADDED = 60


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """A store whose photos of tune have labels."""
    folder = tmp_path_factory.mktemp("own") / "own.zarr"
    inficond_panel.from_frames(**shifted_frames(seed=1), path=folder)
    return folder


@pytest.fixture
def tuner(path, tmp_path):
    """Students of a copy of the store, with photos that were added."""
    shutil.copytree(path, tmp_path / "own.zarr")
    tuner = inficond_panel.open_students(tmp_path / "own.zarr", history=":memory:").fit().tuner
    unbiased_part(tuner.store, ADDED, seed=4)
    return tuner


def truth(images) -> dict[str, int]:
    label = shifted_frames(ADDED, fit=0, seed=4)["labels"]["truck"].to_numpy()
    return {image: int(label[int(image.rsplit(" ", 1)[1])]) for image in images}


def asked(tuner, most=20, node=None) -> list[str]:
    rows = photos_to_ask(tuner.repairs.class_fit(node or tuner.root(), "truck"), most).rows
    return [AllImages(tuner.store).names[row] for row in rows]


def test_of_labelled_photos_of_tune_and_added_ones_the_added_are_asked_about(tuner) -> None:
    images = asked(tuner, 200)
    assert sorted(images) == sorted(f"more 4 {i}" for i in range(ADDED))
    drawn, root = shifted_frames(ADDED, fit=0, seed=4)["scores"], tuner.root()
    rows, store = tuner.store.rows("tune"), tuner.store
    scores = np.r_[store.concept_score[rows], drawn[store.concepts].to_numpy(np.float32)]
    logits = scores.astype(float) @ root.weights[:, 0] + root.intercepts[0]
    word = scores[:, store.concepts.index("truck")].astype(float)
    z, w = ((each - each.mean()) / each.std() for each in (logits, word))
    assert images[0] == f"more 4 {np.argmax((z - 0.7 * w)[len(rows) :])}"
    assert images[1] == f"more 4 {np.argmax((w - 0.7 * z)[len(rows) :])}"


def test_unlabelled_photos_of_tune_are_asked_about_beside_added_ones(tmp_path) -> None:
    frames = shifted_frames(seed=1)
    labels = frames["labels"].astype(float)
    labels[frames["split"] == "tune"] = np.nan
    made = inficond_panel.from_frames(**frames | {"labels": labels}, path=tmp_path / "own.zarr")
    tuner = made.fit().tuner
    before = photos_to_ask(tuner.repairs.class_fit(tuner.root(), "truck"), 40)
    unbiased_part(tuner.store, 300, seed=4)
    found = photos_to_ask(tuner.repairs.class_fit(tuner.root(), "truck"), 40)
    added = found.rows >= len(tuner.store.images)
    assert 0 < added.sum() < 40
    assert before.rows.max() < len(tuner.store.images)


def test_an_answer_on_an_added_photo_is_fitted_to_by_hand(tuner) -> None:
    """The corrected teacher on tune, and the answers on theirs; each weighs as a photo of fit."""
    images = asked(tuner)
    node = tuner.fine_tune(tuner.root(), Answers("truck", truth(images)).edits)
    terms, store = tuner.terms(node)["truck"], tuner.store
    (part,) = AllImages(store).more.parts
    assert (terms.taught.weight, terms.taught.parts) == (1.0, (part,))
    rows, tune = store.rows("fit"), store.rows("tune")
    correction = terms.learned[0].correction
    frames = shifted_frames(ADDED, fit=0, seed=4)
    at = [int(image.rsplit(" ", 1)[1]) for image in sorted(images)]
    own = frames["scores"][store.concepts].to_numpy(np.float32)[at]
    corrected = correction.log_odds(
        store.teacher_logit[tune, 0].astype(float), store.concept_score[tune], store.concepts
    )
    label = [truth([image])[image] for image in sorted(images)]
    targets = np.r_[expit(store.teacher_logit[rows, 0]), label, expit(corrected)]
    scores = np.concatenate([store.concept_score[rows], own, store.concept_score[tune]])
    given = {"l1": tuner.penalties[0], "sample_weight": np.ones(len(targets)), "tolerance": 1e-8}
    found = fit(Scores(scores), targets[:, None], **given)
    np.testing.assert_allclose(node.weights[:, 0], found.weights[:, 0], atol=2e-2)
    assert np.abs(node.weights[:, 0] - tuner.root().weights[:, 0]).max() > 0.1


def test_what_was_taught_comes_back_bit_for_bit(tuner, tmp_path) -> None:
    images = asked(tuner)
    taught = tuner.fine_tune(tuner.root(), Answers("truck", truth(images)).edits)
    tuner.fine_tune(taught, [Learn("truck", "more", 1.0)])
    unbiased_part(tuner.store, 30, seed=8)  # parts that come later change nothing
    other = another(tuner)
    for old, new in replay(tuner, other):
        assert (old.id, old.weights_hash) == (new.id, new.weights_hash)
    file = tmp_path / "edits.yaml"
    file.write_text(dump_edits([taught.edits]))
    assert list(read_edits(file, tuner.store)[0]) == list(taught.edits)
    document = tuner.terms(taught)["truck"].to_json()
    assert Terms.from_json(document, len(tuner.store.rows("fit"))).to_json() == document


def test_ids_and_terms_without_an_added_photo_stay(tuner, path) -> None:
    image = tuner.store.images[tuner.store.rows("tune")[0]]
    plain = inficond_panel.open_students(path, history=":memory:").fit().tuner
    nodes = [each.fine_tune(each.root(), [Label("truck", image, 1)]) for each in (plain, tuner)]
    assert nodes[0].id == nodes[1].id
    assert nodes[0].weights_hash == nodes[1].weights_hash
    assert set(tuner.terms(nodes[1])["truck"].to_json()["labels"]) == {"weight", "values"}


def test_a_part_that_is_gone_is_an_error_with_a_remedy(tuner) -> None:
    images = asked(tuner)
    taught = tuner.fine_tune(tuner.root(), Answers("truck", truth(images)).edits)
    shutil.rmtree(tuner.store.path.with_name("own.more"))
    with pytest.raises(StoreError, match="has no part") as told:
        another(tuner).repairs.class_fit(
            tuner.root(), "truck", tuner.terms(taught)["truck"]
        ).solve()
    assert "inficond extend" in told.value.remedy
    with pytest.raises(StoreError, match="have an image 'more 4"):
        decided(tuner, tuner.root(), "truck", images)


def test_the_answers_judge_on_added_photos(tuner) -> None:
    images, root = asked(tuner), tuner.root()
    found = judged(tuner, root, Answers("truck", truth(images)))
    drawn = shifted_frames(ADDED, fit=0, seed=4)
    at = [int(image.rsplit(" ", 1)[1]) for image in found.answers.given]
    scores = drawn["scores"][tuner.store.concepts].to_numpy(np.float32)[at].astype(float)
    np.testing.assert_allclose(
        found.before, scores @ root.weights[:, 0] + root.intercepts[0], atol=1e-4
    )
    assert not np.allclose(found.after, found.before)
    assert decided(tuner, root, "truck", list(found.answers.given)) == list(found.before > 0)
    teacher = drawn["logits"].to_numpy()[at, 0] > 0
    assert teacher_decided(tuner, "truck", list(found.answers.given)) == teacher.tolist()


def test_cross_fits_find_the_added_photos_again(tuner) -> None:
    node = tuner.fine_tune(tuner.root(), Answers("truck", truth(asked(tuner))).edits)
    rows = tuner.store.rows("tune")
    logits = cross_fitted_logits(tuner, node, "truck", steps_to(tuner, node, "truck"), rows)
    assert np.corrcoef(logits, tuner.logits(node)[rows, 0])[0, 1] > 0.9


def test_a_taught_photo_is_not_learned_from_the_teacher_too(tuner) -> None:
    image = asked(tuner, 1)[0]
    node = tuner.fine_tune(tuner.root(), [Label("truck", image, 1), Learn("truck", "more", 1.0)])
    data = tuner.repairs.class_fit(node, "truck").data
    more = data.learned["more"]
    assert (data.weight(0)[more] == 0).sum() == 1
    at = AllImages(tuner.store).rows([image])[0] - len(tuner.store.images)
    assert data.weight(0)[more][at] == 0


def test_a_table_has_added_photos_with_their_pictures(tmp_path) -> None:
    tuner = open_tuner(small_spec(tmp_path, make=unlabelled_arrays), history=":memory:")
    added_part(tuner.store, 40)
    found = photos_to_ask(tuner.repairs.class_fit(tuner.root(), "bicycle"), 300)
    rows = asked_rows(tuner.store, "bicycle", found, tmp_path / "seen")
    (part,) = AllImages(tuner.store).more.stores
    pictures = {row[2]: row[3] for row in rows if row[2].startswith("new ")}
    assert len(pictures) == 40
    for image, picture in pictures.items():
        assert Path(picture).read_bytes() == part.thumbnail(part.images.index(image))
    file = tmp_path / "answers.csv"
    file.write_text("image,answer\nnew 3,1\nnew 5,no\n")
    assert read_answers(file, "bicycle", tuner.store).values == {"new 3": 1, "new 5": 0}


def test_the_page_shows_and_takes_answers_on_added_photos(tmp_path, monkeypatch) -> None:
    tuner = open_tuner(small_spec(tmp_path, make=unlabelled_arrays), history=":memory:")
    added_part(tuner.store, 40)
    app = AppState(tuner, Jobs(inline=True))
    app.selection.class_name = "bicycle"
    view, sent = KnowledgeView(app), []
    monkeypatch.setattr(type(view.panels), "_send_msg", lambda _, message: sent.append(message))
    view.act({"action": "ask"})
    draft = app.asking.draft
    images = ("new 2", "new 7", *draft.images[:1])
    app.asking.draft = Draft(draft.node, "bicycle", draft.why, images)
    app.asking._decided = app.asking._decisions(app.tuning.head, app.asking.draft)
    (part,) = AllImages(app.store).more.stores
    row = view.panels.asking["rows"][0]
    assert row == len(app.store.images) + part.images.index("new 2")
    view.act({"action": "asked_photo", "row": row})
    assert sent[-1]["photo"]["row"] == row
    assert sent[-1]["photo"]["source"].startswith("data:image/jpeg")
    view.act({"action": "answer_photo", "place": 0, "value": 1})
    assert app.asking.draft.answers.given == {"new 2": 1}


def test_the_file_of_an_added_photo_is_shown_only_if_it_is_that_photo(tmp_path) -> None:
    tuner = open_tuner(small_spec(tmp_path, make=unlabelled_arrays), history=":memory:")
    drawn = added_part(tuner.store, 3)  # once for its thumbnails: the files are made from them
    (part,) = AllImages(tuner.store).more.stores
    file = tmp_path / "new 1.jpg"
    small = part.picture(1)
    small.resize((900, 900 * small.height // small.width)).save(file)
    shutil.rmtree(drawn.path)
    added_part(tuner.store, 3, folder=str(tmp_path))
    (part,) = AllImages(tuner.store).more.stores
    assert load_photo(tuner.spec, part, 0) is None  # there is no such file
    assert load_photo(tuner.spec, part, 1).width == 900
    other = tmp_path / "other.jpg"  # looks alike, and is another file
    small.resize((901, 901 * small.height // small.width)).save(other)
    part.attrs["paths"][1] = str(other)
    assert load_photo(tuner.spec, part, 1) is None
    part.attrs["paths"][1] = str(tmp_path)
    assert load_photo(tuner.spec, part, 1) is None
