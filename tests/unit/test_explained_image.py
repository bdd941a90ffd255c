"""What is printed of one image's logit."""

import re

import pytest
from frames import frames

import inficond_panel
from inficond_panel.results.local_explanation import SHOWN_PARTS


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    path = tmp_path_factory.mktemp("explained") / "own.zarr"
    return inficond_panel.from_frames(**frames(signed=True), path=path).fit()


def printed(students):
    return str(students.explain("bird", students.images("tune")[0])).splitlines()


def test_the_parts_add_up_to_the_logit(students):
    first, *lines = printed(students)
    logit = re.search(r"logit (\S+),", first)[1]
    parts = [re.match(r" *([+−]?\d+\.\d\d)  ", line) for line in lines]
    values = [float(part[1].replace("−", "-")) for part in parts if part]
    assert sum(values) == pytest.approx(float(logit.replace("−", "-")), abs=0.01 * len(values))


def test_it_ends_with_the_smallest_edit(students):
    apart = students.explain("bird", students.images("tune")[0])
    assert f"Smallest change: {apart.edit}" in printed(students)


def test_many_concepts_are_one_line(tmp_path):
    given = frames(signed=True)
    for at in range(SHOWN_PARTS):
        given["scores"][f"more {at}"] = given["scores"]["red"] * (at + 1) ** 0.5
    students = inficond_panel.from_frames(**given, path=tmp_path / "o.zarr").with_settings(
        lambda_=0
    )
    lines = str(students.fit().explain("bird", students.images("tune")[0])).splitlines()
    assert sum(", influence " in line for line in lines) == SHOWN_PARTS
    assert any(re.search(r"  \d+ other concepts?$", line) for line in lines)
