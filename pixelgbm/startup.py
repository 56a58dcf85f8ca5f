"""A short start of the command line: what no kernel needs is not loaded with the first of them."""

from __future__ import annotations

import importlib
import sys

__all__ = ["load_numba"]

_BLAS = "scipy.linalg.cython_blas"


def load_numba() -> None:
    """Load what numba loads with its first kernel, but without SciPy's linear algebra: a sixth of a second less.

    numba looks whether it is there and loads all of it; of what it compiles only `numpy.cov` and `numpy.corrcoef` need
    the answer, which is then no for the rest of the process. For a process of our own, that is, not for a library.
    """
    if _BLAS in sys.modules:
        return
    sys.modules[_BLAS] = None  # type: ignore[assignment]  # Python's own way to say that a module is not to be had
    try:
        importlib.import_module("numba.np.arraymath")
    except ModuleNotFoundError:  # a numba that keeps it elsewhere: a longer start is all that comes of it
        return
    finally:
        del sys.modules[_BLAS]
