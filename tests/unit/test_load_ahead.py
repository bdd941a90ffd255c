"""Loading ahead: each process of a server loads the needs of pages, beside its answers."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

from waiting import PATIENCE

from inficond_panel.commands.serve import server
from inficond_panel.plots import cloud
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.store import open_store


def test_it_is_loaded_in_a_thread_once_the_loop_runs(monkeypatch) -> None:
    loaded, waiting = threading.Event(), []
    main = threading.current_thread()
    seen = []

    def load() -> None:
        seen.append(threading.current_thread())
        loaded.set()

    monkeypatch.setattr(server, "load_ahead", load)
    given = SimpleNamespace(io_loop=SimpleNamespace(add_callback=waiting.append))
    assert server._Serve.customize_server(server._Serve.__new__(server._Serve), given) is given
    assert not seen  # the loop has not begun
    waiting[0]()
    assert loaded.wait(PATIENCE)
    assert seen[0] is not main
    assert seen[0].daemon  # a server that is stopped meanwhile ends at once


def test_what_is_compiled_is_what_the_cloud_of_a_page_calls(monkeypatch) -> None:
    """Another type of the places would be compiled anew, at the first page."""
    types, original = [], cloud._counted

    def counted(places, *rest):
        types.append(places.dtype)
        return original(places, *rest)

    monkeypatch.setattr(cloud, "_counted", counted)
    server.load_ahead()
    assert {"scipy.stats", "datashader"} <= set(sys.modules)
    store = open_store(load_spec(find_spec("demo")).store)
    drawn = cloud.density_within(store, store.methods[0], cloud.WHOLE, cloud.WHOLE)
    assert drawn.values.any()
    assert types[0] == types[1]
