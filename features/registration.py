"""Bringing a reference onto its image, and saying how far that can be trusted.

The road is coarse to fine: normalised correlation at quarter resolution over the whole margin, an affine and a
projective step of enhanced correlation (Evangelidis and Psarakis 2008), then a smooth residual field by windowed,
robust Lucas-Kanade steps, limited so that it cannot follow dirt. All of it works on high-passed, locally normalised
luminance, blurred so that the picture is aligned and not the halftone. Where that does not settle, screens too wide for
the blur are taken out of the spectrum, and the correlation is repeated over scales and turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from features.errors import FeatureError
from features.opencv import blur, remap, resize, shrink, sobel, wide_blur

__all__ = ["Quality", "Registration", "luminance", "register", "to_float"]

Plane = NDArray[np.float32]

DESCREEN = 1.6
"""Blur, px, that removes a halftone of up to ~4 px before anything is compared."""
CORNER_LIMIT = 14.0
"""A fine step that moves a corner further than this, px, from the coarse one is not believed."""
FIELD_LIMIT = 3.0
"""Largest residual shift, px."""
NEARLY = 0.08
"""Difference of two coarse correlations that says nothing about which place is right."""
GAIN = 0.01
"""What a warp with more freedom must gain in correlation to be preferred."""
TRUSTED = 0.15
"""Correlation of the signatures from which a warp is believed and refined."""
UNSURE = 0.35
"""Coarse correlation over scales and turns below which features are matched, too."""
SETTLED = 0.45
"""Correlation of the signatures from which no other start is tried."""
RIVAL = 0.8
"""A second place with this share of the best coarse correlation makes the first one doubtful."""
SCALES = tuple(float(s) for s in np.geomspace(0.66, 1.52, 22))
"""Searched one by one; 4 % apart, half of which enhanced correlation bridges with ease."""
TURNS = (-1.6, 1.6)
"""Searched beside 0 at the best scales, degrees."""
UNANSWERED = 0.4
"""Correlation below which it is asked whether the place found is better than its surroundings."""
OUTSTANDING = 3.5
"""Deviations by which it must be. True pairs below `UNANSWERED` start at 5; those that do not have no structure."""
STRUCTURE = 0.25
"""Coarse structure against fine; a camera's noise, interpolated, reaches 0.21."""
PLAIN = 3.0
"""Structure that plainly stands above all noise, so that two shots of it must agree ..."""
CONTRADICTED = 0.55
"""... by this much; true pairs with it start at 0.68 (extreme light) and 0.81 (others), wrong ones end at 0.41."""
WANDERING = 0.6
"""Last residual step, px, of scenes that only look alike; true pairs stay below 0.4, but for one of 1,090 with 0.52."""
FARTHEST = 45.0
"""Largest believable shift, px, besides what the sizes of image and reference leave open."""
ORDINARY = (0.08, 30.0)
"""Change of scale or turn, radians, and shift, px, beyond which a warp is only believed where it settles."""
SHRINK = 4
WINDOWS = (24.0, 16.0, 12.0)
"""Gaussian windows, px, of the residual steps: too wide to follow a piece of dirt."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a reference explains its image.

    status: "aligned", "no-shift" (too little texture to align on; the reference is used where it lies) or "mismatch"
    (another scene: the reference must not be used). correlation: of the two signatures after alignment, -1..1.
    residual: median size of the last local correction, px. texture: share of the luminance's variance that is
    picture and not noise, 0..1. shift: length of the whole correction at the centre, px.
    """

    status: str
    correlation: float
    residual: float
    texture: float
    shift: float


@dataclass(frozen=True, slots=True)
class Registration:
    """A reference seen from its image.

    warp: (3, 3) float64, takes homogeneous (row, column, 1) of the image to the reference; the residual field comes on
    top. aligned: like the image, in the reference's channels and type float32 (0..255). covered: (rows, cols) bool,
    False where the reference shows nothing. field: (2, rows, cols) float32, where each pixel was read in the
    reference, as (row, column).
    """

    warp: NDArray[np.float64]
    aligned: NDArray[np.float32]
    covered: NDArray[np.bool_]
    field: NDArray[np.float32]
    quality: Quality


