"""Models of the package transformers as encoders and teachers, tiny, with random weights."""

import json
import shutil
import socket
import sys

import numpy as np
import pytest
from hub_factory import MEAN, SIDE, STD, classifier, encoder
from precompute_factory import attend, photo, photo_set

from inficond_panel import open_students
from inficond_panel.cli import main
from inficond_panel.common import names
from inficond_panel.errors import DataError, MissingExtraError
from inficond_panel.spec.sections.encoder import TransformersEncoder
from inficond_panel.spec.sections.teacher import TransformersTeacher
from precompute.encoder import load_encoder
from precompute.teachers import transformers_models
from precompute.teachers.loading import TeacherSource

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

pytestmark = [pytest.mark.torch, pytest.mark.commands]
WORDS = ["a", "photo", "of", "wheel", "rail", "sky"]
KINDS = ("clip", "siglip")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    place = tmp_path_factory.mktemp("hub")
    return {kind: (place / kind, encoder(place / kind, kind, WORDS)) for kind in KINDS}


def load(folder, **values):
    return load_encoder(TransformersEncoder(model=folder, **values))


def prepared(encoder):
    return np.stack([encoder.prepare(photo(i, (50, 70))) for i in range(2)])


def array(tensor):
    return tensor.detach().numpy().astype(np.float64)


def linear(layer, x):
    return x @ array(layer.weight).T + (0 if layer.bias is None else array(layer.bias))


def norm(layer, x):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + layer.eps)
    return scaled * array(layer.weight) + array(layer.bias)


def attended(block, x, query, key):
    """Attention by hand, with the given projections as queries and keys."""
    own = block.self_attn
    return attend(*(linear(p, x) for p in (query, key, own.v_proj)), own.num_heads)


def expected_tokens(model, x, attention):
    """The last block by hand, of what goes into it."""
    block = model.vision_model.encoder.layers[-1]
    own, y = block.self_attn, norm(block.layer_norm1, x)
    if attention == "value":
        return linear(own.out_proj, linear(own.v_proj, y))
    queries = attended(block, y, own.q_proj, own.q_proj)
    if attention == "clearclip":
        return linear(own.out_proj, queries)
    x = x + linear(own.out_proj, queries + attended(block, y, own.k_proj, own.k_proj))
    with torch.inference_mode():
        inner = torch.from_numpy(norm(block.layer_norm2, x).astype(np.float32))
        return x + array(block.mlp(inner))


@pytest.mark.parametrize("attention", ["value", "clearclip", "sclip"])
def test_places_of_a_clip_are_those_computed_by_hand(saved, attention):
    folder, model = saved["clip"]
    found = load(folder, attention=attention)
    images = prepared(found)
    with torch.inference_mode():
        out = model.vision_model(torch.from_numpy(images), output_hidden_states=True)
    tokens = expected_tokens(model, array(out.hidden_states[-2]), attention)[:, 1:]
    expected = linear(model.visual_projection, norm(model.vision_model.post_layernorm, tokens))
    cells = found.dense(images).reshape(2, 16, -1)
    np.testing.assert_allclose(cells, expected, rtol=1e-3, atol=1e-4)
    assert np.std(expected, axis=1).min() > 1e-3


def test_the_usual_attention_is_value_of_a_clip_and_plain_of_a_siglip(saved):
    for kind, usual in (("clip", "value"), ("siglip", "plain")):
        found = load(saved[kind][0])
        assert (found.attention, found.preprocessing["attention"]) == (usual, usual)
        images = prepared(found)
        same = load(saved[kind][0], attention=usual).dense(images)
        np.testing.assert_array_equal(found.dense(images), same)


