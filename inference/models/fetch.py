"""`make models`: download the models into the local cache, so that every later start needs no connection."""

import logging
import sys

from inference.models.catalogue import checkpoints
from inference.models.errors import ModelUnavailable
from inference.models.hub_download import local_folder
from inference.models.progress import Progress
from inference.settings import WorkerSettings


def fetch(settings: WorkerSettings, progress: Progress | None = None) -> None:
    """Download the settings' models that are not in the cache. Idempotent.

    Args:
        settings: Their tasks, size and overrides name the models.
        progress: Called with each step; None: shown on standard error.

    Raises:
        ModelUnavailable: A model cannot be downloaded.
    """
    for task, checkpoint in checkpoints(settings).items():
        folder = local_folder(checkpoint, progress)
        sys.stdout.write(f"{task}: {checkpoint} is ready in {folder}\n")


def main(settings: WorkerSettings | None = None) -> int:
    """Download the models; write an error as one sentence.

    Returns:
        The exit code: 0, or 1 where a model cannot be downloaded.
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
