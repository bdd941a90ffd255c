"""Open, check, read and write a store; add typed concepts to it."""

from inficond_panel.store.opening import open_store
from inficond_panel.store.schema import FORMAT_VERSION
from inficond_panel.store.store import Store
from inficond_panel.store.write import write_store

__all__ = [
    "FORMAT_VERSION",
    "Store",
    "open_store",
    "write_store",
]
