"""Makes jobs and requests for tests."""

import time
from collections.abc import Sequence
from typing import Any

from inference.schema import Answer, Caption, Group, Job, Match, Picture, Task, job_id

SCOPE = "guild:1"
NO_PICTURE = Picture.of(SCOPE, b"no picture")


def request(
    task: Task, pictures: Sequence[Picture] = (NO_PICTURE,), question: str = "what?"
) -> Caption | Answer | Match:
    """Make a request of that task; only a `Match` takes more than one picture."""
    if task == "caption":
        return Caption(picture=pictures[0])
    if task == "answer":
        return Answer(picture=pictures[0], question=question)
    return Match(pictures=tuple(pictures), labels=("red", "blue"))


def job(number: int, task: Task = "caption", **given: Any) -> Job:
    """Make job `number`: waited for, a group of its own, ten minutes to live, but for what is `given`."""
    now = time.time()
    usual: dict[str, Any] = {
        "id": job_id(number),
        "request": request(task),
        "priority": "waiting",
        "asker": "7",
        "group": Group(id=str(number), size=1),
        "reply_to": "bot",
        "submitted": now,
        "deadline": now + 600,
    }
    return Job(**usual | given)
