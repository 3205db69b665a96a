"""The error of a model that cannot be loaded."""

from inference.errors import BeholderError


class ModelUnavailable(BeholderError):
    """A model is not found, not reachable, or not in a supported format; the message says what to do."""

    code = "model_unavailable"
