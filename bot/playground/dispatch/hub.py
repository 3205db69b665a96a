"""Send events to the gateway sessions that may see them and have the intent."""

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
"""Returns an event's data for one viewer."""


class Hub:
    """The gateway sessions of all users. A session gets its events in the order in which they were sent."""

    def __init__(self, world: World, files: Files, faults: Faults, observers: Observers) -> None:
        self._world = world
        self._files = files
        self._faults = faults
        self._observers = observers
        self._sessions: dict[str, Session] = {}

    def add(self, session: Session) -> None:
        """Add a session. It gets the events from now on."""
        self._sessions[session.id] = session

    def find(self, session_id: str) -> Session | None:
        """Return a session by id, None where there is none to resume. Expired sessions are dropped first."""
        now = self._world.clock()
        for session in list(self._sessions.values()):
            if session.connection is None and now - session.left_at > RESUME_SECONDS:
                del self._sessions[session.id]
        return self._sessions.get(session_id)

    def remove(self, session: Session) -> None:
        """Remove a session, so that it can't be resumed. Idempotent."""
        self._sessions.pop(session.id, None)

    def of(self, user_id: int) -> Iterator[Session]:
        """Yield a user's sessions."""
        return (each for each in list(self._sessions.values()) if each.user.id == user_id)

    def connected(self, user_id: int) -> bool:
        """Tell whether a user has a session with a connection."""
        return any(session.connection is not None for session in self.of(user_id))

    def view(self, session: Session) -> View:
        """Return the view of messages that a session gets."""
        return View(self._world, self._files, session.user, reads_content=session.reads_content)

    def in_channel(self, event: str, channel: Channel, render: Render, *, only: int | None = None) -> None:
        """Send an event to the users who can see a channel.

        Args:
            event: The event's name.
            channel: The channel that it is about.
            render: Returns the event's data for a viewer.
            only: The only user who gets the event, None for all who can see the channel.
        """
        for session in list(self._sessions.values()):
            if only in {None, session.user.id} and self._world.can_see(channel, session.user.id):
                self._send_event(session, event, channel.guild_id, render)

    def in_guild(self, event: str, guild: Guild, render: Render) -> None:
        """Send an event to all members of a guild."""
        for session in list(self._sessions.values()):
            if session.user.id in guild.members:
                self._send_event(session, event, guild.id, render)

    def to_user(self, event: str, user_id: int, data: Json, guild_id: int | None = None) -> None:
        """Send an event to one user, without regard to intents."""
        for session in self.of(user_id):
            if session.has_shard_of(guild_id):
                self.send(session, event, data)

    def _send_event(self, session: Session, event: str, guild_id: int | None, render: Render) -> None:
        needed = intents.required_intent(event, direct=guild_id is None)
        if session.has_shard_of(guild_id) and (not needed or session.intents & needed):
            self.send(session, event, render(self.view(session)))

    def send(self, session: Session, event: str, data: Json) -> None:
        """Send an event to a session, twice where `Faults.repeat` was called for it."""
        times = 2 if session.user.bot and self._faults.repeated(event) else 1
        for _ in range(times):
            payload = session.dispatch(event, data)
            self._observers.notify(GatewayFrame(session.user.id, sent=True, payload=payload))
