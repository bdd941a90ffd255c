"""Stages that are computed again when an input changes, and the words about it beforehand."""

import json
import shutil

import pytest
from PIL import Image
from precompute_factory import named_encoder, photo, photo_set, without_torch

import precompute
from inficond_panel.cli import main
from inficond_panel.spec import load_spec
from inficond_panel.store import images, open_store
from inficond_panel.store.checks import attributes_hash
from precompute.pipeline import sampling

pytestmark = pytest.mark.commands


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with 40 photos (one cannot be read), a spec and its store."""
    folder = tmp_path_factory.mktemp("plan")
    photo_set(folder, 40)
    (folder / "photos" / "images" / "00004.jpg").write_text("no image")
    named_encoder(folder / "encoder")
    with pytest.MonkeyPatch.context() as patch:
        without_torch(patch)
        precompute.run(load_spec(folder / "spec.yaml"), folder / "a.zarr")
    return folder


@pytest.fixture
def own(made, tmp_path):
    shutil.copytree(made, tmp_path / "own")
    return tmp_path / "own"


@pytest.fixture
def encoder(monkeypatch):
    return without_torch(monkeypatch)


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def change(own, name):
    file, old, new, *_ = CHANGES[name]
    replace(own / file, old, new)


FROM_TEXT = {"text", "scores", "projections"}
#: What is changed by name: file, text and other text; the stages that run again, and why.
CHANGES = {
    "words": ("words.txt", "wheel\nrail\nsky", "rail\nsaddle\nsky", FROM_TEXT,
              "concepts: added saddle; removed wheel"),
    "prompts": ("spec.yaml", "a drawing of", "a picture of", FROM_TEXT,
                "added a picture of a {}; removed a drawing of"),
    "logits": ("logits.csv", "00000,-", "00000,-1", {"teacher"}, "path: "),
    "labels": ("photos/labels.csv", "00000,0,0", "00000,1,0", {"labels"}, "label: "),
    "segments": ("spec.yaml", "max_per_image: 4", "max_per_image: 5",
                 {"segments", "scores", "projections"}, "segments.max_per_image: 4 → 5"),
    "seed": ("spec.yaml", "  thumbnails:", "  projections: {seed: 7}\n  thumbnails:",
             {"projections"}, "seed: 0 → 7"),
    "scores": ("spec.yaml", "  thumbnails:", "  scores: {method: contrast}\n  thumbnails:",
               {"scores"}, "method: max_cosine → contrast"),
    "tuning": ("spec.yaml", "teacher:", "tuning: {factor: 3}\nteacher:", set(), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_plan_names_what_a_change_affects(own, name):
    *_, again, why = CHANGES[name]
    change(own, name)
    plan = precompute.plan(load_spec(own / "spec.yaml"), own / "a.zarr")
    assert {stage.name for stage in plan.stages if stage.does != "nothing"} == again
    assert why in "\n".join(plan.lines())
    assert plan.up_to_date == (not again)


@pytest.mark.parametrize("name", CHANGES)
def test_only_what_depends_on_a_change_is_computed_again(own, tmp_path, encoder, name):
    *_, again, _ = CHANGES[name]
    change(own, name)
    spec, lines = load_spec(own / "spec.yaml"), []
    report = precompute.run(spec, own / "a.zarr", progress=lines.append)
    told = {line.split()[1] for line in lines if line.startswith("Stage")}
    assert told == again - {"segments", "labels"}
    assert bool(encoder.runs) == bool(report.images_per_second) == ("segments" in again)
    anew = precompute.run(spec, tmp_path / "elsewhere" / "anew.zarr")
    assert (report.content_hash, report.skipped) == (anew.content_hash, anew.skipped)
    assert report.skipped[0][0] == "00004"
    assert precompute.plan(spec, own / "a.zarr").up_to_date
    assert not (own / "a.zarr.partial").exists()


def test_a_photo_that_can_be_read_again_gets_its_logits(tmp_path, monkeypatch):
    photo_set(tmp_path, 12)  # its bytes stay the same: a disk failed, or a limit is raised
    named_encoder(tmp_path / "encoder")
    without_torch(monkeypatch)
    Image.new("RGB", (100, 80)).save(tmp_path / "photos" / "images" / "00003.jpg")
    with monkeypatch.context() as patch:
        patch.setattr(images, "MOST_PIXELS", 5_000)
        first = precompute.run(load_spec(tmp_path / "spec.yaml"), tmp_path / "a.zarr")
    assert [image for image, _ in first.skipped] == ["00003"]
    change(tmp_path, "segments")
    report = precompute.run(load_spec(tmp_path / "spec.yaml"), tmp_path / "a.zarr")
    anew = precompute.run(load_spec(tmp_path / "spec.yaml"), tmp_path / "elsewhere" / "a.zarr")
    assert not report.skipped
    assert report.content_hash == anew.content_hash


@pytest.mark.parametrize("what", ["new", "changed", "gone"])
def test_one_photo_encodes_its_batch_only(own, tmp_path, encoder, what):
    images = own / "photos" / "images"
    if what == "gone":
        for table in ("photos/labels.csv", "logits.csv", "photos/fit.txt"):
            rows = (own / table).read_text().splitlines()
            (own / table).write_text("\n".join(row for row in rows if row[:5] != "00007"))
    elif what == "changed":
        photo(99).save(images / "00007.jpg")
    else:
        photo(99).save(images / "00777.jpg")
        for table in ("photos/labels.csv", "logits.csv"):
            with (own / table).open("a") as file:
                file.write("00777,1,0\n")
        replace(own / "photos" / "fit.txt", "00003", "00777\n00003")
    spec = load_spec(own / "spec.yaml")
    plan = precompute.plan(spec, own / "a.zarr")
    stage = plan.stages[0]
    assert stage.batches <= 3
    assert stage.photos <= 6
    name = "00777" if what == "new" else "00007"
    assert any(f"photos {what}: 1 ({name})" in why for why in stage.why)
    report = precompute.run(spec, own / "a.zarr")
    assert encoder.runs == stage.batches
    assert report.content_hash == precompute.run(spec, tmp_path / "b" / "b.zarr").content_hash


def test_a_damaged_store_is_not_used(own, encoder):
    change(own, "words")
    chunk = next(p for p in (own / "a.zarr" / "mask" / "c").rglob("*") if p.is_file())
    chunk.write_bytes(b"spoilt")
    precompute.run(load_spec(own / "spec.yaml"), own / "b.zarr")
    assert encoder.runs > 0
    open_store(own / "b.zarr").verify()


def test_the_plan_estimates_time_by_the_stored_speed(own):
    replace(own / "spec.yaml", "size: 48", "size: 40")
    meta = own / "a.zarr" / "zarr.json"
    document = json.loads(meta.read_text())
    document["attributes"]["stages"]["segments"] |= {"seconds": 8.0, "images": 40}
    document["attributes"]["attributes_hash"] = attributes_hash(document["attributes"])
    meta.write_text(json.dumps(document))
    plan = precompute.plan(load_spec(own / "spec.yaml"), own / "a.zarr")
    assert (plan.stages[0].photos, plan.stages[0].seconds) == (40, pytest.approx(8))
    assert plan.seconds >= 8
    assert any("About" in line for line in plan.lines())


def test_the_command_plans_and_writes_nothing(own, capsys):
    before = sorted(own.rglob("*"))
    change(own, "words")
    args = ["precompute", str(own / "spec.yaml"), "--plan", "--store"]
    assert main([*args, str(own / "a.zarr")]) == 0
    told = capsys.readouterr().out
    for line in ("segments     unchanged", "text         runs", "added saddle; removed wheel"):
        assert line in told
    assert main([*args, str(own / "new.zarr"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["up_to_date"] is False
    assert {stage["name"]: stage["does"] for stage in document["stages"]}["segments"] == "take"
    assert sorted(own.rglob("*")) == before


def test_a_plan_times_a_sample_where_no_run_is_known(own, tmp_path, encoder, monkeypatch):
    clock = iter([10.0, 12.0])  # the second run of 3 photos takes 2 s
    monkeypatch.setattr("precompute.pipeline.sampling.time.perf_counter", lambda: next(clock))
    peaks = iter([100, 160])
    monkeypatch.setattr("precompute.pipeline.sampling.peak_memory", lambda: next(peaks))
    monkeypatch.setattr("precompute.pipeline.plan.usual_workers", lambda: 4)
    (own / "a.zarr").rename(tmp_path / "gone")
    before = sorted(own.iterdir())
    plan = precompute.plan(load_spec(own / "spec.yaml"), own / "a.zarr", sample=True)
    (stage,) = [stage for stage in plan.stages if stage.name == "segments"]
    assert stage.seconds == pytest.approx(40 * 2 / 3 / 4)
    assert (plan.sampled, plan.memory_bytes) == (3, 160 + 3 * 60)
    assert encoder.runs == 2
    done = open_store(tmp_path / "gone")
    arrays = [done.dataset[name] for name in ("segment_embedding", "mask", "thumbnail")]
    stored = sum(array.nbytes for array in arrays)
    assert plan.needed_bytes == pytest.approx(2 * stored * 40 / 39, rel=0.2)
    assert sorted(own.iterdir()) == before
    text = "\n".join(plan.lines())
    assert "About 7 s, by a sample of 3 photos" in text
    assert "Memory: about" in text
    clock, peaks = iter([0.0, 1.0]), iter([100, 160])  # the sample is smaller than a batch
    sample = sampling.Sample()
    sampling._seconds(sample, lambda: None, whole=32 / 16)
    assert (sample.peak_bytes, sample.batch_bytes) == (100 + 2 * 60, 2 * 60)
