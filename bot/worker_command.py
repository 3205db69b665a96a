"""`beholder worker` and `beholder models`: the only place in bot/ that reaches for the worker's side."""

import os

from inference.settings import WorkerSettings


def main(tasks: str | None) -> int:
    """Run a worker until it is told to stop.

    Args:
        tasks: The tasks it serves, separated by commas; None: as the settings say.

    Returns:
        The exit code.
    """
    from inference.worker.main import main as worker

    if tasks is not None:
        os.environ["BEHOLDER_TASKS"] = tasks
    return worker(WorkerSettings())


def fetch() -> int:
    """Fetch the models into the local cache, with a progress bar.

    Returns:
        The exit code.
    """
    from inference.models.fetch import main as fetch_models

    return fetch_models(WorkerSettings())
