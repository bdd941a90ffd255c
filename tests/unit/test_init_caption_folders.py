"""``inficond init`` on a folder of tables without images: which of them hold captions."""

import re

import pytest

from inficond_panel.errors import DataError
from precompute.detect.find import find_layout

CAPTIONS = "id,caption,fox\n1,a fox by the fence,1\n2,a deer in the snow,0\n"
SENTENCES = "id,words of it,fox\n1,a fox by the fence,1\n2,a deer in the snow,0\n"
NUMBERS = "id,size\n1,10\n2,20\n"
SPLITS = "id,split\n1,train\n2,test\n"


@pytest.fixture
def told(tmp_path):
    """What is told of a folder of tables, by their texts."""

    def of(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.csv").write_text(text)
        with pytest.raises(DataError) as caught:
            find_layout(tmp_path)
        return re.sub(re.escape(f"{tmp_path}/"), "", caught.value.remedy)

    return of


@pytest.mark.parametrize("captions", [CAPTIONS, SENTENCES])
def test_the_table_with_captions_is_named(told, captions):
    remedy = told(a=NUMBERS, b=captions, c=SPLITS, d=NUMBERS)
    assert "Captions need no images: inficond init b.csv." in remedy


def test_several_tables_with_captions_are_all_named(told):
    remedy = told(a=CAPTIONS, b=NUMBERS, c=SENTENCES)
    assert "Name their table, inficond init TABLE: a.csv, c.csv." in remedy


def test_of_many_tables_five_are_named(told):
    remedy = told(**{f"t{i}": CAPTIONS for i in range(7)})
    assert "t0.csv, t1.csv, t2.csv, t3.csv, t4.csv, and 2 more." in remedy


def test_tables_of_numbers_hold_no_captions(told):
    assert "inficond init TABLE." in told(a=NUMBERS, b=SPLITS, c=NUMBERS)
