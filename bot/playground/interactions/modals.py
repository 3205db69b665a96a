"""Modals: stored when they are opened, and validated against when they are submitted."""

from collections.abc import Iterator

from bot.playground.errors import ApiError, ErrorCode, field_error
from bot.playground.forms.interaction_forms import ModalSubmit
from bot.playground.forms.modal_forms import Modal
from bot.playground.http.routing import Call
from bot.playground.interactions.option_values import OptionParser
from bot.playground.interactions.resolved import ResolvedData
from bot.playground.pocket import Pocket
from bot.playground.state.records import Channel, Interaction, Json

ROW, STRING_SELECT, TEXT_INPUT, TEXT_DISPLAY, LABEL, FILES = 1, 3, 4, 10, 18, 19
USERS, ROLES, MENTIONABLES, CHANNELS = 5, 6, 7, 8
RADIOS, CHECKBOXES, CHECKBOX = 21, 22, 23
"""Source: Discord's reference, "Component reference"."""


def validated(modal: Modal) -> Json:
    """Return a modal as JSON for the record, with an id for each component.

    Raises:
        ApiError: Two fields have the same custom id.
    """
    kept = modal.model_dump(mode="json", exclude_none=True)
    fields = [each["custom_id"] for each in _flatten(kept["components"]) if "custom_id" in each]
    if len(fields) != len(set(fields)):
        raise field_error(("data", "components"), "Component custom id cannot be duplicated")
    for number, each in enumerate(_flatten(kept["components"]), 1):
        each.setdefault("id", number)
    return kept


def find_opened(pocket: Pocket, user_id: int, form: ModalSubmit) -> Interaction:
    """Return the newest interaction that opened a modal for a user.

    Raises:
        ApiError: There is no such interaction.
    """
    fitting = [
        each
        for each in pocket.world.interactions.values()
        if each.user_id == user_id and each.modal and each.modal["custom_id"] == form.custom_id
    ]
    found = next((each for each in reversed(fitting) if form.id in {None, each.id}), None)
    if found is None:
        raise ApiError(ErrorCode.UNKNOWN_INTERACTION)
    return found


def submitted_components(
    call: Call, channel: Channel, modal: Json, form: ModalSubmit, resolved: ResolvedData
) -> list[Json]:
    """Return the `components` of a modal submit as the application gets them.

    Raises:
        ApiError: A value is missing or invalid.
    """
    given = {each["custom_id"]: each for each in _flatten(form.components) if "custom_id" in each}
    parser = OptionParser(call, channel, resolved, form.attachments, complete=True)
    return [_row(each, given, parser, resolved) for each in modal["components"]]


def _row(line: Json, given: dict[str, Json], parser: OptionParser, resolved: ResolvedData) -> Json:
    shown: Json = {"type": line["type"], "id": line["id"]}
    if line["type"] == ROW:
        return shown | {"components": [_field(each, given, parser, resolved) for each in line["components"]]}
    if line["type"] == LABEL:
        return shown | {"component": _field(line["component"], given, parser, resolved)}
    return shown


def _field(field: Json, given: dict[str, Json], parser: OptionParser, resolved: ResolvedData) -> Json:
    """Return a field with its submitted value."""
    entry, at = given.get(field["custom_id"], {}), ("data", "components", field["custom_id"])
    shown: Json = {"type": field["type"], "id": field["id"], "custom_id": field["custom_id"]}
    match field["type"]:
        case 4:
            return shown | {"value": _text(field, entry.get("value"), at)}
        case 21:
            return shown | {"value": _choice(field, entry.get("value"), at)}
        case 23:
            return shown | {"value": bool(entry.get("value", False))}
    values = _choices(field, entry.get("values"), at)
    if field["type"] == FILES:
        values = [str(parser.file(each, at)) for each in values]
    for each in values:
        resolve_value(resolved, field, each, at)
    return shown | {"values": values}


def _text(field: Json, value: object, at: tuple[str, ...]) -> str:
    text = value if isinstance(value, str) else ""
    if not text and not field["required"]:
        return ""
    least, most = (
        max(field.get("min_length", 0), 1 if field["required"] else 0),
        field.get("max_length", 4000),
    )
    if not least <= len(text) <= most:
        raise field_error(at, f"Must be between {least} and {most} in length.")
    return text


def _choice(field: Json, value: object, at: tuple[str, ...]) -> str | None:
    if value is None and not field["required"]:
        return None
    if value not in [each["value"] for each in field["options"]]:
        raise field_error(at, "Value must be one of the options.")
    return str(value)


def _choices(field: Json, values: object, at: tuple[str, ...]) -> list[str]:
    chosen = [str(each) for each in values] if isinstance(values, list) else []
    if not chosen and not field["required"]:
        return []
    check_values(field, chosen, at)
    return chosen


def check_values(field: Json, chosen: list[str], at: tuple[str | int, ...]) -> None:
    """Raise where the chosen values are too few, too many, or not among the options.

    Raises:
        ApiError: They are invalid.
    """
    options = [each["value"] for each in field.get("options", ())]
    least, most = field.get("min_values", 1), field.get("max_values") or max(len(options), 1)
    if not least <= len(chosen) <= most or len(set(chosen)) != len(chosen):
        raise field_error(at, f"Must be between {least} and {most} in length.")
    if options and not set(chosen) <= set(options):
        raise field_error(at, "Value must be one of the options.")


def resolve_value(resolved: ResolvedData, field: Json, value: str, at: tuple[str | int, ...]) -> None:
    """Add a chosen user, role or channel to the resolved data.

    Raises:
        ApiError: There is no such interaction.
    """
    if field["type"] not in {USERS, ROLES, MENTIONABLES, CHANNELS}:
        return
    if not value.isdigit():
        raise field_error(at, f'Value "{value[:100]}" is not snowflake.')
    if field["type"] == CHANNELS:
        resolved.channel(int(value), field.get("channel_types"))
    else:
        {USERS: resolved.user, ROLES: resolved.role, MENTIONABLES: resolved.mentionable}[field["type"]](
            int(value)
        )


def _flatten(components: list[Json]) -> Iterator[Json]:
    for each in components:
        yield each
        yield from _flatten(
            [*each.get("components", []), *([each["component"]] if "component" in each else [])]
        )
