"""Commands of README and docs from the wheel, each page's in an empty folder, one after the other.

The environment has the wheel and, by their path, the packages of the tests' own, all extras among
them; the source tree is not in it. Nothing is fetched.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from documented import PAGES, commands, refusal, write_shown
from test_installed import outer, uv
from waiting import wait_until

pytestmark = pytest.mark.more

SHOWN = {page: found for page in PAGES if (found := list(commands(page)))}
#: They run until they are stopped; this is what they say once they answer.
SERVING = (r"^inficond (serve|study serve|demo)\b", r"https?://localhost:\d+")
#: Of a participant; the tests of studies have some.
STUDY = {"INFICOND_STUDY_PASSWORD": "a word for tests"}


@pytest.fixture(scope="module")
def program(request, tmp_path_factory) -> Path:
    """``inficond`` of the wheel."""
    built = request.config.option.built
    if built is None:
        pytest.skip("make release gives the folder of wheel and sdist")
    [wheel] = Path(built).absolute().glob("*.whl")
    place = tmp_path_factory.mktemp("wheel") / "venv"
    uv("venv", "--quiet", "--python", sys.executable, place)
    python = place / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", python, "--no-deps", wheel)
    [packages] = place.glob("lib/python*/site-packages")
    (packages / "of_the_tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    code = "import inficond_panel; print(inficond_panel.__file__)"
    found = subprocess.run(
        [python, "-c", code], cwd=place, capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith(str(place))
    return python.with_name("inficond")


def environment() -> dict[str, str]:
    """Settings without those of the tests' own environment, and without network."""
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    nowhere = dict.fromkeys(proxies, "http://127.0.0.1:9")
    return {**outer(), **nowhere, "no_proxy": "localhost", **STUDY}


def run(program: Path, text: str, folder: Path) -> tuple[int, str]:
    """Status and messages of a command; of one that serves 0 once it answers."""
    line = [str(program), *shlex.split(text)[1:]]
    if not re.match(SERVING[0], text) or refusal(text):
        done = subprocess.run(
            line, cwd=folder, env=environment(), capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr
    told = folder / "told"
    with told.open("w") as output:
        server = subprocess.Popen(line, cwd=folder, env=environment(), stdout=output, stderr=output)
    try:
        wait_until(
            lambda: re.search(SERVING[1], told.read_text()) or server.poll() is not None, text
        )
        return server.poll() or 0, told.read_text()
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.stem)
def test_each_command_does_what_the_page_says(program, tmp_path, page):
    write_shown(page, tmp_path)
    faults = []
    for number, text in SHOWN[page]:
        said = refusal(text)
        status, told = run(program, text, tmp_path)
        if bool(said) == (status == 0) or said not in told or "Traceback" in told:
            faults.append(f"{page.name}:{number}: {text}: {status} {told[-500:]}")
    assert faults == []


#: Runs a command, and prints whether it has loaded torch.
LOADED = (
    "import sys, inficond_panel.cli as cli; status = cli.main(sys.argv[1:]);"
    "print('torch' in sys.modules, status)"
)


def test_what_the_source_tree_alone_can_do_is_refused_before_any_work(program, tmp_path):
    """Work would load torch, which takes seconds of the processor."""
    for text in (
        "precompute demo --plan", "quantify add demo", "compare demo --gamma 1",
        "quantify experiment demo --output a",
    ):  # fmt: skip
        line = [program.with_name("python"), "-c", LOADED, *text.split()]
        done = subprocess.run(
            line, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
        )
        assert done.stdout.split() == ["False", "1"], text
        assert "only the source tree has" in done.stderr
