"""The build that suggests itself: ORB registration, OpenCV filters, LightGBM's own prediction, connected components."""

from __future__ import annotations

from pathlib import Path

import cv2
import lightgbm
import numpy as np
from numpy.typing import NDArray

__all__ = ["COLUMNS", "Obvious", "columns", "register"]

FEATURES = 1000
SIGMAS = (1.0, 2.0, 4.0, 8.0)
COLUMNS = 3 * (2 + 3 * len(SIGMAS)) + 3 * len(SIGMAS)
LEAST_AREA = 20

Image = NDArray[np.uint8]


def register(image: Image, reference: Image) -> Image:
    """The reference on the image's grid: ORB features, cross-checked matches, RANSAC; the centre where that fails."""
    grey = [cv2.cvtColor(shot, cv2.COLOR_BGR2GRAY) for shot in (image, reference)]
    orb = cv2.ORB_create(FEATURES)
    (points, first), (others, second) = (orb.detectAndCompute(plane, None) for plane in grey)
    top, left = ((reference.shape[k] - image.shape[k]) // 2 for k in (0, 1))
    warp = np.array([[1, 0, -left], [0, 1, -top]], np.float64)
    if first is not None and second is not None:
        matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(second, first)
        if len(matches) >= 4:
            source = np.array([others[m.queryIdx].pt for m in matches], np.float32)
            target = np.array([points[m.trainIdx].pt for m in matches], np.float32)
            found, _ = cv2.estimateAffinePartial2D(source, target)
            warp = warp if found is None else found
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.warpAffine(reference, warp, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def columns(image: Image, aligned: Image) -> NDArray[np.float32]:
    """(COLUMNS, rows, cols): of each channel its value and difference, blurs of both, local contrast; edges of grey."""
    test, reference = image.astype(np.float32), aligned.astype(np.float32)
    gap = test - reference
    out = []
    for k in range(3):
        one, two = np.ascontiguousarray(test[..., k]), np.ascontiguousarray(gap[..., k])
        out += [one, two]
        for sigma in SIGMAS:
            mean, of_gap = (cv2.GaussianBlur(plane, (0, 0), sigma) for plane in (one, two))
            out += [mean, of_gap, cv2.GaussianBlur(np.abs(two), (0, 0), sigma)]
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    for sigma in SIGMAS:
        blurred = cv2.GaussianBlur(grey, (0, 0), sigma)
        steps = [cv2.Sobel(blurred, cv2.CV_32F, *axes) for axes in ((1, 0), (0, 1))]
        spread = cv2.GaussianBlur(grey * grey, (0, 0), sigma) - blurred * blurred
        out += [cv2.magnitude(*steps), cv2.Laplacian(blurred, cv2.CV_32F), np.sqrt(np.maximum(spread, 0))]
    return np.stack(out)


class Obvious:
    """From two files to a mask."""

    def __init__(self, text: str) -> None:
        self._booster = lightgbm.Booster(model_str=text)

    def __call__(self, image_path: Path, reference_path: Path) -> NDArray[np.bool_]:
        image, reference = (cv2.imread(str(path)) for path in (image_path, reference_path))
        planes = columns(image, register(image, reference))
        rows = np.ascontiguousarray(planes.reshape(len(planes), -1).T)
        probability = np.asarray(self._booster.predict(rows, num_threads=1)).reshape(image.shape[:2])
        marked = (probability >= 0.5).astype(np.uint8)
        count, labels, table, _ = cv2.connectedComponentsWithStats(marked, connectivity=8)
        kept = np.arange(count) > 0
        kept &= table[:, cv2.CC_STAT_AREA] >= LEAST_AREA
        return np.asarray(kept[labels], np.bool_)
