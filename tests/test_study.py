"""Laws of a study: one that was stopped, killed or timed out loses nothing, and reading one writes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pixelgbm.errors import ConfigError, OutputError
from pixelgbm.tuning import tune
from pixelgbm.tuning.study import read_histories, search
from tests.small_tables import F1, drawn_tables


class Stop(Exception):
    """Stands for Ctrl-C at a given trial."""


def stop_at(trial: int) -> Any:
    def progress(done: int, total: int, label: str) -> None:
        assert label == "tuning rule"
        if done == trial:
            raise Stop

    return progress


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_stopped_study_ends_like_an_uninterrupted_one(tmp_path: Path, kind: str) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}" if kind == "sqlite" else str(tmp_path / "study.journal")
    with pytest.raises(Stop):
        tune(drawn_tables(), F1, trials=70, storage=storage, seed=5, progress=stop_at(9))
    with pytest.raises(Stop):
        tune(drawn_tables(), F1, trials=70, storage=storage, seed=5, progress=stop_at(63))
    resumed = tune(drawn_tables(), F1, trials=70, storage=storage, seed=5)
    assert resumed == tune(drawn_tables(), F1, trials=70, seed=5)
    assert resumed.trials == 70
    assert tune(drawn_tables(), F1, trials=70, storage=storage, seed=5, progress=stop_at(71)) == resumed
    other = tune(drawn_tables(), F1, trials=2, storage=storage, seed=6)
    assert other.trials == 2


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from tests.small_tables import F1, drawn_tables
from pixelgbm.tuning import tune

def progress(done, total, label):
    if done == 7:
        os.kill(os.getpid(), signal.SIGKILL)

tune(drawn_tables(), F1, trials=24, storage=sys.argv[1], progress=progress)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_study_ends_like_an_uninterrupted_one(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    root = str(Path(__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", KILLED, storage, root], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    counted: list[int] = []
    resumed = tune(
        drawn_tables(), F1, trials=24, storage=storage, progress=lambda done, total, label: counted.append(done)
    )
    assert counted == list(range(8, 25))
    assert resumed == tune(drawn_tables(), F1, trials=24)


def test_time_out_ends_with_what_there_is() -> None:
    assert tune(drawn_tables(), F1, trials=500, timeout_s=0.0).trials == 1


@pytest.mark.parametrize("storage", ["sqlite:////no/such/folder/study.db", "nonsense://x", "/no/such/folder/a.journal"])
def test_a_storage_that_cannot_be_opened_is_one_line(storage: str) -> None:
    with pytest.raises(OutputError, match="the study cannot be kept there") as caught:
        tune(drawn_tables(), F1, trials=1, storage=storage)
    assert "\n" not in str(caught.value)


def test_studies_are_read_and_never_written(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    url = f"sqlite:///{path}"
    search(
        lambda rule: rule.low / 255,
        name="dirt",
        trials=4,
        timeout_s=None,
        storage=url,
        seed=0,
        progress=lambda done, total: None,
    )
    before = path.read_bytes()
    (history,) = read_histories(url)
    assert (history.name, history.maximise, len(history.values)) == ("dirt", (True,), 4)
    assert path.read_bytes() == before
    with pytest.raises(ConfigError, match="no study there"):
        read_histories(f"sqlite:///{tmp_path / 'none.db'}")
    with pytest.raises(ConfigError, match="no study there"):
        read_histories(str(tmp_path / "journal.log"))
    assert sorted(item.name for item in tmp_path.iterdir()) == ["study.db"]
