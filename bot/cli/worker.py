"""`beholder worker` and `beholder models`: run a worker, or fetch its models."""

from inference.settings import WorkerSettings


def main(tasks: str | None) -> int:
    """Run a worker until SIGTERM or SIGINT.

    Args:
        tasks: The tasks it serves, separated by commas; None: those of the settings.

    Returns:
        The exit code.
    """
    from inference.worker.main import main as worker

    return worker(WorkerSettings() if tasks is None else WorkerSettings(tasks=tasks))


def fetch() -> int:
    """Fetch the models into the local cache, with a progress bar.

    Returns:
        The exit code.
    """
    from inference.models.fetch import main as fetch_models

    return fetch_models(WorkerSettings())