def to_float(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """(rows, cols[, 3]) uint8 or uint16 -> float32 on the scale 0..255; `FeatureError` for anything else."""
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or 0 in image.shape:
        raise FeatureError(f"an image of shape {image.shape}; allowed: (rows, cols) or (rows, cols, 3), not empty")
    if image.dtype == np.uint8:
        return image.astype(np.float32)
    if image.dtype == np.uint16:
        return image.astype(np.float32) * np.float32(1 / 257)
    raise FeatureError(f"pixels of type {image.dtype}; allowed: uint8, uint16")


def luminance(image: NDArray[np.float32]) -> Plane:
    """.35 R + .65 G: blue is left out, for printed pairs have it smoothed by the camera's maker."""
    if image.ndim == 2:
        return image
    return np.ascontiguousarray(np.float32(0.35) * image[..., 0] + np.float32(0.65) * image[..., 1])


def register(test: NDArray[np.generic], reference: NDArray[np.generic]) -> Registration:
    """Align `reference` (any size) with `test`; both (rows, cols[, 3]) uint8 or uint16.

    Solid backgrounds carry no information: the reference is then taken centre on centre, status "no-shift".
    """
    image, other = to_float(test), to_float(reference)
    if image.ndim != other.ndim:
        image, other = luminance(image), luminance(other)
    signature, texture = _signature(luminance(image))
    other_signature, other_texture = _signature(luminance(other))
    rows, cols = signature.shape
    centred = _translation((np.array(other_signature.shape) - np.array([rows, cols])) / 2.0)
    warp, trusted = centred, False
    if min(rows, cols) >= 32 and min(other_signature.shape) >= 32 and min(texture, other_texture) >= 0.04:
        warp, trusted = _fine(signature, other_signature, centred, min(texture, other_texture))
    row_map, col_map = _dense(warp, rows, cols)
    residual = 0.0
    if trusted:
        row_map, col_map, residual = _residual_field(signature, other_signature, row_map, col_map)
    covered = _covered(row_map, col_map, other_signature.shape)
    aligned = np.clip(remap(other, row_map, col_map), 0, 255)
    seen = remap(other_signature, row_map, col_map, cubic=False)
    correlation = _correlation(signature, seen, covered)
    status = _status(image, aligned, covered, trusted, correlation, residual, min(texture, other_texture))
    if status != "mismatch" and correlation < CONTRADICTED:
        structure = max(_structure(luminance(p)) for p in (image, aligned))
        # Two shots of one sheet agree best where they lie on each other, however faint what they share.
        faint = structure >= STRUCTURE and correlation < UNANSWERED
        if structure >= PLAIN or (faint and _peak(signature, np.where(covered, seen, 0)) < OUTSTANDING):
            status = "mismatch"
    moved = warp @ np.array([(rows - 1) / 2, (cols - 1) / 2, 1.0])
    home = centred @ np.array([(rows - 1) / 2, (cols - 1) / 2, 1.0])
    shift = float(np.hypot(*(moved[:2] / moved[2] - home[:2])))
    quality = Quality(status, correlation, residual, min(texture, other_texture), shift)
    return Registration(warp, aligned, covered, np.stack([row_map, col_map]), quality)


def _signature(plane: Plane) -> tuple[Plane, float]:
    """High-passed, locally normalised luminance, and the share of its variance that survives a wider blur."""
    smooth = blur(plane, DESCREEN)
    high = smooth - wide_blur(plane, 12.0)
    energy = np.maximum(wide_blur(high * high, 12.0), 0)
    wider = blur(high, 3.0)
    floor = np.float32(0.25 + 0.05 * float(np.sqrt(np.mean(high * high))))
    texture = float(np.mean(wider * wider)) / (float(np.mean(high * high)) + 0.5)
    return np.asarray(high / (np.sqrt(energy) + floor), np.float32), texture


def _translation(shift: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    warp = np.eye(3)
    warp[:2, 2] = shift
    return warp


def _shrunk(plane: Plane, factor: float) -> Plane:
    if factor == 1.0:
        return plane
    return resize(plane, max(1, round(plane.shape[0] * factor)), max(1, round(plane.shape[1] * factor)))


def _swap(warp: NDArray[np.float64]) -> NDArray[np.float64]:
    """(row, column) <-> (x, y) of the same projective map."""
    order = [1, 0, 2]
    return np.ascontiguousarray(warp[np.ix_(order, order)])


@dataclass(frozen=True, slots=True)
class _Start:
    """A first guess: its warp, and the pair of signatures on which the affine step shall continue."""

    warp: NDArray[np.float64]
    image: Plane
    reference: Plane


def _other_starts(signature: Plane, other: Plane, texture: float) -> Iterator[_Start]:
    """Further first guesses, the cheapest first: without screens, over scales and turns, by features."""
    image, reference = _without_screen(signature), _without_screen(other)
    small, small_other = _shrunk(image, 0.25), _shrunk(reference, 0.25)
    if image is not signature or reference is not other:
        yield _Start(_coarse(small, small_other)[0], image, reference)
    searched, peak = _searched(small, small_other)
    yield _Start(searched, image, reference)
    if peak < UNSURE and texture >= 0.3:
        matched = _by_features(image, reference)
        if matched is not None:
            yield _Start(matched, image, reference)


def _surface(small: Plane, small_other: Plane) -> tuple[Plane, NDArray[np.int64]]:
    """Normalised correlation of every place of `small` in `small_other`, at least 7 px beyond either's border."""
    pad = [max(7, (small.shape[axis] - small_other.shape[axis]) + 7) for axis in (0, 1)]
    wide = cv2.copyMakeBorder(small_other, pad[0], pad[0], pad[1], pad[1], cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.matchTemplate(wide, small, cv2.TM_CCOEFF_NORMED), np.float32), np.array(pad)


def _coarse(small: Plane, small_other: Plane) -> tuple[NDArray[np.float64], bool]:
    """Best shift over the whole margin (at least 25 px each way), and whether no other place rivals it.

    Both at quarter resolution; the warp is at the full one.
    """
    surface, pad = _surface(small, small_other)
    # Where several places fit about as well (screens, plain grounds) the one nearest the centre is the likeliest.
    rows, cols = np.nonzero(surface >= float(surface.max()) - NEARLY)
    middle = [(surface.shape[axis] - 1) / 2 for axis in (0, 1)]
    nearest = int(np.argmin((rows - middle[0]) ** 2 + (cols - middle[1]) ** 2))
    row, col = int(rows[nearest]), int(cols[nearest])
    while True:  # from there uphill, or a broad peak would be left at its foot
        top, left = max(row - 1, 0), max(col - 1, 0)
        around = surface[top : row + 2, left : col + 2]
        step = np.unravel_index(int(np.argmax(around)), around.shape)
        if (top + int(step[0]), left + int(step[1])) == (row, col):
            break
        row, col = top + int(step[0]), left + int(step[1])
    elsewhere = surface.copy()
    elsewhere[max(row - 3, 0) : row + 4, max(col - 3, 0) : col + 4] = -1
    shift = 4.0 * (np.array([row, col], float) - pad)
    return _translation(shift), float(elsewhere.max()) < RIVAL * float(surface[row, col])


def _searched(small: Plane, small_other: Plane) -> tuple[NDArray[np.float64], float]:
    """The similarity of the best correlation over `SCALES` and, at the three best of them, `TURNS`; its correlation.

    Both planes at quarter resolution, the warp at the full one.
    """

    def tried(scale: float, turn: float) -> tuple[float, float, float, NDArray[np.float64]]:
        along, across = scale * np.cos(np.radians(turn)), scale * np.sin(np.radians(turn))
        linear = np.array([[along, -across], [across, along]])
        size = [max(8, round(n * scale)) for n in small.shape]
        # Centre on centre: `small` is drawn at the size it has in the reference.
        offset = (np.array(size) - 1) / 2 - linear @ ((np.array(small.shape) - 1) / 2)
        matrix = _swap(np.vstack([np.column_stack([linear, offset]), [0, 0, 1]]))[:2]
        drawn = cv2.warpAffine(small, matrix, (size[1], size[0]), flags=cv2.INTER_LINEAR)
        surface, pad = _surface(np.asarray(drawn, np.float32), small_other)
        row, col = np.unravel_index(int(np.argmax(surface)), surface.shape)
        warp = np.vstack([np.column_stack([linear, offset + np.array([row, col]) - pad]), [0, 0, 1]])
        return float(surface[row, col]), scale, turn, warp

    straight = sorted((tried(scale, 0.0) for scale in SCALES), key=lambda found: -found[0])
    turned = [tried(found[1], turn) for found in straight[:3] for turn in TURNS]
    best = max([straight[0], *turned], key=lambda found: found[0])
    quarter = np.array([[0.25, 0, -0.375], [0, 0.25, -0.375], [0, 0, 1]])  # centres of four pixels by four
    return np.linalg.inv(quarter) @ best[3] @ quarter, best[0]


def _without_screen(signature: Plane) -> Plane:
    """`signature` without the lines of a halftone in its spectrum; the same object where there are none.

    A line stands twenty times above the mean power around it, at periods of 2 to 24 px. Pictures have broad spectra:
    what is cut, Gaussian notches of 3 bins, costs them little.
    """
    rows, cols = signature.shape
    window = np.outer(np.hanning(rows), np.hanning(cols)).astype(np.float32)
    power = np.abs(np.fft.fft2(signature * window)).astype(np.float32) ** 2
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(cols)[None, :])
    power[frequency < 1 / 24] = 0
    around = blur(np.fft.fftshift(power).astype(np.float32), 6.0)
    lines = (np.fft.fftshift(power) > 20 * around) & (np.fft.fftshift(frequency) >= 1 / 24)
    if not lines.any():
        return signature
    notches = blur(lines.astype(np.float32), 3.0) * np.float32(2 * np.pi * 9)
    keep = np.fft.ifftshift(1 - np.minimum(notches, 1))
    return np.ascontiguousarray(np.fft.ifft2(np.fft.fft2(signature) * keep).real, np.float32)


def _by_features(signature: Plane, other: Plane) -> NDArray[np.float64] | None:
    """A projective start from matched SIFT points (Lowe 2004), for turns and scales the correlation cannot follow."""
    bytes_a, bytes_b = (np.clip(128 + 48 * p, 0, 255).astype(np.uint8) for p in (signature, other))
    sift = cv2.SIFT_create(2000)  # type: ignore[attr-defined]
    points_a, described_a = sift.detectAndCompute(bytes_a, None)
    points_b, described_b = sift.detectAndCompute(bytes_b, None)
    if described_a is None or described_b is None or len(points_a) < 8 or len(points_b) < 8:
        return None
    pairs = cv2.BFMatcher().knnMatch(described_a, described_b, k=2)
    good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < 0.75 * p[1].distance]
    if len(good) < 12:
        return None
    source = np.array([points_a[m.queryIdx].pt for m in good], np.float32)
    target = np.array([points_b[m.trainIdx].pt for m in good], np.float32)
    cv2.setRNGSeed(0)
    warp, inliers = cv2.findHomography(source, target, cv2.RANSAC, 3.0)
    if warp is None or int(inliers.sum()) < 12:
        return None
    scale = np.sqrt(abs(np.linalg.det(warp[:2, :2])))
    return _swap(np.asarray(warp, np.float64)) if 0.5 < scale < 2.0 else None


