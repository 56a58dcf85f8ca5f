"""The one error of the feature extractor."""


class FeatureError(ValueError):
    """Pixels or a feature specification the extractor cannot work with; the message says what is allowed."""
