"""What keeps a command from starting is said in one sentence, with an exit code and without a traceback."""

import os
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot.harness import TIMEOUT_S
from tests.composed import ROOT

TOKEN = "a.b.c"  # noqa: S105 - nobody's


def outcome(folder: Path, *command: str, program: str = "", **settings: str) -> tuple[int, str]:
    """Run `beholder` in a folder, after a line of Python; return its exit code and its only sentence."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("BEHOLDER_")}
    start = (
        f"{program}\nimport sys; sys.argv[0] = 'beholder'; from bot.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", start, *command],
        cwd=folder,
        env={
            **{name: value for name, value in ours.items() if name not in {"DISCORD_TOKEN", "REDIS_URL"}},
            "PYTHONPATH": str(ROOT),
            "BEHOLDER_DATA_DIR": str(folder / "data"),
            "BEHOLDER_MODELS": "tiny",
            **settings,
        },
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert len(said) == 1, done.stderr
    return done.returncode, said[0]


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield str(listener.getsockname()[1])


EVERY_COMMAND = ("run", "bot", "worker", "playground", "models", "sync", "health bot", "health worker")


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_every_command_reads_the_log_level_from_dotenv_and_refuses_a_wrong_one(
    tmp_path: Path, command: str
) -> None:
    (tmp_path / ".env").write_text("BEHOLDER_LOG=loud\n")
    code, said = outcome(tmp_path, *command.split())
    assert code == 2
    assert said.startswith("beholder: BEHOLDER_LOG is 'LOUD': it should be 'DEBUG'")


def test_a_garbled_dotenv_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"BEHOLDER_LOG=\xff\n")
    code, said = outcome(tmp_path, "bot")
    assert (code, said.startswith(f"beholder: {tmp_path}/.env is not UTF-8")) == (2, True)


@pytest.mark.parametrize("command", ["run", "playground"])
def test_a_taken_port_is_named_with_the_setting(tmp_path: Path, taken_port: str, command: str) -> None:
    code, said = outcome(tmp_path, command, BEHOLDER_PLAYGROUND_PORT=taken_port)
    assert code == 2
    assert f"can't listen on 127.0.0.1:{taken_port}: another program uses that port" in said
    assert "set BEHOLDER_PLAYGROUND_PORT" in said


def test_a_second_bot_on_a_data_folder_is_refused(tmp_path: Path) -> None:
    environment = {**os.environ, "BEHOLDER_DATA_DIR": str(tmp_path / "data"), "DISCORD_TOKEN": ""}
    first = subprocess.Popen(
        [sys.executable, "-m", "bot", "run"],
        env={**environment, "BEHOLDER_PLAYGROUND_PORT": "0", "BEHOLDER_MODELS": "tiny"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with first:
        try:
            assert first.stdout is not None
            assert first.stdout.readline() == "Beholder is starting.\n"
            for command in ("run", "bot"):
                code, said = outcome(tmp_path, command, DISCORD_TOKEN=TOKEN)
                assert code == 2
                assert f"Another Beholder runs on the data folder {tmp_path / 'data'}" in said
                assert f"(process {first.pid})" in said
                assert "set BEHOLDER_DATA_DIR" in said
        finally:
            first.terminate()
            first.communicate()


@pytest.mark.parametrize("command", ["run", "bot", "worker", "playground", "sync"])
def test_a_data_folder_that_cannot_be_used_is_named(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").touch()
    folder = str(tmp_path / "file" / "data")
    code, said = outcome(tmp_path, command, BEHOLDER_DATA_DIR=folder, DISCORD_TOKEN=TOKEN)
    assert code == 2
    assert folder in said
    assert "Not a directory" in said
    assert "Set BEHOLDER_DATA_DIR" in said


@pytest.mark.parametrize("command", ["run", "bot", "worker", "sync", "health bot"])
@pytest.mark.parametrize("url", ["http://:secret@here", "redis://:secret@here/?nothing=1"])
def test_a_malformed_redis_url_is_refused_without_its_password(
    tmp_path: Path, command: str, url: str
) -> None:
    code, said = outcome(tmp_path, *command.split(), REDIS_URL=url, DISCORD_TOKEN=TOKEN)
    assert code == (1 if command.startswith("health") else 2)
    assert "REDIS_URL (it begins with" in said
    assert "redis://[user:password@]host:port/0" in said
    assert "secret" not in said


@pytest.fixture
def no_redis() -> Iterator[str]:
    """Give the address of a server that speaks another protocol."""

    class Other(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://:secret@127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("command", ["run", "bot", "worker", "sync"])
def test_a_server_that_is_no_redis_is_refused(tmp_path: Path, no_redis: str, command: str) -> None:
    code, said = outcome(tmp_path, command, REDIS_URL=no_redis, DISCORD_TOKEN=TOKEN)
    assert code == 2
    assert "(REDIS_URL) cannot be used" in said
    assert "Correct REDIS_URL, or leave it out" in said
    assert "secret" not in said


@pytest.mark.parametrize("command", ["run", "bot", "worker"])
def test_a_redis_that_is_away_is_waited_for_until_the_command_is_stopped(
    tmp_path: Path, command: str
) -> None:
    environment = {
        **os.environ,
        "BEHOLDER_DATA_DIR": str(tmp_path),
        "REDIS_URL": f"unix://{tmp_path}/absent.sock",
        "DISCORD_TOKEN": TOKEN,
        "BEHOLDER_MODELS": "tiny",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "bot", command], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        # One line tells, and no second one while it waits.
        assert "absent.sock (REDIS_URL) is not reached, waiting for it" in process.stderr.readline()
        process.terminate()
        assert process.wait(TIMEOUT_S) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize("command", ["run", "worker", "models"])
@pytest.mark.parametrize("library", ["torch", "transformers", "pillow_heif", "huggingface_hub"])
def test_a_missing_library_of_the_workers_ends_the_command(
    tmp_path: Path, command: str, library: str
) -> None:
    code, said = outcome(tmp_path, command, program=f"import sys; sys.modules[{library!r}] = None")
    assert code == 2
    assert f"The worker's libraries are not installed: {library} cannot be found" in said
    assert "pip install -c constraints.txt -e '.[worker]'" in said


def test_a_broken_library_of_the_workers_ends_it(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so.13: cannot open shared object file')\n")
    code, said = outcome(tmp_path, "worker", BEHOLDER_TASKS="match", PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert code == 2
    assert "cannot be imported: libcudart.so.13: cannot open shared object file." in said


@pytest.mark.parametrize("library", ["pydantic", "discord", "redis", "dotenv"])
def test_a_missing_library_of_the_bots_is_named(tmp_path: Path, library: str) -> None:
    code, said = outcome(
        tmp_path, "bot", program=f"import sys; sys.modules[{library!r}] = None", DISCORD_TOKEN=TOKEN
    )
    assert code == 2
    assert f"The library '{library}' is not installed for {sys.executable}" in said
    assert "make run" in said
