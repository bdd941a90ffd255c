"""The ways to install say the same: pyproject.toml, files of conda and the locks."""

import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
#: Extras that hold all others.
WHOLE = {"all", "benchmarks", "demo", "dev"}
OURS = {PROJECT["name"]}  #: the extra ``all`` names others of this project


def names(requirements):
    """Names of requirements as the locks write them."""
    found = (re.match(r"[A-Za-z0-9._-]+", requirement)[0] for requirement in requirements)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in found}


def locked(file):
    """Version of each package of a lock."""
    lines = (ROOT / "locks" / file).read_text().splitlines()
    return dict(line.split(" ")[0].split("==") for line in lines if re.match(r"[a-z]", line))


@pytest.mark.parametrize(
    ("file", "name", "extras"),
    [
        ("environment.yml", "inficond-panel", f"[{','.join(sorted(EXTRAS.keys() & WHOLE))}]"),
        ("environment-demo.yml", "inficond-demo", ""),  # the base has no torch, see below
    ],
)
def test_conda_users_get_the_same_versions(file, name, extras):
    text = (ROOT / file).read_text()
    environment = YAML(typ="safe", pure=True).load(text)
    assert environment["name"] == name
    assert f"conda env create -f {file} && conda activate {name} && inficond demo" in text
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-c locks/constraints.txt", f"-e .{extras}"]}
    assert conda == ["python=3.12", "pip"]
    assert PROJECT["requires-python"] == ">=3.11"
    assert locked("constraints.txt") == locked("test.txt")


def test_locks_hold_what_the_project_asks_for():
    base, test = locked("base.txt"), locked("test.txt")
    assert names(PROJECT["dependencies"]) | {"hatchling"} <= set(base)
    assert {name for extra in EXTRAS for name in names(EXTRAS[extra])} - OURS <= set(test)
    assert base.items() <= test.items()
    assert not {"torch", "open-clip-torch"} & set(base)


def test_locks_have_hashes_and_no_addresses():
    for file in ("base.txt", "test.txt"):
        lines = (ROOT / "locks" / file).read_text().splitlines()
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            package = re.fullmatch(r"[a-z0-9-]+==[\w.+]+( ; .*)? \\", line)
            assert package or re.fullmatch(r"    --hash=sha256:\w{64}( \\)?", line)
            assert not package or "--hash" in following
