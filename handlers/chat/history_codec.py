"""The fields of a conversation's hash in Redis, read."""

import logging
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from handlers.chat.models import PostedImage, StoredModel, Subject, UserTurn

log = logging.getLogger(__name__)

SUBJECT: Final = "subject"

K = TypeVar("K", bound=StoredModel)


def without(subject: Subject, message_id: int) -> Subject:
    """Leave a message's pictures out."""
    left = tuple(each for each in subject.pictures if each.message_id != message_id)
    gone = subject.gone or len(left) < len(subject.pictures)
    return subject.model_copy(update={"pictures": left, "gone": gone})


def same(said: UserTurn, text: str, pictures: Sequence[PostedImage]) -> bool:
    """Tell whether an edit is none of the author's: Discord edits a message when it has fetched its links."""
    return said.text == text and [each.which for each in said.pictures] == [each.which for each in pictures]


def read(kind: type[K], raw: Any) -> K | None:  # noqa: ANN401 - whatever redis-py gives
    """Read what was kept; what another version wrote counts as lost."""
    if raw is None:
        return None
    try:
        return kind.model_validate_json(raw)
    except ValidationError:
        log.warning("a %s in no form that is read here", kind.__name__.lower())
        return None


def answers(raw: dict[Any, Any]) -> dict[int, tuple[int, ...]]:
    """Read which messages each answer stands in."""
    return {
        int(name.removeprefix(b"shown:")): tuple(map(int, value.split()))
        for name, value in raw.items()
        if name.startswith(b"shown:")
    }


def messages(raw: dict[Any, Any]) -> set[int]:
    """Collect the messages of a conversation."""
    found = {int(name.removeprefix(b"said:")) for name in raw if name.startswith(b"said:")}
    for messages in answers(raw).values():
        found.update(messages)
    subject = read(Subject, raw.get(SUBJECT.encode()))
    return found | ({each.message_id for each in subject.pictures} if subject else set())
