"""Texts as vectors: ensembles of prompts, contexts that are too short, the text tower alone."""

import numpy as np
import pytest
from precompute_factory import CONV, VIT, tiny_encoder

from inficond_panel.errors import DataError
from precompute.encoder import load_encoder, load_text_encoder, templates

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

WORDS = ["dog", "traffic light", "{x}"]
COCA = {"embed_cls": True, "output_tokens": True}
SIGLIP = {"no_causal_mask": True, "pool_type": "last", "proj_bias": True}
#: Text towers: what the model's configuration has beside the tiny one's.
TOWERS = {
    "CLIP": {},
    "custom": {"custom_text": True},
    "CoCa": {
        "custom_text": True,
        "text_cfg": COCA,
        "multimodal_cfg": {"context_length": 16, "width": 32, "heads": 2, "layers": 1},
        "vision_cfg": {**VIT, "attentional_pool": True, "output_tokens": True},
    },
    "SigLIP": {"custom_text": True, "text_cfg": SIGLIP},
    "QuickGELU": {"quick_gelu": True},
}


def section_of(folder, name="CLIP", context=16):
    """A tiny encoder with one of the text towers."""
    more = TOWERS[name]
    tiny = {"context_length": context, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
    text = {**tiny, **more.get("text_cfg", {})}
    rest = {key: value for key, value in more.items() if not key.endswith("n_cfg")}
    return tiny_encoder(folder, more.get("vision_cfg", CONV), **{**rest, "text_cfg": text})


def by_open_clip(encoder, texts):
    with torch.inference_mode():
        return encoder.model.encode_text(encoder.tokenizer(texts), normalize=True).numpy()


@pytest.mark.parametrize("name", TOWERS)
def test_texts_have_open_clips_vectors_and_the_tower_alone_gives_the_same(tmp_path, name):
    section = section_of(tmp_path / "e", name)
    encoder = load_encoder(section)
    vectors = encoder.embed_text(WORDS)
    np.testing.assert_allclose(vectors, by_open_clip(encoder, WORDS), atol=2e-6)
    alone = load_text_encoder(section)
    np.testing.assert_array_equal(alone.embed_text(WORDS), vectors)
    assert (alone.name, alone.digest) == (encoder.name, encoder.text.digest)


def test_the_tower_alone_of_a_checkpoint_of_torch(tmp_path):
    from safetensors.torch import load_file

    section = section_of(tmp_path / "e")
    before = load_text_encoder(section).embed_text(WORDS)
    state = load_file(section.pretrained)
    section.pretrained = tmp_path / "weights.pt"
    torch.save(state, section.pretrained)
    np.testing.assert_array_equal(load_text_encoder(section).embed_text(WORDS), before)


def test_named_prompts_are_clips_ensemble(tmp_path):
    """Against open_clip's own zero-shot classifier."""
    import open_clip

    encoder = load_encoder(section_of(tmp_path / "e", context=32))
    for name, lists, count in (
        ("imagenet", open_clip.OPENAI_IMAGENET_TEMPLATES, 80),
        ("imagenet_simple", open_clip.SIMPLE_IMAGENET_TEMPLATES, 7),
    ):
        expected = open_clip.build_zero_shot_classifier(
            encoder.model, encoder.tokenizer, ["dog", "tree"], lists
        )
        text = encoder.embed_concepts(["dog", "tree"], [name])
        np.testing.assert_allclose(text, expected.detach().T.numpy(), atol=2e-6)
        assert len(templates([name])) == len(lists) == count


def test_prompts_and_names_go_together_and_stand_once():
    both = templates(["a {} here", "imagenet_simple", "itap of a {}.", "imagenet"])
    assert both[0] == "a {} here"
    assert len(both) == len(set(both)) == 1 + 80


def test_a_text_that_would_be_cut_is_told(tmp_path):
    encoder = load_text_encoder(section_of(tmp_path / "e"))
    fits = "dog " * 14  # with the first and the last token 16, the context
    encoder.embed_text([fits])
    with pytest.raises(DataError, match=r"reads 16 tokens.*: '(dog ){15}' \(17\)\.") as told:
        encoder.embed_text(["dog", fits + "dog "])
    assert "Shorten" in told.value.remedy
    with pytest.raises(DataError, match=r"\(20\); .* and 2 more\."):
        encoder.embed_concepts(["dog " * 14 + str(i) for i in range(5)], ["a big black {}"])
