"""`beholder worker` and `beholder models`: run a worker, or fetch its models."""

import sys
from typing import Final

from inference.settings import WorkerSettings

FATAL: Final = 2
"""Exit code: only the operator can mend it."""


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
        The exit code: 0, 1 where a model cannot be downloaded, 2 where a library is missing.
    """
    from inference.models.errors import ModelUnavailable
    from inference.models.libraries import check_libraries, import_errors

    settings = WorkerSettings()
    try:
        check_libraries(settings)
        with import_errors():
            from inference.models.fetch import main as fetch_models
    except ModelUnavailable as error:
        print(f"beholder: {error}", file=sys.stderr)
        return FATAL
    return fetch_models(settings)
