"""Errors -> sentences for members: what was wrong, and what to do next."""

from collections.abc import Callable

from bot.formatting.status import INTERNAL_ERROR, come_back, open_requests
from inference.errors import BeholderError, NoPictureUsable, PictureError
from inference.images.formats import NAMES

DEFAULT_COME_BACK_S = 30.0
"""Seconds after which to come back where it is not known when there is room."""


def _amount(value: object, unit: object) -> str:
    """Format an amount with its unit: `32 MiB`, `80 megapixels`."""
    if not isinstance(value, int | float):
        return str(value)
    if unit == "bytes":
        return f"{value / 2**20:.3g} MiB"
    if unit == "pixels":
        return f"{value / 1e6:.3g} megapixels"
    return f"{value:g} {unit}".strip()


def _come_back(error: BeholderError, otherwise: float) -> str:
    """Say when to come back; after `otherwise` seconds where the error does not know."""
    seconds = error.detail.get("retry_after")
    return come_back(float(seconds) if isinstance(seconds, int | float) else otherwise)


def _too_large(error: BeholderError) -> str:
    unit = error.detail.get("unit", "")
    size = _amount(error.detail["value"], unit) if "value" in error.detail else "more than I can take"
    limit = f"; I take up to {_amount(error.detail['limit'], unit)}" if "limit" in error.detail else ""
    return f"This picture is too large ({size}{limit}). Post a smaller version of it."


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else "?"


def _label_too_long(error: BeholderError) -> str:
    detail = error.detail
    label = f"Label {_number(detail['label'])}" if "label" in detail else "A label"
    length = f" ({_amount(detail['value'], detail.get('unit'))})" if "value" in detail else ""
    limit = f": {_amount(detail['limit'], detail.get('unit'))} are the most" if "limit" in detail else ""
    return f"{label} is too long{length}{limit}. Shorten it."


def _too_many_labels(error: BeholderError) -> str:
    detail = error.detail
    count = f"{_number(detail['value'])} labels are too many" if "value" in detail else "Too many labels"
    limit = f": I take up to {_number(detail['limit'])} at a time" if "limit" in detail else ""
    return f"{count}{limit}. Leave some out."


def _empty_label(error: BeholderError) -> str:
    label = f"Label {_number(error.detail['label'])}" if "label" in error.detail else "A label"
    return f"{label} is empty. Take out a comma or put a word there."


def _queue_full(error: BeholderError) -> str:
    return f"I have too much to do right now. Try again {_come_back(error, DEFAULT_COME_BACK_S)}."


def _too_many_in_flight(error: BeholderError) -> str:
    limit = int(error.detail.get("limit", 1))
    count = max(limit, int(error.detail.get("open", limit)))
    one = "it is" if count == 1 else "one of them is" if count == limit else "enough of them are"
    which = "which is the limit" if count == limit else f"and the limit is {limit}"
    when = _come_back(error, DEFAULT_COME_BACK_S)
    return (
        f"You still have {open_requests(count)}, {which} for one person, so I did not begin this one. "
        f"Try again when {one} done, at the latest {when}."
    )


def _chat_busy(error: BeholderError) -> str:
    when = _come_back(error, 0) if "retry_after" in error.detail else "in a few minutes"
    return f"My chat model has too much to do right now. Try again {when}."


def _question_too_long(error: BeholderError) -> str:
    if "value" not in error.detail or "limit" not in error.detail:
        return "Your question is too long. Shorten it and ask again."
    length, limit, unit = (error.detail.get(name, "") for name in ("value", "limit", "unit"))
    counted = f"{_number(length)} {unit}; I take up to {_number(limit)}"
    return f"Your question has {counted}. Shorten it and ask again."


def _no_picture_usable(error: BeholderError) -> str:
    reasons = error.errors if isinstance(error, NoPictureUsable) else {}
    return "\n".join(map(picture_sentence, reasons, reasons.values())) or "I can use none of these pictures."


