"""Photos added beside a store: encoded and labelled as its own, and never those for evaluation."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from precompute_factory import (
    CLASSES,
    SPEC,
    named_encoder,
    photo,
    photo_set,
    without_torch,
    write_table,
)

import precompute
from inficond_panel import open_students
from inficond_panel.errors import DataError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.store.more_photos import more_folder, more_photos, parts_of

pytestmark = pytest.mark.commands


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with a spec, its store and photos; the encoder costs nothing."""
    without_torch(monkeypatch)
    photo_set(tmp_path, 12)
    named_encoder(tmp_path / "encoder")
    spec = load_spec(tmp_path / "spec.yaml")
    precompute.run(spec, spec.store)
    return tmp_path


@pytest.fixture
def store(folder):
    return open_store(folder / "spec.zarr")


def new_photos(folder: Path, seeds=(50, 51, 52), name: str = "new") -> Path:
    """A folder of photos that are in no store, with a table of their logits beside it."""
    place = folder / name
    place.mkdir()
    for seed in seeds:
        photo(seed).save(place / f"p{seed}.png")
    values = np.array([[seed / 100, -seed / 100] for seed in seeds])
    write_table(folder / f"{name}.csv", [f"p{seed}" for seed in seeds], values)
    return place


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def extend(folder: Path, *photos, logits: str | None = "new.csv", **more):
    spec = load_spec(folder / "spec.yaml")
    table = folder / logits if logits else None
    return precompute.extend(spec, spec.store, photos, logits=table, **more)


def test_photos_of_the_store_would_get_its_rows_again(folder, store):
    """The store's photos, their last byte changed: other content, the same pixels."""
    (folder / "new").mkdir()
    for name in store.images:
        data = (folder / "photos" / "images" / f"{name}.jpg").read_bytes()
        (folder / "new" / f"{name}.jpg").write_bytes(data + b"\0")
    found = extend(folder, folder / "new", logits="logits.csv")
    more = more_photos(store)
    assert found.added == more.images == tuple(f"{name} (2)" for name in sorted(store.images))
    order = np.argsort(store.images)
    np.testing.assert_allclose(more.score, store.concept_score[order], atol=1e-6)
    np.testing.assert_array_equal(more.teacher_logit, store.teacher_logit[order])
    part, _ = more.place(0)
    for row, own in enumerate(order):
        assert part.thumbnail(row) == store.thumbnail(int(own))
        np.testing.assert_array_equal(part.mask(row), store.mask(int(own)))
    judged = sorted(np.array(store.images)[store.split != "fit"])
    found = [(one, two) for one, two, _ in found.near_duplicates]
    assert found == [(f"{name} (2)", name) for name in judged]


def test_each_call_that_adds_something_makes_a_part(folder, store):
    first = extend(folder, new_photos(folder))
    hashed = [part.content_hash for part in parts_of(store)]
    again = extend(folder, folder / "new")
    new_photos(folder, (50, 60), "later")
    second = extend(folder, folder / "later", logits="later.csv")
    assert (first.total, again.total, second.total) == (3, 3, 4)
    assert (again.part, len(again.already_there), again.added) == (None, 3, ())
    assert (second.added, len(second.already_there)) == (("p60",), 1)
    assert [part.content_hash for part in parts_of(store)] == [*hashed, second.part.content_hash]
    assert open_store(store.path).content_hash == store.content_hash
    found = more_photos(store)
    assert found.images == ("p50", "p51", "p52", "p60")
    np.testing.assert_allclose(found.teacher_logit[:, 0], [0.5, 0.51, 0.52, 0.6], atol=1e-6)
    assert [Path(path).name for path in found.paths] == ["p50.png", "p51.png", "p52.png", "p60.png"]
    assert not list(folder.glob("*.partial")) + list(folder.glob("*.lock"))


def test_photos_for_evaluation_are_refused_and_the_others_taken(folder, store):
    place = new_photos(folder)
    for split in ("fit", "tune", "holdout"):
        image = store.images[store.rows(split)[0]]
        shutil.copy(folder / "photos" / "images" / f"{image}.jpg", place / f"copy of {split}.jpg")
    shutil.copy(place / "p50.png", place / "p50 again.png")
    append(folder / "new.csv", "p50 again,0.5,-0.5\n")
    found = extend(folder, place)
    assert found.added == ("p50 again", "p51", "p52")  # each content once
    refused = sorted(Path(file).name for file, _, _ in found.refused)
    assert refused == ["copy of holdout.jpg", "copy of tune.jpg"]
    for file, image, split in found.refused:
        assert split in file
        assert image == store.images[store.rows(split)[0]]
    assert len(found.already_there) == 2


def test_the_table_is_asked_for_by_name_and_the_specs_own_may_have_the_rows(folder, store):
    place = new_photos(folder)
    with pytest.raises(DataError, match="table of logits without the photos") as told:
        extend(folder, place, logits=None)
    assert "--logits" in told.value.remedy
    shutil.move(place / "p50.png", place / f"{store.images[0]}.png")
    with pytest.raises(DataError, match="have the name of another image") as told:
        extend(folder, place / f"{store.images[0]}.png", logits=None)
    with pytest.raises(DataError, match=f"no logits for 1 of 3 images.* {store.images[0]}"):
        extend(folder, place)
    (place / "sub").mkdir()
    shutil.copy(place / "p51.png", place / "sub" / "p52.png")
    with pytest.raises(DataError, match="Several photos are named 'p52'"):
        extend(folder, place / "sub" / "p52.png", place / "p52.png")
    assert parts_of(store) == []
    place = new_photos(folder, (70,), "own")
    append(folder / "logits.csv", "p70,1.5,-2.5\n")
    extend(folder, place, logits=None)
    assert more_photos(store).teacher_logit.tolist() == [[1.5, -2.5]]


