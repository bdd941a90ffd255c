"""Packaged folders, missing or broken extras, and the command that installs these.

The command fits the running installation: a checkout, a wheel or an index. Its origin is in the
metadata (PEP 610, ``direct_url.json``), which an index does not write.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
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
    """Return a packaged folder: in the package of a wheel, next to it in a source tree."""
    package = Path(__file__).parents[1]
    places = (package / name, package.parent / name)
    return next((folder for folder in places if folder.is_dir()), places[0])


def missing_extra(
    what: str, error: ImportError | str, *extras: str, more: str = ""
) -> MissingExtraError:
    """Error of a part that needs a package of ``extras``, which is missing or broken.

    ``what`` is the part, at the beginning of a sentence; ``error`` what importing raised, or the
    name of a package that is not installed; ``more`` ends the remedy.
    """
    command = f"{install_command(*extras)}{more}"
    package = error if isinstance(error, str) else _absent(error)
    if package:
        message = f"{what} needs the package {package}, which is not installed."
        return MissingExtraError(message, f"Install it: {command}", extras)
    broken = (getattr(error, "name", None) or "").partition(".")[0]
    message = f"{what} needs a package that is installed but cannot be loaded: {error}"
    if broken:
        message = (
            f"{what} needs the package {broken}, which is installed but cannot be loaded: {error}"
        )
    return BrokenExtraError(message, f"Remove the package, and install it again: {command}", extras)


def _absent(error: ImportError) -> str:
    """Package that is not installed; empty if one is that lacks a module, a name or a library."""
    name = error.name or ""
    return name if isinstance(error, ModuleNotFoundError) and "." not in name else ""


@cache
def install_command(*extras: str) -> str:
    """Shell command that installs ``extras`` of this project where this Python finds them."""
    return join([*_installer(), *_wanted(f"[{','.join(extras)}]", extras)])


def join(words: list[str]) -> str:
    """``words`` as one line for the shell of this platform."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def _installer() -> list[str]:
    """Installer of this environment: a virtual environment need be neither active nor have pip."""
    here = Path(sys.executable)
    pip = shutil.which("pip")
    if pip and Path(pip).parent == here.parent:
        return ["pip", "install"]
    if find_spec("pip"):
        return [str(here), "-m", "pip", "install"]
    return ["uv", "pip", "install", "--python", str(here)]


def _wanted(chosen: str, extras: tuple[str, ...]) -> list[str]:
    """Arguments of the installer: the project from where it came, or the packages themselves."""
    from importlib.metadata import PackageNotFoundError, distribution  # noqa: PLC0415 - slow
    from urllib.request import url2pathname  # noqa: PLC0415 - slow

    try:
        installed = distribution(_NAME)
    except PackageNotFoundError:
        return _of_tree(Path(__file__).parents[2], chosen)
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


def _of_tree(root: Path, chosen: str) -> list[str]:
    """Arguments for packages that run from a folder without having been installed."""
    return ["-e", f"{root}{chosen}"] if (root / "pyproject.toml").exists() else [_NAME + chosen]


def _requirements(installed: Distribution, extras: tuple[str, ...]) -> list[str]:
    """Return requirements of the extras, if the files of the installation were removed."""
    parts = [line.partition(";")[::2] for line in installed.requires or []]
    wanted = re.compile(rf"""extra == ['"]({"|".join(map(re.escape, extras))})['"]""")
    return [name.strip() for name, condition in parts if wanted.search(condition)]
