"""Packaged folders, and errors for missing or broken extras, with the command to install them.

The command fits the origin of the installation: a checkout, a wheel or an index. Metadata record
the origin (PEP 610, ``direct_url.json``), except for an index.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from inficond_panel.errors import BrokenExtraError, MissingExtraError

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_NAME = "inficond-panel"


def shipped_folder(name: str) -> Path:
    """Return the path of the shipped folder ``name``, which lies in the package or next to it."""
    package = Path(__file__).parents[1]
    folders = (package / name, package.parent / name)
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def missing_extra(
    what: str, error: ImportError | str, *extras: str, more: str = ""
) -> MissingExtraError:
    """Return the error for a feature that needs a missing or broken package of ``extras``.

    ``what`` is the feature, at the beginning of a sentence; ``error`` the import's error, or the
    name of the missing package; ``more`` is appended to the remedy.
    """
    command = f"{install_command(*extras)}{more}"
    package = error if isinstance(error, str) else error.name or ""
    # A module of an installed package that is missing is a broken package.
    if package and "." not in package and isinstance(error, str | ModuleNotFoundError):
        message = f"{what} needs the package {package}, which is not installed."
        return MissingExtraError(message, f"Install it: {command}", extras)
    broken = package.partition(".")[0]
    named = f"the package {broken}" if broken else "a package"
    message = f"{what} needs {named}, which is installed but cannot be loaded: {error}"
    return BrokenExtraError(message, f"Remove the package, and install it again: {command}", extras)


@contextmanager
def needs(what: str, *extras: str, more: str = "") -> Iterator[None]:
    """Raise the error of ``missing_extra`` for an import that fails inside the ``with`` block."""
    try:
        yield
    except ImportError as error:
        raise missing_extra(what, error, *extras, more=more) from error


@cache
def install_command(*extras: str) -> str:
    """Return the shell command that installs ``extras`` for this Python, also if its environment is
    not active or lacks pip."""
    here, pip = Path(sys.executable), shutil.which("pip")
    if pip and Path(pip).parent == here.parent:
        installer = ["pip", "install"]
    elif find_spec("pip"):
        installer = [str(here), "-m", "pip", "install"]
    else:
        installer = ["uv", "pip", "install", "--python", str(here)]
    return join([*installer, *_wanted(f"[{','.join(extras)}]", extras)])


def join(words: list[str]) -> str:
    """Return ``words`` as one command line for the shell of this platform."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def path_word(path: str | Path) -> str:
    """Return a path as one word of a command line, which is no option even with a leading dash."""
    text = str(path)
    return join([f"./{text}" if text.startswith("-") else text])


def _wanted(chosen: str, extras: tuple[str, ...]) -> list[str]:
    """Return the installer's arguments: the project with its extras, from its origin.

    ``chosen`` is the text of ``extras``, ``[onnx]``. Without the origin, the extras' packages."""
    from importlib.metadata import PackageNotFoundError, distribution  # noqa: PLC0415 - slow
    from urllib.request import url2pathname  # noqa: PLC0415 - slow

    try:
        installed = distribution(_NAME)
    except PackageNotFoundError:
        root = Path(__file__).parents[2]  # a source tree, unless it has no pyproject.toml
        is_tree = (root / "pyproject.toml").exists()
        return ["-e", f"{root}{chosen}"] if is_tree else [_NAME + chosen]
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    if not origin:
        return [_NAME + chosen]
    if "vcs_info" in origin:
        source, kind = origin["vcs_info"], origin["vcs_info"]["vcs"]
        return [f"{_NAME}{chosen} @ {kind}+{origin['url']}@{source['commit_id']}"]
    url = urlparse(origin["url"])
    if url.scheme != "file":
        return [f"{_NAME}{chosen} @ {origin['url']}"]
    path = Path(url2pathname(url.path))
    if not path.exists():
        return _requirements(installed, extras)
    editable = origin.get("dir_info", {}).get("editable", False)
    return [*(["-e"] if editable else []), f"{path}{chosen}"]


def _requirements(installed: Distribution, extras: tuple[str, ...]) -> list[str]:
    """Return the requirements of ``extras``, for a project whose source files are gone."""
    parts = [line.partition(";")[::2] for line in installed.requires or []]
    wanted = re.compile(rf"""extra == ['"]({"|".join(map(re.escape, extras))})['"]""")
    return [name.strip() for name, condition in parts if wanted.search(condition)]
