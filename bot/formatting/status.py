"""Sentences about a request that is still waiting (in small print) or cannot be answered."""

import math
import re
import time
from collections.abc import Mapping, Sequence

from bot.formatting.markdown import (
    MAX_MESSAGE_LENGTH,
    SMALL_PRINT,
    escape,
    shorten,
    small_print,
    utf16_length,
)
from handlers.text import is_video_name
from inference.errors import TooManyInFlight
from inference.queue.loading_state import LoadingState, TaskState

NO_IMAGE_HERE = (
    "I see no picture here. Post one in the same message as my name, or send it to me in a direct message, "
    "and I'll say what is in it."
)
HELP_LINE = SMALL_PRINT + "{help} says what else I can do, and which picture I look at."
NO_WORKER = small_print(
    "I have your request. My models are not running yet: the answer will appear here when they are."
)
INTERNAL_ERROR = "Something went wrong on my side. Please try again; if it happens again, tell my operator."
REDIS_AWAY = small_print("I can't reach my database right now: the answer will appear here when I can.")
LOADING = "My models are being loaded{count}: the answer will appear here when they are."
FETCHING = (
    "My models are being fetched, which happens once{count}: the answer will appear here when they are."
)
MAX_NAMED_FILES = 3
"""Files that are named below an answer; of more, only the number is told."""
MAX_FILE_NAME_LENGTH = 60
"""UTF-16 code units of a file's name there."""
OVER_LIMIT = "You have {open}, which is the limit for one person: this one starts when {one} is done."
OVER_LOWERED_LIMIT = (
    "You have {open}, and the limit for one person is {limit}: this one starts when enough of them are done."
)
AFTER_OTHERS = small_print("This one is next: it comes after the answer that is being written here.")
_EARLIER = {
    "I have your message. My models aren't up yet: the answer will appear here as soon as they are.",
    "I can't reach my own memory right now: the answer will appear here as soon as I can.",
    "I have your message. My models are not running yet: the answer will appear here when they are.",
    "I can't reach my database right now: the answer will appear here when I can.",
}
"""What they said before 2026-11-27: such replies may still wait for their outcome."""
_PLACEHOLDERS = frozenset({NO_WORKER, REDIS_AWAY, *_EARLIER})
_NUMBERS = {
    "{count}": r"(?: \(model \d+ of \d+(?:, \d+ %)?\))?",
    "{open}": r"\d+ requests? open",
    "{limit}": r"\d+",
    "{one}": "(?:it|one of them)",
}


def _pattern(sentence: str) -> str:
    """Return a regular expression for a sentence with any numbers in it."""
    pattern = re.escape(sentence)
    for name, numbers in _NUMBERS.items():
        pattern = pattern.replace(re.escape(name), numbers)
    return pattern


_NUMBERED_PLACEHOLDERS = re.compile(
    re.escape(SMALL_PRINT)
    + "(?:"
    + "|".join(map(_pattern, (LOADING, FETCHING, OVER_LIMIT, OVER_LOWERED_LIMIT)))
    + ")"
)


def is_placeholder(text: str) -> bool:
    """Return whether a reply's text is one that its outcome replaces."""
    return text in _PLACEHOLDERS or _NUMBERED_PLACEHOLDERS.fullmatch(text) is not None


def not_ready(state: TaskState) -> str:
    """Tell a member why their request waits: no worker is ready for its task.

    Args:
        state: The task's state.
    """
    if state.loading is None:
        return NO_WORKER
    return small_print(_loading_text(state.loading))


def over_limit(refusal: TooManyInFlight) -> str:
    """Tell a member why their request waits: they have as many open as one person may have.

    Args:
        refusal: With `limit` and `open`, both at least 1.
    """
    limit = int(refusal.detail.get("limit", 1))
    count = max(limit, int(refusal.detail.get("open", limit)))
    numbers = {"open": open_requests(count), "limit": limit, "one": "it" if count == 1 else "one of them"}
    return small_print((OVER_LIMIT if count == limit else OVER_LOWERED_LIMIT).format(**numbers))


