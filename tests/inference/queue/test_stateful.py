"""Any sequence of submits, claims, replies and crashes: every job gets one reply, and every limit holds."""

import asyncio
from contextlib import AsyncExitStack

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from redis import Redis

from inference.errors import QueueFull, TooManyInFlight
from inference.queue.client import InferenceClient
from inference.queue.consumer import MAX_ATTEMPTS, ClaimedJob
from inference.queue.keys import Keys
from inference.schema import Failure, Priority, Result, job_id, replies
from tests.inference.queue.harness import AT_ONCE_MS, QueueHarness, captioned

NAMES = "abcde"
WORKERS = ("one", "two")
MOST, MOST_EACH = 4, 3

names = st.sampled_from(NAMES)
workers = st.sampled_from(WORKERS)


class Queue(RuleBasedStateMachine):
    """A model of the queue beside the real one.

    Attributes:
        url: The Redis, set before it is run.
        open: Jobs under way, with who asked.
        done: Jobs whose result is kept.
        entry: The entry that counts for an open job, as far as a worker has seen it.
        holder: In whose hands a job is.
        attempts: That an open job made alone.
        answered: The jobs that should have been answered, in order.
    """

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        with Redis.from_url(self.url) as redis:
            redis.flushall()
        self.queue = self.runner.run(self._set_up())
        # Not opened: its replies stay in their stream, to be counted.
        configured = self.queue.settings(queue_jobs=MOST, jobs_per_person=MOST_EACH)
        self.client = InferenceClient(self.queue.redis, configured, "bot", keys=self.queue.keys)
        self.workers = {name: self.queue.worker(name, claim_seconds=AT_ONCE_MS) for name in WORKERS}
        self.hands: dict[str, list[ClaimedJob]] = {name: [] for name in WORKERS}
        self.open: dict[str, str] = {}
        self.done: set[str] = set()
        self.entry: dict[str, str] = {}
        self.holder: dict[str, str] = {}
        self.attempts: dict[str, int] = {}
        self.answered: list[str] = []

    async def _set_up(self) -> QueueHarness:
        queue = QueueHarness(self.url, Keys("machine"), self.stack)
        self.stack.push_async_callback(queue.redis.aclose)
        return queue

    @rule(name=names, asker=st.sampled_from("78"), priority=st.sampled_from(("waiting", "unasked")))
    def submit(self, name: str, asker: str, priority: Priority) -> None:
        each = sum(one == asker for one in self.open.values())
        fresh = name not in self.open and name not in self.done
        try:
            self.runner.run(self.queue.submit(self.client, name, asker=asker, priority=priority))
        except TooManyInFlight:
            assert fresh
            assert each == MOST_EACH
        except QueueFull:
            assert fresh
            assert len(self.open) == MOST
        else:
            assert not fresh or (each < MOST_EACH and len(self.open) < MOST)
            if fresh:
                self.open[name] = asker

    @rule(worker=workers, count=st.integers(1, 4))
    def take(self, worker: str, count: int) -> None:
        taken = self.runner.run(self.workers[worker].take(count, 0))
        assert len(taken) <= count
        for each in taken:
            assert not each.isolated
            assert self._name(each) not in self.entry
            self._hold(worker, each)

    @rule(worker=workers)
    def claim(self, worker: str) -> None:
        given_up = {name for name, attempts in self.attempts.items() if attempts == MAX_ATTEMPTS}
        taken = self.runner.run(self.workers[worker].claim_abandoned())
        for name in self._replied()[len(self.answered) :]:
            assert name in given_up
            self._answer(name)
        for each in taken:
            name = self._name(each)
            assert each.isolated
            assert self.entry.get(name, each.entry_id) == each.entry_id
            self._hold(worker, each)
            self.attempts[name] = self.attempts.get(name, 0) + 1
            assert self.attempts[name] <= MAX_ATTEMPTS

    @rule(worker=workers, well=st.booleans())
    def finish(self, worker: str, well: bool) -> None:
        if not self.hands[worker]:
            return
        taken = self.hands[worker].pop(0)
        name = self._name(taken)
        reply: Result | Failure = (
            captioned(taken) if well else Failure(job_id=taken.job.id, code="model_failed")
        )
        self.runner.run(self.workers[worker].finish(taken, reply))
        if name in self.open and self.entry.get(name) == taken.entry_id:
            self._answer(name)

    @rule(worker=workers)
    def crash(self, worker: str) -> None:
        self.hands[worker] = []

    @rule(worker=workers)
    def leave(self, worker: str) -> None:
        self.runner.run(self.workers[worker].leave())
        self.hands[worker] = []
        for name in list(self.entry):
            if self.holder[name] == worker and self.attempts.get(name, 0):
                self.attempts[name] -= 1
            elif self.holder[name] == worker:
                del self.entry[name]

    @rule(name=names)
    def close(self, name: str) -> None:
        self.runner.run(self.client.close_request([job_id(name)]))
        self.done.discard(name)
        self._forget(name)

    @invariant()
    def everything_is_answered_once(self) -> None:
        assert self._replied() == self.answered

    @invariant()
    def what_counts_is_what_is_open(self) -> None:
        redis, keys = self.queue.redis, self.queue.keys
        counted = {one.decode() for one in self.runner.run(redis.zrange(keys.open, 0, -1))}
        assert counted == {job_id(name) for name in self.open}
        for asker in "78":
            mine = {one.decode() for one in self.runner.run(redis.zrange(keys.asker(asker), 0, -1))}
            assert mine == {job_id(name) for name, one in self.open.items() if one == asker}

    def teardown(self) -> None:
        self.runner.run(self._drain())
        assert sorted(self._replied()) == sorted([*self.answered, *self.open])
        for name in self.open:
            assert self.runner.run(self.queue.redis.exists(self.queue.keys.result("guild:1", job_id(name))))
        self.runner.run(self.stack.aclose())
        self.runner.close()

    async def _drain(self) -> None:
        """Let one worker do all that is left; nothing may stay open, pending or in a stream."""
        worker, keys = self.workers["one"], self.queue.keys
        async with asyncio.timeout(60):
            while await self.queue.redis.zcard(keys.open):
                for taken in await worker.take(8, 0) or await worker.claim_abandoned():
                    await worker.finish(taken, captioned(taken))
        streams = [keys.jobs("caption", priority) for priority in ("waiting", "unasked")]
        async with asyncio.timeout(60):
            # What was closed in a worker's hands goes once that worker counts as silent.
            while sum([await self.queue.redis.xlen(stream) for stream in streams]):
                assert await worker.claim_abandoned() == []

    def _name(self, taken: ClaimedJob) -> str:
        """Tell which job it is; only jobs that are open may be handed out."""
        return next(name for name in NAMES if job_id(name) == taken.job.id)

    def _hold(self, worker: str, taken: ClaimedJob) -> None:
        name = self._name(taken)
        assert name in self.open
        self.entry[name] = taken.entry_id
        self.holder[name] = worker
        self.hands[worker].append(taken)

    def _answer(self, name: str) -> None:
        self.answered.append(name)
        self.done.add(name)
        self._forget(name)

    def _forget(self, name: str) -> None:
        for known in (self.open, self.entry, self.attempts):
            known.pop(name, None)

    def _replied(self) -> list[str]:
        by_id = {job_id(name): name for name in NAMES}
        entries = self.runner.run(self.queue.redis.xrange(self.queue.keys.replies("bot")))
        return [by_id[replies.validate_json(fields[b"reply"]).job_id] for _, fields in entries]


def test_every_job_is_answered_once_whatever_happens(redis_url: str) -> None:
    machine = type("QueueOn", (Queue,), {"url": redis_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
