"""From an interaction to its one visible outcome, whatever is killed and restarted in between.

A cog registers what a name does, and then hands interactions over:

    client.interactions.register("describe", self._describe, task="caption")
    ...
    arguments = ImageArguments(images=image_options(interaction, [image], client.fetcher))
    await client.interactions.run(interaction, "describe", arguments.model_dump(mode="json"), private=private)

`_describe` gets a `CommandContext` and returns an `OutgoingMessage`, or raises `UserError` or
`BeholderError`: then the member alone is told, and the public placeholder is deleted. After a restart it is
called again with the same arguments.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

import discord
from pydantic import JsonValue, SecretStr

from bot.discord_api.outgoing import OutgoingMessage
from bot.discord_api.retry import retry_discord
from bot.durable.delivery import nonce_for, send_message
from bot.durable.runner import RequestRunner, progress_shown, retry_redis
from bot.errors import TokenExpired
from bot.formatting.errors import error_sentence
from bot.formatting.status import INTERNAL_ERROR, late_answer, not_ready, over_limit, queue_position
from bot.images.fetcher import Fetcher
from bot.images.lookup import ImageLookup
from bot.interactions.response import DeferredResponse, defer, discord_files, refusal
from bot.settings import Delays
from handlers.ports import JobContext
from handlers.storage.inbox import Inbox, OpenCommand
from handlers.storage.interaction_tokens import TOKEN_LIFETIME_S, InteractionTokens
from inference.errors import Expired, QueueUnavailable
from inference.queue.loading_state import TaskState
from inference.schema import Task

if TYPE_CHECKING:
    from handlers.storage.answer_subjects import AnswerSubject

log = logging.getLogger(__name__)

RECORD_TIMEOUT_S = 1.0
"""Seconds that Redis gets before an interaction is deferred without it: Discord waits for three."""


WAIT_MARGIN_S = 60.0
"""Seconds before an interaction's token expires at which its jobs no longer wait to begin."""
OUTCOME_MARGIN_S = 30.0
"""Seconds before an interaction's token expires at which a private one, which has no other way to its member,
ends with a sentence."""


class QueuedJob(Protocol):
    """A job that a member waits for, such as `inference.queue.client.Ticket`."""

    async def position(self) -> int | None:
        """Return how many jobs are ahead of it; None once a worker has it."""


class Workers(Protocol):
    """The workers as the queue knows them: `inference.queue.client.InferenceClient`."""

    async def task_state(self, task: Task) -> TaskState:
        """Tell whether a live worker serves `task`, and how far the workers are that load its models."""


class CommandContext:
    """A request that is being worked on, as a cog sees it.

    Attributes:
        client: The Discord client.
        fetcher: Fetches pictures.
        lookup: Finds the picture that is meant.
        request: The request; its arguments are the cog's to validate.
        jobs: For the jobs that are submitted: they wait, at most, while the interaction can be answered.
        job: The job that the member waits for.
        subject: What the outcome is about, where that is known: a reply to it is about the same.
    """

    def __init__(
        self,
        client: discord.Client,
        fetcher: Fetcher,
        lookup: ImageLookup,
        request: OpenCommand,
        inbox: Inbox,
    ) -> None:
        self.client = client
        self.fetcher = fetcher
        self.lookup = lookup
        self.request = request
        self.jobs = JobContext(
            request.id,
            request.scope,
            request.author_id,
            "waiting",
            wait_until=_expiry(request.interaction_id) - WAIT_MARGIN_S,
        )
        self.job: QueuedJob | None = None
        self.subject: AnswerSubject | None = None
        self._inbox = inbox
        self._cleanups: list[Callable[[], Awaitable[None]]] = []
        self._once_shown: Callable[[discord.Message], Awaitable[None]] | None = None

    def watch(self, job: QueuedJob) -> None:
        """Name the job that the member waits for: after some seconds they are told its place in the queue."""
        self.job = self.job or job

    def cleanup(self, step: Callable[[], Awaitable[None]]) -> None:
        """Have something done once the outcome is visible, such as releasing results."""
        self._cleanups.append(step)

    def once_shown(self, step: Callable[[discord.Message], Awaitable[None]]) -> None:
        """Have something done with the outcome's message before the request is closed.

        `step` must be idempotent: it is run again after a restart, and where Discord could not be reached.
        """
        self._once_shown = step

    async def settle(self, **found: JsonValue) -> None:
        """Store arguments that were found out, such as which picture is meant: a restart finds the same.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        arguments = {**self.request.arguments, **found}
        self.request = self.request.model_copy(update={"arguments": arguments})
        await self._inbox.amend(self.request)

    async def keep_subject(self, message: discord.Message) -> None:
        """Store what the outcome's message is about. Nobody can reply to an ephemeral one."""
        if self.subject is not None and not self.request.private:
            with contextlib.suppress(QueueUnavailable):
                await self.lookup.keep(message.id, self.subject)

    async def run_once_shown(self, message: discord.Message) -> None:
        """Do what `once_shown` was given.

        Raises:
            discord.HTTPException, OSError: Discord cannot be reached, or refuses.
        """
        if self._once_shown is None:
            return
        self.request = self.request.model_copy(update={"outcome": message.id})
        with contextlib.suppress(QueueUnavailable):
            await self._inbox.amend(self.request)
        await self._once_shown(message)

    async def run_cleanups(self) -> None:
        """Do what `cleanup` was given. While Redis is away it is left out: what it would delete expires."""
        for step in self._cleanups:
            with contextlib.suppress(QueueUnavailable):
                await step()


