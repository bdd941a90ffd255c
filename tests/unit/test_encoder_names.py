"""Encoders by name: open_clip builds those of the docs offline, and they embed places of images.

They are built on torch's device ``meta``, which has shapes and no values: no weights are needed.
"""

import re
from pathlib import Path

import pytest

pytest.importorskip("open_clip")

import open_clip
import torch

from precompute.encoder.dense import dense_function
from precompute.encoder.dense_blocks import patch_of
from precompute.encoder.image import usual_size

pytestmark = pytest.mark.torch

PAGE = (Path(__file__).parents[2] / "docs" / "encoders.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("**Names of open_clip.**")[2].partition("`kind: transformers` takes")[0]
NAMES = re.findall(r"`([\w-]+)`(?=[,| ])", TABLE.partition("| --- |")[2])


def built(name):
    with torch.device("meta"):
        return open_clip.create_model(name, load_weights=False, device="meta").eval()


def test_the_table_of_names_is_read():
    assert len(NAMES) > 15


@pytest.mark.parametrize(
    ("trained", "patch", "size"),
    [(384, (14, 14), (378, 378)), (224, (16, 16), (224, 224)), ((100, 200), (1, 1), (100, 200))],
)
def test_a_model_takes_whole_patches_of_the_size_of_its_training(trained, patch, size):
    assert usual_size(trained, patch) == size


@pytest.mark.parametrize("name", NAMES)
def test_the_model_embeds_places_as_it_embeds_texts(name):
    model = built(name)
    height, width = usual_size(model.visual.image_size, patch_of(model.visual))
    with torch.device("meta"), torch.inference_mode():
        dense, _ = dense_function(model, (height, width), name, None)
        cells = dense(torch.zeros(2, 3, height, width))
        text = model.encode_text(torch.zeros(1, model.context_length, dtype=torch.int64))
    assert cells.shape[0] == 2
    assert cells.shape[-1] == text.shape[-1]
