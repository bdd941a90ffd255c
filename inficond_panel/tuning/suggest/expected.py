"""The gain that a suggestion expects of an iteration, which the history keeps beside the node."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

from inficond_panel.tuning.suggest.gain import Gain

if TYPE_CHECKING:
    from inficond_panel.tuning.node import Edited

#: Numbers of a gain, as ``Gain.json`` names them.
_NUMBERS = ("estimate", "low", "high", "level")


@dataclass(frozen=True)
class ExpectedGain:
    """Expected change on images that did not choose: ``gain`` is the mean over ``classes`` classes,
    in AP, or in the accuracy of the worst group if images are divided ``by`` something."""

    gain: Gain
    classes: int
    by: str = ""

    @property
    def text(self) -> str:
        """JSON of this gain, the text of an event ``expected``."""
        facts = {"gain": self.gain.json(), "classes": self.classes, "by": self.by}
        return json.dumps(facts, ensure_ascii=False, sort_keys=True)


def expected_gain(node: Edited) -> ExpectedGain | None:
    """Return the gain that a suggestion expected of an iteration; None if none made it."""
    if not node.expected:
        return None
    facts = json.loads(node.expected)
    known = (facts["gain"][name] for name in _NUMBERS)
    estimate, low, high, level = (nan if value is None else float(value) for value in known)
    gain = Gain(estimate, low, high, level=level)
    return ExpectedGain(gain, int(facts["classes"]), str(facts["by"]))
