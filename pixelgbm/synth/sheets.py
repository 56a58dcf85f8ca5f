"""What is printed: solid inks, text and labels, and photographs, as continuous tone before the screen."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pixelgbm.synth import assets
from pixelgbm.synth.fields import Plane, blur, noise, rough_field, smooth_field, soft_step

__all__ = ["SHEET", "Sheet", "draw_sheet", "phrase"]

SHEET = 520
"""Side of the piece of sheet that is drawn: the 500 of a reference, and what its pose may add around."""

_CANVAS = 760  # text is set on this, then turned and cut to SHEET
_VOCABULARY = """
    Toner Cyan Magenta Yellow Black Gloss Matte Duplex Tray Roller Drum Fuser Paper Roll Sheet Proof Margin Bleed Fold
    Batch No. Lot Best before Made with care Net weight Contents Keep upright This side up Open here Handle Tested
    Approved Inspect Return to Volume Chapter Page Total Amount Price per unit Invoice Order Customer Address Street
"""
_WORDS = tuple(_VOCABULARY.split())


@dataclass(frozen=True, slots=True)
class Sheet:
    """One piece of printed matter.

    tone: (SHEET, SHEET, 3) float32, linear reflectance R, G, B that the press is asked for.
    paper: (SHEET, SHEET) float32 around 1, what the stock itself does to the light (grain, inclusions).
    source: the face or photograph it was made from, "" for none.
    """

    tone: Plane
    paper: Plane
    source: str


def draw_sheet(rng: np.random.Generator, level: int, source: str) -> Sheet:
    """A sheet of `level` 1 (solid), 2 (text; `source` is a face) or 3 (photograph; "" draws a texture)."""
    if level == 1:
        tone = _solid(rng)
    elif level == 2:
        tone = _text(rng, source)
    else:
        tone = _photograph(rng, source) if source else _texture(rng)
    return Sheet(np.clip(tone, 0.006, 0.97).astype(np.float32), _paper(rng), source)


# ---------------------------------------------------------------------------------------- inks and stock


def _ink(rng: np.random.Generator) -> Plane:
    """A colour that printers use, (3,) linear reflectance: paper white, near black, a tint, or a full ink."""
    kind = rng.random()
    if kind < 0.18:
        colour = rng.uniform(0.5, 0.95) * (1 + rng.normal(0, 0.025, 3))
    elif kind < 0.32:
        colour = rng.uniform(0.012, 0.09) * (1 + rng.normal(0, 0.2, 3))
    else:
        hue = rng.uniform(0, 2 * np.pi)
        chroma = rng.uniform(0.15, 0.95)
        wave = 0.5 + 0.5 * np.cos(hue - np.array([0, 2, 4]) * np.pi / 3)
        colour = (1 - chroma + chroma * wave) * np.exp(rng.uniform(np.log(0.2), np.log(0.95)))
    return np.clip(colour, 0.01, 0.95).astype(np.float32)


def _ramp(rng: np.random.Generator, first: Plane, second: Plane) -> Plane:
    """A (SHEET, SHEET, 3) gradient from one ink to another, in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-1, 1, SHEET, dtype=np.float32)
    along = np.float32(np.sin(angle)) * axis[:, None] + np.float32(np.cos(angle)) * axis[None, :]
    t = np.clip(0.5 + along * np.float32(rng.uniform(0.15, 0.7)), 0, 1)[..., None]
    return np.asarray(first + (second - first) * t, np.float32)


def _background(rng: np.random.Generator, ink: Plane, *, ramp_share: float) -> Plane:
    """The ink all over, or running into a lighter, darker or other one."""
    if rng.random() >= ramp_share:
        return np.broadcast_to(ink, (SHEET, SHEET, 3))
    other = _ink(rng) if rng.random() < 0.3 else np.clip(ink * np.float32(rng.uniform(0.45, 1.7)), 0.01, 0.95)
    return _ramp(rng, ink, other)


def _paper(rng: np.random.Generator) -> Plane:
    """Grain and mottle of the stock, and on some sheets inclusions: specks that belong to both captures."""
    paper = 1 + noise(rng, (SHEET, SHEET), sigma=rng.uniform(0.6, 1.3)) * np.float32(rng.uniform(0.006, 0.022))
    paper *= 1 + smooth_field(rng, SHEET, cells=int(rng.integers(12, 60)), rms=rng.uniform(0.003, 0.014))
    if rng.random() < 0.45:
        for _ in range(int(rng.integers(1, 9))):
            _inclusion(rng, paper)
    return paper


def _inclusion(rng: np.random.Generator, paper: Plane) -> None:
    """One fibre end or void in the stock, drawn into `paper` in place."""
    radius = float(np.exp(rng.normal(0.5, 0.55)))
    half = int(3 * radius) + 2
    row, col = (int(v) for v in rng.integers(half, SHEET - half, 2))
    axis = np.arange(-half, half + 1, dtype=np.float32)
    angle, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 3.0)
    along = np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]
    across = np.cos(angle) * axis[:, None] - np.sin(angle) * axis[None, :]
    spot = np.exp(-((along / stretch) ** 2 + across**2) * stretch / (2 * radius * radius)).astype(np.float32)
    depth = -rng.uniform(0.1, 0.65) if rng.random() < 0.75 else rng.uniform(0.05, 0.3)
    paper[row - half : row + half + 1, col - half : col + half + 1] *= 1 + np.float32(depth) * spot


