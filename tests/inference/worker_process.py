"""A worker process whose engines are those of the tests: `python -m tests.inference.worker_process`.

It is all of `inference.worker.main` but for the models. `DIARY` names the file that gets a line for each
batch, and `HOW` what is wrong with the engines (`broken`, `stubborn`, `cold`; `free`: nothing holds them;
`unavailable`: they cannot be loaded).
"""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from inference.engines import ChatEngine, Engine
from inference.models.errors import ModelUnavailable
from inference.models.progress import Progress
from inference.schema import Task
from inference.settings import WorkerSettings
from inference.worker.main import main
from tests.inference import fake_engine
from tests.inference.fake_chat_engine import ScriptedChat

ROOT = Path(__file__).parents[2]


def load(task: Task, _: WorkerSettings, __: Progress | None = None) -> Engine:
    """Make the engine that the environment asks for."""
    how = os.environ.get("HOW", "")
    if how == "unavailable":
        raise ModelUnavailable("The model no/such is not on the hub: correct BEHOLDER_CAPTION_MODEL.")
    return fake_engine.load(task, Path(os.environ["DIARY"]), how)


def load_chat(_: WorkerSettings, __: Progress | None = None) -> ChatEngine:
    """Make the engine that converses; only where it is `free`, what is held goes on."""
    chat = ScriptedChat(diary=Path(os.environ["DIARY"]))
    if os.environ.get("HOW") == "free":
        chat.go.set()
    return chat


@asynccontextmanager
async def worker(url: str, diary: Path, **given: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run such a process, and kill it in the end.

    Args:
        url: Of Redis.
        diary: The file that gets a line for each batch.
        given: Further environment.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.inference.worker_process"),
        cwd=ROOT,
        env=_environment(url, diary, given),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def _environment(url: str, diary: Path, given: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BEHOLDER_")}
    return {**kept, "REDIS_URL": url, "DIARY": str(diary), **given}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    sys.exit(main(WorkerSettings(), load, load_chat))
