"""From an interaction to its one visible outcome, whatever is killed and restarted in between.

A cog says once what is to be done for a name, and then hands interactions over:

    client.commanding.register("describe", self._describe, task="caption")
    ...
    arguments = Arguments(images=given(interaction, [image]))  # raises: said ephemerally, before deferring
    await client.commanding.run(interaction, "describe", arguments.model_dump(mode="json"), private=private)

`_describe` gets a `bot.call.Call` and returns an `OutgoingMessage`, or raises `bot.call.Refused` or
`BeholderError`: then the person alone is told, and the public placeholder goes. After a restart it is called
again with the same arguments.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import discord
from pydantic import JsonValue, SecretStr

from bot import replies
from bot.answering import retry_redis
from bot.call import CommandContext, UserError
from bot.deferring import deferred
from bot.insisting import retry_discord
from bot.original import DeferredResponse, OutgoingMessage, TokenExpired
from handlers.storage.inbox import Inbox, Open, OpenCommand
from handlers.storage.interaction_tokens import TOKEN_LIFETIME_S, InteractionTokens
from inference.errors import BeholderError, QueueUnavailable
from inference.schema import Task, job_id

log = logging.getLogger(__name__)

SECONDS_TO_PLACE = 3.0
"""After which somebody who waits hears how many are before them, and between two looks at that."""
RECORD_SECONDS = 1.0
"""That Redis gets before an interaction is deferred without it: Discord waits three."""


Perform = Callable[[CommandContext], Awaitable[OutgoingMessage]]


class InteractionDispatcher:
    """The interactions that are being worked on.

    Args:
        client: The Discord client, logged in.
        inbox: Where requests are written down.
        tokens: Where their tokens are kept.
        workers_ready: Tells whether a worker for a task is up.
        place: Finds a request's channel.
    """

    def __init__(
        self,
        client: discord.Client,
        inbox: Inbox,
        tokens: InteractionTokens,
        workers_ready: Callable[[Task], Awaitable[bool]],
        place: Callable[[Open], discord.abc.Messageable],
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._tokens = tokens
        self._workers_ready = workers_ready
        self._place = place
        self._known: dict[str, tuple[Perform, Task]] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def register(self, name: str, perform: Perform, *, task: Task) -> None:
        """Say what is done for a name, now and after a restart.

        Args:
            name: As given to `run`; it stands in the inbox, so it must not change its meaning.
            perform: Does it.
            task: What a worker must serve for it.
        """
        self._known[name] = (perform, task)

    async def run(
        self,
        interaction: discord.Interaction,
        name: str,
        arguments: dict[str, JsonValue],
        *,
        private: bool,
    ) -> None:
        """Accept an interaction; what its payload shows to be wrong was refused before.

        Returns once it is deferred and written down: the rest goes on by itself.

        Args:
            interaction: It has no response yet.
            name: What is to be done, as registered.
            arguments: What with; they are kept until the outcome is there.
            private: Whether only the person sees what comes of it.
        """
        request = OpenCommand(
            interaction_id=interaction.id,
            name=name,
            channel_id=interaction.channel_id or 0,
            guild_id=interaction.guild_id,
            author_id=interaction.user.id,
            private=private,
            arguments=arguments,
            accepted=time.time(),
        )
        # First, so that a bot that is killed leaves no placeholder that it knows nothing of.
        recording = asyncio.create_task(self._record(request, interaction))
        await asyncio.wait([recording], timeout=RECORD_SECONDS)
        if not await deferred(interaction, private=private):
            # Discord says by itself that the application did not respond.
            self._keep(request.id, self._forget(request, recording))
            return
        original = self._original(request, interaction.token, interaction.created_at.timestamp())
        try:
            await recording
        except QueueUnavailable as error:
            await self._show(request, original, replies.sentence(error))
            self._keep(request.id, self._close(request))
        else:
            self._keep(request.id, self._finish(request, original, taken_up=False))

    async def _record(self, request: OpenCommand, interaction: discord.Interaction) -> None:
        token = SecretStr(interaction.token)
        await self._tokens.keep(request.interaction_id, token, interaction.created_at.timestamp())
        await self._inbox.accept(request)

    async def _forget(self, request: OpenCommand, recording: "asyncio.Task[None]") -> None:
        await asyncio.gather(recording, return_exceptions=True)
        await self._close(request)

    async def take_up(self, mine: Callable[[Open], bool]) -> None:
        """Begin again with what an earlier life left open.

        Args:
            mine: Tells which requests are this process's.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        for request in await self._inbox.waiting():
            if isinstance(request, OpenCommand) and mine(request) and request.id not in self._under_way:
                token = await self._tokens.get(request.interaction_id)
                begun = discord.utils.snowflake_time(request.interaction_id).timestamp()
                original = token and self._original(request, token.get_secret_value(), begun)
                self._keep(request.id, self._finish(request, original or None, taken_up=True))

    async def stop(self) -> None:
        """Let go of everything; what has no outcome yet is in the inbox."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep(self, request_id: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=request_id)
        self._under_way[request_id] = task
        task.add_done_callback(lambda done: self._ended(request_id, done))

    def _ended(self, request_id: str, task: "asyncio.Task[None]") -> None:
        if self._under_way.get(request_id) is task:
            del self._under_way[request_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: left in the inbox", request_id, exc_info=error)

    def _original(self, request: OpenCommand, token: str, begun: float) -> DeferredResponse:
        webhook = discord.Webhook.partial(self._client.application_id or 0, token, client=self._client)
        # Else discord.py sends nothing ephemeral through it.
        webhook.type = discord.WebhookType.application
        left = begun + TOKEN_LIFETIME_S - time.time()
        until = asyncio.get_running_loop().time() + left
        return DeferredResponse(webhook, private=request.private, request=request.id, until=until)

    async def _finish(
        self, request: OpenCommand, original: DeferredResponse | None, *, taken_up: bool
    ) -> None:
        started = time.monotonic()
        call = CommandContext(request, self._inbox, taken_up=taken_up)
        if original is not None or not request.private:
            message = await self._show(request, original, await self._awaited(call, original))
            if message is not None:
                await self._shown(call, message)
        await self._close(request)
        await call.clear_up()
        log.info("%s: /%s done in %.2f s", request.id, request.name, time.monotonic() - started)

    async def _shown(self, call: CommandContext, message: discord.Message) -> None:
        try:
            await retry_discord(lambda: call.shown(message), call.request.id)
        except discord.HTTPException as error:
            log.warning("%s: not gone on: status %d, code %d", call.request.id, error.status, error.code)

    async def _awaited(
        self, call: CommandContext, original: DeferredResponse | None
    ) -> OutgoingMessage | str:
        """Have it done, and tell meanwhile how long that may take."""
        done = asyncio.Event()
        hold = asyncio.create_task(self._hold(call, original, done)) if original is not None else None
        try:
            outcome = await self._outcome(call)
            done.set()
            if hold is not None:
                # To its end: an edit that is on its way must not arrive after the answer.
                await hold
        finally:
            if hold is not None:
                hold.cancel()
        return outcome

    async def _outcome(self, call: CommandContext) -> OutgoingMessage | str:
        """Do it; where it cannot be done, return the sentence that says so."""
        known = self._known.get(call.request.name)
        try:
            return await known[0](call) if known is not None else replies.BROKE
        except UserError as refusal:
            return str(refusal)
        except BeholderError as error:
            return replies.sentence(error)
        except Exception:
            # A fault of ours must not leave anybody without an answer.
            log.exception("%s: failed", call.request.id)
            return replies.BROKE

    async def _hold(self, call: CommandContext, original: DeferredResponse, done: asyncio.Event) -> None:
        shown = ""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SECONDS_TO_PLACE):
                    await done.wait()
            if done.is_set():
                return
            with contextlib.suppress(QueueUnavailable):
                text = await self._place_in_queue(call)
                if text is not None and text != shown and not done.is_set():
                    await original.show(text)
                    shown = text

    async def _place_in_queue(self, call: CommandContext) -> str | None:
        """Say how long somebody has to wait; None where nothing is known, or a worker is at it."""
        ahead = await call.ticket.position() if call.ticket is not None else None
        if ahead is None:
            return None
        if not await self._workers_ready(self._known[call.request.name][1]):
            return replies.NO_WORKER
        return replies.place(ahead)

    async def _show(
        self, request: OpenCommand, original: DeferredResponse | None, outcome: OutgoingMessage | str
    ) -> discord.Message | None:
        """Show what came of it: to everyone, or as a sentence to the one who asked alone.

        Returns:
            The message that the outcome is, where it is one.
        """
        try:
            if original is not None:
                if isinstance(outcome, str):
                    await original.refuse(outcome)
                    return None
                return await original.answer(outcome)
        except TokenExpired:
            log.info("%s: its token is over", request.id)
        except discord.HTTPException as error:
            log.warning("%s: not shown: status %d, code %d", request.id, error.status, error.code)
            if isinstance(outcome, OutgoingMessage):
                await self._show(request, original, replies.BROKE)
            return None
        return await self._post(request, OutgoingMessage(outcome) if isinstance(outcome, str) else outcome)

    async def _post(self, request: OpenCommand, outcome: OutgoingMessage) -> discord.Message | None:
        """Answer in the channel what cannot be answered by the interaction any more, if it was public."""
        if request.private:
            return None
        place = self._place(request)
        if request.outcome is not None:
            # An earlier life has shown it, and not come to what follows.
            which = request.outcome
            return await self._insisted(request, lambda: place.fetch_message(which))
        text = replies.late(outcome.text, request.author_id)
        nonce = job_id("nonce", request.id)[:25]
        return await self._insisted(
            request,
            lambda: place.send(
                text,
                files=outcome.attachments(),
                nonce=nonce,
                allowed_mentions=discord.AllowedMentions.none(),
            ),
        )

    @staticmethod
    async def _insisted(
        request: OpenCommand, step: Callable[[], Awaitable[discord.Message]]
    ) -> discord.Message | None:
        try:
            return await retry_discord(step, request.id)
        except discord.HTTPException as error:
            log.info("%s: no answer possible: status %d, code %d", request.id, error.status, error.code)
            return None

    async def _close(self, request: OpenCommand) -> None:
        async def close() -> None:
            await self._inbox.close(request.id)
            await self._tokens.drop(request.interaction_id)

        await retry_redis(close)
