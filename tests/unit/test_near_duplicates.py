"""Near-equal photos of a data set: found, counted, kept in one fold, and refused across splits."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from frames import frames
from PIL import Image, ImageEnhance, ImageOps
from precompute_factory import named_encoder, photo_set, without_torch

import precompute
from inficond_panel import from_frames
from inficond_panel.cli import main
from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.spec.sections.splits import Share
from inficond_panel.store import open_store
from inficond_panel.store.images import TakenAt, taken_at
from inficond_panel.store.near_images import joined, near_images
from inficond_panel.tuning.repairs.penalty import Lambda, OwnPenalty
from inficond_panel.vocabulary.splits import FIT, TUNE
from precompute.datasets import load_dataset
from precompute.datasets.equal_files import equal_images
from precompute.datasets.splits import assign
from precompute.pipeline.encode import Encoding
from precompute.pipeline.near_photos import bursts, near_pairs, small_photos

pytestmark = pytest.mark.commands


def scene(seed, size=(120, 90)):
    """Soft patches of colour, each scene its own."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)


def jpeg(image, quality=80):
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def small(images):
    data = [jpeg(image) for image in images]
    return small_photos(lambda i: data[i], len(data))


def found(images):
    return [tuple(map(int, pair)) for pair in near_pairs(small(images))[0]]


@pytest.mark.parametrize(
    "copy",
    [
        lambda image: image.resize((80, 60), Image.Resampling.LANCZOS).resize((200, 150)),
        lambda image: ImageEnhance.Brightness(image).enhance(0.8),
        lambda image: ImageEnhance.Contrast(image).enhance(0.7),
        ImageOps.mirror,
        lambda image: Image.open(io.BytesIO(jpeg(image, 30))),
    ],
    ids=["size", "brightness", "contrast", "mirrored", "quality"],
)
def test_a_copy_is_near_equal(copy):
    assert found([*map(scene, range(20)), copy(scene(3))]) == [(3, 20)]


def test_other_photos_are_not_near_equal():
    assert found([scene(0), ImageOps.flip(scene(0)), *map(scene, range(1, 30))]) == []


def test_other_colours_of_the_same_grey_are_not_near_equal():
    channels = np.roll(np.asarray(scene(0)), 1, axis=2)
    assert found([scene(0), Image.fromarray(channels)]) == []


def test_flat_photos_are_not_compared():
    assert found([Image.new("RGB", (60, 40), (200, 200, 200))] * 3) == []


def photo_with_exif(path, when="2024:05:01 10:00:00", camera="A"):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", camera
    if when:
        exif.get_ifd(0x8769)[0x9003] = when
    scene(0).save(path, exif=exif)
    return path


def test_time_and_camera_are_read_from_exif(tmp_path):
    one = taken_at(photo_with_exif(tmp_path / "1.jpg"))
    two = taken_at(photo_with_exif(tmp_path / "2.jpg", "2024:05:01 10:00:02"))
    assert (two.seconds - one.seconds, two.camera) == (2.0, one.camera)


@pytest.mark.parametrize("when", ["", "0000:00:00 00:00:00", "yesterday"])
def test_a_photo_without_a_time_was_taken_at_no_known_time(tmp_path, when):
    assert taken_at(photo_with_exif(tmp_path / "1.jpg", when)) is None


@pytest.mark.parametrize(
    ("other", "burst"),
    [
        (TakenAt("A", 102.0), True),
        (TakenAt("A", 110.0), False),
        (TakenAt("B", 100.0), False),
        (None, False),
    ],
)
def test_photos_of_one_camera_and_moment_are_a_burst(other, burst):
    pair = small([scene(0), ImageEnhance.Contrast(scene(0)).enhance(0.5)])
    assert len(bursts(pair, [TakenAt("A", 100.0), other])) == burst


def test_photos_of_one_moment_that_differ_are_no_burst():
    assert not len(bursts(small([scene(0), scene(1)]), [TakenAt("A", 100.0)] * 2))


