"""The embedded redis-server: it starts, is shared, is restarted, and leaves nothing behind."""

import asyncio
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import RedisError

from inference.errors import QueueUnavailable
from inference.queue import embedded_redis, redis_binary
from inference.queue.embedded_redis import MAX_SOCKET_PATH_BYTES, running_redis, socket_path
from inference.queue.redis_binary import Binary
from inference.settings import QueueSettings

OWNER = """
import asyncio, sys
from pathlib import Path
from inference.queue.embedded_redis import running_redis
from inference.settings import QueueSettings

async def main():
    settings = QueueSettings(_env_file=None, redis_url=None, data_dir=Path(sys.argv[1]))
    async with running_redis(settings) as url:
        print(url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
"""Another process with the same data folder."""


def settings(folder: Path, url: str | None = None) -> QueueSettings:
    return QueueSettings(_env_file=None, redis_url=SecretStr(url) if url else None, data_dir=folder)


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[Redis]:
    redis = Redis.from_url(url, decode_responses=True)
    try:
        yield redis
    finally:
        await redis.aclose()


async def process_of(url: str) -> int:
    async with client_of(url) as redis:
        return int((await redis.info("server"))["process_id"])


def lives(process: int) -> bool:
    """Say whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it may go between the opening and the reading
        return False


async def gone(process: int) -> None:
    """Wait until a process that is no child of ours is gone."""
    while lives(process):  # noqa: ASYNC110 - the kernel sets no event
        await asyncio.sleep(0.01)


@asynccontextmanager
async def owner(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, str(folder), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_it_is_private_durable_and_never_drops_a_job(tmp_path: Path) -> None:
    async with running_redis(settings(tmp_path)) as url, client_of(url) as redis:
        config = await redis.config_get("*")
    assert config["appendonly"] == "yes"
    assert config["appendfsync"] == "everysec"
    assert config["maxmemory-policy"] == "noeviction"
    assert config["maxmemory"] == "0"
    assert config["port"] == "0"
    folder = tmp_path / "redis"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert all(not file.stat().st_mode & 0o077 for file in folder.iterdir() if file.name != "version")


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    async with running_redis(settings(tmp_path)) as url, client_of(url) as redis:
        await redis.set("key", "value")
        server = await process_of(url)
    assert not lives(server)
    async with running_redis(settings(tmp_path)) as url, client_of(url) as redis:
        assert await redis.get("key") == "value"


async def test_a_second_process_finds_the_running_server(tmp_path: Path) -> None:
    async with running_redis(settings(tmp_path)) as url:
        server = await process_of(url)
        async with owner(tmp_path) as (_, other):
            assert other == url
            assert await process_of(other) == server
        assert await process_of(url) == server


async def test_the_second_takes_over_when_the_first_is_killed(tmp_path: Path) -> None:
    async with owner(tmp_path) as (first, url), asyncio.timeout(60):
        before = await process_of(url)
        async with client_of(url) as redis:
            await redis.set("key", "value")
        async with running_redis(settings(tmp_path)) as mine, client_of(mine) as redis:
            assert mine == url
            first.kill()
            await gone(before)
            while True:
                try:
                    assert await redis.get("key") == "value"
                    break
                except (OSError, RedisError):
                    await asyncio.sleep(0.02)
            assert await process_of(mine) != before


async def test_the_server_goes_when_its_owner_is_killed(tmp_path: Path) -> None:
    async with owner(tmp_path) as (process, url), asyncio.timeout(60):
        server = await process_of(url)
        process.kill()
        await process.wait()
        await gone(server)


async def test_a_server_that_is_killed_is_started_again(tmp_path: Path) -> None:
    async with running_redis(settings(tmp_path)) as url, asyncio.timeout(60):
        before = await process_of(url)
        os.kill(before, signal.SIGKILL)
        while True:
            try:
                assert await process_of(url) != before
                break
            except (OSError, RedisError):
                await asyncio.sleep(0.02)


async def test_a_stale_socket_is_no_obstacle(tmp_path: Path) -> None:
    async with owner(tmp_path) as (process, url), asyncio.timeout(60):
        server = await process_of(url)
        os.kill(process.pid, signal.SIGSTOP)  # so that it does not start another
        os.kill(server, signal.SIGKILL)
        await gone(server)
    assert (tmp_path / "redis" / "redis.sock").exists()
    async with running_redis(settings(tmp_path)) as url:
        assert await process_of(url) != server


async def test_a_long_path_gets_a_short_socket_in_a_private_folder(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    async with running_redis(settings(folder)) as url:
        path = Path(url.removeprefix("unix://"))
        assert len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert path.parent.stat().st_uid == os.geteuid()
        async with running_redis(settings(folder)) as other:
            assert other == url
    path.parent.rmdir()


def test_a_short_folder_that_is_a_trap_is_refused(tmp_path: Path) -> None:
    folder = Path("/" + "x" * 120)
    short = socket_path(folder, tmp_path).parent
    assert short.parent == tmp_path
    short.rmdir()
    short.symlink_to(tmp_path)
    with pytest.raises(QueueUnavailable, match="must be a folder"):
        socket_path(folder, tmp_path)


@pytest.mark.parametrize("version", ["7.0.15", "6.4.0", "8.2.1"])
async def test_an_older_server_is_refused_with_a_sentence(
    tmp_path: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_binary, "on_path", lambda: None)
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "version").write_text(version)
    with pytest.raises(
        QueueUnavailable, match=f"written by Redis {version}.* or newer is needed|older server"
    ):
        async with running_redis(settings(tmp_path)):
            pass
    assert not list((tmp_path / "redis").glob("appendonly*"))


async def test_the_folder_remembers_which_version_wrote_it(tmp_path: Path) -> None:
    async with running_redis(settings(tmp_path)) as url, client_of(url) as redis:
        version = (await redis.info("server"))["redis_version"]
    assert (tmp_path / "redis" / "version").read_text().strip() == version


async def test_no_server_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_binary, "bundled", lambda: None)
    monkeypatch.setattr(redis_binary, "on_path", lambda: None)
    with pytest.raises(QueueUnavailable, match=r"No redis-server was found.*REDIS_URL"):
        async with running_redis(settings(tmp_path)):
            pass


