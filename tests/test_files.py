"""Laws of pixelgbm.files: whole or not at all, and one line when it fails."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from full_disk import room_for

from pixelgbm import files
from pixelgbm.errors import OutputError

FULL = Path("/dev/full")


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_bytes_arrive_and_parents_are_made(tmp_path):
    files.write_bytes(tmp_path / "a" / "b" / "c.bin", b"\x00\xff")
    assert (tmp_path / "a" / "b" / "c.bin").read_bytes() == b"\x00\xff"
    assert names(tmp_path / "a" / "b") == ["c.bin"]


def test_text_keeps_its_newlines(tmp_path):
    files.write_text(tmp_path / "t", "ä\r\nb\n")
    assert (tmp_path / "t").read_bytes() == "ä\r\nb\n".encode()


def test_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "run.json"
    files.write_text(path, "old")
    with room_for(1000), pytest.raises(OutputError, match=r"^\S*run\.json: File too large$"):
        files.write_bytes(path, bytes(5000))
    assert path.read_text() == "old"
    assert names(tmp_path) == ["run.json"]


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
def test_device_is_written_to_and_not_replaced():
    with pytest.raises(OutputError, match=r"^/dev/full: No space left on device$"):
        files.write_text(FULL, "x")
    assert stat.S_ISCHR(FULL.stat().st_mode)


def test_link_keeps_pointing(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    files.write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_folder_in_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(OutputError, match="there: Is a directory"):
        files.write_text(tmp_path / "there", "x")
    assert names(tmp_path) == ["there"]


def test_file_in_place_of_a_parent_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"x\.txt: (Not a directory|File exists)"):
        files.write_text(tmp_path / "file" / "x.txt", "x")


def test_appended_lines_start_where_it_says(tmp_path):
    path = tmp_path / "lines"
    starts = [files.append_line(path, line) for line in ("one", "zwölf", "")]
    assert starts == [0, 4, 11]
    assert path.read_text() == "one\nzwölf\n\n"


def test_line_that_finds_no_room_is_taken_back(tmp_path):
    path = tmp_path / "lines"
    files.append_line(path, "one")
    with room_for(100), pytest.raises(OutputError, match="lines: File too large"):
        files.append_line(path, "x" * 500)
    assert path.read_text() == "one\n"
    assert files.append_line(path, "two") == 4


def test_folder_replaces_the_old_one(tmp_path):
    target = tmp_path / "model"
    for content in ("first", "second"):
        with files.replace_folder(target) as aside:
            assert list(aside.iterdir()) == []
            files.write_text(aside / content, content)
    assert names(target) == ["second"]
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, ValueError])
def test_trouble_leaves_the_old_folder(tmp_path, trouble):
    target = tmp_path / "model"
    with files.replace_folder(target) as aside:
        files.write_text(aside / "kept", "x")
    with pytest.raises(trouble), files.replace_folder(target) as aside:
        files.write_text(aside / "half", "x")
        raise trouble
    assert names(target) == ["kept"]
    assert names(tmp_path) == ["model"]


def test_full_disk_in_a_folder_names_the_place_it_was_meant_for(tmp_path):
    target = tmp_path / "model"
    with (
        pytest.raises(OutputError, match=r"model/trees\.txt: File too large"),
        room_for(1000),
        files.replace_folder(target) as aside,
    ):
        files.write_bytes(aside / "trees.txt", bytes(5000))
    assert names(tmp_path) == []


def test_folder_does_not_replace_a_file(tmp_path):
    (tmp_path / "model").write_text("a file")
    with pytest.raises(OutputError, match="model: is a file"), files.replace_folder(tmp_path / "model"):
        pass
    assert (tmp_path / "model").read_text() == "a file"
