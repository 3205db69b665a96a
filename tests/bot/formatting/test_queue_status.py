"""The answer to `/status`, for members and for those who manage the server."""

from bot.formatting.queue_status import MANY_REFUSALS, format_status
from inference.queue.backend_state import QueueStatus


def test_refusals_of_discords_are_told_to_managers_where_they_are_many() -> None:
    status = QueueStatus(workers={}, open_jobs=0, problems=())
    told = format_status(status, details=True, refusals=MANY_REFUSALS)
    assert f"Discord has refused {MANY_REFUSALS} of my requests in the last 10 minutes. At 10000" in told
    assert "refused" not in format_status(status, details=True, refusals=MANY_REFUSALS - 1)
    assert "refused" not in format_status(status, details=False, refusals=MANY_REFUSALS)
