"""Trains the tiny models: `python -m inference.tiny.train [caption|answer|match|converse|all]`.

Seeds and step counts are fixed, so that a run can be repeated; README.md beside this file has
what came of it. `answer` and `match` start from the captioner's weights in the same folder, `converse`
(or `llava`) from the matcher's.
"""

import argparse
from functools import partial
from pathlib import Path

from transformers.utils import logging as transformers_logging

from inference.tiny.blip import AnswerTask, CaptionTask
from inference.tiny.llava import ConverseTask
from inference.tiny.loop import PROCESSES, Recipe, Task, train
from inference.tiny.match import MatchTask
from inference.tiny.pool import fill_pool
from inference.tiny.readers import WEIGHTS

PICTURES = 200_000
"""The size of the pool of pictures; each is used a few times, mirrored and in other lights."""

POOL_SEED = 1
"""The pool's random seed."""

TASKS = ("caption", "answer", "match", "converse")
"""The training tasks, each after the one whose weights it starts from."""


def task_for(name: str, out: Path) -> Task:
    """Return a training task.

    Args:
        name: One of `TASKS`.
        out: The folder of the checkpoints' folders.
    """
    if name == "caption":
        return CaptionTask(out / name, Recipe(steps=2000, rate=2e-3))
    if name == "answer":
        return AnswerTask(out / name, Recipe(steps=3000, rate=1.5e-3, seed=2), out / "caption")
    if name == "converse":
        return ConverseTask(out / name, Recipe(steps=2200, rate=2e-3, seed=4), out / "match")
    return MatchTask(out / name, Recipe(steps=2000, rate=1.5e-3, seed=3), out / "caption")


def main() -> None:
    """Train the tasks on the command line."""
    parser = argparse.ArgumentParser(prog="python -m inference.tiny.train", description=__doc__)
    parser.add_argument("task", nargs="?", default="all", choices=(*TASKS, "llava", "all"))
    parser.add_argument(
        "--out", type=Path, default=WEIGHTS, help="where checkpoints go (default: %(default)s)"
    )
    parser.add_argument(
        "--pool",
        type=Path,
        default=Path("data/tiny-pool"),
        help="where drawn pictures are kept, 2.5 GB (default: %(default)s)",
    )
    arguments = parser.parse_args()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    open_pool = partial(fill_pool, arguments.pool, PICTURES, POOL_SEED, PROCESSES)
    open_pool()
    asked = "converse" if arguments.task == "llava" else arguments.task
    for name in TASKS if asked == "all" else (asked,):
        print(f"training {name}", flush=True)  # noqa: T201
        train(task_for(name, arguments.out), open_pool)


if __name__ == "__main__":
    main()
