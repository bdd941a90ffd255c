"""The wheel: both packages, the specs, the demo and the pages; no recipe, nothing of the user."""

import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
CODE = """
from inficond_panel.errors import MissingExtraError
from inficond_panel.spec import find_spec, load_spec
print(find_spec("voc2007"))
try:
    load_spec(find_spec("demo")).check_photos()
except MissingExtraError as error:
    print(error.message)
"""


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def tracked():
    """Files of the project, relative to its root."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    return {name for name in run(ROOT, "git", "ls-files") if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def wheel(tracked, tmp_path_factory):
    """A wheel built from the project's files and from what using them leaves behind."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in tracked:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    for name in ("specs/own.zarr/zarr.json", "specs/own.history.sqlite", "precompute/a.pyc"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("of the user")
    run(folder, sys.executable, "-m", "hatchling", "build", "-t", "wheel")
    [file] = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        yield archive


def test_it_holds_the_packages_the_specs_pages_types_and_licences_and_no_more(wheel, tracked):
    packages = {name for name in tracked if name.startswith(("inficond_panel/", "precompute/"))}
    packages = {name for name in packages if not name.startswith("precompute/recipes/")}
    specs = {f"inficond_panel/{name}" for name in tracked if name.startswith("specs/")}
    page = re.compile(r"docs/[^/]+\.(md|schema\.json)")
    pages = {f"inficond_panel/{name}" for name in tracked if page.fullmatch(name)}
    there = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert there == packages | specs | pages
    names = set(wheel.namelist())
    assert {"inficond_panel/py.typed", "precompute/py.typed"} <= names
    licences = {Path(name).name for name in names if ".dist-info/licenses/" in name}
    assert licences == {"LICENSE", "THIRD-PARTY-NOTICES.md", "OFL.txt", "LICENSES.txt"}
    # 9 MB are the thumbnails, which are compressed already, 3.5 the embeddings, and 3.7 the
    # runtime of the page that runs a small network
    assert sum(entry.compress_size for entry in wheel.infolist()) < 26e6


def test_from_the_wheel_specs_are_found_pages_printed_and_scenes_refused(wheel, tmp_path):
    wheel.extractall(tmp_path)
    spec, said = run(tmp_path, sys.executable, "-c", CODE)
    assert Path(spec) == tmp_path / "inficond_panel" / "specs" / "public/voc2007.yaml"
    assert said == "Scenes are drawn by the recipe of the demo, which only the source tree has."
    page = run(tmp_path, sys.executable, "-m", "inficond_panel", "docs", "teachers")
    assert "\n".join(page) == (ROOT / "docs" / "teachers.md").read_text().rstrip()


def test_its_readme_has_no_link_that_leads_nowhere_on_an_index(wheel):
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    text = wheel.read(name).decode()
    assert "# InFiConD Panel" in text
    assert "views" in text  # a link within the tree: its words stay
    assert re.findall(r"\]\((?!https?:)[^)]*\)", text) == []
    absolute = runpy.run_path(str(ROOT / "hatch_build.py"))["with_absolute_links"]
    text = "![A](a.webp) [b](docs/b.md#c) [d](https://d.example)"
    assert absolute(text, "https://x.example/y") == (
        "![A](https://x.example/y/raw/HEAD/a.webp) [b](https://x.example/y/blob/HEAD/docs/b.md#c) "
        "[d](https://d.example)"
    )
    assert absolute(text, "") == " b [d](https://d.example)"
