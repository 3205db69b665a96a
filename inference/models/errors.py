"""The one error of getting a model ready, in a sentence that says what to do next."""

from inference.errors import BeholderError


class ModelUnavailable(BeholderError):
    """A model cannot be had: not found, not reachable, or not in a form that is loaded here."""

    code = "model_unavailable"