# ---------------------------------------------------------------------------------------- level 1 and 2


def _solid(rng: np.random.Generator) -> Plane:
    """A tint or gradient; one in eight has a second area beside the first."""
    tone = np.array(_background(rng, _ink(rng), ramp_share=0.4))
    if rng.random() < 0.12:
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-180, 180)
        axis = np.arange(SHEET, dtype=np.float32) - SHEET / 2
        side = np.float32(np.sin(angle)) * axis[:, None] + np.float32(np.cos(angle)) * axis[None, :]
        t = soft_step(side, offset, rng.uniform(2.0, 5.0))[..., None]
        tone = tone + (_ink(rng) - tone) * t
    return tone


def _text(rng: np.random.Generator, face: str) -> Plane:
    """Lines of text, a label, a table or a code in one face, as ink on a background."""
    ground, ink = _ink(rng), _ink(rng)
    while abs(float(ground.mean()) ** 0.45 - float(ink.mean()) ** 0.45) < 0.2:
        ink = _ink(rng)
    size = int(np.exp(rng.uniform(np.log(22), np.log(300))))
    canvas = Image.new("L", (_CANVAS, _CANVAS), 0)
    pen = ImageDraw.Draw(canvas)
    layout = rng.random()
    if layout < 0.62:
        _set_lines(rng, pen, face, size, top=int(rng.integers(-size, 30)))
    elif layout < 0.84:
        _set_label(rng, pen, face, size)
    else:
        _set_code(rng, pen, face)
    turn = rng.normal(0, 1.5) + (90.0 if rng.random() < 0.12 else 0.0)
    spread = rng.uniform(0.9, 1.6) + 0.004 * min(size, 150)
    cover = _ink_cover(rng, np.asarray(canvas), turn, spread)[..., None]
    base = _background(rng, ground, ramp_share=0.25)
    return np.asarray(base + (ink - base) * cover, np.float32)


def _ink_cover(rng: np.random.Generator, canvas: NDArray[np.uint8], turn: float, spread: float) -> Plane:
    """The drawn canvas turned, cut to the sheet and pressed on it: edges spread and ragged, 0..1."""
    matrix = np.asarray(cv2.getRotationMatrix2D((_CANVAS / 2, _CANVAS / 2), turn, 1.0), np.float64)
    matrix[:, 2] += (SHEET - _CANVAS) / 2
    turned = cv2.warpAffine(canvas, matrix, (SHEET, SHEET), flags=cv2.INTER_LINEAR)
    cover = blur(np.asarray(turned, np.float32), spread) * np.float32(1 / 255)
    ragged = cover + noise(rng, (SHEET, SHEET), sigma=1.2) * np.float32(rng.uniform(0.02, 0.06))
    return soft_step(ragged, 0.5 - rng.uniform(-0.03, 0.1), rng.uniform(0.45, 0.9))


def phrase(rng: np.random.Generator, words: int) -> str:
    """Some words and numbers, as on labels."""
    parts = []
    for _ in range(words):
        if rng.random() < 0.28:
            parts.append(str(int(rng.integers(1, 10 ** int(rng.integers(1, 9))))))
        else:
            word = _WORDS[int(rng.integers(len(_WORDS)))]
            parts.append(word.upper() if rng.random() < 0.3 else word)
    return " ".join(parts)


