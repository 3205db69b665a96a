"""Field names and JSON of a conversation's hash in Redis.

The names are persisted: a hash that an earlier version wrote must stay readable.
"""

import logging
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from handlers.chat.models import PostedImage, StoredModel, Subject, UserTurn

log = logging.getLogger(__name__)

SUBJECT: Final = "subject"
"""Field of the `Subject`."""
MEASURED: Final = "measured"
"""Field of the `TokenCount`."""
NEWEST: Final = "newest"
"""Field of the id of the turn whose answer has the buttons."""

_USER_TURN: Final = "said:"
_BOT_REPLY: Final = "replied:"
_REPLY_MESSAGES: Final = "shown:"
_NOTICE: Final = "told:"

M = TypeVar("M", bound=StoredModel)


def user_turn_field(turn_id: int) -> str:
    """Return the field of a turn's `UserTurn`."""
    return f"{_USER_TURN}{turn_id}"


def bot_reply_field(turn_id: int) -> str:
    """Return the field of a turn's `BotReply`."""
    return f"{_BOT_REPLY}{turn_id}"


def reply_messages_field(turn_id: int) -> str:
    """Return the field of the message ids of a turn's answer, separated by spaces."""
    return f"{_REPLY_MESSAGES}{turn_id}"


def notice_field(notice: str) -> str:
    """Return the field that is set once a notice was shown in the conversation."""
    return f"{_NOTICE}{notice}"


def read(model: type[M], raw: Any) -> M | None:  # noqa: ANN401 - redis-py types a reply as several types
    """Parse a field; a missing one is None, and so is one of another version, which is logged."""
    if raw is None:
        return None
    try:
        return model.model_validate_json(raw)
    except ValidationError:
        log.warning("malformed %s in a conversation", model.__name__)
        return None


def turn_ids(names: Sequence[str]) -> list[int]:
    """Return the turns among field names, in order."""
    return sorted(int(each.removeprefix(_USER_TURN)) for each in names if each.startswith(_USER_TURN))


def user_turns(fields: dict[str, Any]) -> list[UserTurn]:
    """Parse the turns of a hash, in order."""
    turns = (read(UserTurn, raw) for name, raw in fields.items() if name.startswith(_USER_TURN))
    return sorted((each for each in turns if each is not None), key=lambda turn: turn.turn_id)


def reply_messages(fields: dict[str, Any]) -> dict[int, tuple[int, ...]]:
    """Parse the message ids of each turn's answer."""
    return {
        int(name.removeprefix(_REPLY_MESSAGES)): tuple(map(int, raw.split()))
        for name, raw in fields.items()
        if name.startswith(_REPLY_MESSAGES)
    }


def messages(fields: dict[str, Any]) -> set[int]:
    """Return all message ids of a hash: of its turns, answers, subject, and of what turns are about."""
    found = set(turn_ids(list(fields)))
    for reply in reply_messages(fields).values():
        found.update(reply)
    found.update(each.message_id for turn in user_turns(fields) for each in turn.about)
    subject = read(Subject, fields.get(SUBJECT))
    return found | ({each.message_id for each in subject.pictures} if subject else set())


def pictures_of(fields: dict[str, Any], message_id: int) -> tuple[PostedImage, ...]:
    """Return the images that a turn, or a message of an answer, is about; none where it is neither."""
    answered = {message: turn for turn, shown in reply_messages(fields).items() for message in shown}
    turn_id = answered.get(message_id, message_id)
    subject = read(Subject, fields.get(SUBJECT)) or Subject()
    if turn_id not in turn_ids(list(fields)):
        return tuple(each for each in subject.pictures if each.message_id == message_id)
    pictures = subject.pictures
    for turn in user_turns(fields):
        if turn.turn_id <= turn_id:
            pictures = turn.pictures or turn.about or pictures
    return pictures


def without_message(subject: Subject, message_id: int) -> Subject:
    """Remove a deleted message's images from a subject."""
    left = tuple(each for each in subject.pictures if each.message_id != message_id)
    gone = subject.gone or len(left) < len(subject.pictures)
    return subject.model_copy(update={"pictures": left, "gone": gone})


def is_unchanged(before: UserTurn, after: UserTurn) -> bool:
    """Return whether an edit changes nothing: Discord also edits a message to add its links' embeds."""
    same_pictures = [each.which for each in before.pictures] == [each.which for each in after.pictures]
    return before.text == after.text and same_pictures and before.other_files == after.other_files
