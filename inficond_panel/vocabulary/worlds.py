"""The two worlds in which a thumb can be evaluated: its correlation holds there, or it does not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class World:
    """World in which a student will be used, as a person may mean it."""

    key: str  #: in files, edits and events
    name: str  #: as a heading


#: Concepts are as correlated with the class as in the tuning images.
THESE = World("these", "As in these images")
#: The tuned concepts are as frequent with the class as without it.
INDEPENDENT = World("independent", "Without this correlation")
#: Both worlds by key.
WORLDS = {world.key: world for world in (THESE, INDEPENDENT)}