async def test_a_server_that_ends_instead_of_starting_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Binary(Path("/bin/false"), (7, 0))
    monkeypatch.setattr(embedded_redis, "choose", lambda _: broken)
    with pytest.raises(QueueUnavailable, match="exit code 1 instead of starting"):
        async with running_redis(settings(tmp_path)):
            pass


async def test_a_data_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(QueueUnavailable, match="BEHOLDER_DATA_DIR"):
        async with running_redis(settings(tmp_path / "file")):
            pass


@pytest.mark.parametrize(
    "url", ["redis://:hunter2@127.0.0.1:1/0", "unix:///nowhere/redis.sock?password=hunter2"]
)
async def test_a_redis_url_that_leads_nowhere_is_waited_for_and_told_without_its_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1), running_redis(settings(tmp_path, url)):
            pass
    (line,) = caplog.messages
    assert "(REDIS_URL) is not reached, waiting for it" in line
    assert "hunter2" not in line


async def test_a_malformed_redis_url_is_said_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(QueueUnavailable, match="REDIS_URL") as caught:
        async with running_redis(settings(tmp_path, "http://hunter2@x")):
            pass
    assert "hunter2" not in str(caught.value)


async def test_a_redis_url_is_used_as_it_is(tmp_path: Path, redis_url: str) -> None:
    async with running_redis(settings(tmp_path, redis_url)) as url:
        assert url == redis_url
    assert not (tmp_path / "redis").exists()


async def test_a_redis_that_may_drop_jobs_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_redis(settings(tmp_path)) as url, client_of(url) as redis:
        async with running_redis(settings(tmp_path, url)):
            assert "noeviction" not in caplog.text
        await redis.config_set("maxmemory", 2**30)
        await redis.config_set("maxmemory-policy", "allkeys-lru")
        async with running_redis(settings(tmp_path, url)):
            assert "set maxmemory-policy to noeviction" in caplog.text
