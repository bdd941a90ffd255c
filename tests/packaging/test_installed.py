"""Release of a stranger: wheel and sdist, installed with the base alone, in empty folders.

``make release`` gives the folder of both (``--built``) and the newest Python (``--newest``).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from requirements import BASE, CHOSEN, LATE, name_of, package_of
from waiting import PATIENCE, wait_until

from inficond_panel.common.installation import join
from inficond_panel.version import __version__

ROOT = Path(__file__).parents[2]
#: Prints modules that do not load without an extra, and the package that each lacks.
LOAD_ALL = """
import importlib, json, pkgutil, inficond_panel, precompute.datasets
lacking = {}
for package in ("inficond_panel", "precompute"):
    path = importlib.util.find_spec(package).submodule_search_locations
    for found in pkgutil.walk_packages(path, package + ".", onerror=lambda _: None):
        if found.name != "inficond_panel.__main__":
            try:
                importlib.import_module(found.name)
            except ImportError as error:
                lacking[found.name] = (error.__cause__ or error).name.partition(".")[0]
print(json.dumps(lacking))
"""

pytestmark = pytest.mark.more


def outer() -> dict[str, str]:
    """Settings without those of the tests' own environment."""
    left_out = ("PYTHONPATH", "VIRTUAL_ENV", "INFICOND_HISTORY")
    return {name: value for name, value in os.environ.items() if name not in left_out}


