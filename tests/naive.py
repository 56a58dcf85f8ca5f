"""Slow float64 twins of every kernel, written from the formulae with scipy.ndimage and plain loops."""

import numpy as np
from scipy import ndimage

EDGE = "nearest"


def halve(src):
    """Weights 1 3 3 1 about the corner of every 2 x 2 pixels, edges repeated."""
    rows, cols = src.shape
    out = np.zeros(((rows + 1) // 2, (cols + 1) // 2))
    for i, j in np.ndindex(out.shape):
        for di, a in zip(range(-1, 3), (1, 3, 3, 1), strict=True):
            for dj, b in zip(range(-1, 3), (1, 3, 3, 1), strict=True):
                out[i, j] += a * b / 64 * src[np.clip(2 * i + di, 0, rows - 1), np.clip(2 * j + dj, 0, cols - 1)]
    return out


def double(src, shape):
    """Linear interpolation between the centres of the coarse pixels, edges repeated."""
    places = [(np.arange(length) + 0.5) / 2 - 0.5 for length in shape]
    return ndimage.map_coordinates(np.asarray(src, float), np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")


def gradient_votes(image, warped, spread):
    """Products of gradient and error, weighted by how well a small shift explains the error."""
    padded = np.pad(np.asarray(warped, float), 1, mode="edge")
    r, c = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2, (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    e = np.asarray(image, float) - warped
    q = e / (spread + 0.35 * np.hypot(r, c))
    weight = (1 + (q / 1.5) ** 2) ** -2.0
    return np.stack([weight * r * r, weight * c * c, weight * r * c, weight * r * e, weight * c * e])


def even_rows(src, taps):
    full = np.concatenate([taps[:0:-1], taps]).astype(float)
    return ndimage.correlate1d(src.astype(float), full, axis=1, mode=EDGE)


def even_columns(src, taps):
    return even_rows(src.T, taps).T


def odd_rows(src, taps):
    full = np.concatenate([-taps[:0:-1], [0.0], taps[1:]]).astype(float)
    return ndimage.correlate1d(src.astype(float), full, axis=1, mode=EDGE)


def odd_columns(src, taps):
    return odd_rows(src.T, taps).T


def gaussian(src, sigma, truncate=3.0):
    return ndimage.gaussian_filter(src.astype(float), sigma, mode=EDGE, truncate=truncate)


def window_maximum(src, radius):
    return ndimage.maximum_filter(src.astype(float), 2 * radius + 1, mode=EDGE)


def window_minimum(src, radius):
    return ndimage.minimum_filter(src.astype(float), 2 * radius + 1, mode=EDGE)


def outside_envelope(value, low, high):
    return np.where(value > high, value - high, np.where(value < low, value - low, 0.0))


def tolerant_minimum(test_a, test_b, reference_a, reference_b, radius):
    rows, cols = test_a.shape
    out = np.full((rows, cols), np.inf)
    for i in range(rows):
        for j in range(cols):
            for di in range(-radius, radius + 1):
                for dj in range(-radius, radius + 1):
                    p, q = np.clip(i + di, 0, rows - 1), np.clip(j + dj, 0, cols - 1)
                    gap = max(
                        abs(float(test_a[i, j]) - float(reference_a[p, q])),
                        abs(float(test_b[i, j]) - float(reference_b[p, q])),
                    )
                    out[i, j] = min(out[i, j], gap)
    return out


def ratio(numerator, denominator, floor, weight):
    return numerator.astype(float) / (float(floor) + float(weight) * denominator.astype(float))


def correlation(a, b, sigma, floor):
    """From the planes themselves, in float64, where the one-pass variance does no harm."""
    ma, mb = gaussian(a, sigma), gaussian(b, sigma)
    va = gaussian(a.astype(float) ** 2, sigma) - ma**2
    vb = gaussian(b.astype(float) ** 2, sigma) - mb**2
    cov = gaussian(a.astype(float) * b.astype(float), sigma) - ma * mb
    return (cov + floor) / np.sqrt((va + floor) * (vb + floor))


def variance_contrast(a, b, sigma, floor):
    va = gaussian(a.astype(float) ** 2, sigma) - gaussian(a, sigma) ** 2
    vb = gaussian(b.astype(float) ** 2, sigma) - gaussian(b, sigma) ** 2
    return (va - vb) / (va + vb + 2 * floor)


def line_extremes(src, row_steps, col_steps):
    _rows, _cols = src.shape
    means = []
    for r, c in zip(row_steps, col_steps, strict=True):
        size = 2 * max(np.abs(r).max(), np.abs(c).max()) + 1
        footprint = np.zeros((size, size))
        footprint[r + size // 2, c + size // 2] = 1
        means.append(ndimage.correlate(src.astype(float), footprint / len(r), mode=EDGE))
    return np.min(means, 0), np.max(means, 0)


def gradient_magnitude(src):
    padded = np.pad(src.astype(float), 1, mode="edge")
    dr = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    dc = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    return np.hypot(dr, dc)


def hessian_eigenvalues(src, scale):
    second = np.array([[0, 0, 0], [1, -2, 1], [0, 0, 0]], float)
    cross = np.array([[1, 0, -1], [0, 0, 0], [-1, 0, 1]], float) / 4
    plane = src.astype(float)
    cc = ndimage.correlate(plane, second, mode=EDGE)
    rr = ndimage.correlate(plane, second.T, mode=EDGE)
    rc = ndimage.correlate(plane, cross, mode=EDGE)
    matrices = np.stack([np.stack([rr, rc], -1), np.stack([rc, cc], -1)], -2)
    values = np.linalg.eigvalsh(matrices) * scale
    return values[..., 0], values[..., 1]


def deviation(plane, sigma):
    mean = gaussian(plane, sigma)
    return np.sqrt(np.maximum(gaussian(plane.astype(float) ** 2, sigma) - mean**2, 0))


def local_rank(src, radius):
    def rank(window):
        centre = window[window.size // 2]
        return (np.count_nonzero(window < centre) + 0.5 * np.count_nonzero(window == centre)) / window.size

    return ndimage.generic_filter(src.astype(float), rank, 2 * radius + 1, mode=EDGE)


def gabor_energy(src, sigma, angle, number):
    """The full two-dimensional complex filter, truncated to a square of three sigma, its mean response removed."""
    radius = int(3 * sigma + 0.5)
    r, c = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(float)
    line = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    envelope = np.outer(line, line) / line.sum() ** 2
    wave = envelope * np.exp(1j * number * (r * np.sin(angle) + c * np.cos(angle)))
    wave = wave - wave.real.sum() * envelope
    plane = src.astype(float)
    real = ndimage.correlate(plane, wave.real, mode=EDGE)
    imaginary = ndimage.correlate(plane, wave.imag, mode=EDGE)
    return np.hypot(real, imaginary)


def signed_bytes(values, scale):
    v = values.astype(float)
    return np.where(np.isnan(v), 0, np.floor(128.5 + 127 * v / (np.abs(v) + scale)))


def positive_bytes(values, scale):
    v = np.maximum(values.astype(float), 0)
    return np.where(np.isnan(values), 0, np.floor(1.5 + 254 * v / (v + scale)))


def components(mask):
    """8-connected labels, as scipy finds them."""
    return ndimage.label(mask, structure=np.ones((3, 3)))


def log_odds(p, floor):
    return np.log((p.astype(float) + floor) / (1 - p.astype(float) + floor))


def weighted_spread(weight, first, second):
    w, a, b = (x.astype(float) for x in (weight, first, second))
    return np.sqrt(np.maximum(b / w - (a / w) ** 2, 0))


def share_of(value, whole, floor):
    w = whole.astype(float)
    return value.astype(float) * np.where(w >= 0, 1, -1) / (np.abs(w) + floor)


def keep_stronger(plane, rim, offsets, weights, divisor, best):
    """What `kernels.lines.keep_stronger` leaves in `best`."""
    rows, cols = best.shape
    shown = [
        plane[rim + row : rim + row + rows, rim + col : rim + col + cols].astype(np.float64) for row, col in offsets
    ]
    found = sum(weight * part for weight, part in zip(weights, shown, strict=True)) / divisor
    return np.where(np.abs(found) > np.abs(best), found, best)