def open_requests(count: int) -> str:
    """Count a member's open requests: `4 requests open`."""
    return f"{count} {'request' if count == 1 else 'requests'} open"


def come_back(seconds: float, now: float | None = None) -> str:
    """Say when to come back: in words, and as the reader's clock shows it.

    Args:
        seconds: From `now` on.
        now: Unix time in seconds; None: the present.

    Returns:
        Such as `in about 12 seconds, at <t:1700000012:t> (<t:1700000012:R>)`. Discord shows each mark in the
        reader's language and time zone; the words are for readers to whom it shows only its digits.
    """
    seconds = max(0.0, seconds)
    at = math.ceil((time.time() if now is None else now) + seconds)
    return f"in {_about(seconds)}, at <t:{at}:t> (<t:{at}:R>)"


def _about(seconds: float) -> str:
    if round(seconds) <= 1:
        return "about a second"
    for length, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * length:
            return f"about {round(seconds / length)} {unit}"
    return f"about {round(seconds)} seconds"


def _loading_text(loading: LoadingState) -> str:
    percent = "" if loading.fraction is None else f", {int(loading.fraction * 100)} %"
    count = f" (model {loading.number} of {loading.of}{percent})" if loading.of > 1 or percent else ""
    return (FETCHING if loading.phase == "fetching" else LOADING).format(count=count)


def no_image_here(command_ids: Mapping[str, int], other_files: Sequence[str] = ()) -> str:
    """Say that there is no picture, and where help is.

    Args:
        command_ids: Discord's ids of the commands, by name.
        other_files: Names of files that are no pictures.
    """
    command = f"</help:{command_ids['help']}>" if "help" in command_ids else "`/help`"
    lines = [NO_IMAGE_HERE, not_looked_at(other_files), HELP_LINE.format(help=command)]
    return "\n".join(each for each in lines if each)


def not_looked_at(other_files: Sequence[str]) -> str:
    """Name the files of a message that are no pictures, in small print; empty where there are none.

    Args:
        other_files: Their names, each on one line.
    """
    if not other_files:
        return ""
    shown = other_files[:MAX_NAMED_FILES]
    only_videos = all(is_video_name(each) for each in other_files)
    named = [
        escape(shorten(each, MAX_FILE_NAME_LENGTH), line_start=False)
        + (" (a video)" if is_video_name(each) and not only_videos else "")
        for each in shown
    ]
    more = len(other_files) - len(named)
    if more:
        named.append("1 more file" if more == 1 else f"{more} more files")
    files = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    if only_videos:
        are = "is a video" if len(other_files) == 1 else "are videos"
        return small_print(f"{files} {are}: I can look at pictures only.")
    return small_print(f"I did not look at {files}: I can look at pictures only.")


def cut_off_files(numbers: Sequence[int], count: int) -> str:
    """Say which pictures' files are cut off, in small print; empty where none is.

    Args:
        numbers: Their numbers among the pictures, from 1.
        count: How many pictures there are.
    """
    if not numbers:
        return ""
    if count == 1:
        return small_print("This file is cut off: I looked at what is there.")
    if len(numbers) == 1:
        return small_print(f"The file of picture {numbers[0]} is cut off: I looked at what is there.")
    named = f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
    return small_print(f"The files of pictures {named} are cut off: I looked at what is there.")


def queue_position(jobs_ahead: int) -> str:
    """Tell a member how many jobs are ahead of theirs."""
    if jobs_ahead < 1:
        return small_print("You are next: the answer will appear here in a moment.")
    before = "1 request is" if jobs_ahead == 1 else f"{jobs_ahead} requests are"
    return small_print(f"{before} before yours. The answer will appear here.")


def late_answer(text: str, asker_id: int) -> str:
    """Address an answer in the channel to the member whose interaction token has expired. It pings nobody."""
    note = f"\n{SMALL_PRINT}For <@{asker_id}>, who asked some time ago."
    return shorten(text, MAX_MESSAGE_LENGTH - utf16_length(note)) + note