@pytest.mark.parametrize("attention", ["value", "plain"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_run_gives_the_cells_and_the_packages_whole(saved, kind, attention):
    folder, model = saved[kind]
    found = load(folder, attention=attention)
    pixels = torch.from_numpy(prepared(found))
    with torch.inference_mode():
        cells, whole = found._dense.with_whole(pixels)
        assert torch.equal(cells, found._dense(pixels))
        assert torch.equal(whole, found.model.encode_image(pixels))
        expected = model.get_image_features(pixel_values=pixels).pooler_output
        unit = found.model.encode_image(pixels, normalize=True)
    torch.testing.assert_close(unit, torch.nn.functional.normalize(expected, dim=-1))
    assert found.model.logit_scale.item() == model.logit_scale.item()


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_those_of_the_packages_own_call(saved, kind):
    folder, model = saved[kind]
    found = load(folder)
    texts = ["a photo of a wheel", "sky"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    padding = {"padding": True} if kind == "clip" else {"padding": "max_length", "max_length": 12}
    given = tokenizer(texts, return_tensors="pt", **padding)
    names = ("input_ids", "attention_mask") if kind == "clip" else ("input_ids",)
    with torch.inference_mode():
        vectors = model.get_text_features(**{n: given[n] for n in names}).pooler_output.numpy()
    expected = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(found.embed_text(texts), expected, atol=1e-5)
    assert abs(expected[0] @ expected[1]) < 0.9999
    with pytest.raises(DataError, match="reads 12 tokens"):
        found.embed_text(["a photo of " * 5])


def test_a_photo_is_squashed_whole_and_normalised_as_the_processor_says(saved):
    found = load(saved["clip"][0])
    assert (found.size, found.mean, found.std) == ((SIDE, SIDE), tuple(MEAN), tuple(STD))
    small = np.asarray(photo(0, (50, 70)).resize((SIDE, SIDE), 3)) / 255
    expected = ((small - MEAN) / STD).transpose(2, 0, 1)
    np.testing.assert_allclose(found.prepare(photo(0, (50, 70))), expected, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_another_size_has_more_places(saved, kind):
    found = load(saved[kind][0], image_size=(64, 48))
    assert found.dense(prepared(found)).shape == (2, 6, 8, 16)
    with pytest.raises(DataError, match=r"image_size 50 is not a multiple .* 8"):
        load(saved[kind][0], image_size=50)


def test_another_type_broken_folders_and_a_missing_package_are_told(saved, tmp_path, monkeypatch):
    copy = shutil.copytree(saved["clip"][0], tmp_path / "m")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(DataError, match=r"of type vit, whose cells cannot be embedded"):
        load(copy)
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DataError, match="cannot be loaded"):
        load(copy)
    (copy / "model.safetensors").unlink()
    with pytest.raises(DataError, match="no weights as safetensors"):
        load(copy)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match="needs the package transformers") as told:
        load(saved["clip"][0])
    assert "[precompute,transformers]" in told.value.remedy


@pytest.mark.parametrize("kind", KINDS)
def test_from_init_to_a_store_that_predicts(saved, tmp_path, monkeypatch, capsys, kind):
    monkeypatch.chdir(tmp_path)
    photo_set(tmp_path)
    classifier(tmp_path / "net", ["train", "cat", "bicycle"])
    (tmp_path / "few.txt").write_text("\n".join(WORDS))
    encoder_folder = shutil.copytree(saved[kind][0], tmp_path / "enc")
    flags = ["--encoder", str(encoder_folder), "--teacher", "transformers:net"]
    assert main(["init", "photos", *flags, "--corpus", "few.txt", "--output", "a.yaml"]) == 0
    assert main(["precompute", "a.yaml"]) == 0
    students = open_students("a.yaml")
    store = students.tuner.store
    assert (store.attrs["teacher_kind"], store.attrs["encoder"]) == ("transformers", "enc")
    photos = [tmp_path / "photos" / "images" / f"{name}.jpg" for name in store.images]
    run = transformers.pipeline("image-classification", model="net", top_k=None)
    rows = [run(str(path), function_to_apply="none") for path in photos]
    of = [{one["label"]: one["score"] for one in row} for row in rows]
    expected = [[row[name] for name in store.classes] for row in of]
    np.testing.assert_allclose(store.teacher_logit, expected, atol=1e-4)
    found = students.predict_images(photos)
    logit = found.table["teacher_logit"].to_numpy().reshape(len(photos), -1)
    np.testing.assert_allclose(logit, expected, atol=1e-4)
    capsys.readouterr()
    assert main(["precompute", "a.yaml"]) == 0
    assert "unchanged, nothing was done" in capsys.readouterr().out


CLASSES = ("bicycle", "train")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("hub") / "net"
    classifier(place, ["train", "tabby, cat", "bicycle"])
    return place


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "net")


def change(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def teacher_of(model, classes=CLASSES, **values):
    return TeacherSource(TransformersTeacher(model=model, **values), classes).load()


def logits(teacher):
    prepared = [teacher.preprocessing.prepare(photo(i, (50, 70))) for i in range(3)]
    return teacher.logits(np.stack(prepared))


def reference(folder):
    """Logits by the package's own pipeline: processor and model, a photo at a time."""
    run = transformers.pipeline("image-classification", model=str(folder), top_k=None)
    rows = [run(photo(i, (50, 70)), function_to_apply="none") for i in range(3)]
    return [{one["label"]: one["score"] for one in row} for row in rows]


@pytest.mark.parametrize(
    ("classes", "given", "columns"),
    [
        (CLASSES, {}, ["bicycle", "train"]),
        (("cat", "train"), {"labels": {"cat": "tabby, cat"}}, ["tabby, cat", "train"]),
        (CLASSES, {"activation": "softmax"}, ["bicycle", "train", "tabby, cat"]),
    ],
)
def test_the_logits_are_those_of_the_packages_pipeline(folder, classes, given, columns):
    expected = [[row[name] for name in columns] for row in reference(folder)]
    assert np.ptp(expected, axis=0).min() > 1e-3
    found = logits(teacher_of(folder, classes, **given))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_classes_of_a_model_that_names_none(copy):
    change(copy, id2label={"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"})
    with pytest.raises(DataError, match=r"net has no output for 'bicycle', 'train'") as told:
        teacher_of(copy)
    assert "teacher.labels" in told.value.remedy
    section = TransformersTeacher(model=copy, classes=["train", "cat", "bicycle"])
    expected = [[row["LABEL_2"], row["LABEL_0"]] for row in reference(copy)]
    found = logits(TeacherSource(section, CLASSES).load())
    np.testing.assert_allclose(found, expected, atol=1e-5)
    change(copy, id2label={"0": "a", "1": "a", "2": "b"})
    with pytest.raises(DataError, match="does not name its outputs uniquely"):
        teacher_of(copy)


@pytest.mark.parametrize(
    ("classes", "labels", "fault"),
    [
        (("bicycles", "train"), {}, r"no output for 'bicycles' \(nearest: 'bicycle'\)"),
        (("cat",), {"cat": "taby, cat"}, r"sets 'cat' to 'taby, cat'.*\(nearest: 'tabby, cat'\)"),
        (("train",), {"train": "bicycle"}, "but the model also has an output 'train'"),
    ],
)
def test_names_that_do_not_fit(folder, classes, labels, fault):
    with pytest.raises(DataError, match=fault):
        teacher_of(folder, classes, labels=labels)


def test_weights_that_lack_would_be_random_and_pickled_ones_are_not_loaded(copy):
    file = copy / "model.safetensors"
    state = load_file(file)
    some = {k: v for k, v in state.items() if not k.startswith("classifier")}
    save_file(some, file, {"format": "pt"})
    with pytest.raises(DataError, match=r"lack classifier.bias, classifier.weight"):
        teacher_of(copy)
    torch.save(state, copy / "pytorch_model.bin")
    file.unlink()
    with pytest.raises(DataError, match="no weights as safetensors; pickled weights are not"):
        teacher_of(copy)


def test_code_in_a_folder_is_not_run(copy, tmp_path):
    trace, path = tmp_path / "run", copy / "preprocessor_config.json"
    (copy / "mine.py").write_text(f"open({str(trace)!r}, 'w')\nclass Mine: pass\n")
    before = path.read_text()
    own = {"image_processor_type": "Mine", "auto_map": {"AutoImageProcessor": "mine.Mine"}}
    path.write_text(json.dumps(own))
    with pytest.raises(DataError, match="cannot be loaded"):
        teacher_of(copy)
    path.write_text(before)
    change(copy, model_type="mine", auto_map={"AutoModelForImageClassification": "mine.Mine"})
    with pytest.raises(DataError, match="cannot be loaded") as told:
        teacher_of(copy)
    assert "code in a model's folder is not run" in told.value.remedy
    assert not trace.exists()


def test_other_processors_and_configurations_are_told(copy):
    path = copy / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "do_resize": False}))
    with pytest.raises(DataError, match=r"\(3, 48, 64\) for a wide photo and \(3, 64, 48\)"):
        teacher_of(copy)
    (copy / "config.json").write_text("[]")
    with pytest.raises(DataError, match=r"config.json is not a model's configuration"):
        teacher_of(copy)
    (copy / "config.json").unlink()
    with pytest.raises(DataError, match="has no config"):
        teacher_of(copy)


