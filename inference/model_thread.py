"""A thread for blocking calls into a model, so that the event loop stays responsive."""

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
    """A call has not returned in time. Its thread cannot be ended, so the process should exit."""


class ModelThread:
    """A thread that makes one call at a time, in the order in which they were requested.

    It is a daemon thread, unlike an executor's: a call that hangs does not keep the process from exiting.

    Args:
        name: The thread's name.
        timeout_s: Seconds after which a call counts as hanging; None: never.
    """

    def __init__(self, name: str, timeout_s: float | None = None) -> None:
        self._timeout_s = timeout_s
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        _Thread(name, self._calls).start()

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401 - of any function
        """Call `function` in the thread.

        When this is cancelled before the call has begun, the call is never made; one that has begun runs on.

        Raises:
            CallTimeout: It has not returned within `timeout_s`, counted from the request.
            Exception: Any error of the function.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._calls.put((loop, future, function, arguments))
        timeout = asyncio.timeout(self._timeout_s)
        try:
            async with timeout:
                return await future
        except TimeoutError as error:
            if not timeout.expired():
                raise
            raise CallTimeout(f"A call into a model has not returned for {self._timeout_s} s.") from error

    def close(self) -> None:
        """Let the thread end after the calls that were requested before."""
        self._calls.put(None)


class _Thread(threading.Thread):
    def __init__(self, name: str, calls: "queue.SimpleQueue[_Call | None]") -> None:
        super().__init__(name=name, daemon=True)
        self._calls = calls

    def run(self) -> None:
        while (call := self._calls.get()) is not None:
            _make(*call)
            # Otherwise the last batch would stay in memory until the next call.
            del call


def all_ended(timeout_s: float) -> bool:
    """Wait up to `timeout_s` seconds for all model threads to end; return whether they have."""
    until = time.monotonic() + timeout_s
    threads = [thread for thread in threading.enumerate() if isinstance(thread, _Thread)]
    for thread in threads:
        thread.join(max(0, until - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _make(
    loop: asyncio.AbstractEventLoop,
    future: "asyncio.Future[T]",
    function: Callable[..., T],
    arguments: tuple[Any, ...],
) -> None:
    """Make a call and hand its result or error to the event loop."""
    if future.cancelled():
        return
    settle: Callable[[], None]
    try:
        result = function(*arguments)
    except BaseException as raised:  # noqa: BLE001 - it is raised again in the caller
        error = _call_error(raised)
        settle = lambda: None if future.done() else future.set_exception(error)  # noqa: E731
    else:
        settle = lambda: None if future.done() else future.set_result(result)  # noqa: E731
    # The loop may have been closed meanwhile.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(settle)


def _call_error(error: BaseException) -> Exception:
    """Return an error that ends only the call: a library's SystemExit must not end the process."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"{type(error).__name__} in a call")
