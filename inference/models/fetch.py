"""`make models`: fetch the models into the local cache, so that every later start needs no connection."""

import logging
import sys

from inference.models.catalogue import checkpoints
from inference.models.errors import ModelUnavailable
from inference.models.hub_download import folder_of
from inference.models.progress import Progress
from inference.settings import WorkerSettings


def fetch(settings: WorkerSettings, progress: Progress | None = None) -> None:
    """Fetch what the settings name and the cache lacks.

    Args:
        settings: Their tasks, size and overrides say which models.
        progress: Told of every step; None: shown on the standard error stream.

    Raises:
        ModelUnavailable: A model cannot be had.
    """
    for task, checkpoint in checkpoints(settings).items():
        folder = folder_of(checkpoint, progress)
        sys.stdout.write(f"{task}: {checkpoint} is ready in {folder}\n")


def main(settings: WorkerSettings | None = None) -> int:
    """Fetch the models, saying in a sentence what went wrong.

    Returns:
        The exit code: 0, or 1 where a model cannot be had.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for library in ("httpx", "httpx2", "huggingface_hub"):
        logging.getLogger(library).setLevel(logging.WARNING)
    try:
        fetch(settings or WorkerSettings())
    except ModelUnavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
