"""The values of a command's options: checked against what the command takes, files taken in."""

from collections.abc import Callable, Sequence

from bot.playground.errors import ApiError, field_error
from bot.playground.forms.base import SNOWFLAKE_LIMIT
from bot.playground.forms.interaction_forms import OptionValue
from bot.playground.forms.message_forms import AttachmentForm
from bot.playground.http.routing import Call
from bot.playground.interactions.resolved import ResolvedData
from bot.playground.messages.attachments import new_attachment
from bot.playground.state.records import Channel, Json

SUBCOMMANDS = {1, 2}
STRING, WHOLE, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(3, 12)
"""Source: Discord's reference, "Application command option type"."""

PLAIN: dict[int, set[type]] = {STRING: {str}, WHOLE: {int}, BOOLEAN: {bool}, NUMBER: {int, float}}
"""The options whose value stands for itself, with the types that it may have."""

MAX_TEXT = 6000
MAX_NUMBER = 2**53
Path = tuple[str | int, ...]


class OptionParser:
    """Takes in one command's values.

    Args:
        call: The request, with its files.
        channel: Where the command is called.
        resolved: Where objects that are named are put.
        attachments: What the request says about its files.
        complete: Whether required options must be there; while someone types they needn't.
    """

    def __init__(
        self,
        call: Call,
        channel: Channel,
        resolved: ResolvedData,
        attachments: list[AttachmentForm],
        *,
        complete: bool,
    ) -> None:
        self._call = call
        self._channel = channel
        self._resolved = resolved
        self._attachments = attachments
        self._complete = complete

    def options(self, known: Sequence[Json], given: Sequence[OptionValue], at: Path) -> list[Json]:
        """Return values as the application gets them.

        Raises:
            ApiError: One isn't known, doesn't fit, or is missing.
        """
        by_name = {each["name"]: each for each in known}
        if self._complete:
            _check_required(known, given, at)
        taken = []
        for number, each in enumerate(given):
            option = by_name.get(each.name)
            if option is None or option["type"] != each.type:
                raise field_error(
                    (*at, number), "This command is outdated, please try again in a few minutes"
                )
            taken.append(self._option(option, each, (*at, number)))
        return taken

    def _option(self, option: Json, given: OptionValue, at: Path) -> Json:
        taken: Json = {"name": given.name, "type": given.type}
        if given.type in SUBCOMMANDS:
            below = option.get("options", [])
            return taken | {"options": self.options(below, given.options or [], (*at, "options"))}
        if given.focused:
            return taken | {"value": given.value, "focused": True}
        return taken | {"value": self._value(option, given.value, (*at, "value"))}

    def _value(self, option: Json, value: object, at: Path) -> object:
        if option["type"] == ATTACHMENT:
            return str(self.file(value, at))
        if option["type"] in PLAIN:
            _check_plain(option, value, at)
            return value
        return str(self._named(option, value, at))

    def _named(self, option: Json, value: object, at: Path) -> int:
        """Resolve a user, channel or role."""
        object_id = _snowflake(value, at)
        resolve: dict[int, Callable[[], None]] = {
            USER: lambda: self._resolved.user(object_id),
            CHANNEL: lambda: self._resolved.channel(object_id, option.get("channel_types")),
            ROLE: lambda: self._resolved.role(object_id),
            MENTIONABLE: lambda: self._resolved.mentionable(object_id),
        }
        try:
            resolve[option["type"]]()
        except ApiError as error:
            raise field_error(at, error.body["message"]) from None
        return object_id

    def file(self, value: object, at: Path) -> int:
        """Take in a file by its place in the request's attachments, and return its id."""
        number = _snowflake(value, at)
        form = self._attachments[number] if number < len(self._attachments) else None
        upload = self._call.uploads.get(form.id if form else number)
        if upload is None:
            raise field_error(at, "Attachment not found")
        pocket = self._call.pocket
        attachment = new_attachment(pocket, self._channel.id, upload, form, ephemeral=True)
        pocket.files.write(attachment, upload.data)
        self._resolved.attachment(attachment)
        return attachment.id


def _check_required(known: Sequence[Json], given: Sequence[OptionValue], at: Path) -> None:
    names = {each.name for each in given}
    for option in known:
        if option.get("required") and option["name"] not in names:
            raise field_error((*at, option["name"]), "This field is required")
    groups = [each for each in known if each["type"] in SUBCOMMANDS]
    if groups and len(names) != 1:
        raise field_error(at, "A subcommand is required")


def _check_plain(option: Json, value: object, at: Path) -> None:
    """Refuse a text or number of the wrong type, not among the choices, or out of bounds."""
    kind = option["type"]
    if type(value) not in PLAIN[kind]:
        raise field_error(at, f"Value is not of type {kind}.")
    if option.get("choices") and value not in [each["value"] for each in option["choices"]]:
        raise field_error(at, "Value must be one of the choices.")
    if isinstance(value, str):
        _check_bounds(len(value), option.get("min_length", 0), option.get("max_length", MAX_TEXT), at)
    elif isinstance(value, int | float):
        _check_bounds(value, option.get("min_value", -MAX_NUMBER), option.get("max_value", MAX_NUMBER), at)


def _check_bounds(size: float, least: float, most: float, at: Path) -> None:
    if not least <= size <= most:
        raise field_error(at, f"Value must be between {least} and {most}.")


def _snowflake(value: object, at: Path) -> int:
    text = "" if isinstance(value, bool) else str(value)
    if not text.isdigit() or int(text) >= SNOWFLAKE_LIMIT:
        raise field_error(at, f'Value "{str(value)[:100]}" is not snowflake.')
    return int(text)