def test_a_hubs_model_without_network_is_told_at_once(tmp_path, monkeypatch):
    asked = []  # the hub's own client would ask again and again, with longer and longer pauses

    def unknown(host, *_, **__):
        asked.append(host)
        raise socket.gaierror

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(DataError, match="not on this machine, and the download failed") as told:
        teacher_of("hf-hub:some/net")
    assert asked == ["huggingface.co"]
    assert "files elsewhere (config.json" in told.value.remedy


def test_a_hubs_model_that_was_downloaded_needs_no_network(folder, tmp_path, monkeypatch):
    snapshot = tmp_path / "models--some--net" / "snapshots" / "0"
    shutil.copytree(folder, snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("asked the network"))
    change(snapshot, problem_type=None)
    expected = [[row["bicycle"], row["train"]] for row in reference(folder)]
    np.testing.assert_allclose(logits(teacher_of("hf-hub:some/net")), expected, atol=1e-5)
    change(snapshot, problem_type="single_label_classification")
    with pytest.raises(DataError, match="trained for one class per image"):
        teacher_of("hf-hub:some/net")


def test_the_outputs_of_a_model_are_listed_once_for_all_labels(monkeypatch):
    keys, key = [], names.name_key
    for module in (names, transformers_models):
        monkeypatch.setattr(
            module, "name_key", lambda name: keys.append(name) or key(name), raising=False
        )
    outputs = [f"LABEL_{i}" for i in range(100)]
    transformers_models._renamed(outputs, {f"class {i}": f"LABEL_{i}" for i in range(100)})
    assert len(keys) == 300  # each output, label and class


def test_a_label_names_an_output_by_an_equal_name():
    assert transformers_models._renamed(["a", "b"], {"cat": " b"}) == ["a", "cat"]
