"""A real Redis for every test that needs one."""

import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from os import getpid
from pathlib import Path

import pytest
from hypothesis import settings
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as NoConnection
from redis.retry import Retry

from inference.queue import redis_binary
from inference.queue.embedded_redis import command
from inference.sandbox.parent_death import die_with_parent

# How long an example takes says more about what else the machine does than about the example.
settings.register_profile("beholder", deadline=None)
settings.load_profile("beholder")

KINDS = {
    name: path
    for name, path in (("bundled", redis_binary.bundled()), ("on-path", redis_binary.on_path()))
    if path is not None
}
"""The redis-servers on this machine; there must be one, or the queue's tests fail."""


@pytest.fixture(scope="session", params=KINDS or ["no redis-server"])
def redis_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run a redis-server of each kind for the whole session, and give its URL."""
    path = KINDS[request.param]
    with tempfile.TemporaryDirectory(prefix="beholder-redis-") as name:
        socket = Path(name) / "redis.sock"
        binary = redis_binary.Binary(path, redis_binary.version_of(path))
        with subprocess.Popen(
            command(binary, Path(name), socket),
            preexec_fn=partial(die_with_parent, getpid()),  # noqa: PLW1509 - no thread of ours runs yet
        ) as process:
            wait_for_ping(socket)
            yield f"unix://{socket}"
            process.terminate()


def wait_for_ping(socket: Path) -> None:
    """Return when a server answers on `socket`; raise after 10 s."""
    retry = Retry(ConstantBackoff(0.01), 1000, (NoConnection, BusyLoadingError, FileNotFoundError))
    with Redis(unix_socket_path=str(socket), retry=retry) as redis:
        redis.ping()


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """Give the URL of an empty Redis; a test with this runs once on each redis-server of this machine."""
    with Redis.from_url(redis_server) as redis:
        redis.flushall()
    return redis_server
