"""Warming up leaves nothing to compile for the first image."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pixelgbm.model import read_model, write_model
from pixelgbm.warming import warm_up
from tests.test_model import make_model


def test_what_was_made_ready_is_told(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("PIXELGBM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PIXELGBM_ENGINE", raising=False)
    write_model(make_model(), tmp_path / "model")
    found = warm_up(read_model(tmp_path / "model"))
    assert next(iter(found)) == "features and regions"
    assert all(seconds >= 0 for seconds in found.values())
    looks = [name for name in found if "look" in name]
    assert len(looks) == sum(len(head.boosters) for head in make_model().heads)
    if looks[0].endswith("llvm"):
        assert any((tmp_path / "cache").iterdir())


def test_the_kernels_of_a_pair_are_in_numbas_cache_afterwards(tmp_path: Path) -> None:
    code = (
        "import numpy as np\n"
        "from pixelgbm.warming import warm_up\n"
        "import sys\n"
        "if sys.argv[1] == 'warm': warm_up()\n"
        "else:\n"
        "    from numba.core import event\n"
        "    with event.install_recorder('numba:compile') as heard: warm_up()\n"
        "    print(len(heard.buffer))\n"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])}
    for mode in ("warm", "again"):
        done = subprocess.run(
            [sys.executable, "-c", code, mode], env=environment, capture_output=True, text=True, check=True
        )
    assert done.stdout.strip() == "0"
