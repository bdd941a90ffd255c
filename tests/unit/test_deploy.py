"""Commands of deploy/, as the command line takes them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from inficond_panel.cli import make_parser

DEPLOY = Path(__file__).parents[2] / "deploy"


def in_image() -> list[str]:
    text = (DEPLOY / "Dockerfile").read_text()
    return json.loads(re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)[1])


def service() -> dict:
    return YAML(typ="safe").load(DEPLOY / "compose.yaml")["services"]["inficond"]


def in_compose() -> list[str]:
    return [re.sub(r"\$\{.*\}", "given", word) for word in service()["command"]]


def in_service() -> list[str]:
    text = (DEPLOY / "inficond.service").read_text()
    program, *words = shlex.split(re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)[1])
    assert Path(program).name == "inficond"
    return words


@pytest.mark.parametrize("words", [in_image, in_compose, in_service])
def test_the_command_is_one_that_there_is(words):
    args = make_parser().parse_args(words())
    assert args.port == 5006
    assert args.address in {"0.0.0.0", "127.0.0.1"}


def test_the_image_asks_for_the_port_that_it_serves():
    text = (DEPLOY / "Dockerfile").read_text()
    assert "EXPOSE 5006" in text
    assert "http://localhost:5006/health" in text


def test_behind_a_proxy_the_page_knows_its_host_and_asks_for_a_password():
    args = make_parser().parse_args(in_compose())
    assert args.use_xheaders
    assert args.allow_websocket_origin == ["given"]
    assert (args.basic_auth, args.cookie_secret) == (None, None)  # a list of processes has it


def test_secrets_reach_the_page_by_its_environment():
    environment = service()["environment"]
    assert environment.keys() == {"PANEL_BASIC_AUTH", "PANEL_COOKIE_SECRET"}
    assert all(re.fullmatch(r"\$\{INFICOND_\w+:\?.+\}", value) for value in environment.values())


def test_no_container_takes_the_whole_machine_or_more_rights():
    for each in YAML(typ="safe").load(DEPLOY / "compose.yaml")["services"].values():
        assert {"mem_limit", "cpus", "pids_limit"} <= each.keys()
        assert each["cap_drop"] == ["ALL"]
        assert each["security_opt"] == ["no-new-privileges:true"]


def test_the_service_starts_with_a_password_only():
    lines = (DEPLOY / "inficond.service").read_text().splitlines()
    assert "EnvironmentFile=/etc/inficond.env" in lines  # with a dash it might be missing
    assert {"MemoryMax", "CPUQuota", "TasksMax"} <= {line.partition("=")[0] for line in lines}