def test_images_of_equal_text_are_a_group():
    assert joined([], ["a", "", "b", "a", ""], 5).tolist() == [0, 1, 2, 0, 4]


def test_pairs_join_the_groups_of_a_column():
    assert joined([np.array([[2, 4]])], ["a", "", "b", "a", "b"], 5).tolist() == [0, 1, 2, 0, 2]


def test_groups_are_counted_by_split():
    split = np.array(["fit", "tune", "tune", "fit"])
    near = near_images(np.array([0, 1, 1, 0]), split, list("abcd"))
    assert str(near) == "2 groups of 4 near-equal images (fit 2, tune 2, holdout 0)"


def test_groups_across_splits_are_named():
    near = near_images(np.array([0, 0, 2]), np.array(["fit", "tune", "tune"]), list("abc"))
    assert near.across_text == "1 group lies across splits: a (fit) = b (tune)"


def test_shares_take_groups_whole():
    ids = [f"{i:02d}" for i in range(40)]
    group_of = {image: image[0] for image in ids if image[0] != "3"}
    shares = {
        name: Share.model_construct(from_="all", share=share, seed=0, stratify=False)
        for name, share in (("fit", 0.5), ("tune", 0.3))
    }
    split_of = assign({**shares, "holdout": "rest"}, {"all": ids}, ids, None, group_of)
    assert all(len({split_of[i] for i in ids if i[0] == tens}) == 1 for tens in "012")


def copied_photos(tmp_path, monkeypatch, more=""):
    """A data set of photos of which the last is a copy of the first; its spec and these two."""
    without_torch(monkeypatch)
    ids = photo_set(tmp_path)
    named_encoder(tmp_path / "encoder")
    folder = tmp_path / "photos" / "images"
    for i, name in enumerate(ids):
        scene(i).save(folder / f"{name}.jpg")
    scene(0).resize((60, 45)).save(folder / f"{ids[-1]}.jpg", quality=60)
    path = tmp_path / "spec.yaml"
    text = path.read_text(encoding="utf-8").replace("dataset:\n", f"dataset:\n  {more}\n", 1)
    path.write_text(text if more else path.read_text(encoding="utf-8"), encoding="utf-8")
    return path, ids[0], ids[-1]


def test_precompute_refuses_a_copy_in_another_split(tmp_path, monkeypatch):
    path, first, last = copied_photos(tmp_path, monkeypatch)
    spec = load_spec(path)
    with pytest.raises(DataError, match=rf"{first} \(fit\) = {last} \((tune|holdout)\)") as error:
        precompute.run(spec, spec.store)
    assert "across_splits: allow" in error.value.remedy


def test_all_copies_across_splits_are_listed_in_a_file_beside_the_spec(tmp_path, monkeypatch):
    path, first, last = copied_photos(tmp_path, monkeypatch)
    spec = load_spec(path)
    listing = path.with_suffix(".copies.csv")
    with pytest.raises(DataError, match=re.escape(f"All of them are in {listing}.")):
        precompute.run(spec, spec.store)
    found = pd.read_csv(listing, dtype=str)
    assert set(found["image_id"]) == {first, last}
    assert dict(zip(found["image_id"], found["split"], strict=True))[first] == "fit"
    assert found["group"].tolist() == ["1", "1"]


def test_a_list_that_cannot_be_written_is_left_out(tmp_path, monkeypatch):
    path, *_ = copied_photos(tmp_path, monkeypatch)
    spec = load_spec(path)
    path.with_suffix(".copies.csv").mkdir()
    with pytest.raises(DataError) as error:
        precompute.run(spec, spec.store)
    assert error.value.message.endswith("would be evaluated on the other.")


