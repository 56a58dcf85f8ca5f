"""Per-pixel features of an image and, where there is one, its reference: register, extract, quantise.

Numpy, Numba and OpenCV only; knows nothing of training, data sets or decisions.
"""

from features.catalog import FAMILIES
from features.errors import FeatureError
from features.extract import extract, sample_columns, strips
from features.registration import Quality, Registration, register
from features.scene import MEASURES
from features.spec import BLUE_TREATMENTS, FeatureSpec
from features.stack import FeatureStack, Quantizer, fit_quantizer

__all__ = [
    "BLUE_TREATMENTS",
    "FAMILIES",
    "MEASURES",
    "FeatureError",
    "FeatureSpec",
    "FeatureStack",
    "Quality",
    "Quantizer",
    "Registration",
    "extract",
    "fit_quantizer",
    "register",
    "sample_columns",
    "strips",
]
