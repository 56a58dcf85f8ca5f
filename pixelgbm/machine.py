"""What a time was measured on: the processor, its cores, the versions that matter, the memory a process took."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

__all__ = ["PACKAGES", "cores", "machine", "peak_memory"]

PACKAGES = ("numpy", "numba", "llvmlite", "opencv-python-headless", "lightgbm")
"""Those whose version changes how fast pixelgbm is."""


def machine(packages: Sequence[str] = PACKAGES) -> dict[str, str | int]:
    """Processor, cores, system, Python and the installed ones of `packages`."""
    found: dict[str, str | int] = {
        "processor": _processor(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def cores() -> int:
    """The cores this process may use, which a container can make fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory() -> int | None:
    """The most bytes this process has held in memory so far; None where the system does not say.

    Linux's `getrusage` counts in what the parent held when it started this process; /proc does not.
    """
    if (high := _proc_value("/proc/self/status", "VmHWM")) is not None:
        return int(high.removesuffix("kB")) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _processor() -> str:
    return _proc_value("/proc/cpuinfo", "model name") or platform.processor() or "unknown"


def _proc_value(path: str, name: str) -> str | None:
    """The first value of that name in a file of "name: value" lines; None where there is no such file or name."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)
