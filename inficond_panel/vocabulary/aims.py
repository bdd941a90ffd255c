"""What ``suggest`` compares repairs by."""

from __future__ import annotations

#: The mean AP over the classes; or the accuracy of the worst group (``metrics.worst_group``).
MEAN_AP, WORST_GROUP = "mean-ap", "worst-group"
AIMS = (MEAN_AP, WORST_GROUP)


def aim_words(by: str) -> str:
    """Return what a gain is in: AP, or the accuracy of the worst group if images are divided
    ``by`` something."""
    return "the accuracy of the worst group" if by else "AP"


def aim_points(by: str) -> str:
    """Return the unit of a gain: ``AP points``, or points of the worst group if images are divided
    ``by`` something."""
    return "points of the worst group" if by else "AP points"
