"""Query2Label against a reference in NumPy, and files laid out as the published ones."""

import math

import numpy as np
import pytest
from precompute_factory import attend, photo
from teacher_factory import teacher_section

from inficond_panel.errors import DataError
from precompute.teachers.loading import TeacherSource

pytest.importorskip("torch")

import timm
import torch
import torchvision

from precompute.teachers.query2label import FeatureMap

pytestmark = pytest.mark.torch

CLASSES = ("bicycle", "train", "sofa")
WIDTH, FEEDFORWARD, SIDE = 512, 64, 64


def published(self_attention=(False, False), projected=True, width=WIDTH):
    """Tensors named and shaped as in the published files, with torchvision's ResNet as the body.

    Batch norms are frozen there: without a counter of batches.
    """
    torch.manual_seed(0)
    body = torchvision.models.resnet18(weights=None).state_dict()
    state = {
        f"backbone.0.body.{name}": value
        for name, value in body.items()
        if not name.startswith("fc.") and "num_batches" not in name
    }
    for name, value in state.items():  # statistics that hide no mistake
        if name.endswith(("running_mean", "bias")):
            state[name] = 0.1 * torch.randn_like(value)
        elif name.endswith("running_var"):
            state[name] = 0.5 + torch.rand_like(value)
    state["backbone.1.pe"] = torch.from_numpy(sine(width, SIDE // 32, SIDE // 32)[None])
    if projected:
        state |= layer("input_proj", (width, 512, 1, 1))
    state |= attention("transformer.encoder.layers.0.self_attn", width)
    state |= rest("transformer.encoder.layers.0", width, 2)
    for i, kept in enumerate(self_attention):
        name = f"transformer.decoder.layers.{i}"
        state |= attention(f"{name}.self_attn", width) if kept else {}
        state |= attention(f"{name}.multihead_attn", width) | rest(name, width, 3)
        if not kept:
            del state[f"{name}.norm1.weight"], state[f"{name}.norm1.bias"]
    state |= norm("transformer.decoder.norm", width)
    state["query_embed.weight"] = torch.randn(len(CLASSES), width)
    state["fc.W"] = 0.2 * torch.randn(1, len(CLASSES), width)
    state["fc.b"] = torch.randn(1, len(CLASSES))
    return state


def layer(name, shape):
    scale = 1 / math.sqrt(math.prod(shape[1:]))
    made = {f"{name}.weight": scale * torch.randn(shape)}
    return {**made, f"{name}.bias": 0.1 * torch.randn(shape[0])}


def norm(name, width):
    return {
        f"{name}.weight": 1 + 0.1 * torch.randn(width),
        f"{name}.bias": 0.1 * torch.randn(width),
    }


def attention(name, width):
    own = layer(name, (3 * width, width))
    return {
        f"{name}.in_proj_weight": own[f"{name}.weight"],
        f"{name}.in_proj_bias": own[f"{name}.bias"],
        **layer(f"{name}.out_proj", (width, width)),
    }


def rest(name, width, norms):
    state = layer(f"{name}.linear1", (FEEDFORWARD, width))
    state |= layer(f"{name}.linear2", (width, FEEDFORWARD))
    for i in range(norms):
        state |= norm(f"{name}.norm{i + 1}", width)
    return state


def sine(width, rows, columns):
    """The code as its definition says it, place by place."""
    half = width // 2
    code = np.empty((width, rows, columns), np.float32)
    for y in range(rows):
        for x in range(columns):
            for first, place, count in ((0, y, rows), (half, x, columns)):
                angle = (place + 1) / (count + 1e-6) * 2 * math.pi
                for i in range(half):
                    turned = angle / 10_000 ** (2 * (i // 2) / half)
                    code[first + i, y, x] = math.cos(turned) if i % 2 else math.sin(turned)
    return code


class Reference:
    """Transformer and group-wise head in NumPy, in double precision, one image at a time."""

    def __init__(self, state, heads):
        self.of = {k: v.double().numpy() for k, v in state.items() if "backbone" not in k}
        self.heads = heads

    def linear(self, name, x):
        return x @ self.of[f"{name}.weight"].T + self.of[f"{name}.bias"]

    def norm(self, name, x):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return scaled * self.of[f"{name}.weight"] + self.of[f"{name}.bias"]

    def attend(self, name, query, key, value):
        parts = zip(
            np.split(self.of[f"{name}.in_proj_weight"], 3),
            np.split(self.of[f"{name}.in_proj_bias"], 3),
            (query, key, value),
            strict=True,
        )
        q, k, v = (x @ w.T + b for w, b, x in parts)
        return self.linear(f"{name}.out_proj", attend(q, k, v, self.heads))

    def feed(self, name, x):
        return self.linear(f"{name}.linear2", np.maximum(self.linear(f"{name}.linear1", x), 0))

    def __call__(self, feature_map, self_attention):
        channels, rows, columns = feature_map.shape
        places = feature_map.reshape(channels, -1).T.astype(float)
        if "input_proj.weight" in self.of:
            places = (
                places @ self.of["input_proj.weight"][:, :, 0, 0].T + self.of["input_proj.bias"]
            )
        position = sine(places.shape[1], rows, columns).reshape(places.shape[1], -1).T
        name = "transformer.encoder.layers.0"
        key = places + position
        places = self.norm(
            f"{name}.norm1", places + self.attend(f"{name}.self_attn", key, key, places)
        )
        places = self.norm(f"{name}.norm2", places + self.feed(name, places))
        query = self.of["query_embed.weight"]
        labels = np.zeros_like(query)
        for i, kept in enumerate(self_attention):
            name = f"transformer.decoder.layers.{i}"
            if kept:
                key = labels + query
                seen = self.attend(f"{name}.self_attn", key, key, labels)
                labels = self.norm(f"{name}.norm1", labels + seen)
            seen = self.attend(f"{name}.multihead_attn", labels + query, places + position, places)
            labels = self.norm(f"{name}.norm2", labels + seen)
            labels = self.norm(f"{name}.norm3", labels + self.feed(name, labels))
        hidden = self.norm("transformer.decoder.norm", labels)
        return (self.of["fc.W"][0] * hidden).sum(1) + self.of["fc.b"][0]


def torchvision_map(state, images):
    """Feature map of the body, by torchvision's own network."""
    network = torchvision.models.resnet18(weights=None)
    network.fc = torch.nn.Identity()
    prefix = "backbone.0.body."
    body = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    network.load_state_dict(body, strict=False)
    with torch.inference_mode():
        x = torch.from_numpy(images)
        for part in list(network.eval().children())[:-2]:  # without pooling and classifier
            x = part(x)
    return x.numpy()


def load(path, known=CLASSES, backbone="resnet18", **values):
    section = teacher_section("query2label", path=path, backbone=backbone, **values)
    return TeacherSource(section, known).load()


@pytest.mark.parametrize(
    ("self_attention", "projected", "nested", "size"),
    [
        ((False, False), True, True, None),
        ((False, False), False, False, None),
        ((False, True), True, True, None),
        ((True, True), True, False, None),
        ((False, False), True, False, (128, 96)),  # with a code of their own
    ],
)
def test_a_published_file_gives_the_references_logits(
    tmp_path, self_attention, projected, nested, size
):
    state = published(self_attention, projected)
    named = {f"module.{name}": value for name, value in state.items()}
    torch.save({"state_dict": named, "epoch": 79} if nested else state, tmp_path / "a.pkl")
    teacher = load(tmp_path / "a.pkl", heads=4, preprocessing={"size": size} if size else {})
    # else of the position code in the file
    assert teacher.preprocessing.size == (size or (SIDE, SIDE))
    images = np.stack([teacher.preprocessing.prepare(photo(i)) for i in range(3)])
    reference = Reference(state, 4)
    expected = [reference(one, self_attention) for one in torchvision_map(state, images)]
    logits = teacher.logits(images)
    assert logits.shape == (3, len(CLASSES))
    np.testing.assert_allclose(logits, expected, atol=2e-3)


BIAS = "transformer.decoder.layers.1.multihead_attn.out_proj.bias"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({BIAS: None}, f"lacks {BIAS}"),
        ({"transformer.encoder.norm.weight": 512}, "also has transformer.encoder.norm.weight"),
        (
            {"backbone.0.body.conv1.weight": (8, 3, 7, 7)},
            r"backbone.body.conv1.weight is \(8, 3, 7, 7\), expected \(64, 3, 7, 7\)",
        ),
        ({"backbone.1.pe": (1, WIDTH, 2, 2)}, "is not Query2Label's sine code"),
        ({"query_embed.weight": None}, "not a checkpoint of Query2Label: it lacks query_embed.wei"),
    ],
)
def test_files_that_do_not_fit_are_told(tmp_path, change, fault):
    changed = {name: torch.ones(shape) for name, shape in change.items() if shape}
    state = {name: value for name, value in published().items() if name not in change}
    torch.save(state | changed, tmp_path / "a.pkl")
    with pytest.raises(DataError, match=fault):
        load(tmp_path / "a.pkl")


def test_settings_that_do_not_fit_are_told(tmp_path):
    torch.save(published(), tmp_path / "a.pkl")
    with pytest.raises(DataError, match="has 3 classes; the spec and the data set name 2") as told:
        load(tmp_path / "a.pkl", CLASSES[:2])
    assert "teacher.classes" in told.value.remedy
    assert load(tmp_path / "a.pkl", CLASSES[:1], classes=list(CLASSES)).columns == (0,)
    with pytest.raises(DataError, match=r"multiple of teacher\.heads \(3\)"):
        load(tmp_path / "a.pkl", heads=3)
    with pytest.raises(DataError, match="not a feature map"):
        FeatureMap(timm.create_model("test_vit", num_classes=0))(torch.zeros(1, 3, 160, 160))


def test_a_swin_backbone_in_its_first_layout_is_taken(tmp_path):
    """Older Swin files divide the stages otherwise, and keep buffers that are made anew today."""
    torch.manual_seed(0)
    name = "swin_tiny_patch4_window7_224"
    model = timm.create_model(name, num_classes=0, global_pool="")
    body = {}
    for key, value in model.state_dict().items():
        stage = key.split(".")
        if "downsample" in key:
            stage[1] = str(int(stage[1]) - 1)
        body[f"backbone.0.{'.'.join(stage)}"] = value
    body["backbone.0.layers.0.blocks.1.attn_mask"] = torch.zeros(1)
    head = {k: v for k, v in published(width=768, projected=False).items() if "backbone" not in k}
    torch.save({"state_dict": body | head}, tmp_path / "a.pth")
    teacher = load(tmp_path / "a.pth", backbone=name, heads=4)
    images = np.stack([teacher.preprocessing.prepare(photo(0))])
    with torch.inference_mode():
        places = model.eval().forward_features(torch.from_numpy(images)).permute(0, 3, 1, 2)
    expected = Reference(head, 4)(places[0].numpy(), (False, False))
    np.testing.assert_allclose(teacher.logits(images)[0], expected, atol=2e-3)
