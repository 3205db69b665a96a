"""Calls that block, in a thread of their own."""

import asyncio
import sys
import threading

import pytest

from inference.model_thread import CallTimeout, ModelThread, all_ended


async def test_the_loop_goes_on_while_a_call_blocks() -> None:
    lane, go = ModelThread("test"), threading.Event()
    call = asyncio.create_task(lane.call(go.wait, 30))
    await asyncio.sleep(0)
    assert not call.done()
    go.set()
    assert await call is True
    lane.close()


async def test_calls_are_made_one_at_a_time_and_in_order() -> None:
    lane, made = ModelThread("test"), list[int]()
    await asyncio.gather(*(lane.call(made.append, number) for number in range(50)))
    assert made == list(range(50))
    lane.close()


async def test_an_error_goes_to_whoever_asked_and_the_lane_goes_on() -> None:
    lane = ModelThread("test")
    with pytest.raises(ZeroDivisionError):
        await lane.call(lambda: 1 // 0)
    with pytest.raises(RuntimeError, match="SystemExit"):
        await lane.call(sys.exit, 3)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await lane.call(next, iter(()))
    with pytest.raises(TimeoutError):
        await lane.call(_raise_timeout)
    assert await lane.call(abs, -1) == 1
    lane.close()


def _raise_timeout() -> None:
    raise TimeoutError("the call's own")


async def test_a_call_that_was_cancelled_before_it_began_is_never_made() -> None:
    lane, go, made = ModelThread("test"), threading.Event(), list[int]()
    first = asyncio.create_task(lane.call(go.wait, 30))
    second = asyncio.create_task(lane.call(made.append, 2))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    go.set()
    await first
    await lane.call(made.append, 3)
    assert made == [3]
    lane.close()


async def test_a_call_that_hangs_is_noticed_and_its_thread_is_known_to_be_left() -> None:
    lane, go = ModelThread("test", timeout_s=0.05), threading.Event()
    with pytest.raises(CallTimeout, match=r"0\.05 s"):
        await lane.call(go.wait, 30)
    lane.close()
    assert not all_ended(0.01)
    go.set()
    assert all_ended(30)


def test_a_loop_that_is_closed_meanwhile_does_no_harm() -> None:
    lane, go = ModelThread("test"), threading.Event()

    async def leave() -> None:
        call = asyncio.create_task(lane.call(go.wait, 30))
        await asyncio.sleep(0)
        call.cancel()

    asyncio.run(leave())
    go.set()
    lane.close()
    assert all_ended(30)