def _ecc(
    signature: Plane, other: Plane, warp: NDArray[np.float64], *, motion: int, iterations: int, factor: float
) -> NDArray[np.float64] | None:
    """One run of enhanced correlation at resolution `factor`; None where it does not converge."""
    shrink = np.diag([factor, factor, 1.0])
    start = _swap(shrink @ warp @ np.linalg.inv(shrink)).astype(np.float32)
    small, small_other = _shrunk(signature, factor), _shrunk(other, factor)
    if motion != cv2.MOTION_HOMOGRAPHY:
        start = np.ascontiguousarray(start[:2] / start[2, 2])
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, iterations, 1e-4)
    try:
        _, found = cv2.findTransformECC(small, small_other, start, motion, criteria, None, 1)  # type: ignore[call-overload]
    except cv2.error:
        return None
    full = np.vstack([found, [0, 0, 1]]) if found.shape[0] == 2 else found
    if not np.isfinite(full).all():
        return None
    return np.linalg.inv(shrink) @ _swap(full.astype(np.float64)) @ shrink


def _fine(
    signature: Plane, other: Plane, centred: NDArray[np.float64], texture: float
) -> tuple[NDArray[np.float64], bool]:
    """The refined warp, and whether it is better than laying centre on centre."""
    best, best_score = centred, _score(signature, other, centred)

    def tried(start: _Start, gain: float) -> None:
        nonlocal best, best_score
        found = _ecc(start.image, start.reference, start.warp, motion=cv2.MOTION_AFFINE, iterations=40, factor=0.5)
        for candidate in _believable(signature.shape, start.warp, found, centred):
            score = _score(signature, other, candidate)
            if score > best_score + gain:
                best, best_score = candidate, score

    shift, alone = _coarse(_shrunk(signature, 0.25), _shrunk(other, 0.25))
    tried(_Start(shift, signature, other), 0.0)
    if not alone or not _settled(signature, other, best, best_score):
        for start in _other_starts(signature, other, texture):
            tried(start, 2 * GAIN)
            if _settled(signature, other, best, best_score):
                break
    found = _ecc(signature, other, best, motion=cv2.MOTION_HOMOGRAPHY, iterations=15, factor=1.0)
    for candidate in _believable(signature.shape, best, found, centred)[1:]:
        score = _score(signature, other, candidate)
        if score > best_score + GAIN:
            best, best_score = candidate, score
    # With scales and turns to choose from, two texts always find some agreement.
    if _extraordinary(signature.shape, best, centred) and not _settled(signature, other, best, best_score):
        best, best_score = centred, _score(signature, other, centred)
    trusted = best_score >= TRUSTED
    if not trusted and _corner_move(signature.shape, centred, best) > CORNER_LIMIT / 2:
        best = centred
    return best, trusted


