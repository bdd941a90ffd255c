"""CLIP and SigLIP of the package transformers as encoders: tiny models with random weights."""

import json
import shutil
import sys

import numpy as np
import pytest
from hub_factory import MEAN, SIDE, STD, encoder
from precompute_factory import photo

from inficond_panel.errors import DataError, MissingExtraError
from inficond_panel.spec.sections.encoder import TransformersEncoder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.torch

WORDS = ["a", "photo", "of", "wheel", "rail", "sky"]
KINDS = ("clip", "siglip")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folders of the models, and the models, by kind."""
    place = tmp_path_factory.mktemp("hub")
    return {kind: (place / kind, encoder(place / kind, kind, WORDS)) for kind in KINDS}


def load(folder, **values):
    from precompute.encoder import load_encoder

    return load_encoder(TransformersEncoder(model=folder, **values))


def prepared(encoder, count=2):
    return np.stack([encoder.prepare(photo(i, (50, 70))) for i in range(count)])


def array(tensor):
    return tensor.detach().numpy().astype(np.float64)


def linear(layer, x):
    return x @ array(layer.weight).T + (0 if layer.bias is None else array(layer.bias))


def norm(layer, x):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + layer.eps)
    return scaled * array(layer.weight) + array(layer.bias)


def hidden(model, pixels):
    """What goes into each block and out of the last, by the package's own forward pass."""
    with torch.inference_mode():
        out = model.vision_model(torch.from_numpy(pixels), output_hidden_states=True)
    return [array(state) for state in out.hidden_states], out


def attended(block, x, query, key):
    """Attention by hand, with the given projections as queries and keys."""
    own = block.self_attn
    split = (*x.shape[:2], own.num_heads, own.head_dim)
    q, k, v = (linear(p, x).reshape(split) for p in (query, key, own.v_proj))
    scores = np.einsum("bihd,bjhd->bhij", q, k) / np.sqrt(own.head_dim)
    share = np.exp(scores - scores.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    return np.einsum("bhij,bjhd->bihd", share, v).reshape(x.shape)


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
    states, _ = hidden(model, images)
    tokens = expected_tokens(model, states[-2], attention)[:, 1:]
    expected = linear(model.visual_projection, norm(model.vision_model.post_layernorm, tokens))
    np.testing.assert_allclose(
        found.dense(images), expected.reshape(2, 4, 4, -1), rtol=1e-3, atol=1e-4
    )
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
def test_one_run_gives_the_cells_and_the_whole_to_the_bit(saved, kind, attention):
    found = load(saved[kind][0], attention=attention)
    pixels = torch.from_numpy(prepared(found))
    with torch.inference_mode():
        cells, whole = found._dense.with_whole(pixels)
        assert torch.equal(cells, found._dense(pixels))
        assert torch.equal(whole, found.model.encode_image(pixels))


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


@pytest.mark.parametrize("kind", KINDS)
def test_photos_as_wholes_for_heads_and_words(saved, kind):
    folder, model = saved[kind]
    found = load(folder)
    images = torch.from_numpy(prepared(found))
    with torch.inference_mode():
        expected = model.get_image_features(pixel_values=images).pooler_output
        vectors = found.model.encode_image(images, normalize=True)
    torch.testing.assert_close(vectors, torch.nn.functional.normalize(expected, dim=-1))
    assert found.model.logit_scale.item() == model.logit_scale.item()


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


def test_another_type_and_broken_folders_are_told(saved, tmp_path):
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


def test_a_missing_package_names_the_extra(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match="needs the package transformers") as told:
        load(saved["clip"][0])
    assert "[precompute,transformers]" in told.value.remedy


@pytest.mark.parametrize("kind", KINDS)
def test_from_init_to_a_store_that_predicts(saved, tmp_path, monkeypatch, capsys, kind):
    """Encoder and teacher by flags, then precompute, students, and a photo of the store again."""
    from hub_factory import classifier
    from precompute_factory import photo_set

    from inficond_panel import open_students
    from inficond_panel.cli import main

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
    assert store.attrs["teacher_kind"] == "transformers"
    assert store.attrs["encoder"] == "enc"
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
