"""Thumbs and cures in words, and the terms that cures resolved to."""

from __future__ import annotations

from inficond_panel.common.numbers import count
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.intents.cures import Balance, Cure, Doubt, Label, Lambda
from inficond_panel.tuning.intents.intent import Intent


def asked_words(item: Intent | Cure) -> str:
    """What was asked for, without the class: "up wheel ×2", "balance road, car", "lambda 0.003"."""
    match item:
        case Intent():
            factor = f" ×{item.factor:g}" if item.factor else ""
            return f"{item.direction} {item.concept}{factor}"
        case Balance():
            return f"balance {', '.join(item.concepts)}"
        case Lambda():
            return "lambda by AP on tune" if item.value is None else f"lambda {item.value:g}"
        case Doubt():
            return "doubt suspects by AP on tune" if item.value is None else f"doubt {item.value:g}"
        case Label():
            return f"label {item.image}: {'present' if item.value else 'absent'}"


def terms_words(terms: Terms) -> list[str]:
    """Sentences on the terms of one class."""
    said = []
    if terms.taught is not None:
        labels = count(len(terms.taught.labels))
        said.append(f"{labels} photos taught by their label, each as {terms.taught.weight:g}")
    if terms.balanced is not None:
        positive, negative = terms.balanced.effective
        names = ", ".join(terms.balanced.concepts)
        said.append(
            f"balanced by {names}: {positive:.0f} effective positive photos of fit, "
            f"{negative:.0f} negative"
        )
    if terms.doubted is not None:
        factors = terms.doubted.factors
        most = max(factors, key=lambda name: factors[name], default="")
        worst = f", {most} {factors[most]:.1f} times its penalty" if most else ""
        said.append(f"doubt {terms.doubted.value:g}: {count(len(factors))} suspects{worst}")
    if terms.penalty is not None:
        said.append(f"lambda {terms.penalty:.3g}")
    if terms.used:
        said.append(f"chosen by the labels of {count(terms.used)} photos of tune")
    return said
