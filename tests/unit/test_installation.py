"""Commands that install an extra fit where the running installation came from."""

import importlib
import json
import shlex
import sys
from importlib import metadata
from pathlib import Path

import pytest

from inficond_panel.common import installation
from inficond_panel.common.installation import install_command, missing_extra
from inficond_panel.errors import BrokenExtraError

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


#: Packages, each by its ``__init__.py``, and what is taken from them.
BROKEN = {
    "a name that it lacks": ("", "from broken import lost", "cannot import name 'lost'"),
    "a module that it lacks": ("", "import broken.lost", "No module named 'broken.lost'"),
    "its own error": (
        "raise ImportError('libcard.so.12: cannot open shared object file')",
        "import broken",
        "libcard.so.12: cannot open shared object file",
    ),
}


@pytest.fixture
def import_error(monkeypatch, tmp_path):
    """Error of a statement that takes something from a package ``broken`` with this content."""

    def imported(content: str, statement: str) -> ImportError:
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken" / "__init__.py").write_text(content)
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        with pytest.raises(ImportError) as raised:
            exec(statement, {})
        sys.modules.pop("broken", None)
        return raised.value

    return imported


def test_a_package_that_is_not_there_is_to_be_installed(come_from, import_error):
    come_from(None)
    absent = import_error("", "import absent_package")
    for error in (absent, "absent_package"):
        missing = missing_extra("An export", error, "onnx", more=", or take csv.")
        assert not isinstance(missing, BrokenExtraError)
        assert missing.message == (
            "An export needs the package absent_package, which is not installed."
        )
        assert missing.remedy == ("Install it: pip install 'inficond-panel[onnx]', or take csv.")


def test_what_a_package_needs_itself_is_named(come_from, import_error):
    come_from(None)
    missing = missing_extra("A map", import_error("import absent", "import broken"), "umap")
    assert missing.message == "A map needs the package absent, which is not installed."


@pytest.mark.parametrize("case", BROKEN)
def test_a_package_that_cannot_be_loaded_is_not_told_as_missing(come_from, import_error, case):
    come_from(None)
    content, statement, reason = BROKEN[case]
    broken = missing_extra("An export", import_error(content, statement), "onnx")
    assert isinstance(broken, BrokenExtraError)
    assert "is installed but cannot be loaded: " in broken.message
    assert reason in broken.message
    assert broken.remedy == (
        "Remove the package, and install it again: pip install 'inficond-panel[onnx]'"
    )
    assert "install it again" in broken.remedy_for_page
    assert "pip" not in broken.remedy_for_page


def test_a_broken_package_is_named_where_the_error_names_it(come_from):
    come_from(None)
    error = ImportError("libcard.so.12: no such file", name="torch._C", path="/here/_C.so")
    assert missing_extra("A network", error, "precompute").message == (
        "A network needs the package torch, which is installed but cannot be loaded: "
        "libcard.so.12: no such file"
    )
