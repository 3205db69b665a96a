"""The answer to `/status`: what works, what waits, and what is wrong."""

import time
from collections.abc import Callable, Mapping

from bot.discord_api.refusal_gate import BANNED_AT, MAX_REFUSALS, WINDOW_S
from bot.formatting.errors import error_sentence
from bot.formatting.markdown import escape
from inference.errors import from_code
from inference.queue.backend_state import BackendProblem, QueueStatus
from inference.schema import Task

ABILITIES: dict[Task, str] = {
    "caption": "Captions",
    "answer": "Answers to questions",
    "match": "Matching labels",
    "converse": "Conversations",
}


MANY_REFUSALS = 100
"""Refusals of Discord's from which on an operator is told."""


def format_status(
    status: QueueStatus,
    *,
    details: bool,
    refusals: int = 0,
    failures: Mapping[str, int] | None = None,
    redis: str = "",
    clock: Callable[[], float] = time.time,
) -> str:
    """Write the state of the queue and its workers, a line for each thing.

    Args:
        status: The state.
        details: Whether the reader may see what is for the operator: addresses and models.
        refusals: Requests that Discord has refused lately, which count toward a ban.
        failures: How often which of the bot's background tasks has failed.
        redis: Why Redis refuses, or has not answered just now, with what to do; empty where it answers.
        clock: Returns Unix time in seconds.
    """
    jobs = status.open_jobs
    under_way = f"{jobs} request{'' if jobs == 1 else 's'} under way." if jobs else "Nothing is waiting."
    problems = [
        _detail(each, clock()) if details else error_sentence(from_code(each.code, {}))
        for each in status.problems
    ]
    if details and refusals >= MANY_REFUSALS:
        problems.append(
            f"Discord has refused {refusals} of my requests in the last {WINDOW_S / 60:.0f} minutes. At "
            f"{BANNED_AT} it would ban this machine's address; at {MAX_REFUSALS} I stop sending. See my log."
        )
    if details and failures:
        counted = ", ".join(f"{name} ({count} times)" for name, count in sorted(failures.items()))
        problems.append(f"Parts of me have failed and were started again: {escape(counted)}. See my log.")
    if details and redis:
        problems.append(f"Redis: {escape(redis, line_start=False)}.")
    abilities = [_ability(name, status.workers.get(task, 0)) for task, name in ABILITIES.items()]
    return "\n".join([*abilities, under_way, *problems])


def _ability(name: str, workers: int) -> str:
    if not workers:
        return f"{name}: no worker is running."
    return f"{name}: ready ({workers} worker{'' if workers == 1 else 's'})."


def _detail(problem: BackendProblem, now: float) -> str:
    minutes = round(max(0.0, now - problem.at) / 60)
    ago = "less than a minute ago" if not minutes else f"{minutes} minute{'' if minutes == 1 else 's'} ago"
    return f"Problem, {ago}: {escape(problem.sentence, line_start=False)}"
