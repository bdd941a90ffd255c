"""Files of deploy/: commands that the command line takes, secrets and limits."""

import json
import re
import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from inficond_panel.cli import make_parser

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


def test_behind_a_proxy_the_page_knows_its_host_and_gets_its_secrets_by_its_environment():
    args = make_parser().parse_args(COMPOSE)
    assert args.use_xheaders
    assert args.allow_websocket_origin == ["given"]
    assert (args.basic_auth, args.cookie_secret) == (None, None)  # a list of processes has it
    environment = SERVICES["inficond"]["environment"]
    assert environment.keys() == {"PANEL_BASIC_AUTH", "PANEL_COOKIE_SECRET"}
    assert all(re.fullmatch(r"\$\{INFICOND_\w+:\?.+\}", value) for value in environment.values())


def test_nothing_takes_the_whole_machine_or_more_rights_and_a_service_has_a_password():
    for each in SERVICES.values():
        assert {"mem_limit", "cpus", "pids_limit"} <= each.keys()
        assert each["cap_drop"] == ["ALL"]
        assert each["security_opt"] == ["no-new-privileges:true"]
    lines = UNIT.splitlines()
    assert Path(PROGRAM).name == "inficond"
    assert "EnvironmentFile=/etc/inficond.env" in lines  # with a dash it might be missing
    assert {"MemoryMax", "CPUQuota", "TasksMax"} <= {line.partition("=")[0] for line in lines}
