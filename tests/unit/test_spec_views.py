"""The numbers of the views in the spec: where they go, and what is refused."""

from __future__ import annotations

import pytest
from factory import spec_text

from inficond_panel.errors import SpecError
from inficond_panel.spec import load_spec


def test_what_the_views_cannot_take_is_told_at_once(tmp_path):
    (tmp_path / "s.yaml").write_text(spec_text("views: {top: 7, factors: [2, 0.5], patches: 13}\n"))
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "s.yaml", check_files=False)
    told = str(caught.value)
    assert "views.top: expected one of 5, 10, 20, 50, 100, 200, 0, got 7" in told
    assert "views.factors: expected numbers above 1, got 0.5" in told
    assert "views.patches" in told