Perform = Callable[[CommandContext], Awaitable[OutgoingMessage]]


class InteractionDispatcher:
    """Accepts interactions and runs what is registered for their names. Owned by the client.

    Args:
        client: The Discord client, logged in.
        inbox: The open requests.
        tokens: The tokens of their interactions.
        runner: Runs them.
        workers: Tells whether a worker for a task is up.
        fetcher: Given to what is registered.
        lookup: Given to what is registered; stores what each outcome is about.
        delays: Of retries and of what a member is told while waiting.
        clock: Returns Unix time by Discord's clock.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what all commands share
        self,
        client: discord.Client,
        inbox: Inbox,
        tokens: InteractionTokens,
        runner: RequestRunner,
        workers: Workers,
        fetcher: Fetcher,
        lookup: ImageLookup,
        delays: Delays,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._tokens = tokens
        self._runner = runner
        self._workers = workers
        self._fetcher = fetcher
        self._lookup = lookup
        self._delays = delays
        self._clock = clock
        self._registered: dict[str, tuple[Perform, Task]] = {}
        runner.register(OpenCommand, self._resume)

    def register(self, name: str, perform: Perform, *, task: Task) -> None:
        """Register what is done for a name, now and after a restart.

        Args:
            name: As given to `run`. It is stored in the inbox, so it must not change its meaning.
            perform: Does it. Must be idempotent.
            task: The task that a worker must serve for it.
        """
        self._registered[name] = (perform, task)

    async def stop(self) -> None:
        """Stop what runs. What has no outcome yet stays in the inbox."""
        await self._runner.stop(OpenCommand)

    async def run(
        self,
        interaction: discord.Interaction,
        name: str,
        arguments: dict[str, JsonValue],
        *,
        private: bool,
    ) -> None:
        """Accept an interaction. What its payload shows to be wrong was refused before.

        Returns once it is deferred and in the inbox: the rest runs by itself.

        Args:
            interaction: It has no response yet.
            name: What is to be done, as registered.
            arguments: For `perform`; stored until the outcome is visible.
            private: Whether the member alone sees the outcome.
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
        with self._runner.reserved(request.id):
            await self._accept(request, interaction)

    async def _accept(self, request: OpenCommand, interaction: discord.Interaction) -> None:
        """Write a request down, defer its interaction, and start it."""
        # Before deferring, so that a bot that is killed leaves no placeholder that it knows nothing of.
        recording = asyncio.create_task(self._record(request, interaction))
        await asyncio.wait([recording], timeout=RECORD_TIMEOUT_S)
        if not await defer(interaction, private=request.private):
            # Discord itself says that the application did not respond.
            self._runner.start(request, partial(self._abandon, request, recording))
            return
        response = self._response(request, interaction.token, interaction.created_at.timestamp())
        try:
            await recording
        except QueueUnavailable as error:
            await self._show(request, response, error_sentence(error))
            self._runner.start(request, partial(self._close, request))
        else:
            self._runner.start(request, partial(self._finish, request, response))

    async def _record(self, request: OpenCommand, interaction: discord.Interaction) -> None:
        token = SecretStr(interaction.token)
        await self._tokens.keep(request.interaction_id, token, interaction.created_at.timestamp())
        await self._inbox.accept(request)

    async def _abandon(self, request: OpenCommand, recording: "asyncio.Task[None]") -> None:
        await asyncio.gather(recording, return_exceptions=True)
        await self._close(request)

    async def _resume(self, request: OpenCommand) -> None:
        """Run a request of an earlier process, whose interaction is known by its token alone."""
        token = await self._tokens.get(request.interaction_id)
        begun = _expiry(request.interaction_id) - TOKEN_LIFETIME_S
        response = self._response(request, token.get_secret_value(), begun) if token is not None else None
        self._runner.start(request, partial(self._finish, request, response))

    def _response(self, request: OpenCommand, token: str, begun: float) -> DeferredResponse:
        webhook = discord.Webhook.partial(self._client.application_id or 0, token, client=self._client)
        # Otherwise discord.py sends nothing ephemeral through it.
        webhook.type = discord.WebhookType.application
        expires = asyncio.get_running_loop().time() + begun + TOKEN_LIFETIME_S - self._clock()
        return DeferredResponse(
            webhook, private=request.private, request_id=request.id, expires=expires, delays=self._delays
        )

    async def _finish(self, request: OpenCommand, response: DeferredResponse | None) -> None:
        started = time.monotonic()
        context = CommandContext(self._client, self._fetcher, self._lookup, request, self._inbox)
        if response is not None or not request.private:
            message = await self._show(request, response, await self._outcome(context, response))
            if message is not None:
                await context.keep_subject(message)
                await self._run_once_shown(context, message)
        await self._close(request)
        await context.run_cleanups()
        log.info("%s: /%s done in %.2f s", request.id, request.name, time.monotonic() - started)

    async def _run_once_shown(self, context: CommandContext, message: discord.Message) -> None:
        request_id = context.request.id
        try:
            await retry_discord(lambda: context.run_once_shown(message), request_id, self._delays)
        except discord.HTTPException as error:
            log.warning("%s: not gone on: status %d, code %d", request_id, error.status, error.code)

    async def _outcome(
        self, context: CommandContext, response: DeferredResponse | None
    ) -> OutgoingMessage | str:
        """Perform the request, and tell the member meanwhile how long that may take."""
        if response is None:
            return await self._perform(context)
        status = partial(self._status, context)
        left = None
        if context.request.private:
            left = _expiry(context.request.interaction_id) - OUTCOME_MARGIN_S - self._clock()
        try:
            async with (
                asyncio.timeout(left),
                progress_shown(status, response.show, every_s=self._delays.queue_position_s),
            ):
                return await self._perform(context)
        except TimeoutError:
            log.info("%s: not done while its interaction can be answered", context.request.id)
            return error_sentence(Expired())

    async def _perform(self, context: CommandContext) -> OutgoingMessage | str:
        """Perform the request; where that is not possible, return the sentence that says so."""
        registered = self._registered.get(context.request.name)
        try:
            return await registered[0](context) if registered is not None else INTERNAL_ERROR
        except Exception as error:
            # A fault of ours must not leave a member without an answer.
            sentence = refusal(error)
            if sentence is None:
                log.exception("%s: failed", context.request.id)
            return sentence or INTERNAL_ERROR

    async def _status(self, context: CommandContext) -> str:
        """Return how long the member has to wait; empty where nothing is known, or a worker has the job."""
        if context.job is None and (refusal := context.jobs.waiting_for) is not None:
            return over_limit(refusal)
        ahead = await context.job.position() if context.job is not None else None
        if ahead is None:
            return ""
        state = await self._workers.task_state(self._registered[context.request.name][1])
        if not state.ready:
            return not_ready(state)
        return queue_position(ahead)

    async def _show(
        self, request: OpenCommand, response: DeferredResponse | None, outcome: OutgoingMessage | str
    ) -> discord.Message | None:
        """Show the outcome to everyone, or a sentence to the one who asked alone.

        Returns:
            The outcome's message, where it is one.
        """
        try:
            if response is not None:
                if isinstance(outcome, str):
                    await response.refuse(outcome)
                    return None
                return await response.answer(outcome)
        except TokenExpired:
            log.info("%s: its token has expired", request.id)
        except discord.HTTPException as error:
            log.warning("%s: not shown: status %d, code %d", request.id, error.status, error.code)
            if isinstance(outcome, OutgoingMessage):
                await self._show(request, response, INTERNAL_ERROR)
            return None
        return await self._post(request, OutgoingMessage(outcome) if isinstance(outcome, str) else outcome)

    async def _post(self, request: OpenCommand, outcome: OutgoingMessage) -> discord.Message | None:
        """Send an outcome to the channel whose interaction has expired, if it was public."""
        if request.private:
            return None
        channel = self._runner.channel_of(request)

        async def send() -> discord.Message:
            if request.outcome is not None:
                # An earlier process has shown it, and was killed before what follows.
                return await channel.fetch_message(request.outcome)
            text = late_answer(outcome.text, request.author_id)
            files = discord_files(outcome.files)
            return await send_message(channel, text, nonce=nonce_for(request.id), files=files)

        try:
            return await retry_discord(send, request.id, self._delays)
        except discord.HTTPException as error:
            log.info("%s: no answer possible: status %d, code %d", request.id, error.status, error.code)
            return None

    async def _close(self, request: OpenCommand) -> None:
        await self._runner.close(request.id)
        await retry_redis(lambda: self._tokens.drop(request.interaction_id))


def _expiry(interaction_id: int) -> float:
    """Return the Unix time in seconds at which an interaction's token expires."""
    return discord.utils.snowflake_time(interaction_id).timestamp() + TOKEN_LIFETIME_S