def _settled(signature: Plane, other: Plane, warp: NDArray[np.float64], score: float) -> bool:
    """Whether no better place is to be expected: much agreement, or faint agreement at exactly this place."""
    if score >= SETTLED:
        return True
    row_map, col_map = _dense(warp, *signature.shape)
    seen = remap(other, row_map, col_map, cubic=False)
    return _peak(signature, np.where(_covered(row_map, col_map, other.shape), seen, 0)) >= 2 * OUTSTANDING


def _believable(
    shape: tuple[int, ...], start: NDArray[np.float64], found: NDArray[np.float64] | None, centred: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Of a start and what became of it: those that a second shot of the same sheet can have."""
    near = found is not None and _corner_move(shape, start, found) <= CORNER_LIMIT
    candidates = [start, found] if near and found is not None else [start]
    return [c for c in candidates if _possible(shape, c, centred)]


def _possible(shape: tuple[int, ...], warp: NDArray[np.float64], centred: NDArray[np.float64]) -> bool:
    """Whether a warp keeps to scales of 0.6 to 1.7, about the same both ways, and to `FARTHEST` at the centre."""
    centre = np.array([(shape[0] - 1) / 2, (shape[1] - 1) / 2, 1.0])
    margin = float(np.abs(centred[:2, 2]).max())
    moved, home = warp @ centre, centred @ centre
    stretch = np.linalg.svd(warp[:2, :2] / moved[2], compute_uv=False)
    if stretch[0] > 1.15 * stretch[1] or not 0.6 <= stretch[1] <= stretch[0] <= 1.7:
        return False
    return bool(np.hypot(*(moved[:2] / moved[2] - home[:2])) <= FARTHEST + margin)


def _extraordinary(shape: tuple[int, ...], warp: NDArray[np.float64], centred: NDArray[np.float64]) -> bool:
    centre = np.array([(shape[0] - 1) / 2, (shape[1] - 1) / 2, 1.0])
    moved, home = warp @ centre, centred @ centre
    bend = float(np.abs(warp[:2, :2] / moved[2] - np.eye(2)).max())
    return bend > ORDINARY[0] or float(np.hypot(*(moved[:2] / moved[2] - home[:2]))) > ORDINARY[1]


def _corner_move(shape: tuple[int, ...], one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    rows, cols = shape
    corners = np.array([[0, 0, 1], [0, cols - 1, 1], [rows - 1, 0, 1], [rows - 1, cols - 1, 1]], float).T
    a, b = one @ corners, two @ corners
    return float(np.abs(a[:2] / a[2] - b[:2] / b[2]).max())


def _dense(warp: NDArray[np.float64], rows: int, cols: int) -> tuple[Plane, Plane]:
    """Where each pixel lies in the reference: two (rows, cols) planes, row and column."""
    r = np.arange(rows)[:, None]
    c = np.arange(cols)[None, :]
    depth = warp[2, 0] * r + warp[2, 1] * c + warp[2, 2]
    row_map = (warp[0, 0] * r + warp[0, 1] * c + warp[0, 2]) / depth
    col_map = (warp[1, 0] * r + warp[1, 1] * c + warp[1, 2]) / depth
    return row_map.astype(np.float32), col_map.astype(np.float32)


def _covered(row_map: Plane, col_map: Plane, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    return (row_map > -0.5) & (row_map < shape[0] - 0.5) & (col_map > -0.5) & (col_map < shape[1] - 0.5)


def _correlation(a: Plane, b: Plane, covered: NDArray[np.bool_]) -> float:
    if int(covered.sum()) < 64:
        return 0.0
    x, y = a[covered].astype(np.float64), b[covered].astype(np.float64)
    x -= x.mean()
    y -= y.mean()
    return float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum() + 1e-12))


def _score(signature: Plane, other: Plane, warp: NDArray[np.float64]) -> float:
    row_map, col_map = _dense(warp, *signature.shape)
    covered = _covered(row_map, col_map, other.shape)
    if covered.mean() < 0.25:
        return -1.0
    return _correlation(signature, remap(other, row_map, col_map, cubic=False), covered)


def _residual_field(signature: Plane, other: Plane, row_map: Plane, col_map: Plane) -> tuple[Plane, Plane, float]:
    """Windowed Lucas-Kanade on the warped reference: a smooth correction that a small object cannot bend.

    Each pixel votes with its gradient; votes of pixels that no shift explains (dirt) are cut down by
    (1 + (q / 1.5)^2)^-2, q the residual against what half a pixel of misalignment would make there.
    """
    last = 0.0
    for window in WINDOWS:
        warped = remap(other, row_map, col_map)
        d_row = sobel(warped, 0)
        d_col = sobel(warped, 1)
        error = signature - warped
        spread = np.float32(1.4826 * float(np.median(np.abs(error[::2, ::2]))) + 1e-3)
        q = error / (spread + np.float32(0.7) * np.sqrt(d_row * d_row + d_col * d_col))
        weight = np.asarray(1 / (1 + (q / np.float32(1.5)) ** 2) ** 2, np.float32)
        rr = _voted(weight * d_row * d_row, window)
        cc = _voted(weight * d_col * d_col, window)
        rc = _voted(weight * d_row * d_col, window)
        re = _voted(weight * d_row * error, window)
        ce = _voted(weight * d_col * error, window)
        # Where there is no gradient the correction goes to zero instead of to noise.
        ridge = np.float32(0.02) * np.float32(float(np.mean(rr + cc)) + 1e-6) + np.float32(1e-6)
        rr += ridge
        cc += ridge
        determinant = rr * cc - rc * rc
        small_row = np.clip((cc * re - rc * ce) / determinant, -FIELD_LIMIT, FIELD_LIMIT)
        small_col = np.clip((rr * ce - rc * re) / determinant, -FIELD_LIMIT, FIELD_LIMIT)
        row_step, col_step = (resize(np.asarray(s, np.float32), *signature.shape) for s in (small_row, small_col))
        row_map = np.asarray(row_map + row_step, np.float32)
        col_map = np.asarray(col_map + col_step, np.float32)
        last = float(np.median(np.hypot(small_row, small_col)))
    return row_map, col_map, last


def _voted(votes: Plane, window: float) -> Plane:
    """Votes added up in a Gaussian window, at a quarter of the resolution: the field is smooth anyway."""
    return blur(shrink(votes, SHRINK), window / SHRINK)


def _peak(signature: Plane, seen: Plane) -> float:
    """How far, in deviations, the correlation of two signatures at hand exceeds that of other shifts up to 24 px.

    At half resolution; infinite for images too small to be shifted that far.
    """
    reach, near = 12, 4
    one, two = (np.clip(shrink(np.asarray(p, np.float32), 2), -2.5, 2.5) for p in (signature, seen))
    if min(one.shape) < 4 * reach:
        return float("inf")
    core = np.ascontiguousarray(one[reach:-reach, reach:-reach])
    surface = np.asarray(cv2.matchTemplate(two, core, cv2.TM_CCOEFF_NORMED), np.float64)
    here = float(surface[reach - 1 : reach + 2, reach - 1 : reach + 2].max())
    best = np.unravel_index(int(np.argmax(surface)), surface.shape)
    others = np.ones(surface.shape, np.bool_)
    for row, col in ((int(best[0]), int(best[1])), (reach, reach)):
        others[max(row - near, 0) : row + near + 1, max(col - near, 0) : col + near + 1] = False
    return (here - float(surface[others].mean())) / (float(surface[others].std()) + 1e-6)


def _structure(light: Plane) -> float:
    """Median size of what lies between 3 and 12 px, against what lies below 1 px; 0 where it is below half a level."""
    coarse = (blur(light, 3.0) - wide_blur(light, 12.0))[::2, ::2]
    fine = (light - blur(light, 0.8))[::2, ::2]
    medians = [1.4826 * float(np.median(np.abs(p - np.median(p)))) for p in (coarse, fine)]
    return medians[0] / max(medians[1], 0.3) if medians[0] >= 0.5 else 0.0


def _status(
    image: NDArray[np.float32],
    aligned: NDArray[np.float32],
    covered: NDArray[np.bool_],
    trusted: bool,
    correlation: float,
    residual: float,
    texture: float,
) -> str:
    """Whether the reference shows the same scene: by its structure where there is any, else by its colour.

    Two shots of one sheet differ in gain by up to ~25 % and in the balance of their channels by less than 10 %; a
    solid background has no structure to compare, so there the balance decides.
    """
    if covered.mean() < 0.25:
        return "mismatch"
    shown = covered[::2, ::2]
    gains = np.median(np.log((image[::2, ::2][shown] + 4) / (aligned[::2, ::2][shown] + 4)), axis=0)
    balance = float(np.ptp(gains)) if image.ndim == 3 else 0.0
    coarse, coarse_other = blur(luminance(image), 3.0), blur(luminance(aligned), 3.0)
    # Texture counts as structure only where it is worth more than a grey level or so: a dark, faint picture is all
    # noise after normalisation, and its few strong parts still agree in the picture as it is.
    strong = min(float(p[covered].std()) for p in (coarse, coarse_other)) >= 2.0
    agrees = _correlation(coarse, coarse_other, covered) >= 0.5
    # Residual steps on another scene keep wandering; on two shots of one sheet they settle below a quarter of a pixel.
    unlike = correlation < 0.2 or (correlation < 0.4 and residual > 0.4)
    wandering = correlation < 0.75 and residual > WANDERING
    other_structure = texture >= 0.3 and strong and (wandering or (unlike and not agrees))
    other_colour = correlation < 0.5 and balance > 0.25
    other_tone = correlation < 0.2 and float(np.abs(gains).max()) > 0.5
    if other_structure or other_colour or other_tone:
        return "mismatch"
    return "aligned" if trusted else "no-shift"
