"""Validate the option values of a command, and store its uploaded files."""

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

VALUE_TYPES: dict[int, set[type]] = {STRING: {str}, WHOLE: {int}, BOOLEAN: {bool}, NUMBER: {int, float}}
"""The Python types of options whose value is no id."""

MAX_TEXT = 6000
MAX_NUMBER = 2**53
Path = tuple[str | int, ...]


class OptionParser:
    """Parses the option values of one interaction.

    Args:
        call: The request, with its files.
        channel: The channel of the interaction.
        resolved: Collects the objects that values refer to.
        attachments: The request's `attachments`.
        complete: Whether required options must have a value. False for autocomplete.
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
        """Return the values as the application gets them.

        Raises:
            ApiError: An option is unknown, invalid or missing.
        """
        by_name = {each["name"]: each for each in known}
        if self._complete:
            _check_required(known, given, at)
        parsed = []
        for number, each in enumerate(given):
            option = by_name.get(each.name)
            if option is None or option["type"] != each.type:
                raise field_error(
                    (*at, number), "This command is outdated, please try again in a few minutes"
                )
            parsed.append(self._option(option, each, (*at, number)))
        return parsed

    def _option(self, option: Json, given: OptionValue, at: Path) -> Json:
        parsed: Json = {"name": given.name, "type": given.type}
        if given.type in SUBCOMMANDS:
            below = option.get("options", [])
            return parsed | {"options": self.options(below, given.options or [], (*at, "options"))}
        if given.focused:
            return parsed | {"value": given.value, "focused": True}
        return parsed | {"value": self._value(option, given.value, (*at, "value"))}

    def _value(self, option: Json, value: object, at: Path) -> object:
        if option["type"] == ATTACHMENT:
            return str(self.file(value, at))
        if option["type"] in VALUE_TYPES:
            _check_value(option, value, at)
            return value
        return str(self._resolved_id(option, value, at))

    def _resolved_id(self, option: Json, value: object, at: Path) -> int:
        """Resolve a user, channel or role, and return its id."""
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
        """Store the upload of an entry of `attachments`, and return the new attachment's id."""
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


def _check_value(option: Json, value: object, at: Path) -> None:
    """Raise for a value of the wrong type, not among the choices, or out of bounds."""
    kind = option["type"]
    if type(value) not in VALUE_TYPES[kind]:
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
