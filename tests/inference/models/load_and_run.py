"""Run by tests in a process of its own: load the models that the environment names and try each once.

Prints a line of JSON for each task: the engine's name and what it made of a red picture.
"""

import json
import logging
import sys

from PIL import Image

from inference.models.loading import load
from inference.schema import Answer, Caption, Match, Picture, Task
from inference.settings import WorkerSettings

RED = Picture.of("guild:1", b"red")
REQUESTS: dict[Task, Caption | Answer | Match] = {
    "caption": Caption(picture=RED),
    "answer": Answer(picture=RED, question="what is in the picture?"),
    "match": Match(pictures=(RED,), labels=("a red circle", "a blue square")),
}


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    settings = WorkerSettings()
    for task in settings.tasks:
        engine = load(task, settings)
        engine.warm_up()
        (outcome,) = engine.forward([engine.prepare(REQUESTS[task], [Image.new("RGB", (64, 64), "red")])])
        print(json.dumps({"name": engine.name, "outcome": outcome.model_dump(mode="json")}))  # noqa: T201


if __name__ == "__main__":
    main()
