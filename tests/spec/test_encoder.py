"""The encoder's keys: models by name, of the hub and in folders; sizes, attention, prompts."""

import pytest
from good_spec import GOOD

from inficond_panel.spec import json_schema

ENCODER = "{model: ViT-B-16, pretrained: weights.pt}"
SIDE = "a whole number >= 32, or [width, height] of such numbers"
FILE = "a name, or the path of a file"


def with_keys(keys):
    return GOOD.replace(ENCODER, "{" + keys + "}")


def with_encoder(folder, keys):
    return folder.load(with_keys(keys)).concepts.encoder


def test_the_keys_that_may_be_left_out(folder):
    encoder = with_encoder(folder, "model: ViT-B-16, pretrained: laion2b_s34b_b88k")
    assert (encoder.pretrained, encoder.image_size, encoder.attention) == (
        "laion2b_s34b_b88k",
        None,
        None,
    )
    hub = with_encoder(folder, "model: 'hf-hub:some/model', image_size: [448, 224]")
    assert (hub.model, hub.pretrained, hub.image_size) == ("hf-hub:some/model", None, (448, 224))
    (folder.path / "models").mkdir()
    local = with_encoder(folder, "model: ./models, attention: clearclip, image_size: 384")
    assert (local.model, local.pretrained) == (folder.path / "models", None)
    assert (local.attention, local.image_size) == ("clearclip", 384)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("model: ViT-B-16", f"12:13: concepts.encoder.model: needs pretrained, {FILE}"),
        (
            "model: 'hf-hub:a/b', pretrained: openai",
            "12:34: concepts.encoder.pretrained: is not used with hf-hub:a/b; the hub holds its "
            "weights",
        ),
        (
            "model: ./data, pretrained: openai",
            "12:28: concepts.encoder.pretrained: of a folder is to be a file; 'openai' is none",
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


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("imagnet", "got 'imagnet'. Did you mean 'imagenet'?"),
        ("[a dog]", "got 'a dog'"),
        ("[]", "got an empty list"),
        ("[imagenet, imagenet]", "'imagenet' is named twice"),
    ],
)
def test_prompts_that_are_neither_are_told(folder, written, said):
    (problem,) = folder.problems(GOOD.replace("  encoder:", f"  prompts: {written}\n  encoder:"))
    assert problem.endswith(said)


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
