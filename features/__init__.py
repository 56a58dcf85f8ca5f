"""Per-pixel features of an image and, where there is one, its reference: register, extract, quantise.

Numpy, Numba and OpenCV only; knows nothing of training, data sets or decisions.
"""

from features.catalog import DEFAULT, EVIDENCE, FAMILIES, SURFACE
from features.errors import FeatureError
from features.extract import begin_pixels, extract, extract_scene, sample_columns, strips, with_halo, write_columns
from features.planes import Planes
from features.registration import Quality, Registration, register
from features.scene import MEASURES, Scene, prepare
from features.spec import BLUE_TREATMENTS, FeatureSpec
from features.stack import FeatureStack, Quantizer, fit_quantizer

__all__ = [
    "BLUE_TREATMENTS",
    "DEFAULT",
    "EVIDENCE",
    "FAMILIES",
    "MEASURES",
    "SURFACE",
    "FeatureError",
    "FeatureSpec",
    "FeatureStack",
    "Planes",
    "Quality",
    "Quantizer",
    "Registration",
    "Scene",
    "begin_pixels",
    "extract",
    "extract_scene",
    "fit_quantizer",
    "prepare",
    "register",
    "sample_columns",
    "strips",
    "with_halo",
    "write_columns",
]
