"""Puts this folder on the path (``from factory import small_store``); fixtures for all tests.

So with ``benchmarks``: ``ui_parts`` has a server, and sessions without a browser.
"""

from __future__ import annotations

import ast
import gc
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Before NumPy is loaded, for processes that tests start too: what they compute is small, and on a
# busy machine threads wait for each other. Tests of threads set a number of their own.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from factory import small_spec, small_store
from hypothesis import HealthCheck, settings
from marked import FAST, SLOW, module_markers
from mutants import Mutants

from inficond_panel.cli import main
from inficond_panel.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inficond_panel.state import AppState

TESTS = Path(__file__).resolve().parent
sys.path.append(str(TESTS.parent / "benchmarks"))
sys.path.append(str(TESTS.parent / "examples"))
sys.path.append(str(TESTS / "golden"))  # references of the solvers
#: No limits of time: machines differ in speed, and are busy.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", UNHURRIED, derandomize=True, max_examples=40)
settings.register_profile("other", UNHURRIED)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--more`` and ``--fast`` are for make; ``--seed`` repeats a run of ``--more``."""
    parser.addoption("--fast", action="store_true", help="only tests that are quick; see marked.py")
    parser.addoption("--more", action="store_true", help="also slow tests; many more mutants")
    parser.addoption("--built", default=None, help="folder of a wheel and an sdist to install")
    parser.addoption(
        "--newest", default=sys.executable, help="Python that the wheel is tried on too"
    )
    parser.addoption("--seed", type=int, default=None, help="seed of the mutants")


def pytest_configure(config: pytest.Config) -> None:
    """The same mutants and examples, unless many are asked for: then others each time.

    What is imported and collected stays, in millions of objects: the garbage collector never
    looks at them, as it did for a second at a time.
    """
    gc.disable()
    settings.load_profile("other" if config.option.more else "same")
    if config.option.seed is None:
        config.option.seed = random.randrange(10**6) if config.option.more else 0


def pytest_collection_finish() -> None:
    """See ``pytest_configure``."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """See ``pytest_configure``: modules look at their end for what was left."""
    gc.unfreeze()


def pytest_report_header(config: pytest.Config) -> str:
    """Told, so that a failure can be repeated."""
    return f"mutants: --seed {config.option.seed}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``--fast``: leave out files by their folder and by the markers that all their tests
    have, before they import what may not be installed."""
    if not config.option.fast or not collection_path.is_relative_to(TESTS):
        return None
    quick = collection_path == TESTS or collection_path.relative_to(TESTS).parts[0] in FAST
    if collection_path.suffix != ".py":  # a folder: its conftest.py is not imported either
        return None if quick or not collection_path.is_dir() else True
    tree = ast.parse(collection_path.read_text(encoding="utf-8"))
    return True if not quick or module_markers(tree) & SLOW else None  # False overrules --ignore


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright's event loop stays in this thread, for one browser."""
    items.sort(key=lambda item: item.get_closest_marker("ui") is not None)
    skipped = {*([] if config.option.more else ["more"]), *(SLOW if config.option.fast else [])}
    left_out = [item for item in items if any(map(item.get_closest_marker, skipped))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def mutants(pytestconfig: pytest.Config) -> Mutants:
    """Generators of mutants; many more with ``--more``."""
    return Mutants(pytestconfig.option.seed, 20 if pytestconfig.option.more else 1)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A small store, shared: it is read-only."""
    return small_store(tmp_path_factory.mktemp("store") / "small.zarr")


@pytest.fixture(scope="session")
def postgres() -> Iterator:
    """A PostgreSQL server."""
    from postgres import postgres_server

    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.more)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Path or address of a new history: both keep the same promises."""
    if request.param == "sqlite":
        return str(tmp_path / "h.sqlite")
    return request.getfixturevalue("postgres").address()


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    """A spec beside a small store of its own."""
    return small_spec(tmp_path)


@pytest.fixture
def app(tmp_path: Path) -> AppState:
    """A session on #0 of a small store, without a browser; its jobs are done at once."""
    from sessions import small_session  # loads the state, for those who ask

    return small_session(tmp_path)


@pytest.fixture
def sent(view: Any, monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """Messages to the browser, of the components of the ``view`` of a test's module."""
    from inficond_panel.ui.component import Component

    messages: list[dict] = []
    monkeypatch.setattr(Component, "_send_msg", lambda _, message: messages.append(message))
    return messages


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command; give status, standard output, standard error."""

    def call(*argv: object) -> tuple[int, str, str]:
        capsys.readouterr()  # what was said before it
        status = main([str(argument) for argument in argv])
        return (status, *capsys.readouterr())

    return call


@pytest.fixture(scope="session", autouse=True)
def _equal_values_once() -> Iterator[None]:
    """What equal values give is computed once a process (``kept.py``)."""
    import kept  # loads the tuner, after what --fast leaves out

    with pytest.MonkeyPatch.context() as patch:
        kept.keep(patch)
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the person who runs the tests do not reach them (data and browser do)."""
    for name in set(os.environ) - {"INFICOND_DATA"}:
        if name.startswith("INFICOND_"):
            monkeypatch.delenv(name)
