"""Jobs in flight -> the next batch. Pure: no clock and no Redis; the time is an argument.

No batch waits for a timer, with two short exceptions: an incomplete group waits `GROUP_LINGER_S` for its
other jobs to arrive, and a batch waits `MAX_PREPARE_WAIT_S` for jobs in flight that are still being decoded.
Simulated against fixed waits of 10 and 50 ms, running what is ready had the lowest p50 and p99 latency at 2,
50 and 95 % load.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from inference.schema import Job, Task

GROUP_LINGER_S: Final = 0.01
"""Seconds that an incomplete group may wait for its other jobs."""
MAX_PREPARE_WAIT_S: Final = 0.25
"""Seconds that a batch waits for its jobs to be decoded. An image takes 0.02 to 0.2; a decoder that hangs
delays the batch by no more than this."""
MAX_UNASKED_WAIT_S: Final = 10.0
"""Seconds in flight after which an `unasked` job counts as a `waiting` one, so that it does not starve."""


class SchedulableJob(Protocol):
    """The attributes of a job in flight that the scheduler reads."""

    @property
    def job(self) -> Job:
        """The job as it was submitted."""

    @property
    def claimed_at(self) -> float:
        """Unix time in seconds at which this worker claimed it."""

    @property
    def ready(self) -> bool:
        """Whether it is decoded and prepared."""

    @property
    def isolated(self) -> bool:
        """Whether it must run in a batch of its own."""


J = TypeVar("J", bound=SchedulableJob)


@dataclass(frozen=True)
class Plan(Generic[J]):
    """The worker's next step.

    Attributes:
        batch: Jobs of one task to run together now, all ready, none expired; empty: no batch can run yet.
        expired: Jobs whose deadline has passed.
        wake_at: Unix time in seconds at which to plan again where no event comes before; infinite where only
            an event can change the plan.
    """

    batch: Sequence[J] = ()
    expired: Sequence[J] = ()
    wake_at: float = math.inf


def plan(in_flight: Sequence[J], now: float, max_batch: int, last_served: Mapping[Task, float]) -> Plan[J]:
    """Choose the next batch.

    Order: `waiting` jobs before `unasked` ones, then the earliest claimed. Among tasks with equally urgent
    jobs, the least recently served one comes first. A job that must run isolated gets a batch of its own.

    Args:
        in_flight: The jobs in flight that are not running, the earliest claimed first.
        now: Unix time in seconds.
        max_batch: The most jobs in a batch, at least 1.
        last_served: Unix time of each task's last batch; a task without one is left out.

    Returns:
        The plan. No job is in it twice.
    """
    expired = [each for each in in_flight if each.job.deadline < now]
    live = [each for each in in_flight if each.job.deadline >= now]
    task = _next_task(live, now, last_served)
    if task is None:
        return Plan(expired=expired, wake_at=_next_deadline(live))
    queue = sorted(
        (each for each in live if each.job.request.task == task), key=lambda each: _rank(each, now)
    )
    ready = [each for each in queue if each.ready]
    if ready[0].isolated:
        return Plan(ready[:1], expired)
    wanted = [each for each in queue if not each.isolated][:max_batch]
    hold_until = _hold_until(wanted, queue, max_batch)
    if now < hold_until:
        return Plan((), expired, hold_until)
    return Plan([each for each in ready if not each.isolated][:max_batch], expired)


def fair_share(backlog: Iterable[tuple[int, int]], free_slots: int, *, busy: bool) -> int:
    """Return how many jobs a worker may take and leave the other workers their share.

    Args:
        backlog: For each task that the worker serves: the number of waiting jobs, and of live workers that
            serve the task, this one included.
        free_slots: The most that it can take.
        busy: Whether it has jobs in flight: the remainder of the division is then for another worker, which
            may be idle.

    Returns:
        0 to `free_slots`. For a worker that is idle, or the only one: 0 only where no job waits.
    """
    rounded = math.floor if busy else math.ceil
    return min(free_slots, sum(rounded(jobs / max(1, workers)) for jobs, workers in backlog))


def _rank(each: SchedulableJob, now: float) -> tuple[bool, float]:
    """Return the sort key of a job: the smaller, the sooner it runs."""
    patient = each.job.priority != "waiting" and now - each.claimed_at < MAX_UNASKED_WAIT_S
    return patient, each.claimed_at


def _next_task(live: Sequence[SchedulableJob], now: float, last_served: Mapping[Task, float]) -> Task | None:
    """Return the task whose batch is next, among those with a ready job."""
    best: dict[Task, tuple[bool, float, float]] = {}
    for each in live:
        if each.ready:
            task = each.job.request.task
            patient, claimed_at = _rank(each, now)
            key = patient, last_served.get(task, -math.inf), claimed_at
            best[task] = min(best.get(task, key), key)
    return min(best, key=lambda task: best[task], default=None)


def _hold_until(wanted: Sequence[SchedulableJob], queue: Sequence[SchedulableJob], max_batch: int) -> float:
    """Return the time until which the batch `wanted` waits for jobs; a past one: not at all."""
    first = min(each.claimed_at for each in wanted)
    until = first + MAX_PREPARE_WAIT_S if not all(each.ready for each in wanted) else -math.inf
    if len(wanted) == max_batch:
        return until
    present = Counter(each.job.group.id for each in queue)
    if all(present[each.job.group.id] < each.job.group.size for each in wanted):
        # Only jobs of incomplete groups are here, so that no other job is delayed.
        until = max(until, first + GROUP_LINGER_S)
    return until


def _next_deadline(live: Sequence[SchedulableJob]) -> float:
    return min((each.job.deadline for each in live), default=math.inf)
