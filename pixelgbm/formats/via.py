"""Annotations of the VGG Image Annotator: outlines by file name, in JSON.

Read are the annotations that VIA exports and its project files. Positions are (x, y) with pixel
centres at whole numbers, as a click on a pixel names it; a pixel belongs to a region when its
centre lies inside the outline or on it. A polyline is taken as a closed outline.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelgbm.errors import DatasetError
from pixelgbm.formats import outlines

__all__ = ["DEFAULT_CLASS", "SHAPES", "ViaImage", "ViaRegion", "decode_via", "draw_region", "encode_via", "regions_of"]

DEFAULT_CLASS = "defect"
"""The class of a region whose attributes name none."""

SHAPES: dict[str, tuple[str, ...]] = {
    "polygon": ("all_points_x", "all_points_y"),
    "polyline": ("all_points_x", "all_points_y"),
    "rect": ("x", "y", "width", "height"),
    "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
}
"""The shapes that are read and the values each needs; an ellipse may have `theta` in radians, 0 without."""

_LENGTHS = frozenset({"width", "height", "r", "rx", "ry"})


@dataclass(frozen=True, slots=True)
class ViaRegion:
    """One region. values: the numbers of `SHAPES`, lists of numbers for polygons and polylines."""

    shape: str
    values: Mapping[str, float | tuple[float, ...]]
    label: str = DEFAULT_CLASS


@dataclass(frozen=True, slots=True)
class ViaImage:
    """One image with its regions; none: nothing is marked. size: of the file, in bytes, -1 where unknown."""

    filename: str
    size: int = -1
    regions: tuple[ViaRegion, ...] = ()


def encode_via(images: Iterable[ViaImage], *, classes: Sequence[str] = ()) -> str:
    """The JSON text of a VIA project with these images, `classes` as the choices of the attribute `class`."""
    entries = {
        f"{image.filename}{image.size}": {
            "filename": image.filename,
            "size": image.size,
            "regions": [
                {
                    "shape_attributes": {
                        "name": region.shape,
                        **{k: list(v) if isinstance(v, tuple) else v for k, v in region.values.items()},
                    },
                    "region_attributes": {"class": region.label},
                }
                for region in image.regions
            ],
            "file_attributes": {},
        }
        for image in images
    }
    choices = {"class": {"type": "dropdown", "options": dict.fromkeys(classes, "")}} if classes else {}
    project = {
        "_via_settings": {},
        "_via_img_metadata": entries,
        "_via_attributes": {"region": choices, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(entries),
    }
    return json.dumps(project, indent=1) + "\n"


def decode_via(
    text: str | bytes, *, where: object, problems: list[str] | None = None
) -> tuple[tuple[ViaImage, ...], tuple[str, ...]]:
    """The images of a VIA text, and the classes that it knows: the project's choices, then those it uses.

    Everything that is refused is appended to `problems`, one line each, and left out; without
    `problems` the first is raised as DatasetError.
    """
    said: list[str] = []
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        data = None
        said.append(f"{where}: not readable as JSON ({error})")
    images: dict[str, ViaImage] = {}
    classes: dict[str, None] = {}
    if data is not None:
        project = isinstance(data, dict) and "_via_img_metadata" in data
        entries = data["_via_img_metadata"] if project else data
        if not isinstance(entries, dict):
            said.append(f"{where}: {_short(entries)}; allowed is an object with one entry for each image")
            entries = {}
        classes = dict.fromkeys(_choices(data)) if project else {}
        for key, entry in entries.items():
            image = _image(key, entry, where, said)
            if image is None:
                continue
            if image.filename in images:
                said.append(f"{where}: {image.filename}: a second entry; allowed is one for each file name")
            images.setdefault(image.filename, image)
    if problems is None and said:
        raise DatasetError(said[0])
    if problems is not None:
        problems.extend(said)
    classes.update((region.label, None) for image in images.values() for region in image.regions)
    return tuple(images.values()), tuple(classes)


def draw_region(region: ViaRegion, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The (rows, cols) bool mask of a region; what lies outside the image is cut off."""
    v: Mapping[str, Any] = region.values
    if region.shape == "rect":
        return outlines.fill_rectangle(v["y"], v["x"], v["y"] + v["height"], v["x"] + v["width"], shape)
    if region.shape == "circle":
        return outlines.fill_ellipse(v["cy"], v["cx"], v["r"], v["r"], 0.0, shape)
    if region.shape == "ellipse":
        return outlines.fill_ellipse(v["cy"], v["cx"], v["ry"], v["rx"], v.get("theta", 0.0), shape)
    return outlines.fill_outline(np.array([v["all_points_y"], v["all_points_x"]], np.float64).T, shape)


