"""Resolved data: the objects that an interaction refers to by id."""

from bot.playground.errors import ApiError, ErrorCode
from bot.playground.payloads import media
from bot.playground.payloads.channels import channel as channel_payload
from bot.playground.payloads.messages import View
from bot.playground.payloads.messages import message as message_payload
from bot.playground.payloads.users import partial_member, role, user
from bot.playground.pocket import Pocket
from bot.playground.state.records import Attachment, Channel, Json, Message, User


class ResolvedData:
    """Collects the `resolved` objects of one interaction. An unknown id raises ApiError."""

    def __init__(self, pocket: Pocket, channel: Channel, invoker: User) -> None:
        self._pocket = pocket
        self._channel = channel
        self._invoker = invoker
        self._found: dict[str, Json] = {}

    def json(self) -> Json:
        """Return the objects by kind and id. Empty kinds are left out."""
        return {kind: dict(objects) for kind, objects in self._found.items()}

    def _put(self, kind: str, object_id: int, shown: Json) -> None:
        self._found.setdefault(kind, {})[str(object_id)] = shown

    def user(self, user_id: int) -> None:
        """Add a user, and the member where there is one."""
        world, guild = self._pocket.world, self._pocket.world.guild_of(self._channel)
        found = world.users.get(user_id)
        if found is None:
            raise ApiError(ErrorCode.UNKNOWN_USER)
        self._put("users", user_id, user(found))
        if guild is not None and user_id in guild.members:
            bits = world.permissions(self._channel, user_id)
            self._put("members", user_id, partial_member(guild.members[user_id]) | {"permissions": str(bits)})

    def role(self, role_id: int) -> None:
        """Add a role of the guild."""
        guild = self._pocket.world.guild_of(self._channel)
        found = guild.roles.get(role_id) if guild else None
        if found is None:
            raise ApiError(ErrorCode.UNKNOWN_ROLE)
        self._put("roles", role_id, role(found))

    def mentionable(self, object_id: int) -> None:
        """Add a user or a role."""
        if object_id in self._pocket.world.users:
            self.user(object_id)
        else:
            self.role(object_id)

    def channel(self, channel_id: int, types: list[int] | None) -> None:
        """Add a channel of the guild that the invoker can see, if its type is allowed."""
        world = self._pocket.world
        found = world.channels.get(channel_id)
        if (
            found is None
            or found.guild_id != self._channel.guild_id
            or not world.can_see(found, self._invoker.id)
        ):
            raise ApiError(ErrorCode.UNKNOWN_CHANNEL)
        if types and found.type not in types:
            raise ApiError(ErrorCode.WRONG_CHANNEL_TYPE)
        bits = world.permissions(found, self._invoker.id)
        self._put(
            "channels", channel_id, channel_payload(world, found, world.bot) | {"permissions": str(bits)}
        )

    def message(self, record: Message) -> None:
        """Add a message with its content, which the application gets without the intent too."""
        view = View(self._pocket.world, self._pocket.files, self._pocket.world.bot)
        self._put("messages", record.id, message_payload(view, record))

    def attachment(self, record: Attachment) -> None:
        """Add an uploaded file."""
        self._put("attachments", record.id, media.attachment(self._pocket.files, record))
