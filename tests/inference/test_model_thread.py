"""Blocking calls in a model thread."""

import asyncio
import sys
import threading

import pytest

from inference.model_thread import CallTimeout, ModelThread, all_ended


async def test_the_loop_goes_on_while_a_call_blocks() -> None:
    model_thread, go = ModelThread("test"), threading.Event()
    call = asyncio.create_task(model_thread.call(go.wait, 30))
    await asyncio.sleep(0)
    assert not call.done()
    go.set()
    assert await call is True
    model_thread.close()


async def test_calls_are_made_one_at_a_time_and_in_order() -> None:
    model_thread, made = ModelThread("test"), list[int]()
    await asyncio.gather(*(model_thread.call(made.append, number) for number in range(50)))
    assert made == list(range(50))
    model_thread.close()


async def test_an_error_goes_to_whoever_asked_and_the_thread_goes_on() -> None:
    model_thread = ModelThread("test")
    with pytest.raises(ZeroDivisionError):
        await model_thread.call(lambda: 1 // 0)
    with pytest.raises(RuntimeError, match="SystemExit"):
        await model_thread.call(sys.exit, 3)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await model_thread.call(next, iter(()))
    with pytest.raises(TimeoutError):
        await model_thread.call(_raise_timeout)
    assert await model_thread.call(abs, -1) == 1
    model_thread.close()


def _raise_timeout() -> None:
    raise TimeoutError("the call's own")


async def test_a_call_that_was_cancelled_before_it_began_is_never_made() -> None:
    model_thread, go, made = ModelThread("test"), threading.Event(), list[int]()
    first = asyncio.create_task(model_thread.call(go.wait, 30))
    second = asyncio.create_task(model_thread.call(made.append, 2))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    go.set()
    await first
    await model_thread.call(made.append, 3)
    assert made == [3]
    model_thread.close()


async def test_a_call_that_hangs_is_noticed_and_its_thread_is_known_to_be_left() -> None:
    model_thread, go = ModelThread("test", timeout_s=0.05), threading.Event()
    with pytest.raises(CallTimeout, match=r"0\.05 s"):
        await model_thread.call(go.wait, 30)
    model_thread.close()
    assert not all_ended(0.01)
    go.set()
    assert all_ended(30)


def test_a_loop_that_is_closed_meanwhile_does_no_harm() -> None:
    model_thread, go = ModelThread("test"), threading.Event()

    async def leave() -> None:
        call = asyncio.create_task(model_thread.call(go.wait, 30))
        await asyncio.sleep(0)
        call.cancel()

    asyncio.run(leave())
    go.set()
    model_thread.close()
    assert all_ended(30)
