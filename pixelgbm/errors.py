"""The errors pixelgbm raises on purpose; the command line turns each into one line and exit code 2.

PixelgbmError
 |- ImageError         a file of pixels that cannot be read, or has the wrong size or type
 |- DatasetError       a data folder, manifest or mask that contradicts itself or its layout
 |- ConfigError        a run.toml or an option with an unknown key or a value out of range
 |- ModelError         a model folder that is damaged, foreign, newer, or does not fit the request
 |- SubmissionError    an answer file or PRED folder that breaks its rules
 |- OutputError        something that could not be written (disk full, no permission)
"""

__all__ = [
    "ConfigError",
    "DatasetError",
    "ImageError",
    "ModelError",
    "OutputError",
    "PixelgbmError",
    "SubmissionError",
]


class PixelgbmError(Exception):
    """Something the user can mend. The message says what was got, what is allowed, and where."""


class ImageError(PixelgbmError):
    """A file of pixels that cannot be read, or has the wrong size or type."""


class DatasetError(PixelgbmError):
    """A data folder, manifest or mask that contradicts itself or its layout."""


class ConfigError(PixelgbmError):
    """A configuration key or option that is unknown or out of range."""


class ModelError(PixelgbmError):
    """A model folder that is damaged, foreign, newer, or does not fit the request."""


class SubmissionError(PixelgbmError):
    """An answer file or PRED folder that breaks its rules."""


class OutputError(PixelgbmError):
    """Something that could not be written."""
