"""Sentences about a request that is still waiting (in small print) or cannot be answered."""

from collections.abc import Mapping

from bot.formatting.markdown import MAX_MESSAGE_LENGTH, SMALL_PRINT, shorten, small_print, utf16_length

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
_EARLIER = {
    "I have your message. My models aren't up yet: the answer will appear here as soon as they are.",
    "I can't reach my own memory right now: the answer will appear here as soon as I can.",
    "I have your message. My models are not running yet: the answer will appear here when they are.",
    "I can't reach my database right now: the answer will appear here when I can.",
}
"""What they said before 2026-11-27: such replies may still wait for their outcome."""
PLACEHOLDERS = frozenset({NO_WORKER, REDIS_AWAY, *_EARLIER})
"""Texts of a reply that its outcome replaces."""


def no_image_here(command_ids: Mapping[str, int]) -> str:
    """Say that there is no picture, and where help is.

    Args:
        command_ids: Discord's ids of the commands, by name.
    """
    command = f"</help:{command_ids['help']}>" if "help" in command_ids else "`/help`"
    return f"{NO_IMAGE_HERE}\n{HELP_LINE.format(help=command)}"


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
