"""The ways to install say the same: pyproject.toml, files of conda and the locks."""

import re

from requirements import EXTRAS, PROJECT, PYPROJECT, named_in
from ruamel.yaml import YAML

ROOT = PYPROJECT.parent
#: Extras that hold all others.
WHOLE = {"all", "benchmarks", "demo", "dev"}


def locked(file):
    """Version of each package of a lock."""
    lines = (ROOT / "locks" / file).read_text().splitlines()
    return dict(line.split(" ")[0].split("==") for line in lines if re.match(r"[a-z]", line))


def test_conda_users_get_the_same_versions():
    for file, name, extras in (
        ("environment.yml", "inficond-panel", f"[{','.join(sorted(EXTRAS.keys() & WHOLE))}]"),
        ("environment-demo.yml", "inficond-demo", ""),  # the base has no torch, see below
    ):
        text = (ROOT / file).read_text()
        environment = YAML(typ="safe", pure=True).load(text)
        assert environment["name"] == name
        assert f"conda env create -f {file} && conda activate {name} && inficond demo" in text
        pip = {"pip": ["-c locks/constraints.txt", f"-e .{extras}"]}
        assert environment["dependencies"] == ["python=3.12", "pip", pip]
    assert PROJECT["requires-python"] == ">=3.11"
    assert locked("constraints.txt") == locked("test.txt")


def test_locks_hold_what_the_project_asks_for_with_hashes_and_no_addresses():
    base, test = locked("base.txt"), locked("test.txt")
    assert named_in(PROJECT["dependencies"]) | {"hatchling"} <= set(base)
    asked = named_in(each for extra in EXTRAS.values() for each in extra)
    assert asked - {PROJECT["name"]} <= set(test)  # the extra "all" names others of this project
    assert base.items() <= test.items()
    assert not {"torch", "open-clip-torch"} & set(base)
    for file in ("base.txt", "test.txt"):
        lines = (ROOT / "locks" / file).read_text().splitlines()
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            package = re.fullmatch(r"[a-z0-9-]+==[\w.+]+( ; .*)? \\", line)
            assert package or re.fullmatch(r"    --hash=sha256:\w{64}( \\)?", line)
            assert not package or "--hash" in following
