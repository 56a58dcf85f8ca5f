"""What is kept of a file: read once, again when the file changes, and no file is one line."""

from __future__ import annotations

import pytest

from pixelgbm.datasets.kept import kept
from pixelgbm.errors import DatasetError


def test_a_file_is_read_again_only_when_it_changed(tmp_path):
    seen = []
    look = kept(lambda path: seen.append(path) or path.read_text())
    path = tmp_path / "a.csv"
    path.write_text("one")
    assert [look(path), look(path)] == ["one", "one"]
    path.write_text("other")
    assert [look(path), look(path)] == ["other", "other"]
    assert len(seen) == 2


def test_a_file_that_is_gone_is_one_line(tmp_path):
    with pytest.raises(DatasetError, match=r"a\.csv: No such file or directory$"):
        kept(lambda path: path)(tmp_path / "a.csv")