def test_a_copy_in_another_split_is_refused_before_anything_is_encoded(tmp_path, monkeypatch):
    path, *_ = copied_photos(tmp_path, monkeypatch)
    monkeypatch.setattr(Encoding, "segmented", lambda _: pytest.fail("it encoded photos"))
    spec = load_spec(path)
    with pytest.raises(DataError, match="Near-equal images in different splits"):
        precompute.run(spec, spec.store)


def test_precompute_allows_a_copy_in_another_split_on_request(tmp_path, monkeypatch):
    path, first, last = copied_photos(tmp_path, monkeypatch, "across_splits: allow")
    spec = load_spec(path)
    precompute.run(spec, spec.store)
    store = open_store(spec.store)
    assert store.near_group[store.images.index(last)] == store.images.index(first)


def test_check_repeats_what_lies_across_splits(tmp_path, monkeypatch, capsys):
    path, first, last = copied_photos(tmp_path, monkeypatch, "across_splits: allow")
    spec = load_spec(path)
    precompute.run(spec, spec.store)
    main(["check", str(path)])
    assert f"{first} (fit) = {last}" in capsys.readouterr().err


def wide_frames(copies, noise=0.1, split=TUNE, base=40, **options):
    """Arguments of ``from_frames``: 400 images of 40 correlated concepts, of which the ``base``
    images of a split come ``copies`` times, with noise in the scores."""
    rng = np.random.default_rng(0)
    score = rng.normal(size=(400, 15)) @ rng.normal(size=(15, 40)) + rng.normal(size=(400, 40))
    logit = score[:, :2] - score[:, 2:4]
    names = np.array(["fit"] * 240 + ["holdout"] * (160 - base) + [split] * base)
    rows = np.concatenate([np.arange(400), *[np.arange(400 - base, 400)] * (copies - 1)])
    noisy = score[rows] + noise * score.std(axis=0) * rng.normal(size=(len(rows), 40))
    ids = [f"{i:04d}" for i in range(len(rows))]
    columns = [f"c{i}" for i in range(40)]
    logits = pd.DataFrame(logit[rows], ids, ["bird", "cat"])
    return {
        "scores": pd.DataFrame(noisy, ids, columns),
        "logits": logits,
        "labels": (logits > 0).astype(int),
        "split": pd.Series(names[rows], ids),
        **options,
    }


def test_copies_in_frames_are_groups_of_the_store():
    store = from_frames(**wide_frames(3)).tuner.store
    assert str(store.near_images).startswith("40 groups of 120 near-equal images")


def test_frames_without_copies_have_no_group():
    store = from_frames(**wide_frames(1)).tuner.store
    assert (store.near_images.groups, store.has("near_group")) == (0, False)


def test_the_small_frames_of_other_tests_have_no_group():
    assert from_frames(**frames()).tuner.store.groups_on(TUNE) is None


def across(**options):
    """Frames of which the first tuning image is a copy of the first training image."""
    made = wide_frames(1)
    tune = made["split"].index[made["split"] == TUNE][0]
    for table in ("scores", "logits", "labels"):
        made[table].loc[tune] = made[table].loc["0000"]
    return made | options


def test_frames_with_a_copy_in_another_split_are_refused():
    with pytest.raises(DataError, match=r"0000 \(fit\) = 0360 \(tune\)"):
        from_frames(**across())


def test_frames_with_a_copy_in_another_split_are_taken_on_request():
    store = from_frames(**across(across_splits="allow")).tuner.store
    assert store.near_group[store.images.index("0360")] == 0


def films(made):
    """Metadata: a film per image, the same for two images each of a split."""
    names = [f"{split} {i // 2}" for i, split in enumerate(made["split"])]
    return pd.DataFrame({"film": names}, made["split"].index)


def test_a_column_of_metadata_names_groups():
    made = wide_frames(1)
    store = from_frames(**made, metadata=films(made), near_duplicates="film").tuner.store
    assert store.near_images.groups == 200


