"""Byte planes, and the map from measured values to bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import FeatureError
from features.kernels.quantise import positive_bytes, signed_bytes
from features.registration import Quality
from features.spec import FeatureSpec

__all__ = ["FeatureStack", "Quantizer", "fit_quantizer"]

FIT_QUANTILE = 0.95


@dataclass(frozen=True, slots=True)
class FeatureStack:
    """planes: (columns, rows, cols) uint8, C-contiguous; byte 0 says no evidence, 1..255 is a value.

    names, scales: of the columns; equal names and scales are equal bytes. quality: of the registration, None without
    a reference. measures: image-level numbers, the keys always `features.MEASURES`. place: None, or, when some of the
    image's pixels are held only, where: (rows, cols) int32, the index into a plane, -1 for those that are not; planes
    are then (columns, 1, pixels held).
    """

    planes: NDArray[np.uint8]
    names: tuple[str, ...]
    quality: Quality | None
    measures: Mapping[str, float]
    scales: tuple[float, ...]
    place: NDArray[np.int32] | None = None

    def at(self, pixels: NDArray[np.integer]) -> NDArray[np.int64]:
        """(n,) where a plane, flattened, holds pixels of the image. pixels: (n,) flat indices, all of them held."""
        if self.place is None:
            return np.asarray(pixels, np.int64)
        found: NDArray[np.int64] = self.place.ravel()[pixels].astype(np.int64)
        if found.size and found.min() < 0:
            raise FeatureError(f"{np.count_nonzero(found < 0)} of {found.size} pixels are not held by this stack")
        return found

    def rows(self, pixels: NDArray[np.integer]) -> NDArray[np.uint8]:
        """(n, columns) uint8, the bytes of pixels of the image. pixels: as for `at`."""
        return self.planes.reshape(len(self.names), -1)[:, self.at(pixels)].T


@dataclass(frozen=True, slots=True)
class Quantizer:
    """Per column the scale s of v -> v / (|v| + s): fine near zero, where most pixels are, and never clipped.

    Signed columns have 0 at byte 128, others at byte 1.
    """

    names: tuple[str, ...]
    scales: tuple[float, ...]
    signed: tuple[bool, ...]

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.scales) == len(self.signed):
            raise FeatureError(
                f"a quantizer of {len(self.names)} names, {len(self.scales)} scales, {len(self.signed)} signs"
            )
        if not all(np.isfinite(s) and s > 0 for s in self.scales):
            raise FeatureError("a quantizer's scales must be finite and above 0")

    def plane(self, column: int, values: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
        """Fill `out` (rows, cols) uint8 with the bytes of `values` (rows, cols) float32; NaN gives 0."""
        kernel = signed_bytes if self.signed[column] else positive_bytes
        kernel(values, np.float32(self.scales[column]), out)

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """(n, columns) float32 -> (n, columns) uint8."""
        out = np.empty(values.shape, np.uint8)
        for k in range(values.shape[1]):
            line = np.empty((1, values.shape[0]), np.uint8)
            self.plane(k, np.ascontiguousarray(values[:, k])[None], line)
            out[:, k] = line[0]
        return out

    def for_spec(self, spec: FeatureSpec) -> Quantizer:
        """The quantizer of other columns, each known here or of a fixed scale; shared columns keep their bytes."""
        known = dict(zip(self.names, self.scales, strict=True))
        scales = []
        for column in spec.table:
            scale = known.get(column.name, column.scale)
            if scale is None:
                raise FeatureError(f"column {column.name!r} needs a scale fitted on data")
            scales.append(scale)
        return Quantizer(spec.columns, tuple(scales), tuple(column.signed for column in spec.table))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` reads them back exactly."""
        return {"names": list(self.names), "scales": list(self.scales), "signed": list(self.signed)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Quantizer:
        """The quantizer `to_dict` wrote; `FeatureError` when it is not one."""
        try:
            return cls(
                tuple(str(n) for n in values["names"]),
                tuple(float(s) for s in values["scales"]),
                tuple(bool(s) for s in values["signed"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FeatureError(f"not a quantizer: {error!r}") from error


def fit_quantizer(values: NDArray[np.float32], spec: FeatureSpec) -> Quantizer:
    """Scales from sampled pixels: per column the 95th percentile of |v| over the measured ones, or its fixed scale.

    values: (n, columns) float32 from `sample_columns`, NaN where there is no evidence. A column without any evidence
    gets the scale 1. Scales are rounded to six significant digits, so that they survive text.
    """
    scales = []
    for k, column in enumerate(spec.table):
        if column.scale is not None:
            scales.append(column.scale)
            continue
        measured = np.abs(values[:, k][~np.isnan(values[:, k])].astype(np.float64))
        scale = float(np.quantile(measured, FIT_QUANTILE)) if measured.size else 1.0
        scales.append(float(f"{max(scale, 1e-6):.6g}"))
    return Quantizer(spec.columns, tuple(scales), tuple(c.signed for c in spec.table))