@dataclass(frozen=True)
class Installation:
    """A virtual environment with the project, and an empty folder to work in."""

    file: Path
    programs: Path
    folder: Path

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the empty folder."""
        line = [str(self.programs / str(words[0])), *map(str, words[1:])]
        return subprocess.run(
            line, cwd=self.folder, env=outer(), capture_output=True, text=True, check=False
        )


def uv(*words: object) -> str:
    """Run uv and return what it prints; its faults fail the test."""
    program = Path(sys.executable).with_name("uv")
    done = subprocess.run(
        [program, *map(str, words)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def release(request) -> Path:
    """Folder with wheel, sdist, SBOM and sums."""
    if request.config.option.built is None:
        pytest.skip("make release gives the folder of wheel and sdist")
    return Path(request.config.option.built).absolute()


@pytest.fixture(scope="module", params=["wheel", "sdist", "wheel, newest Python"])
def installed(request, release, tmp_path_factory) -> Installation:
    form, _, newest = request.param.partition(", ")
    interpreter = request.config.option.newest if newest else sys.executable
    if newest and version_of(interpreter) == version_of(sys.executable):
        pytest.skip("no newer Python runs here")
    [file] = release.glob("*.whl" if form == "wheel" else "*.tar.gz")
    place = tmp_path_factory.mktemp("installed")
    python = place / "venv" / "bin" / "python"
    uv("venv", "--quiet", "--seed", "--python", interpreter, place / "venv")
    into = ("pip", "install", "--quiet", "--python", python)
    uv(*into, "--require-hashes", "-r", ROOT / "locks" / "base.txt")
    uv(*into, "--no-deps", "--no-build-isolation", file)
    (place / "empty").mkdir()
    return Installation(file, python.parent, place / "empty")


def version_of(interpreter: str) -> str:
    """Version of a Python."""
    return subprocess.run([interpreter, "-V"], capture_output=True, text=True, check=True).stdout


def test_sums_are_those_of_all_files(release):
    lines = (release / "SHA256SUMS").read_text().splitlines()
    sums = {name: value for value, _, name in (line.partition("  ") for line in lines)}
    files = [path for path in release.iterdir() if path.name != "SHA256SUMS"]
    assert sums == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert {path.suffix for path in files} == {".whl", ".gz", ".json"}


def test_the_sbom_has_the_locked_version_and_the_licence_of_each_package(release):
    bill = json.loads((release / "sbom.cdx.json").read_text())
    parts = {name_of(part["name"]): part for part in bill["components"]}
    product = bill["metadata"]["component"]
    assert (product["name"], product["version"]) == ("inficond-panel", __version__)
    lock = (ROOT / "locks" / "base.txt").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==([\w.+]+)", lock, re.MULTILINE))
    assert {name: part["version"] for name, part in parts.items() if name in locked}.items() <= (
        locked.items()
    )
    assert parts.keys() - locked.keys() <= {"inficond-panel"}
    assert parts.keys() >= BASE
    unlicensed = {name for name, part in parts.items() if not part.get("licenses")}
    assert unlicensed <= {"multipledispatch"}  # BSD, by no name that SPDX has


def test_the_changelog_begins_with_the_release():
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## \[(.*?)\]", changes, re.MULTILINE)[1] == __version__


def test_commands_work_on_the_demo(installed):
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", installed.run("inficond", "--version").stdout)
    assert installed.run("inficond", "check", "demo").returncode == 0
    found = installed.run("inficond", "doctor", "demo", "--json")
    assert json.loads(found.stdout)
    assert installed.run("python", "-m", "inficond_panel", "info", "demo").returncode == 0
    assert installed.run("inficond", "docs", "metrics").stdout.startswith("# Metrics and")


@pytest.fixture
def demo_page(installed) -> Iterator[str]:
    """Address that ``inficond demo`` prints, while it serves."""
    told = installed.folder.parent / "told"
    with told.open("w") as output:
        line = [installed.programs / "inficond", "demo", "--port", "0"]
        server = subprocess.Popen(
            line, cwd=installed.folder, env=outer(), stdout=output, stderr=output
        )
    try:
        found = wait_until(
            lambda: re.search(r"The demo is at (\S+)", told.read_text()), "address of the demo"
        )
        yield found[1]
    finally:
        server.terminate()
        server.wait(PATIENCE)


def test_the_demo_is_served_and_leaves_its_history_alone_in_the_folder(installed, demo_page):
    with urllib.request.urlopen(demo_page, timeout=PATIENCE) as answer:
        page = answer.read().decode()
    assert "<title>" in page
    assert "http://" not in re.sub(r"http://(localhost|www\.w3\.org)", "", page)
    names = {path.name.partition(".sqlite")[0] for path in installed.folder.iterdir()}
    assert names == {"demo.history"}


def test_all_of_it_loads_but_for_what_needs_an_extra(installed):
    done = installed.run("python", "-c", LOAD_ALL)
    assert done.returncode == 0, done.stderr
    lacking = json.loads(done.stdout)
    of_app = {module for module in lacking if module.startswith("inficond_panel")}
    assert of_app == LATE
    assert {package_of(name) for name in lacking.values()} <= set().union(*CHOSEN.values())


@pytest.mark.parametrize("extra", [*CHOSEN, "all"])
def test_the_command_that_a_message_names_finds_all_packages(installed, extra):
    """Tried without installing anything: a resolver reads the metadata of all of them."""
    code = (
        f"from inficond_panel.common.installation import install_command as c; print(c({extra!r}))"
    )
    words = shlex.split(installed.run("python", "-c", code).stdout)
    assert words[:4] == [str(installed.programs / "python"), "-m", "pip", "install"]
    assert words[4:] == [f"{installed.file}[{extra}]"]
    python = installed.programs / "python"
    told = uv("pip", "install", "--dry-run", "--python", python, *words[4:])
    assert "Would install" in told


def test_an_extra_is_installed_by_the_command_of_a_message_and_then_used(installed):
    export = ("inficond", "export", "demo", "--format", "onnx", "--output", "students")
    refused = installed.run(*export)
    assert refused.returncode == 1
    command = re.search(r"^Install it: (.*)$", refused.stderr, re.MULTILINE)[1]
    python, *words = shlex.split(command)
    assert join([python, *words]) == command
    done = subprocess.run(
        [python, *words], cwd=installed.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert installed.run(*export).returncode == 0
    assert (installed.folder / "students" / "students.onnx").exists()
