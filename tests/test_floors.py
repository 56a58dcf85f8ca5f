import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def test_no_import_runs_up_the_stairs():
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("package", ["features", "features.registration", "pixelgbm"])
def test_every_module_stands_on_a_floor(package):
    folder = ROOT / package.replace(".", "/")
    layers = next(row["layers"] for row in CONTRACTS if row["name"] == f"{package}: floors")
    named = {name for layer in layers for name in re.findall(rf"{package}\.(\w+)", layer)}
    there = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    there |= {path.parent.name for path in folder.glob("*/__init__.py")}
    assert there == named
