"""The workflow of the repository's host runs what a contributor runs."""

from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"


def steps():
    jobs = YAML(typ="safe", pure=True).load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def test_it_calls_the_script_of_ci():
    assert [step["run"] for step in steps() if "run" in step] == [".ci/run"]


def test_it_has_the_lowest_python_that_is_supported():
    told = [step["with"]["python-version"] for step in steps() if "with" in step]
    assert told == ["3.11"]
    assert 'requires-python = ">=3.11"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
