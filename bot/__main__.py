"""The `beholder` command. Each part is imported when it is started, so that the bot stays small."""

import argparse
import io
import logging
import sys
from collections.abc import Callable, Sequence

MISCONFIGURED = 2
"""Exit code: only the operator can fix it (a setting, the token, Redis's address)."""


def _run(arguments: argparse.Namespace) -> int:
    from bot.cli.run import main as run

    return run(tied=arguments.tied)


def _bot(_: argparse.Namespace) -> int:
    from bot.cli.bot import main as bot

    return bot()


def _worker(arguments: argparse.Namespace) -> int:
    from bot.cli.worker import main as worker

    return worker(arguments.tasks)


def _playground(_: argparse.Namespace) -> int:
    from bot.cli.run import playground

    return playground()


def _models(_: argparse.Namespace) -> int:
    from bot.cli.worker import fetch

    return fetch()


def _sync(_: argparse.Namespace) -> int:
    from bot.cli.sync import main as sync

    return sync()


def _health(arguments: argparse.Namespace) -> int:
    from bot.cli.health import main as health

    return health(arguments.part)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="beholder",
        description="A self-hosted Discord bot that sees.",
        epilog="Settings: see .env.example.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, start: Callable[[argparse.Namespace], int], summary: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=summary, description=summary)
        command.set_defaults(start=start)
        return command

    run = add("run", _run, "Run Redis, a worker and the bot; without DISCORD_TOKEN, in a pocket Discord.")
    run.add_argument("--tied", action="store_true", help="stop when the parent process ends")
    add("bot", _bot, "Run the bot only.")
    worker = add("worker", _worker, "Run a worker only: it takes jobs from Redis and runs the models.")
    worker.add_argument(
        "--tasks", help="the tasks that it serves, separated by commas (default: BEHOLDER_TASKS, else all)"
    )
    add("playground", _playground, "Run the pocket Discord only, for a bot that is started separately.")
    add("models", _models, "Download the models of BEHOLDER_MODELS (default: base) to the local cache.")
    add("sync", _sync, "Register the commands with Discord now; the bot does so when they have changed.")
    health = add("health", _health, "Check the health of the bot or worker on this host, for a container.")
    health.add_argument("part", choices=["bot", "worker"])
    return top


def _complain(*sentences: str) -> int:
    """Print sentences for the operator.

    Returns:
        The exit code.
    """
    for sentence in sentences:
        print(f"beholder: {sentence}", file=sys.stderr, flush=True)
    return MISCONFIGURED


def _start(chosen: argparse.Namespace) -> int:
    """Read the settings that concern every command, and run the chosen one."""
    # Here and not above: where a library is missing, `main` says which.
    from pydantic import ValidationError

    from bot.settings import SETTINGS_CLASSES, LogSettings, dotenv_problems, settings_problems, unknown_names

    if unreadable := dotenv_problems():
        return _complain(*unreadable)
    try:
        logging.basicConfig(
            level=LogSettings().level,
            format="%(asctime)s %(levelname)-7s %(name)s  %(message)s",
            datefmt="%H:%M:%S",
            stream=sys.stderr,
        )
        if unknown := unknown_names():
            return _complain(*unknown)
        return int(chosen.start(chosen))
    except ValidationError as error:
        if error.title not in {each.__name__ for each in SETTINGS_CLASSES}:
            raise
        return _complain(*settings_problems(error))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The words after `beholder`; by default the process's own.

    Returns:
        The exit code: 0 done, 1 failed, 2 only the operator can fix it, 130 ended by Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding lacks must not end the process.
            stream.reconfigure(errors="backslashreplace")
    try:
        return _start(parser().parse_args(arguments))
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library in {"bot", "handlers", "inference"}:
            raise
        return _complain(
            f"The library {library!r} is not installed for {sys.executable}. Start it with `make run` "
            "or as .venv/bin/beholder, or install the rest: pip install -c constraints.txt -e '.[worker]'"
        )
    except KeyboardInterrupt:
        print("beholder: Stopped by Ctrl-C.", file=sys.stderr, flush=True)
        return 130


if __name__ == "__main__":
    sys.exit(main())
