"""Features of captions for a teacher's heads: which of the frequent words a caption has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from inficond_panel.concepts.caption_words import phrases_of
from inficond_panel.concepts.class_names import letters_of

#: Largest number of words that are features, and fewest captions of fit with a word.
MOST, LEAST = 1000, 3
#: Largest final derivative of the loss of a head, and most steps to it.
_SLOPE, _STEPS = 1e-5, 1000


def word_features(captions: Sequence[str], fit: np.ndarray) -> np.ndarray:
    """Return features ``(caption, word)`` float32: 1 if a caption has the word, in singular or
    plural, else 0.

    The words are the ``MOST`` that are in the most captions of the rows ``fit``, each in at least
    ``LEAST`` of these; ties in alphabetical order.
    """
    found = [
        {letters_of(word) for words in phrases_of(caption) for word in words}
        for caption in captions
    ]
    counts = Counter(word for row in fit for word in found[row])
    frequent = sorted(
        (word for word, n in counts.items() if n >= LEAST), key=lambda word: (-counts[word], word)
    )
    column = {word: at for at, word in enumerate(frequent[:MOST])}
    features = np.zeros((len(captions), max(len(column), 1)), np.float32)
    for row, words in enumerate(found):
        features[row, [column[word] for word in words if word in column]] = 1
    return features


def word_logistic(inputs: np.ndarray, label: np.ndarray, l2: float) -> tuple[np.ndarray, float]:
    """Return weights ``(E,)`` and intercept that minimise mean logistic loss + l2/2 |w|², by
    L-BFGS of SciPy, so that heads on words need the base installation only."""

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        weight, bias = values[:-1], values[-1]
        logit = inputs @ weight + bias
        wrong = (expit(logit) - label) / len(label)
        value = (np.logaddexp(0, logit) - label * logit).mean() + l2 / 2 * weight @ weight
        return value, np.append(inputs.T @ wrong + l2 * weight, wrong.sum())

    start = np.zeros(inputs.shape[1] + 1)
    options = {"gtol": _SLOPE, "ftol": 0.0, "maxiter": _STEPS, "maxfun": 2 * _STEPS}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    return found[:-1], float(found[-1])
