"""Errors that end a worker."""

from typing import Final

from inference.images.decoder_pool import DecoderUnavailable
from inference.model_thread import CallTimeout

MAX_FAILURES: Final = 5
"""Jobs that may fail in the model one after the other, with no success between; then the model counts as
broken."""


class ModelBroken(RuntimeError):
    """The model fails on every job, so this worker cannot go on."""


WORKER_BROKEN: Final = (ModelBroken, DecoderUnavailable, CallTimeout)
"""Errors after which a worker exits instead of taking more jobs."""