def picture_sentence(number: int, error: BeholderError) -> str:
    """Return the sentence about one of several pictures, with its number from 1."""
    return f"Picture {number}: {_sentence(error)}"


def _not_a_picture(error: BeholderError) -> str:
    if error.detail.get("kind") == "video":
        return "This is a video: I can look at pictures only. Post a screenshot of it."
    return f"This is no picture that I can read. Post it as {NAMES}."


_FORMATTERS: dict[str, Callable[[BeholderError], str]] = {
    "not_a_picture": _not_a_picture,
    "picture_too_large": _too_large,
    "label_too_long": _label_too_long,
    "question_too_long": _question_too_long,
    "too_many_labels": _too_many_labels,
    "empty_label": _empty_label,
    "queue_full": _queue_full,
    "too_many_in_flight": _too_many_in_flight,
    "chat_busy": _chat_busy,
    "no_picture_usable": _no_picture_usable,
}
"""By error code: makes the sentence from the numbers in the error's detail."""
_SENTENCES = {
    "no_question": "I see no question. Write one, such as: what colour is the car?",
    "no_labels": "I see no labels. Give me some with commas between them, such as: a cat, a dog.",
    "matrix_not_drawn": "I couldn't draw the picture of the scores this time: here they are without it.",
    "broken_picture": "This picture is damaged: it can't be opened. Save or export it again and post that.",
    "picture_too_slow": "This picture takes too long to open. Save it as a plain PNG or JPEG and post that.",
    "picture_gone": "I couldn't get this picture from Discord. Post it again.",
    "not_served": "None of my models can do this. My operator can start a worker that does.",
    "expired": "I could not answer this in time. Post the picture again to have me try again.",
    "chat_unavailable": "I can't chat right now: Ollama, which runs my chat model, can't be reached. Ask my "
    "operator to start it, and then me again.",
    "chat_not_ollama": "I can't chat, and it is not your words: something else answers where Ollama should. "
    "My operator can correct OLLAMA_HOST.",
    "chat_not_allowed": "I can't chat, and it is not your words: Ollama refuses me. My operator can let me "
    "in, or correct OLLAMA_HOST.",
    "chat_no_vision": "I can't chat, and it is not your words: my chat model can't see pictures. My operator "
    "can choose one that can in BEHOLDER_CHAT_MODEL.",
    "chat_out_of_memory": "I can't chat, and it is not your words: there is too little memory for my chat "
    "model. My operator can free some, or choose a smaller one in BEHOLDER_CHAT_MODEL.",
    "chat_model_missing": "I can't chat: Ollama doesn't have my chat model and can't fetch it. My "
    "operator can correct BEHOLDER_CHAT_MODEL.",
    "chat_model_pulling": "My chat model is still being downloaded. Try again in a few minutes.",
    "chat_not_begun": "My chat model has not begun to answer: it may be loading. Try again in a minute.",
    "chat_interrupted": "My answer broke off in the middle. Ask again.",
    "conversation_too_long": "Our conversation is longer than my model can read. Shorten your message, or "
    "begin a new one.",
    "model_failed": "My model failed on this picture. Try again, or post the picture in another format.",
    "worker_lost": "My model crashed on this picture several times. Try another version of it.",
    "queue_unavailable": "I can't reach my database right now. Try again in a few minutes.",
}


def error_sentence(error: BeholderError) -> str:
    """Return the sentence that tells a member of an error.

    If the error's detail has the number of one of several pictures (`picture`), so has the sentence.
    """
    if isinstance(error, PictureError) and "picture" in error.detail:
        return f"Picture {_number(error.detail['picture'])}: {_sentence(error)}"
    return _sentence(error)


def _sentence(error: BeholderError) -> str:
    formatter = _FORMATTERS.get(error.code)
    return formatter(error) if formatter else _SENTENCES.get(error.code, INTERNAL_ERROR)
