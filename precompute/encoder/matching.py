"""How well vectors match the concepts of a store, as a torch module, by the store's own method."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from inficond_panel.concepts.typed import base_of, scoring_of
from inficond_panel.store import Store


class Matching(torch.nn.Module):
    """Torch module from unit vectors ``(..., embed)`` to values ``(..., C)`` for the concepts of a
    store; the score of an image is the maximum of its segments' values, and at least 0."""

    centre: Tensor
    text: Tensor

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.scoring, self.corpus = scoring_of(store), len(base_of(store).concepts)
        text = torch.from_numpy(store.concept_text_embedding.astype("float32"))
        centre = self.scoring.centre
        if centre is not None:
            self.register_buffer("centre", torch.from_numpy(centre[0].astype("float32")))
            text = _moved(text, torch.from_numpy(centre[1].astype("float32")))
        self.register_buffer("text", text)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the values of vectors."""
        if self.scoring.method == "centred":
            return _moved(vectors, self.centre) @ self.text.T
        cosine = vectors @ self.text.T
        if self.scoring.method != "contrast":
            return cosine
        exponent = cosine / float(self.scoring.temperature or 1)
        own, typed = exponent[..., : self.corpus], exponent[..., self.corpus :]
        whole = torch.logsumexp(own, -1, keepdim=True)
        # a typed concept competes with the corpus alone
        wider = torch.maximum(typed, whole) + torch.log1p(torch.exp(-(typed - whole).abs()))
        return torch.exp(torch.cat([own - whole, typed - wider], -1))


class AverageAndMatches(torch.nn.Module):
    """Features of a photo from the embeddings of its places: their average, and for each concept
    the value of the window of places that matches it best, with windows of 1 x 1, 2 x 2 and 3 x 3
    places. A score is a maximum over segments, which the average does not know."""

    WINDOWS = (1, 2, 3)

    def __init__(self, tower: torch.nn.Module, dense: torch.nn.Module, matching: Matching) -> None:
        super().__init__()
        self.tower, self.dense, self.matching = tower, dense, matching

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the features ``(B, embed + 3 C)`` of photos ``(B, 3, H, W)``; fewer if a photo has
        too few places for a window."""
        cells = self.dense(pixels).permute(0, 3, 1, 2)
        features = [cells.flatten(2).mean(2)]
        for side in self.WINDOWS:
            if side <= min(cells.shape[2:]):
                means = functional.avg_pool2d(cells, side, stride=1).flatten(2).transpose(1, 2)
                features.append(self.matching(functional.normalize(means, dim=-1)).amax(1))
        return torch.cat(features, 1)


def _moved(vectors: Tensor, centre: Tensor) -> Tensor:
    moved = vectors - centre
    length = (moved * moved).sum(-1, keepdim=True).sqrt()
    return moved / length.clamp(min=1e-12)
