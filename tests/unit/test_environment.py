"""The ways to install and to serve say the same: pyproject.toml, conda, locks, files of deploy/."""

import json
import re
import runpy
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


@pytest.mark.parametrize(
    ("file", "name", "extras"),
    [
        ("environment.yml", "inficond-panel", f"[{','.join(sorted(EXTRAS.keys() & WHOLE))}]"),
        ("environment-demo.yml", "inficond-demo", ""),  # the base has no torch, see below
    ],
)
def test_conda_users_get_the_versions_of_the_locks(file, name, extras):
    text = (ROOT / file).read_text()
    environment = YAML(typ="safe", pure=True).load(text)
    assert environment["name"] == name
    assert f"conda env create -f {file} && conda activate {name} && inficond demo" in text
    pip = {"pip": ["-c locks/constraints.txt", f"-e .{extras}"]}
    assert environment["dependencies"] == ["python=3.12", "pip", pip]


def test_the_lowest_python_is_named():
    assert PROJECT["requires-python"] == ">=3.11"


def test_constraints_are_the_lock_of_the_tests():
    assert locked("constraints.txt") == locked("test.txt")


def test_locks_hold_all_that_is_required():
    base, test = locked("base.txt"), locked("test.txt")
    assert named_in(PROJECT["dependencies"]) | {"hatchling"} <= set(base)
    asked = named_in(each for extra in EXTRAS.values() for each in extra)
    assert asked - {PROJECT["name"]} <= set(test)  # the extra "all" names others of this project
    assert base.items() <= test.items()


def test_the_base_has_no_torch():
    assert not {"torch", "open-clip-torch"} & set(locked("base.txt"))


@pytest.mark.parametrize("file", ["base.txt", "test.txt"])
def test_locks_have_hashes_but_no_addresses(file):
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


def test_compose_passes_secrets_by_the_environment():
    args = make_parser().parse_args(COMPOSE)
    assert args.use_xheaders
    assert args.allow_websocket_origin == ["given"]
    assert (args.basic_auth, args.cookie_secret) == (None, None)  # a list of processes has it
    environment = SERVICES["inficond"]["environment"]
    assert environment.keys() == {"PANEL_BASIC_AUTH", "PANEL_COOKIE_SECRET"}
    assert all(re.fullmatch(r"\$\{INFICOND_\w+:\?.+\}", value) for value in environment.values())


@pytest.mark.parametrize("each", SERVICES.values(), ids=SERVICES)
def test_a_service_of_compose_has_limits_but_no_rights(each):
    assert {"mem_limit", "cpus", "pids_limit"} <= each.keys()
    assert each["cap_drop"] == ["ALL"]
    assert each["security_opt"] == ["no-new-privileges:true"]


def test_the_unit_has_secrets_with_limits():
    lines = UNIT.splitlines()
    assert Path(PROGRAM).name == "inficond"
    assert "EnvironmentFile=/etc/inficond.env" in lines  # with a dash it might be missing
    assert {"MemoryMax", "CPUQuota", "TasksMax"} <= {line.partition("=")[0] for line in lines}


def test_the_health_check_of_the_image_is_in_it():
    assert '["python", "/opt/inficond/deploy/healthy.py"]' in DOCKERFILE


#: Headers that Tornado believes with --use-xheaders, besides those that each proxy sets.
@pytest.mark.parametrize("header", ["X-Real-Ip", "X-Scheme"])
@pytest.mark.parametrize("file", ["Caddyfile", "nginx.conf"])
def test_a_proxy_drops_the_headers_of_clients_that_the_server_would_believe(file, header):
    assert header in (DEPLOY / file).read_text()


@pytest.mark.parametrize("file", ["nginx.conf", "traefik.yaml"])
def test_a_proxy_lets_50_people_of_one_address_make_their_60_requests(file):
    [burst] = re.findall(r"burst[=:] ?(\d+)", (DEPLOY / file).read_text())
    assert int(burst) >= 50 * 60


HEALTH = runpy.run_path(str(DEPLOY / "healthy.py"))["address"]


@pytest.mark.parametrize(
    ("command", "address"),
    [
        ("inficond demo --address 0.0.0.0 --port 5006", "http://localhost:5006/health"),
        ("inficond serve my.yaml", "http://localhost:5006/health"),
        ("inficond serve my.yaml --port=80 --prefix /a/b", "http://localhost:80/a/b/health"),
        ("tini -- inficond serve a.yaml --prefix a/ --port 1", "http://localhost:1/a/health"),
        ("inficond serve a.yaml --ssl-certfile c.pem", "https://localhost:5006/health"),
    ],
)
def test_the_health_check_of_the_image_asks_where_the_server_is(command, address):
    assert HEALTH(command.split()) == address
