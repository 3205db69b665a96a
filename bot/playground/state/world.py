"""All records in memory, with write-through to the store."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from bot.playground.state import permissions
from bot.playground.state.permissions import Permission
from bot.playground.state.records import (
    Application,
    Channel,
    ChannelType,
    Command,
    Guild,
    Interaction,
    Message,
    Sticker,
    User,
)
from bot.playground.state.snowflakes import Clock, Snowflakes
from bot.playground.state.store import Store


class World:
    """Users, guilds, channels, messages and the rest, by id.

    Read from the dictionaries. Call the `save_` method after a change to a record.
    """

    def __init__(self, store: Store, clock: Clock = time.time) -> None:
        self.store = store
        self.clock = clock
        self.snowflakes = Snowflakes(clock, store.last_id())
        self.applications = {record.id: record for record in store.load(Application)}
        self.users = {record.id: record for record in store.load(User)}
        self.guilds = {record.id: record for record in store.load(Guild)}
        self.channels = {record.id: record for record in store.load(Channel)}
        self.commands = {record.id: record for record in store.load(Command)}
        self.interactions = {record.id: record for record in store.load(Interaction)}
        self.stickers = {record.id: record for record in store.load(Sticker)}
        self.messages: dict[int, dict[int, Message]] = {}
        self.closed_dms: set[int] = set()
        """Ids of users who accept no DMs. For tests."""
        for message in store.load(Message):
            self.messages.setdefault(message.channel_id, {})[message.id] = message

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.fromtimestamp(self.clock(), UTC)

    @property
    def application(self) -> Application:
        """The bot's application, the only one."""
        return next(iter(self.applications.values()))

    @property
    def bot(self) -> User:
        """The bot's user."""
        return self.users[self.application.id]

    @property
    def guild(self) -> Guild:
        """The first guild."""
        return next(iter(self.guilds.values()))

    def user_by_authorization(self, header: str) -> User | None:
        """Return the user of an Authorization header, None where it is invalid."""
        return next((user for user in self.users.values() if user.authorization == header), None)

    def save_application(self, application: Application) -> None:
        """Store an application, new or changed."""
        self.applications[application.id] = application
        self.store.put(application)

    def save_user(self, user: User) -> None:
        """Store a user, new or changed."""
        self.users[user.id] = user
        self.store.put(user)

    def save_guild(self, guild: Guild) -> None:
        """Store a guild with its roles and members, new or changed."""
        self.guilds[guild.id] = guild
        self.store.put(guild)

    def save_channel(self, channel: Channel) -> None:
        """Store a channel, new or changed."""
        self.channels[channel.id] = channel
        self.store.put(channel)

    def save_message(self, message: Message) -> None:
        """Store a message, new or changed."""
        self.messages.setdefault(message.channel_id, {})[message.id] = message
        self.store.put(message)

    def save_command(self, command: Command) -> None:
        """Store a command, new or changed."""
        self.commands[command.id] = command
        self.store.put(command)

    def remove_command(self, command: Command) -> None:
        """Delete a command. Idempotent."""
        self.commands.pop(command.id, None)
        self.store.delete(command)

    def save_sticker(self, sticker: Sticker) -> None:
        """Store a sticker."""
        self.stickers[sticker.id] = sticker
        self.store.put(sticker)

    def remove_sticker(self, sticker: Sticker) -> None:
        """Delete a sticker. Idempotent."""
        self.stickers.pop(sticker.id, None)
        self.store.delete(sticker)

    def save_interaction(self, interaction: Interaction) -> None:
        """Store an interaction, new or changed."""
        self.interactions[interaction.id] = interaction
        self.store.put(interaction)

    def remove_interactions(self, before: int) -> None:
        """Delete the interactions with an id below `before`."""
        for interaction in [each for each in self.interactions.values() if each.id < before]:
            del self.interactions[interaction.id]
            self.store.delete(interaction)

    def remove_message(self, message: Message) -> None:
        """Delete a message. Idempotent."""
        self.messages.get(message.channel_id, {}).pop(message.id, None)
        self.store.delete(message)

    def remove_channel(self, channel: Channel) -> None:
        """Delete a channel and its messages. Idempotent."""
        for message in list(self.messages.pop(channel.id, {}).values()):
            self.store.delete(message)
        self.channels.pop(channel.id, None)
        self.store.delete(channel)

    def message(self, channel_id: int, message_id: int) -> Message | None:
        """Return a message of a channel, None where there is none."""
        return self.messages.get(channel_id, {}).get(message_id)

    def guild_of(self, channel: Channel) -> Guild | None:
        """Return the guild of a channel, None for a DM."""
        return None if channel.guild_id is None else self.guilds[channel.guild_id]

    def guild_channels(self, guild: Guild) -> list[Channel]:
        """Return a guild's channels without threads, sorted by position."""
        mine = (c for c in self.channels.values() if c.guild_id == guild.id and c.thread is None)
        return sorted(mine, key=lambda channel: (channel.position, channel.id))

    def threads(self, guild: Guild) -> Iterator[Channel]:
        """Yield a guild's threads, including archived ones."""
        return (c for c in self.channels.values() if c.guild_id == guild.id and c.thread is not None)

    def direct_channel(self, one: int, other: int) -> Channel | None:
        """Return the DM channel of two users, None where they have none."""
        pair = {one, other}
        return next((c for c in self.channels.values() if c.recipients and set(c.recipients) == pair), None)

    def permissions(self, channel: Channel, user_id: int) -> int:
        """Return a user's permissions in a channel or thread, 0 where they can't see it."""
        guild = self.guild_of(channel)
        if guild is None:
            return permissions.DIRECT if user_id in channel.recipients else 0
        parent = self.channels[channel.parent_id] if channel.thread and channel.parent_id else channel
        bits = permissions.in_channel(guild, parent, user_id)
        if channel.type is ChannelType.PRIVATE_THREAD and not self._in_private(channel, user_id, bits):
            return 0
        return bits

    def _in_private(self, channel: Channel, user_id: int, bits: int) -> bool:
        """Tell whether a user has access to a private thread."""
        thread = channel.thread
        return thread is not None and (user_id in thread.members or bool(bits & Permission.MANAGE_THREADS))

    def can_see(self, channel: Channel, user_id: int) -> bool:
        """Tell whether a user can see a channel."""
        return bool(self.permissions(channel, user_id) & Permission.VIEW_CHANNEL)
