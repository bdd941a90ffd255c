"""Missing packages are told with a command that fits this installation, without a traceback."""

import importlib
import json
import shlex
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest
from factory import small_spec
from test_init import photos

from inficond_panel.cli import main
from inficond_panel.common import installation
from inficond_panel.common.installation import install_command, missing_extra
from inficond_panel.errors import BrokenExtraError, MissingExtraError
from inficond_panel.predict import PageEncoder, PagePhotos
from inficond_panel.state import Status
from inficond_panel.study.results.study_tables import write
from inficond_panel.tuning import open_tuner

pytestmark = [pytest.mark.commands, pytest.mark.page]

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


@pytest.fixture
def come_from(monkeypatch, tmp_path):
    """Set the origin of a Python with its pip beside it, which comes first on the PATH."""
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    for name in ("python", "pip"):
        (folder / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(folder))

    def come(origin: dict | None) -> Path:
        install_command.cache_clear()
        monkeypatch.setattr(metadata, "distribution", lambda _: Installed(origin))
        return folder / "python"

    yield come
    install_command.cache_clear()


def test_a_command_installs_from_where_this_came_by_its_pip(come_from, tmp_path, monkeypatch):
    tree, wheel = tmp_path / "my tree", tmp_path / "inficond_panel-0.1.0-py3-none-any.whl"
    tree.mkdir()
    wheel.touch()
    git, address = "https://example.org/inficond-panel.git", "https://example.org/a.whl"
    of_wheel = {"archive_info": {}}
    of_git = {"vcs_info": {"vcs": "git", "commit_id": COMMIT}}
    for origin, words in (
        (None, ["inficond-panel[onnx]"]),
        ({"url": tree.as_uri(), "dir_info": {"editable": True}}, ["-e", f"{tree}[onnx]"]),
        ({"url": tree.as_uri(), "dir_info": {"editable": False}}, [f"{tree}[onnx]"]),
        ({"url": wheel.as_uri(), **of_wheel}, [f"{wheel}[onnx]"]),
        ({"url": f"{tree.as_uri()}/a.whl", **of_wheel}, ["onnx>=1.19", "onnxruntime>=1.20"]),
        ({"url": address, **of_wheel}, [f"inficond-panel[onnx] @ {address}"]),
        ({"url": git, **of_git}, [f"inficond-panel[onnx] @ git+{git}@{COMMIT}"]),
    ):
        come_from(origin)
        assert shlex.split(install_command("onnx")) == ["pip", "install", *words]
    come_from(None)
    assert install_command("precompute", "onnx") == "pip install 'inficond-panel[precompute,onnx]'"
    monkeypatch.setenv("PATH", "")
    python = come_from(None)
    assert install_command("umap").startswith(f"{python} -m pip install ")
    come_from(None)
    monkeypatch.setattr(installation, "find_spec", lambda _: None)
    assert install_command("umap").startswith(f"uv pip install --python {python} ")


def test_packages_not_installed_are_the_trees_and_words_are_quoted(come_from, monkeypatch):
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    come_from(None)
    monkeypatch.setattr(metadata, "distribution", missing)
    root = Path(__file__).parents[2]
    assert shlex.split(install_command("umap"))[2:] == ["-e", f"{root}[umap]"]
    assert installation.join(["pip", "a b[c]"]) == "pip 'a b[c]'"
    words = list(map(installation.path_word, ["demo", "my 'a'.yaml", "-a.yaml", Path("b c")]))
    assert shlex.split(" ".join(words)) == ["demo", "my 'a'.yaml", "./-a.yaml", "b c"]
    monkeypatch.setattr(sys, "platform", "win32")
    assert installation.join(["pip", "a b[c]"]) == 'pip "a b[c]"'


@pytest.fixture
def import_error(come_from, monkeypatch, tmp_path):
    """Error of a statement that takes something from a package ``broken`` with this content."""
    come_from(None)

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


