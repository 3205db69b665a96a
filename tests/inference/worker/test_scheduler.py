"""The scheduler's guarantees, for any jobs at any time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.schema import Group, Job, Priority, Task
from inference.worker.scheduler import (
    GROUP_LINGER_S,
    MAX_PREPARE_WAIT_S,
    MAX_UNASKED_WAIT_S,
    Plan,
    fair_share,
    plan,
)
from tests.inference.job_factory import job

NOW = 1000.0
NEVER: Mapping[Task, float] = {}


@dataclass(frozen=True)
class JobInFlight:
    """A job in flight, as the scheduler sees it."""

    job: Job
    claimed_at: float = NOW
    ready: bool = True
    isolated: bool = False


def in_flight_job(
    number: int,
    task: Task = "caption",
    priority: Priority = "waiting",
    *,
    claimed_at: float = NOW,
    ready: bool = True,
    isolated: bool = False,
    group: tuple[str, int] | None = None,
    deadline: float = NOW + 600,
) -> JobInFlight:
    """Make a job in flight."""
    of = Group(id=group[0], size=group[1]) if group else Group(id=str(number), size=1)
    made = job(number, task, priority=priority, group=of, submitted=0, deadline=deadline)
    return JobInFlight(made, claimed_at, ready, isolated)


def chosen(
    *in_flight: JobInFlight, max_batch: int = 8, now: float = NOW, served: Mapping[Task, float] = NEVER
) -> list[JobInFlight]:
    """Return the next batch."""
    return list(plan(in_flight, now, max_batch, served).batch)


def test_nothing_in_flight_is_nothing_to_do() -> None:
    assert plan([], NOW, 8, NEVER) == Plan((), [], math.inf)


def test_a_batch_takes_what_is_there_at_once() -> None:
    one, two = in_flight_job(1), in_flight_job(2)
    assert chosen(one, two) == [one, two]


def test_a_batch_is_of_one_task_and_no_larger_than_allowed() -> None:
    in_flight = [in_flight_job(number, "caption" if number % 2 else "match") for number in range(10)]
    assert [each.job.request.task for each in chosen(*in_flight, max_batch=3)] == ["match"] * 3


def test_who_waits_comes_before_what_nobody_asked_for() -> None:
    post, asked = in_flight_job(1, priority="unasked", claimed_at=NOW - 5), in_flight_job(2, claimed_at=NOW)
    assert chosen(post, asked, max_batch=1) == [asked]
    assert chosen(post, in_flight_job(3, "match"), max_batch=1)[0].job.request.task == "match"


def test_what_nobody_asked_for_fills_the_batch() -> None:
    post, asked = in_flight_job(1, priority="unasked"), in_flight_job(2)
    assert chosen(post, asked) == [asked, post]


def test_what_nobody_asked_for_does_not_starve() -> None:
    post = in_flight_job(1, priority="unasked", claimed_at=NOW - MAX_UNASKED_WAIT_S)
    assert chosen(post, in_flight_job(2, claimed_at=NOW - 1), max_batch=1) == [post]


def test_tasks_take_turns() -> None:
    in_flight = [
        in_flight_job(1, "caption", claimed_at=NOW - 2),
        in_flight_job(2, "answer", claimed_at=NOW - 1),
        in_flight_job(3, "match"),
    ]
    served: dict[Task, float] = {"caption": 3.0, "answer": 2.0, "match": 1.0}
    assert chosen(*in_flight, served=served) == [in_flight[2]]
    assert chosen(*in_flight[:2], served=served) == [in_flight[1]]


def test_a_redelivered_job_runs_alone() -> None:
    suspect = in_flight_job(1, isolated=True, claimed_at=NOW - 1)
    assert chosen(suspect, in_flight_job(2), in_flight_job(3)) == [suspect]


def test_a_redelivered_job_waits_its_turn() -> None:
    first, suspect, last = (
        in_flight_job(1, claimed_at=NOW - 1),
        in_flight_job(2, isolated=True, claimed_at=NOW - 0.5),
        in_flight_job(3),
    )
    assert chosen(first, suspect, last) == [first, last]


def test_what_is_too_late_is_dropped_and_not_run() -> None:
    late, live = in_flight_job(1, deadline=NOW - 0.001), in_flight_job(2, deadline=NOW)
    found = plan([late, live], NOW, 8, NEVER)
    assert (found.expired, found.batch) == ([late], [live])


def test_a_job_that_is_decoded_is_looked_at_again_by_its_deadline() -> None:
    assert plan([in_flight_job(1, ready=False, deadline=NOW + 3)], NOW, 8, NEVER).wake_at == NOW + 3


def test_an_incomplete_group_lingers_ten_milliseconds_and_no_longer() -> None:
    one = in_flight_job(1, group=("message", 2))
    found = plan([one], NOW, 8, NEVER)
    assert (found.batch, found.wake_at) == ((), NOW + 0.01)
    assert chosen(one, now=NOW + GROUP_LINGER_S) == [one]


def test_a_complete_group_goes_at_once() -> None:
    pair = [in_flight_job(1, group=("message", 2)), in_flight_job(2, group=("message", 2))]
    assert chosen(*pair) == pair


def test_an_incomplete_group_makes_nobody_wait() -> None:
    part, other = in_flight_job(1, group=("message", 2)), in_flight_job(2)
    assert chosen(part, other) == [part, other]


def test_a_full_batch_does_not_linger() -> None:
    part = [in_flight_job(number, group=("message", 10)) for number in range(4)]
    assert chosen(*part, max_batch=4) == part


def test_a_batch_waits_a_moment_for_pictures_that_are_being_decoded() -> None:
    done, coming = in_flight_job(1), in_flight_job(2, ready=False)
    found = plan([done, coming], NOW, 8, NEVER)
    assert (found.batch, found.wake_at) == ((), NOW + MAX_PREPARE_WAIT_S)
    assert chosen(done, coming, now=NOW + MAX_PREPARE_WAIT_S) == [done]


def test_a_hanging_picture_of_another_task_holds_nobody_up() -> None:
    done = in_flight_job(1, "caption")
    assert chosen(done, in_flight_job(2, "match", ready=False)) == [done]


def test_a_batch_that_is_full_of_ready_jobs_waits_for_none() -> None:
    done = [in_flight_job(number, claimed_at=NOW - 1) for number in range(2)]
    assert chosen(*done, in_flight_job(3, ready=False), max_batch=2) == done


@pytest.mark.parametrize(
    ("waiting", "room", "idle", "busy"),
    [
        ([(10, 2)], 8, 5, 5),
        ([(1, 3)], 8, 1, 0),
        ([(5, 2)], 8, 3, 2),
        ([(100, 2)], 8, 8, 8),
        ([(0, 2)], 8, 0, 0),
        ([(7, 1), (3, 2)], 20, 9, 8),
        ([(5, 0)], 8, 5, 5),
        ([(5, 1)], 0, 0, 0),
    ],
)
def test_a_worker_takes_its_share(waiting: list[tuple[int, int]], room: int, idle: int, busy: int) -> None:
    assert fair_share(waiting, room, busy=False) == idle
    assert fair_share(waiting, room, busy=True) == busy


@given(st.integers(0, 1000), st.integers(1, 20), st.integers(1, 64))
def test_the_workers_together_take_everything(jobs: int, workers: int, room: int) -> None:
    taken = fair_share([(jobs, workers)], room, busy=False)
    assert taken * workers >= min(jobs, room * workers)
    assert taken <= max(room, 0)
    assert (taken - 1) * workers < jobs
    assert fair_share([(jobs, workers)], room, busy=True) * workers <= jobs
    assert fair_share([(jobs, 1)], room, busy=True) == min(jobs, room)


TASKS: list[Task] = ["caption", "answer", "match"]
jobs_in_flight = st.lists(
    st.builds(
        in_flight_job,
        st.integers(0, 10**6),
        st.sampled_from(TASKS),
        st.sampled_from(["waiting", "unasked"]),
        claimed_at=st.floats(NOW - 30, NOW),
        ready=st.booleans(),
        isolated=st.booleans(),
        group=st.none() | st.tuples(st.sampled_from("abc"), st.integers(1, 4)),
        deadline=st.floats(NOW - 5, NOW + 600),
    ),
    max_size=12,
).map(lambda in_flight: sorted(in_flight, key=lambda each: each.claimed_at))
histories = st.dictionaries(st.sampled_from(TASKS), st.floats(0, NOW))
sizes = st.integers(1, 8)


@given(jobs_in_flight, sizes, histories)
def test_a_batch_can_always_run_as_it_is(
    in_flight: list[JobInFlight], max_batch: int, served: dict[Task, float]
) -> None:
    found = plan(in_flight, NOW, max_batch, served)
    assert len(found.batch) <= max_batch
    assert len({each.job.request.task for each in found.batch}) <= 1
    assert all(each.ready and each.job.deadline >= NOW for each in found.batch)
    assert len(found.batch) == 1 or not any(each.isolated for each in found.batch)


@given(jobs_in_flight, sizes, histories)
def test_no_job_is_lost_or_planned_twice(
    in_flight: list[JobInFlight], max_batch: int, served: dict[Task, float]
) -> None:
    found = plan(in_flight, NOW, max_batch, served)
    planned = [id(each) for each in (*found.batch, *found.expired)]
    assert len(planned) == len(set(planned))
    assert set(planned) <= {id(each) for each in in_flight}
    assert {id(each) for each in in_flight if each.job.deadline < NOW} == {id(each) for each in found.expired}


@given(jobs_in_flight, sizes, histories)
def test_nobody_who_waits_is_passed_over_for_a_post(
    in_flight: list[JobInFlight], max_batch: int, served: dict[Task, float]
) -> None:
    batch = plan(in_flight, NOW, max_batch, served).batch
    fresh_posts = [
        each
        for each in batch
        if each.job.priority == "unasked" and NOW - each.claimed_at < MAX_UNASKED_WAIT_S
    ]
    if batch and len(fresh_posts) == len(batch):
        assert not any(
            each.ready and each.job.priority == "waiting" and each.job.deadline >= NOW for each in in_flight
        )


@given(jobs_in_flight, sizes, histories)
def test_what_is_ready_is_held_for_a_moment_at_most(
    in_flight: list[JobInFlight], max_batch: int, served: dict[Task, float]
) -> None:
    found = plan(in_flight, NOW, max_batch, served)
    if not found.batch and any(each.ready and each.job.deadline >= NOW for each in in_flight):
        assert NOW < found.wake_at <= NOW + MAX_PREPARE_WAIT_S
        if all(each.ready for each in in_flight):
            assert found.wake_at <= NOW + GROUP_LINGER_S
        assert plan(in_flight, NOW + MAX_PREPARE_WAIT_S, max_batch, served).batch or any(
            each.job.deadline < NOW + MAX_PREPARE_WAIT_S for each in in_flight
        )


@given(jobs_in_flight, sizes, histories)
@settings(max_examples=300)
def test_everything_in_flight_is_run_in_the_end(
    in_flight: list[JobInFlight], max_batch: int, served: dict[Task, float]
) -> None:
    """Run batch after batch, with no time between: each takes its jobs, and nothing is left over."""
    left = [replace(each, ready=True) for each in in_flight]
    now = NOW + GROUP_LINGER_S
    turns: list[Task] = []
    while left:
        found = plan(left, now, max_batch, served)
        done = {id(each) for each in (*found.batch, *found.expired)}
        assert done
        left = [each for each in left if id(each) not in done]
        if found.batch:
            turns.append(found.batch[0].job.request.task)
            served = {**served, turns[-1]: now + len(turns) / 1000}
    assert len(turns) <= len(in_flight)


@given(st.lists(st.sampled_from(TASKS), min_size=3, max_size=40), sizes)
def test_no_task_has_two_turns_while_another_has_none(tasks: list[Task], max_batch: int) -> None:
    left = [in_flight_job(number, task) for number, task in enumerate(tasks)]
    served: dict[Task, float] = {}
    turns: list[Task] = []
    while left:
        open_tasks = {each.job.request.task for each in left}
        batch = plan(left, NOW, max_batch, served).batch
        task = batch[0].job.request.task
        for other in open_tasks - {task}:
            assert turns.count(task) <= turns.count(other)
        turns.append(task)
        served[task] = float(len(turns))
        left = [each for each in left if each not in batch]