def test_photos_that_cannot_be_read_are_skipped_up_to_the_share_of_the_spec(folder, store):
    place = new_photos(folder)
    (place / "broken.jpg").write_bytes(b"no photo")
    append(folder / "new.csv", "broken,0.25,0.25\np99,0.25,0.25\n")
    found = extend(folder, place)
    assert len(found.added) == 3
    ((file, why),) = found.unreadable
    assert (Path(file).name, "not an image" in why) == ("broken.jpg", True)
    np.testing.assert_allclose(more_photos(store).teacher_logit[:, 0], [0.5, 0.51, 0.52], atol=1e-6)
    (folder / "spec.yaml").write_text(SPEC.replace("max_bad_share: 0.5", "max_bad_share: 0.1"))
    (place / "p99.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot be read: so far 2 of 2"):
        extend(folder, place)
    assert len(parts_of(store)) == 1


def test_a_store_that_was_made_in_another_way_and_paths_that_are_not_there_are_refused(folder):
    place = new_photos(folder)
    for old, new, told in (
        ("max_per_image: 4", "max_per_image: 3", "concepts.segments.max_per_image is 3"),
        ("kind: logits", "kind: logits, outputs: probabilities", "teacher.outputs is "),
        ("{kind: logits, path: logits.csv}", "{kind: head, folds: 2}", "teacher.[a-z0-9_]+ is "),
    ):
        (folder / "spec.yaml").write_text(SPEC.replace(old, new))
        with pytest.raises(DataError, match=told):
            extend(folder, place)
    (folder / "spec.yaml").write_text(SPEC)
    (folder / "empty").mkdir()
    for photos, told in (
        ([folder / "no.jpg"], "There is no file"),
        ([folder / "empty"], "holds no photo"),
        ([], "No photo is named"),
    ):
        with pytest.raises(DataError, match=told):
            extend(folder, *photos)


def test_by_command_and_in_python(folder, store, run):
    spec = str(folder / "spec.yaml")
    command = "extend", spec, new_photos(folder), "--logits", folder / "new.csv"
    assert run(*command)[1] == f"3 photos added to {store.path}; 3 so far\n"
    document = json.loads(run(*command, "--json")[1])
    assert (document["part"], document["total"], len(document["already_there"])) == (None, 3, 3)
    new_photos(folder, (70, 71), "later")
    students = open_students(spec)
    found = students.extend(folder / "later", logits=folder / "later.csv")
    assert found.added == ("p70", "p71")
    assert str(found).endswith("; 5 so far")
    assert list(students.more_photos.index) == ["p50", "p51", "p52", "p70", "p71"]
    assert list(students.more_photos["part"].unique()) == ["0001.zarr", "0002.zarr"]
    more = json.loads(run("info", spec, "--json")[1])["more"]
    assert (more["photos"], [row["images"] for row in more["rows"]]) == (5, [3, 2])
    assert "5 photos added" in run("info", spec)[1]


def test_a_store_with_other_words_has_its_own_parts(folder, run):
    extend(folder, new_photos(folder))
    (folder / "words.txt").write_text("wheel\nrail\nsky\n")
    spec = load_spec(folder / "spec.yaml")
    precompute.run(spec, spec.store)
    store = open_store(spec.store)
    assert parts_of(store) == []
    told = run("info", folder / "spec.yaml")[1]
    assert "1 part of added photos belong to another version" in told
    extend(folder, folder / "new")
    assert more_photos(store).score.shape == (3, 3)


def test_a_softmax_table_keeps_its_other_classes(folder):
    ids = [f"{i:05d}" for i in range(12)]
    rng = np.random.default_rng(2)
    columns = [*CLASSES, "boat", "tram"]
    write_table(folder / "logits.csv", ids, rng.normal(size=(12, 4)), columns)
    text = SPEC.replace("path: logits.csv", "path: logits.csv, activation: softmax")
    (folder / "spec.yaml").write_text(text.replace("table\n", "table\n  task: single_label\n"))
    label = np.eye(2, dtype=int)[np.arange(12) % 2]
    write_table(folder / "photos" / "labels.csv", ids, label)
    spec = load_spec(folder / "spec.yaml")
    precompute.run(spec, spec.store)
    place = new_photos(folder)
    values = rng.normal(size=(3, 4)).round(3)
    names = [f"p{seed}" for seed in (50, 51, 52)]
    write_table(folder / "new.csv", names, values, ["tram", CLASSES[1], "boat", CLASSES[0]])
    extend(folder, place)
    found = more_photos(open_store(spec.store))
    np.testing.assert_allclose(found.teacher_logit, values[:, [3, 1]], atol=1e-6)
    np.testing.assert_allclose(found.other_logit, values[:, [2, 0]], atol=1e-6)
    write_table(folder / "new.csv", names, values[:, :2], CLASSES)
    shutil.rmtree(more_folder(open_store(spec.store)))
    with pytest.raises(DataError, match="logits of 0 classes that the data set lacks"):
        extend(folder, place)
