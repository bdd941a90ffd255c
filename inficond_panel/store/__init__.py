"""Open, check, read and write a store; add typed concepts to it."""

from typing import TYPE_CHECKING

from inficond_panel.common.late import late

if TYPE_CHECKING:
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

#: Checks of labels and outputs need neither Zarr nor xarray.
__getattr__ = late(
    __name__,
    {
        "FORMAT_VERSION": "inficond_panel.store.schema",
        "Store": "inficond_panel.store.store",
        "open_store": "inficond_panel.store.opening",
        "write_store": "inficond_panel.store.write",
    },
)
