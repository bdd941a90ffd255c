"""Open, check, read and write a store: concept scores, labels and logits of a data set."""

from typing import TYPE_CHECKING

from inficond_panel.common.late import late

if TYPE_CHECKING:
    from inficond_panel.store.opening import open_store
    from inficond_panel.store.schema import FORMAT_VERSION
    from inficond_panel.store.store import Store
    from inficond_panel.store.write import write_store

__all__ = ["FORMAT_VERSION", "Store", "open_store", "write_store"]

#: Imported at first use: Zarr and xarray are slow to import, and checks of labels need neither.
__getattr__ = late(
    __name__,
    {
        "FORMAT_VERSION": "inficond_panel.store.schema",
        "Store": "inficond_panel.store.store",
        "open_store": "inficond_panel.store.opening",
        "write_store": "inficond_panel.store.write",
    },
)
