"""The hooks of commits in the small environment, which has neither torch nor Node."""

import shlex
import subprocess

import pytest
from modules import ROOT
from ruamel.yaml import YAML

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mypy", "make check installs it"),
        ("prettier", "make node_modules/.installed sets up Prettier"),
    ],
)
def test_a_hook_without_its_packages_says_how_to_get_them(tmp_path, name, told):
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    hooks = YAML(typ="safe", pure=True).load(text)["repos"][0]["hooks"]
    [entry] = [hook["entry"] for hook in hooks if hook["id"] == name]
    command = [*shlex.split(entry), "a.js"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told in run.stdout
