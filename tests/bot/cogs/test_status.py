"""`/status`: what members see of it, and what those who manage the server do."""

from bot.formatting.markdown import unescape
from inference.errors import ChatNotAllowed
from inference.queue.backend_state import BackendState
from inference.queue.connection import connect
from inference.queue.keys import Keys
from tests.bot.chat_worker import chat_worker
from tests.bot.command_calls import EPHEMERAL, CommandCaller
from tests.bot.conversation_steps import open_thread
from tests.bot.harness import Harness
from tests.e2e.member import Member

PROBLEM = ChatNotAllowed("Ollama at ollama:1234 refuses this worker: let it in.", where="ollama:1234")


async def status(harness: Harness, member: Member) -> str:
    """Call `/status`; return what only this member sees."""
    start = len(member.heard)
    await CommandCaller(member).call(harness.general, "status")
    shown = await member.hear(
        lambda kind, data: kind == "MESSAGE_CREATE" and bool(data["flags"] & EPHEMERAL), start=start
    )
    return unescape(str(shown["content"]))


async def test_it_says_what_works_and_what_does_not(harness: Harness) -> None:
    async with chat_worker(harness), harness.bot():
        await open_thread(harness)
        await harness.all_closed()
        said = await status(harness, harness.ada)
    assert "Captions: ready (1 worker)." in said
    assert "Conversations: ready (1 worker)." in said
    assert "Matching labels: no worker is running." in said
    assert "Nothing is waiting." in said


async def test_a_problem_is_told_in_full_to_those_who_manage_the_server(harness: Harness) -> None:
    redis = connect(harness.redis_url)
    try:
        await BackendState(redis, Keys(), "worker", "converse").failed(PROBLEM)
    finally:
        await redis.aclose()
    async with chat_worker(harness), harness.bot(), Member(harness.session, 1) as ben:
        await open_thread(harness)
        assert "ollama:1234" in await status(harness, harness.ada)
        plain = await status(harness, ben)
    assert "ollama:1234" not in plain
    assert "it is not your words" in plain