def ids_of(made):
    """Metadata: the id of each image, so that no two are of one group."""
    return pd.DataFrame({"id": [f"image {i}" for i in made["split"].index]}, made["split"].index)


def test_a_column_of_metadata_replaces_the_search_by_scores():
    made = wide_frames(3)
    students = from_frames(**made, metadata=ids_of(made), near_duplicates="id")
    assert students.tuner.store.near_images.groups == 0


def with_other_labels(made):
    """The frames with a class that each second image has."""
    made["labels"]["bird"] = np.arange(len(made["labels"])) % 2
    return made


def test_labels_of_a_group_that_a_column_names_may_differ():
    """Frames of a film, or the visits of a patient, are no copies."""
    made = with_other_labels(wide_frames(1))
    store = from_frames(**made, metadata=films(made), near_duplicates="film").tuner.store
    assert store.contradictions == ""


def test_labels_of_copies_may_not_differ_whatever_columns_there_are():
    made = wide_frames(3)
    made["labels"]["bird"] = (np.arange(len(made["labels"])) >= 400).astype(int)
    store = from_frames(**made, metadata=films(made)).tuner.store
    assert store.contradictions.startswith("In 40 groups of near-equal images")


def test_images_are_independent_on_request():
    store = from_frames(**wide_frames(3), near_duplicates=False).tuner.store
    assert (store.near_images.groups, store.groups_on(TUNE)) == (0, None)


def attribute_frames():
    """600 people with five attributes, 0 or 1, of which a teacher makes its logits."""
    made = frames(images=600)
    ids, rng = made["split"].index, np.random.default_rng(0)
    attributes = (rng.random((600, 5)) < 0.5).astype(int)
    made["scores"] = pd.DataFrame(attributes, ids, ["smile", "hat", "tie", "beard", "glasses"])
    for name in made["logits"]:
        made["logits"][name] = attributes @ rng.normal(size=5)
    return made


def test_people_with_equal_attributes_are_no_copies():
    assert from_frames(**attribute_frames()).tuner.store.near_images.groups == 0


def test_a_refusal_of_copies_says_how_to_deny_them():
    with pytest.raises(DataError) as error:
        from_frames(**across())
    assert "near_duplicates=False" in str(error.value)


def test_a_column_that_does_not_exist_is_named():
    made = wide_frames(1)
    with pytest.raises(DataError, match="near_duplicates names 'reel'"):
        from_frames(**made, metadata=films(made), near_duplicates="reel")


def test_info_counts_near_equal_images(tmp_path, capsys):
    from_frames(**wide_frames(2), path=tmp_path / "own.zarr")
    main(["info", str(tmp_path / "own.zarr")])
    assert "40 groups of 80 near-equal images (fit 0, tune 80" in capsys.readouterr().out


def test_the_doctor_counts_near_equal_images():
    findings = from_frames(**wide_frames(2)).fit().doctor()["findings"]
    (finding,) = findings.loc[findings["kind"] == "near-equal", "finding"]
    assert finding.startswith("40 groups of 80 near-equal rows")


def test_the_doctor_tells_copies_with_other_labels():
    made = wide_frames(2)
    copy = made["labels"].index[-1]
    made["labels"].loc[copy, "bird"] = 1 - made["labels"].loc[copy, "bird"]
    findings = from_frames(**made).fit().doctor()["findings"]
    (finding,) = findings.loc[findings["kind"] == "copies with other labels", "finding"]
    assert finding.startswith("In 1 group of near-equal rows labels contradict each other: ")
    assert copy in finding


def test_the_doctor_says_how_to_deny_copies():
    findings = from_frames(**wide_frames(2)).fit().doctor()["findings"]
    (remedy,) = findings.loc[findings["kind"] == "near-equal", "remedy"]
    assert "near_duplicates=False" in remedy


