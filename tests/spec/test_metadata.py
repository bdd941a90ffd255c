"""The key dataset.metadata: where it may stand, and what is wrong with it."""

import pytest

from inficond_panel.errors import SpecError

KEY = "  labels: labels.csv\n"


def test_columns_are_not_named_in_the_spec(folder, good):
    with pytest.raises(SpecError, match=r"6:13: dataset\.metadata: expected the path of a file"):
        folder.load(good.replace(KEY, KEY + "  metadata: [camera]\n"))
