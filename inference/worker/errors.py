"""Errors that end a worker, and how an error is named in the log."""

import traceback
from pathlib import Path
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


def error_location(error: BaseException) -> str:
    """Return an error's type, file and line for the log; its message may hold user content."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {place}"
