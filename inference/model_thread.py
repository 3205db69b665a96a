"""A thread for calls that block, so that the event loop never does."""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
_Call = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]


class CallTimeout(RuntimeError):
    """A call has not come back. Its thread cannot be ended, so the process should."""


class ModelThread:
    """One thread that makes one call at a time, in the order in which they came.

    Unlike an executor's, its thread does not hold up the end of the process: a call that hangs can be left.

    Args:
        name: Of the thread.
        longest: Seconds after which a call counts as hanging; None: never.
    """

    def __init__(self, name: str, longest: float | None = None) -> None:
        self._longest = longest
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        _LaneThread(name, self._calls).start()

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401 - whatever it takes
        """Call `function` in the thread.

        When this is cancelled before the call has begun, it is never made; one that has begun runs on.

        Raises:
            Hanging: It has not come back within `longest`, what was before it in the lane included.
            Exception: What the function raises.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._calls.put((loop, future, function, arguments))
        limit = asyncio.timeout(self._longest)
        try:
            async with limit:
                return await future
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise CallTimeout(f"A model's call has not come back for {self._longest} s.") from error

    def close(self) -> None:
        """Let the thread end after the calls that were asked for already."""
        self._calls.put(None)


class _LaneThread(threading.Thread):
    def __init__(self, name: str, calls: "queue.SimpleQueue[_Call | None]") -> None:
        super().__init__(name=name, daemon=True)
        self._calls = calls

    def run(self) -> None:
        while (call := self._calls.get()) is not None:
            _make(*call)
            # Or the last batch would stay in memory until the next one comes.
            del call


def all_ended(seconds: float) -> bool:
    """Wait up to `seconds` for the threads of all lanes to end, and say whether they have."""
    until = time.monotonic() + seconds
    threads = [thread for thread in threading.enumerate() if isinstance(thread, _LaneThread)]
    for thread in threads:
        thread.join(max(0, until - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _make(
    loop: asyncio.AbstractEventLoop,
    future: "asyncio.Future[T]",
    function: Callable[..., T],
    arguments: tuple[Any, ...],
) -> None:
    if future.cancelled():
        return
    settle: Callable[[], None]
    try:
        result = function(*arguments)
    except BaseException as raised:  # noqa: BLE001 - it goes to whoever asked
        error = _ordinary(raised)
        settle = lambda: None if future.done() else future.set_exception(error)  # noqa: E731
    else:
        settle = lambda: None if future.done() else future.set_result(result)  # noqa: E731
    # A loop that was closed meanwhile has nobody left who waits.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(settle)


def _ordinary(error: BaseException) -> Exception:
    """Return an error that ends nothing but the call: a library's SystemExit is not the process's end."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"{type(error).__name__} in a call")
