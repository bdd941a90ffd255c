"""What ``inficond init`` says of the cost of an encoder beside its teacher."""

from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")
pytest.importorskip("open_clip")

from inficond_panel.commands.init.init_costs import encoder_lines
from precompute.detect.chosen import ChosenModel
from precompute.detect.costs import encoder_cost

pytestmark = pytest.mark.torch

#: A ResNet-50's multiplications per photo.
RESNET = 4.09e9


def lines(teacher, model="ViT-B-16", hint=""):
    encoder = ChosenModel({"model": model, "pretrained": "openai"}, "", hint=hint)
    draft = SimpleNamespace(encoder=encoder, teacher_cost=teacher)
    return [*encoder_lines(draft, Path("photos.yaml"))]


def test_vit_b_16_has_its_published_cost():
    """17.6 billion at 224 pixels (open_clip's and timm's tables: 17.58)."""
    assert encoder_cost({"model": "ViT-B-16"}) == pytest.approx(17.58e9, rel=0.02)


def test_the_costs_of_both_are_said():
    assert "17.6 billion multiplications in this encoder, 4.1 billion" in lines(RESNET)[0]


def test_the_ratio_is_said():
    assert "4.3 times" in lines(RESNET)[0]


def test_a_smaller_encoder_is_suggested_where_the_teacher_is_cheaper():
    assert "--encoder ViT-B-32:openai" in lines(RESNET)[1]


def test_a_pocket_is_suggested_where_the_teacher_is_cheaper():
    assert "inficond pocket photos.yaml" in lines(RESNET)[1]


def test_nothing_is_suggested_where_the_teacher_costs_more():
    assert len(lines(2e11)) == 1


def test_no_smaller_encoder_is_suggested_beside_the_smallest():
    assert "--encoder" not in lines(1e9, model="ViT-B-32")[1]


def test_nothing_is_said_beside_a_teacher_of_unknown_cost():
    assert lines(None, hint="A hint.") == ["A hint."]


def test_an_encoder_of_unknown_cost_is_passed_over():
    assert lines(RESNET, model="hf-hub:someone/something", hint="A hint.") == ["A hint."]
