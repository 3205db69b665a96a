"""Checks across a message's components, and their JSON for the record."""

from collections.abc import Iterator

from bot.playground.errors import field_error
from bot.playground.forms.component_forms import TopLevel
from bot.playground.payloads.media import SCHEME
from bot.playground.state.records import Attachment, Json

COMPONENTS_V2 = 1 << 15
"""Message flag IS_COMPONENTS_V2. Source: Discord's reference, "Message flags"."""

ROW = 1
TEXT_DISPLAY = 10
THUMBNAIL = 11
CONTAINER = 17
MAX_ROWS = 5
MAX_COMPONENTS = 40
MAX_TEXT = 4000
"""Limit of all texts of a V2 message together. Source: Discord's reference, "Component reference"."""


def validated(components: list[TopLevel], *, v2: bool) -> list[Json]:
    """Return components as JSON for the record, with an id each and Discord's defaults.

    Raises:
        ApiError: A limit across components is exceeded, or a type is not allowed there.
    """
    kept = [each.model_dump(mode="json", exclude_none=True) for each in components]
    if v2:
        _check_v2(kept)
    else:
        _check_rows(kept)
    _check_custom_ids(kept)
    _fill_defaults(kept)
    return kept


def flatten(components: list[Json]) -> Iterator[Json]:
    """Yield components and all nested ones, parents first."""
    for each in components:
        yield each
        yield from flatten(each.get("components", []))
        if "accessory" in each:
            yield each["accessory"]


def check_attached(components: list[Json], attachments: list[Attachment]) -> None:
    """Raise where a component shows a file that is not attached.

    Raises:
        ApiError: An `attachment://` URL has no attachment.
    """
    names = {each.filename for each in attachments}
    for each in flatten(components):
        shown = [each.get("media"), each.get("file"), *(item["media"] for item in each.get("items", []))]
        for url in (medium["url"] for medium in shown if medium):
            if url.startswith(SCHEME) and url.removeprefix(SCHEME) not in names:
                raise field_error(
                    ("components",),
                    f"{url} was not found",
                )


def _check_rows(kept: list[Json]) -> None:
    if len(kept) > MAX_ROWS:
        raise field_error(("components",), "Must be between 0 and 5 in length.")
    for number, each in enumerate(kept):
        if each["type"] != ROW:
            raise field_error(("components", number), 'Value of field "type" must be one of (1,).')


def _check_v2(kept: list[Json]) -> None:
    all_components = list(flatten(kept))
    if len(all_components) > MAX_COMPONENTS:
        raise field_error(
            ("components",),
            "The maximum number of components is 40",
        )
    if sum(len(each.get("content", "")) for each in all_components) > MAX_TEXT:
        raise field_error(
            ("components",),
            "The total displayable text size exceeds the maximum size of 4000",
        )


def _check_custom_ids(kept: list[Json]) -> None:
    ids = [each["custom_id"] for each in flatten(kept) if "custom_id" in each]
    if len(ids) != len(set(ids)):
        raise field_error(("components",), "Component custom id cannot be duplicated")


def _fill_defaults(kept: list[Json]) -> None:
    """Assign the missing ids, and set the fields that Discord sends as null."""
    all_components = list(flatten(kept))
    taken = {each["id"] for each in all_components if each.get("id")}
    free = (number for number in range(1, MAX_COMPONENTS * 4) if number not in taken)
    for each in all_components:
        if not each.get("id"):
            each["id"] = next(free)
        if each["type"] == CONTAINER:
            each.setdefault("accent_color", None)
        for shown in [each] if each["type"] == THUMBNAIL else each.get("items", []):
            shown.setdefault("description", None)