def regions_of(mask: NDArray[np.bool_], label: str = DEFAULT_CLASS) -> tuple[ViaRegion, ...]:
    """Polygons that `draw_region` turns into exactly `mask`."""
    return tuple(
        ViaRegion(
            "polygon",
            {"all_points_x": tuple(corners[:, 1].tolist()), "all_points_y": tuple(corners[:, 0].tolist())},
            label,
        )
        for corners in outlines.outlines_of(mask)
    )


def _choices(project: dict[str, Any]) -> list[str]:
    """The choices of the region attribute `class` in a project file."""
    found: Any = project
    for key in ("_via_attributes", "region", "class", "options"):
        found = found.get(key) if isinstance(found, dict) else None
    return [str(name) for name in found] if isinstance(found, dict) else []


def _image(key: str, entry: Any, where: object, said: list[str]) -> ViaImage | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("filename"), str) or not entry["filename"]:
        said.append(f"{where}: entry {_short(key)}: no filename; an entry has filename, size and regions")
        return None
    name = entry["filename"]
    size = entry.get("size", -1)
    if not isinstance(size, int) or isinstance(size, bool):
        said.append(f"{where}: {name}: size {_short(size)}; allowed is a number of bytes, or -1")
        size = -1
    regions = entry.get("regions", [])
    if isinstance(regions, dict):  # VIA 1
        regions = list(regions.values())
    if not isinstance(regions, list):
        said.append(f"{where}: {name}: regions {_short(regions)}; allowed is a list")
        regions = []
    found = []
    for number, region in enumerate(regions, start=1):
        try:
            found.append(_region(region))
        except DatasetError as error:
            said.append(f"{where}: {name}: region {number}: {error}")
    return ViaImage(name, size, tuple(found))


def _region(region: Any) -> ViaRegion:
    drawn = region.get("shape_attributes") if isinstance(region, dict) else None
    if not isinstance(drawn, dict):
        raise DatasetError("no shape_attributes; a region has shape_attributes and region_attributes")
    shape = drawn.get("name")
    if not isinstance(shape, str) or shape not in SHAPES:
        raise DatasetError(f"shape {_short(shape)}; allowed are {', '.join(SHAPES)}")
    listed = shape in ("polygon", "polyline")
    names = SHAPES[shape] + (("theta",) if shape == "ellipse" and "theta" in drawn else ())
    values = {name: (_numbers if listed else _number)(name, drawn.get(name)) for name in names}
    if listed:
        across, down = (len(values[name]) for name in names)  # type: ignore[arg-type]
        if across != down or across < 3:
            raise DatasetError(f"{across} values of x and {down} of y; an outline has as many of each, and at least 3")
    return ViaRegion(shape, values, _label(region.get("region_attributes")))


def _label(attributes: Any) -> str:
    """The class: the attribute `class` where there is one, else the only attribute."""
    if attributes in (None, {}):
        return DEFAULT_CLASS
    if isinstance(attributes, dict):
        value = attributes.get("class", next(iter(attributes.values())) if len(attributes) == 1 else None)
        if isinstance(value, str):
            return value.strip() or DEFAULT_CLASS
    raise DatasetError(f"region_attributes {_short(attributes)}; allowed is one text, or one named class")


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e9:
        raise DatasetError(f"{name} {_short(value)}; allowed is a number of pixels")
    if name in _LENGTHS and value < 0:
        raise DatasetError(f"{name} {value}; a length is at least 0")
    return value


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    if not isinstance(values, list):
        raise DatasetError(f"{name} {_short(values)}; allowed is a list of numbers")
    return tuple(_number(name, value) for value in values)


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:37] + "..."
