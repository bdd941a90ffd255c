"""Commands that install an extra fit where the running installation came from."""

import json
import shlex
import sys
from importlib import metadata
from pathlib import Path

import pytest

from inficond_panel.common import installation
from inficond_panel.common.installation import install_command

COMMIT = "0a1b2c3d"


class Installed:
    """Distribution with what an installer leaves of its origin."""

    requires = (
        "numpy>=2.1",
        "onnx>=1.19; extra == 'onnx'",
        'onnxruntime>=1.20 ; extra == "onnx"',
        "torch>=2.6; extra == 'precompute'",
    )

    def __init__(self, origin: dict | None) -> None:
        self._origin = origin

    def read_text(self, name: str) -> str | None:
        return json.dumps(self._origin) if self._origin and name == "direct_url.json" else None


@pytest.fixture(autouse=True)
def python(monkeypatch, tmp_path) -> Path:
    """A Python with its pip beside it, which comes first on the PATH."""
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    for name in ("python", "pip"):
        (folder / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(folder))
    install_command.cache_clear()
    yield folder / "python"
    install_command.cache_clear()


@pytest.fixture
def come_from(monkeypatch):
    def come(origin: dict | None) -> None:
        monkeypatch.setattr(metadata, "distribution", lambda _: Installed(origin))

    return come


def test_from_an_index(come_from):
    come_from(None)
    assert install_command("onnx") == "pip install 'inficond-panel[onnx]'"
    assert install_command("precompute", "onnx") == "pip install 'inficond-panel[precompute,onnx]'"


@pytest.mark.parametrize("editable", [True, False])
def test_from_a_checkout(come_from, tmp_path, editable):
    tree = tmp_path / "my tree"
    tree.mkdir()
    come_from({"url": tree.as_uri(), "dir_info": {"editable": editable}})
    option = ["-e"] if editable else []
    assert shlex.split(install_command("umap")) == ["pip", "install", *option, f"{tree}[umap]"]


def test_from_a_wheel(come_from, tmp_path):
    wheel = tmp_path / "inficond_panel-0.1.0-py3-none-any.whl"
    wheel.touch()
    come_from({"url": wheel.as_uri(), "archive_info": {}})
    assert shlex.split(install_command("onnx"))[-1] == f"{wheel}[onnx]"


def test_from_a_wheel_that_is_gone_the_packages_are_named(come_from, tmp_path):
    come_from({"url": (tmp_path / "gone.whl").as_uri(), "archive_info": {}})
    assert install_command("onnx") == "pip install 'onnx>=1.19' 'onnxruntime>=1.20'"


def test_from_a_repository_and_from_an_address(come_from):
    url = "https://example.org/inficond-panel.git"
    come_from({"url": url, "vcs_info": {"vcs": "git", "commit_id": COMMIT}})
    wanted = f"inficond-panel[umap] @ git+{url}@{COMMIT}"
    assert install_command("umap") == f"pip install '{wanted}'"
    come_from({"url": "https://example.org/a.whl", "archive_info": {}})
    assert install_command("onnx").endswith("'inficond-panel[onnx] @ https://example.org/a.whl'")


def test_packages_that_were_not_installed_are_those_of_the_tree(monkeypatch):
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    root = Path(__file__).parents[2]
    assert shlex.split(install_command("umap"))[2:] == ["-e", f"{root}[umap]"]


def test_an_environment_that_is_not_active_is_named(come_from, monkeypatch, python):
    come_from(None)
    monkeypatch.setenv("PATH", "")
    assert install_command("umap").startswith(f"{python} -m pip install ")


def test_an_environment_without_pip_is_given_to_uv(come_from, monkeypatch, python):
    come_from(None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(installation, "find_spec", lambda _: None)
    assert install_command("umap").startswith(f"uv pip install --python {python} ")


def test_words_are_quoted_for_the_shell_of_the_platform(monkeypatch):
    assert installation.join(["pip", "a b[c]"]) == "pip 'a b[c]'"
    monkeypatch.setattr(sys, "platform", "win32")
    assert installation.join(["pip", "a b[c]"]) == 'pip "a b[c]"'
