"""Reactive dependencies are declared, by ``depends``, ``bind`` or a reference."""

from modules import MODULES


def test_none_is_woven_by_hand_without_a_reason():
    """``param.watch`` is for what comes and goes at run time; a comment on its line says why."""
    faults = [
        f"{path}:{number}"
        for path in MODULES.values()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if ".param.watch(" in line and "#" not in line
    ]
    assert faults == []
