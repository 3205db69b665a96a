"""Caption, answer and match, through the queue's client, a real `beholder worker` and the tiny models."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio
from pydantic import SecretStr

from inference.queue.client import InferenceClient
from inference.queue.embedded_redis import running_redis
from inference.sandbox.parent_death import die_with_parent
from inference.schema import (
    Answer,
    Answered,
    Caption,
    Captioned,
    Group,
    Match,
    Matched,
    Outcome,
    Picture,
    Request,
    job_id,
)
from inference.settings import QueueSettings
from tests.e2e.scenes import Thing, draw
from tests.e2e.stack import PRIVATE, ROOT

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCOPE = "guild:1"
RED = [Thing("red", "circle", 0.5, 0.5, 0.25)]
BOTH = [Thing("blue", "square", 0.3, 0.3, 0.2), Thing("yellow", "triangle", 0.7, 0.7, 0.2)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[InferenceClient]:
    """Have a worker with the tiny models, and a client of its queue."""
    data = tmp_path_factory.mktemp("data")
    settings = QueueSettings().model_copy(update={"redis_url": None, "data_dir": data})
    async with running_redis(settings) as url:
        ours = {name: value for name, value in os.environ.items() if not PRIVATE.match(name)}
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "worker"),
            cwd=ROOT,
            env={**ours, "REDIS_URL": url, "BEHOLDER_MODELS": "tiny", "BEHOLDER_DATA_DIR": str(data)},
            preexec_fn=partial(die_with_parent, os.getpid()),
        )
        told = settings.model_copy(update={"redis_url": SecretStr(url)})
        async with InferenceClient.open(told, "e2e") as client:
            yield client
        worker.terminate()
        assert await asyncio.wait_for(worker.wait(), 30) == 0


async def ask(client: InferenceClient, request: Request) -> Outcome:
    job = job_id("e2e", request.model_dump_json())
    group = Group(id=job, size=1)
    ticket = await client.submit(request, id=job, priority="waiting", asker="1", group=group)
    return (await asyncio.wait_for(ticket.result(), 90)).outcome


async def put(client: InferenceClient, things: list[Thing]) -> Picture:
    return await client.put_picture(SCOPE, draw(things))


async def test_a_caption(client: InferenceClient) -> None:
    outcome = await ask(client, Caption(picture=await put(client, BOTH)))
    assert outcome == Captioned(text="a blue square and a yellow triangle")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("how many objects are there?", "2"),
        ("What colour is the square?", "blue"),
        ("what shape is the yellow object?", "triangle"),
        ("is there a circle?", "no"),
    ],
)
async def test_an_answer(client: InferenceClient, question: str, answer: str) -> None:
    outcome = await ask(client, Answer(picture=await put(client, BOTH), question=question))
    assert outcome == Answered(text=answer)


async def test_a_match(client: InferenceClient) -> None:
    pictures = (await put(client, RED), await put(client, BOTH[:1]))
    labels = ("a blue square", "a green triangle", "a red circle")
    outcome = await ask(client, Match(pictures=pictures, labels=labels))
    assert isinstance(outcome, Matched)
    assert [row.index(max(row)) for row in outcome.cosine] == [2, 0]
    assert [sum(row) for row in outcome.share] == pytest.approx([1, 1])
