"""The ways to install and to serve say the same: pyproject.toml, conda, locks, files of deploy/."""

import json
import re
import shlex
from pathlib import Path

import pytest
from requirements import EXTRAS, PROJECT, PYPROJECT, named_in
from ruamel.yaml import YAML

from inficond_panel.cli import make_parser

pytestmark = pytest.mark.commands

ROOT = PYPROJECT.parent
#: Extras that hold all others.
WHOLE = {"all", "benchmarks", "demo", "dev"}


def locked(file):
    """Version of each package of a lock."""
    lines = (ROOT / "locks" / file).read_text().splitlines()
    return dict(line.split(" ")[0].split("==") for line in lines if re.match(r"[a-z]", line))


def test_conda_users_get_the_locks_versions_with_hashes_and_no_addresses():
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


DEPLOY = Path(__file__).parents[2] / "deploy"
DOCKERFILE, UNIT = ((DEPLOY / name).read_text() for name in ("Dockerfile", "inficond.service"))
SERVICES = YAML(typ="safe").load(DEPLOY / "compose.yaml")["services"]
IMAGE = json.loads(re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[1])
COMPOSE = [re.sub(r"\$\{.*\}", "given", word) for word in SERVICES["inficond"]["command"]]
PROGRAM, *SERVICE = shlex.split(re.search(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)[1])


@pytest.mark.parametrize("words", [IMAGE, COMPOSE, SERVICE], ids=["image", "compose", "service"])
def test_the_command_is_one_that_there_is(words):
    args = make_parser().parse_args(words)
    assert args.port == 5006
    assert args.address in {"0.0.0.0", "127.0.0.1"}
    assert "EXPOSE 5006" in DOCKERFILE
    assert "http://localhost:5006/health" in DOCKERFILE


def test_a_service_has_its_secrets_limits_and_no_more_rights():
    args = make_parser().parse_args(COMPOSE)
    assert args.use_xheaders
    assert args.allow_websocket_origin == ["given"]
    assert (args.basic_auth, args.cookie_secret) == (None, None)  # a list of processes has it
    environment = SERVICES["inficond"]["environment"]
    assert environment.keys() == {"PANEL_BASIC_AUTH", "PANEL_COOKIE_SECRET"}
    assert all(re.fullmatch(r"\$\{INFICOND_\w+:\?.+\}", value) for value in environment.values())
    for each in SERVICES.values():
        assert {"mem_limit", "cpus", "pids_limit"} <= each.keys()
        assert each["cap_drop"] == ["ALL"]
        assert each["security_opt"] == ["no-new-privileges:true"]
    lines = UNIT.splitlines()
    assert Path(PROGRAM).name == "inficond"
    assert "EnvironmentFile=/etc/inficond.env" in lines  # with a dash it might be missing
    assert {"MemoryMax", "CPUQuota", "TasksMax"} <= {line.partition("=")[0] for line in lines}
