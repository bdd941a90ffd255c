"""A result is written whole, or what was there before stays."""

import os
import resource
import signal

import pytest
from factory import small_spec

from inficond_panel.cli import main
from inficond_panel.common.files import write_folder, write_folders, write_whole
from inficond_panel.errors import ExportError

pytestmark = pytest.mark.commands


def limited(call):
    """Run in a child where no file may be larger than 1 kB; return its exit code."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            call()
        except ExportError as error:
            os._exit(7 if "out.html cannot be written: File too large" in error.message else 8)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("before", [None, b"the one before"])
def test_a_full_disk_leaves_what_was_there(tmp_path, before):
    place = tmp_path / "out.html"
    if before:
        place.write_bytes(before)
    assert limited(lambda: write_whole(place, bytes(5000))) == 7
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [before] * bool(before)


def test_a_file_is_replaced_a_link_followed_and_a_device_written_to(tmp_path):
    place, link = tmp_path / "out.html", tmp_path / "link"
    place.write_text("old")
    place.chmod(0o640)
    link.symlink_to(place)
    write_whole(link, b"new")
    assert place.read_text() == "new"
    assert link.is_symlink()
    assert place.stat().st_mode & 0o777 == 0o640
    write_whole(tmp_path / "sub" / "more", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out.html", "sub"]
    write_whole(os.devnull, b"gone")
    assert os.path.exists(os.devnull)  # noqa: PTH110 - not a file
    assert not os.path.isfile(os.devnull)  # noqa: PTH113


def test_a_folder_that_cannot_be_written_is_told_with_a_remedy(tmp_path):
    (tmp_path / "file").write_text("no folder")
    place = tmp_path / "file" / "more" / "students"
    said = "students cannot be written: Not a directory"
    for made in (write_folder(place, False, set()), write_folders(place)):
        with pytest.raises(ExportError, match=said) as told, made:
            pytest.fail("it was begun")
        assert told.value.remedy == "Free some space, or name another path."
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_page_that_cannot_be_written_keeps_the_one_before(tmp_path, capsys, monkeypatch):
    spec, place = small_spec(tmp_path, images=40, concepts=6, classes=2), tmp_path / "out.html"
    place.write_text("the one before")
    monkeypatch.setattr("inficond_panel.app.page_html", lambda *_, **__: "x" * 5000)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("inficond_panel.common.files.os.fsync", full)
    assert main(["page", str(spec), "--output", str(place), "--history", ":memory:"]) == 1
    assert f"{place} cannot be written: No space left on device" in capsys.readouterr().err
    assert place.read_text() == "the one before"