def test_a_package_that_is_not_there_is_to_be_installed_and_a_broken_one_named(import_error):
    for error in (import_error("import absent_package", "import broken"), "absent_package"):
        missing = missing_extra("An export", error, "onnx", more=", or take csv.")
        assert not isinstance(missing, BrokenExtraError)
        told = "An export needs the package absent_package, which is not installed."
        assert missing.message == told
        assert missing.remedy == "Install it: pip install 'inficond-panel[onnx]', or take csv."
    error = ImportError("libcard.so.12: no such file", name="torch._C", path="/here/_C.so")
    told = "the package torch, which is installed but cannot be loaded: libcard.so.12: no such file"
    assert missing_extra("A network", error, "precompute").message == f"A network needs {told}"


LIBRARY = "libcard.so.12: cannot open shared object file"


@pytest.mark.parametrize(
    ("content", "statement", "reason"),
    [
        ("", "from broken import lost", "cannot import name 'lost'"),
        ("", "import broken.lost", "No module named 'broken.lost'"),
        (f"raise ImportError('{LIBRARY}')", "import broken", LIBRARY),
    ],
)
def test_a_package_that_cannot_be_loaded_is_not_missing(import_error, content, statement, reason):
    broken = missing_extra("An export", import_error(content, statement), "onnx")
    assert isinstance(broken, BrokenExtraError)
    assert "is installed but cannot be loaded: " in broken.message
    assert reason in broken.message
    remedy = "Remove the package, and install it again: pip install 'inficond-panel[onnx]'"
    assert broken.remedy == remedy
    assert "install it again" in broken.remedy_for_page
    assert "pip" not in broken.remedy_for_page


EXTRA = ("torch", "open_clip", "huggingface_hub", "transformers", "timm", "sklearn")


class Absent:
    """Finder that knows the extra's packages, and has none of them."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name.partition(".")[0] in EXTRA:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture
def base_alone(monkeypatch):
    """Imports of the extra's packages fail, as where only the base is installed."""
    for name in list(sys.modules):
        if name.partition(".")[0] in EXTRA:
            monkeypatch.delitem(sys.modules, name)
    sys.meta_path.insert(0, Absent)
    yield
    sys.meta_path.remove(Absent)


@pytest.mark.usefixtures("base_alone")
def test_commands_say_what_to_install_where_only_the_base_is(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photos(tmp_path / "photos", [f"{kind}/{i}.png" for kind in ("cat", "dog") for i in range(5)])
    assert run("init", "photos", "--output", "my.yaml")[0] == 0
    predict = ("predict", "demo", "photos/cat/0.png", "--history", "new.sqlite")
    for command, told in (
        (("precompute", "my.yaml"), "Encoding images needs the package open_clip, which"),
        (("precompute", "my.yaml", "--plan"), "Encoding images needs the package open_clip, which"),
        (predict, "Encoding images needs the package open_clip, which"),
    ):
        status, _, err = run(*command)
        assert status == 1
        assert told in err
        assert "Install it: " in err
        assert "[precompute]" in err


def test_a_package_that_no_module_tells_of_is_told_and_ours_is_a_defect(run, monkeypatch):
    def fail(name: str) -> Callable:
        def raised(_: object) -> None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        return raised

    monkeypatch.setattr("inficond_panel.commands.check.run", fail("zarr"))
    status, _, err = run("check", "demo")
    assert status == 1
    assert "This needs the package zarr, which is not installed." in err
    assert "[all]" in err
    monkeypatch.setattr("inficond_panel.commands.check.run", fail("inficond_panel.gone"))
    with pytest.raises(ModuleNotFoundError):
        main(["check", "demo"])


def test_what_to_install_is_named_and_on_the_page_without_a_place(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match="Parquet needs the package pyarrow, which is not"):
        write(pd.DataFrame({"time": [1]}), tmp_path / "events.parquet")
    assert list(tmp_path.iterdir()) == []
    tuner = open_tuner(small_spec(tmp_path))
    tuner.store.attrs["stages"] = {"segments": {}}
    monkeypatch.setattr("inficond_panel.predict.find_spec", lambda _: None)
    monkeypatch.setattr(type(tuner.spec), "check_making", lambda _: None)
    for check in (lambda: PagePhotos(tuner.spec).check(tuner.store), PageEncoder(tuner.spec).check):
        with pytest.raises(MissingExtraError) as told:
            check()
        page = Status.of(told.value)
        assert page.remedy == "On the page's server, run: pip install 'inficond-panel[precompute]'"
        assert "/" not in page.text
