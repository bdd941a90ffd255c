"""Public data sets, fetched from their publishers."""

from precompute.download.bring import bring
from precompute.download.public import PUBLIC, PublicData

__all__ = ["PUBLIC", "PublicData", "bring"]
