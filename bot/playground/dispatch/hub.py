"""Who is told what: events on their way to every session that may see them and asked for them."""

from collections.abc import Callable, Iterator

from bot.playground.dispatch import intents
from bot.playground.dispatch.sessions import RESUME_SECONDS, Session
from bot.playground.payloads.messages import View
from bot.playground.state.files import Files
from bot.playground.state.records import Channel, Guild, Json
from bot.playground.state.world import World
from bot.playground.testing.faults import Faults
from bot.playground.testing.observers import GatewayFrame, Observers

Render = Callable[[View], Json]
"""An event's data, drawn for the one who gets it."""


class Hub:
    """The gateway's sessions."""

    def __init__(self, world: World, files: Files, faults: Faults, observers: Observers) -> None:
        self._world = world
        self._files = files
        self._faults = faults
        self._observers = observers
        self._sessions: dict[str, Session] = {}

    def add(self, session: Session) -> None:
        """Let a session receive events."""
        self._sessions[session.id] = session

    def find(self, session_id: str) -> Session | None:
        """Return a session that can be resumed."""
        now = self._world.clock()
        for session in list(self._sessions.values()):
            if session.connection is None and now - session.left_at > RESUME_SECONDS:
                del self._sessions[session.id]
        return self._sessions.get(session_id)

    def remove(self, session: Session) -> None:
        """End a session for good."""
        self._sessions.pop(session.id, None)

    def of(self, user_id: int) -> Iterator[Session]:
        """Yield a user's sessions."""
        return (each for each in list(self._sessions.values()) if each.user.id == user_id)

    def connected(self, user_id: int) -> bool:
        """Tell whether a user's client is listening."""
        return any(session.connection is not None for session in self.of(user_id))

    def view(self, session: Session) -> View:
        """Return what a session's user sees messages through."""
        return View(self._world, self._files, session.user, reads_content=session.reads_content)

    def in_channel(self, event: str, channel: Channel, render: Render, *, only: int | None = None) -> None:
        """Tell everyone who can see a channel.

        Args:
            event: The event's name.
            channel: Where it happened.
            render: Its data for a viewer.
            only: The one user who is told, where the others must not know.
        """
        for session in list(self._sessions.values()):
            if only in {None, session.user.id} and self._world.can_see(channel, session.user.id):
                self._send_event(session, event, channel.guild_id, render)

    def in_guild(self, event: str, guild: Guild, render: Render) -> None:
        """Tell every member of a server."""
        for session in list(self._sessions.values()):
            if session.user.id in guild.members:
                self._send_event(session, event, guild.id, render)

    def to_user(self, event: str, user_id: int, data: Json, guild_id: int | None = None) -> None:
        """Tell one user, whatever their intents."""
        for session in self.of(user_id):
            if session.has_shard_of(guild_id):
                self.send(session, event, data)

    def _send_event(self, session: Session, event: str, guild_id: int | None, render: Render) -> None:
        needed = intents.required_intent(event, direct=guild_id is None)
        if session.has_shard_of(guild_id) and (not needed or session.intents & needed):
            self.send(session, event, render(self.view(session)))

    def send(self, session: Session, event: str, data: Json) -> None:
        """Send a session an event, twice where that was ordered."""
        times = 2 if session.user.bot and self._faults.repeated(event) else 1
        for _ in range(times):
            payload = session.dispatch(event, data)
            self._observers.notify(GatewayFrame(session.user.id, sent=True, payload=payload))
