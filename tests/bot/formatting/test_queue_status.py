"""The answer to `/status`, for members and for those who manage the server."""

from bot.formatting.markdown import unescape
from bot.formatting.queue_status import MANY_REFUSALS, format_status
from inference.queue.backend_state import QueueStatus


def test_refusals_of_discords_are_told_to_managers_where_they_are_many() -> None:
    status = QueueStatus(workers={}, open_jobs=0, problems=())
    told = format_status(status, details=True, refusals=MANY_REFUSALS)
    assert f"Discord has refused {MANY_REFUSALS} of my requests in the last 10 minutes. At 10000" in told
    assert "refused" not in format_status(status, details=True, refusals=MANY_REFUSALS - 1)
    assert "refused" not in format_status(status, details=False, refusals=MANY_REFUSALS)


def test_what_has_failed_in_the_bot_is_told_to_managers() -> None:
    status = QueueStatus(workers={}, open_jobs=0, problems=())
    given = {"failures": {"backfill": 2}, "redis": "OutOfMemoryError: full. Raise maxmemory"}
    told = unescape(format_status(status, details=True, **given))  # type: ignore[arg-type]
    assert "Parts of me have failed and were started again: backfill (2 times). See my log." in told
    assert "Redis: OutOfMemoryError: full. Raise maxmemory." in told
    plain = format_status(status, details=False, **given)  # type: ignore[arg-type]
    assert "backfill" not in plain
    assert "maxmemory" not in plain