def test_a_copy_of_a_learned_photo_is_not_evaluated_by_its_student():
    """Each fold that a repair learns from holds the copies of its photos."""
    tuner = from_frames(**wide_frames(3)).fit().tuner
    photos = tuner.repairs.evidence(tuner.repairs.class_fit(tuner.root(), "bird"))
    group = tuner.store.near_group[photos.tune]
    assert all(len(set(photos.tune_folds[group == one])) == 1 for one in group)


def test_copies_do_not_make_a_class_judgeable():
    """Three positives, ten times each, are three."""
    tuner = from_frames(**wide_frames(10, base=6)).fit().tuner
    photos = tuner.repairs.evidence(tuner.repairs.class_fit(tuner.root(), "bird"))
    assert sum(photos.shown(TUNE)) == 6
    assert sum(photos.shown(FIT)) == 240


def test_a_copy_of_an_answered_photo_is_not_asked():
    from inficond_panel.tuning.answers import photos_to_ask

    tuner = from_frames(**wide_frames(4)).fit().tuner
    student, store = tuner.repairs.class_fit(tuner.root(), "bird"), tuner.store
    answered = store.images[store.rows(TUNE)[0]]
    asked = photos_to_ask(student, 200, without=[answered]).rows
    assert store.near_group[store.images.index(answered)] not in store.near_group[asked]


def test_the_lambda_of_the_path_is_the_one_that_the_repair_takes():
    students = from_frames(**wide_frames(3)).fit()
    path = students.penalty_path("bird")
    students.tune(Lambda("bird"))
    taken = students.tuner.terms(students.node)["bird"].get(OwnPenalty).value
    assert path.index[path["auto"]].tolist() == pytest.approx([taken])


def test_of_near_equal_photos_one_is_asked():
    from inficond_panel.tuning.answers import photos_to_ask

    made = wide_frames(4)
    made["labels"].loc[made["split"] == TUNE] = np.nan
    tuner = from_frames(**made).fit().tuner
    asked = photos_to_ask(tuner.repairs.class_fit(tuner.root(), "bird"), 40).rows
    assert len(set(tuner.store.near_group[asked])) == 40


def equal_files(tmp_path, monkeypatch, more=""):
    """A data set whose last photo's file is the first one's; its spec."""
    path, first, last = copied_photos(tmp_path, monkeypatch, more)
    folder = tmp_path / "photos" / "images"
    (folder / f"{last}.jpg").write_bytes((folder / f"{first}.jpg").read_bytes())
    return path


def test_equal_files_are_counted(tmp_path, monkeypatch):
    spec = load_spec(equal_files(tmp_path, monkeypatch))
    near = equal_images(load_dataset(spec.dataset)).near
    assert (near.groups, near.images, len(near.across)) == (1, 2, 1)


def test_check_refuses_equal_files_in_different_splits(tmp_path, monkeypatch, capsys):
    assert main(["check", str(equal_files(tmp_path, monkeypatch))]) == 1
    assert "Near-equal images in different splits: 1 group" in capsys.readouterr().err


def test_check_tells_equal_files_that_are_allowed(tmp_path, monkeypatch, capsys):
    assert main(["check", str(equal_files(tmp_path, monkeypatch, "across_splits: allow"))]) == 0
    assert "Equal files: 1 group of 2 near-equal images" in capsys.readouterr().err


def test_empty_files_are_no_copies(tmp_path, monkeypatch):
    path, first, last = copied_photos(tmp_path, monkeypatch)
    for name in (first, last):
        (tmp_path / "photos" / "images" / f"{name}.jpg").write_bytes(b"")
    assert equal_images(load_dataset(load_spec(path).dataset)).near.groups == 0


def test_precompute_refuses_equal_files_before_it_encodes(tmp_path, monkeypatch):
    spec = load_spec(equal_files(tmp_path, monkeypatch))
    lines = []
    with pytest.raises(DataError, match="Near-equal images in different splits"):
        precompute.run(spec, spec.store, progress=lines.append)
    assert not any(line.startswith("Device") for line in lines)