def _set_lines(rng: np.random.Generator, pen: ImageDraw.ImageDraw, face: str, size: int, *, top: int) -> None:
    """Running text over the whole canvas, with gaps and rules between."""
    font, leading, row = assets.face(face, size), rng.uniform(1.0, 1.7), top
    while row < _CANVAS:
        pen.text((int(rng.integers(-2 * size, 40)), row), phrase(rng, 4 + 4000 // (6 * size)), fill=255, font=font)
        row += int(size * leading)
        if rng.random() < 0.1:
            left, right, height = (int(rng.integers(*span)) for span in ((-60, 300), (420, _CANVAS), (2, 14)))
            pen.rectangle((left, row, right, row + height), fill=255)
            row += int(size * rng.uniform(0.4, 1.5))


def _set_label(rng: np.random.Generator, pen: ImageDraw.ImageDraw, face: str, size: int) -> None:
    """A ruled form: boxes of rows and columns with an entry in each, some reversed out of a solid."""
    height = int(rng.integers(70, 190))
    largest = min(size, 0.7 * height)
    width = int(rng.integers(2, 8))
    for top in range(int(rng.integers(-height, 0)), _CANVAS, height):
        left = int(rng.integers(-200, 60))
        while left < _CANVAS:
            right = left + int(rng.integers(90, 420))
            solid = rng.random() < 0.14
            pen.rectangle((left, top, right, top + height), outline=255, width=width, fill=255 if solid else None)
            entry = phrase(rng, 2)
            room = (right - left - 16 - 2 * width) / assets.face(face, 40).getlength(entry)
            font = assets.face(face, int(np.clip(40 * room, 12, largest)))
            pen.text((left + 8 + width, top + int(0.12 * height)), entry, fill=0 if solid else 255, font=font)
            left = right


def _set_code(rng: np.random.Generator, pen: ImageDraw.ImageDraw, face: str) -> None:
    """A bar code or a square code with a caption under it."""
    left, top = (int(v) for v in rng.integers(110, 210, 2))
    module = int(rng.integers(4, 11))
    if rng.random() < 0.5:
        bottom, col = top + int(rng.integers(140, 330)), left
        while col < left + 420:
            bar = module * int(rng.integers(1, 4)) // 2 + 1
            pen.rectangle((col, top, col + bar - 1, bottom), fill=255)
            col += bar + module * int(rng.integers(1, 4)) // 2 + 1
    else:
        cells = rng.random((320 // module, 320 // module)) < 0.5
        for row, col in np.argwhere(cells):
            y, x = top + int(row) * module, left + int(col) * module
            pen.rectangle((x, y, x + module - 1, y + module - 1), fill=255)
        bottom = top + cells.shape[0] * module
    font = assets.face(face, int(rng.integers(24, 70)))
    for line in range(3):
        pen.text((left, bottom + 10 + line * int(1.2 * font.size)), phrase(rng, 5), fill=255, font=font)


# ---------------------------------------------------------------------------------------- level 3


def _photograph(rng: np.random.Generator, name: str) -> Plane:
    """A magnified crop of a photograph, preferring one with something on it, tone-stretched for print."""
    picture = assets.photograph(name)
    most = min(picture.shape[:2])
    side = int(np.clip(SHEET / np.exp(rng.uniform(np.log(1.0), np.log(4.5))), 100, most))
    crops = []
    for _ in range(3):
        row, col = (int(rng.integers(0, extent - side + 1)) for extent in picture.shape[:2])
        crops.append(picture[row : row + side, col : col + side])
    crop = max(crops, key=lambda c: float(c[::4, ::4].std()))
    crop = np.rot90(crop, int(rng.integers(4)))
    crop = crop[:, ::-1] if rng.random() < 0.5 else crop
    linear = np.power(crop.astype(np.float32) / np.float32(255), np.float32(2.2))
    tone = np.asarray(cv2.resize(linear, (SHEET, SHEET), interpolation=cv2.INTER_CUBIC), np.float32)
    tone = blur(tone, 0.32 * SHEET / side)
    return _stretch(rng, tone)


def _stretch(rng: np.random.Generator, tone: Plane) -> Plane:
    """Spread a crop's tones part of the way over the press's range, so that none is merely black."""
    low, high = (float(v) for v in np.quantile(tone[::6, ::6], (0.01, 0.99)))
    gain = min(5.0, 0.75 / max(high - 0.6 * low, 0.05)) ** 0.75
    spread = np.clip((tone - np.float32(0.6 * low)) * np.float32(gain), 0.004, 0.95)
    return np.asarray(np.power(spread, np.float32(np.exp(rng.normal(-0.05, 0.2)))), np.float32)


def _texture(rng: np.random.Generator) -> Plane:
    """A coloured 1/f field, or dead leaves: overlapping opaque discs of power-law size."""
    if rng.random() < 0.5:
        first, second = _ink(rng), _ink(rng)
        t = rough_field(rng, SHEET, slope=rng.uniform(0.9, 1.6))[..., None]
        tone = first + (second - first) * t
        return _stretch(rng, np.asarray(tone, np.float32))
    return _dead_leaves(rng)


def _dead_leaves(rng: np.random.Generator) -> Plane:
    """Occluding shapes with radii of density r^-3, the simplest model of a scene (doi:10.1023/A:1011109015675)."""
    canvas = np.empty((SHEET, SHEET, 3), np.float32)
    canvas[:] = _ink(rng)
    palette = [_ink(rng) for _ in range(int(rng.integers(3, 9)))]
    smallest, largest = rng.uniform(5, 12), rng.uniform(70, 160)
    radii = (smallest**-2 - rng.random(320) * (smallest**-2 - largest**-2)) ** -0.5
    for radius in radii:
        centre = tuple(int(v) for v in rng.integers(0, SHEET, 2))
        colour = palette[int(rng.integers(len(palette)))] * np.float32(np.exp(rng.normal(0, 0.2)))
        axes = (int(radius), int(radius * rng.uniform(0.4, 1.0)))
        fill = tuple(float(c) for c in colour)
        cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, fill, -1)
    canvas *= 1 + smooth_field(rng, SHEET, cells=int(rng.integers(6, 30)), rms=0.1)[..., None]
    return blur(canvas, rng.uniform(0.8, 1.6))
