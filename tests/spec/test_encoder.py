"""The encoder's keys: models by name, of the hub and in folders; sizes, attention, prompts."""

import pytest
from good_spec import GOOD

from inficond_panel.spec import json_schema

ENCODER = "{model: ViT-B-16, pretrained: weights.pt}"
SIDE = "a whole number >= 32, or [width, height] of such numbers"
FILE = "a name, or the path of a file"


def with_keys(keys):
    return GOOD.replace(ENCODER, "{" + keys + "}")


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("model: ViT-B-16", f"12:13: concepts.encoder.model: needs pretrained, {FILE}"),
        (
            "model: 'hf-hub:a/b', pretrained: openai",
            "12:34: concepts.encoder.pretrained: is not used with hf-hub:a/b; the hub has the "
            "weights",
        ),
        (
            "model: ./data, pretrained: openai",
            "12:28: concepts.encoder.pretrained: must be a file for a model's folder, got 'openai'",
        ),
        (
            "model: 'hf-hub:a'",
            "12:20: concepts.encoder.model: expected a name, hf-hub:ORG/NAME, or the path of a "
            "folder, got 'hf-hub:a' in quotes",
        ),
        (
            "model: X, pretrained: y, image_size: 31",
            f"12:50: concepts.encoder.image_size: expected {SIDE}, got '31'",
        ),
        (
            "model: X, pretrained: y, image_size: [64, 16]",
            f"12:50: concepts.encoder.image_size: expected {SIDE}, got a list",
        ),
        (
            "model: X, pretrained: y, attention: values",
            "12:49: concepts.encoder.attention: expected value, plain, clearclip or sclip, got "
            "'values'. Did you mean 'value'?",
        ),
    ],
)
def test_what_does_not_fit_is_told(folder, keys, problem):
    assert folder.problems(with_keys(keys)) == [problem]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("imagenet", ["imagenet"]),
        ("[imagenet_simple, 'a {} here']", ["imagenet_simple", "a {} here"]),
        ("['{}']", ["{}"]),
        ("'one {}'", ["one {}"]),
    ],
)
def test_prompts_are_sentences_or_names_of_lists(folder, written, read):
    text = GOOD.replace("  encoder:", f"  prompts: {written}\n  encoder:")
    assert folder.load(text).concepts.prompts == read


def test_the_schema_takes_the_same():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema()
    encoder = {"$defs": schema["$defs"], **schema["$defs"]["OpenClipEncoder"]}
    for good in (
        {"model": "ViT-B-16", "pretrained": "openai", "image_size": 224},
        {"model": "hf-hub:a/b", "image_size": [64, 32], "attention": "sclip"},
    ):
        jsonschema.validate(good, encoder)
    for bad in ({"model": "x", "image_size": 16}, {"model": "x", "attention": "none"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, encoder)
    prompts = schema["$defs"]["Concepts"]["properties"]["prompts"]
    jsonschema.validate("imagenet", prompts)
    jsonschema.validate(["a {}", "imagenet_simple"], prompts)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(["a dog"], prompts)
