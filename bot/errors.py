"""Errors of the bot's side: what ends a request other than its outcome.

    UserError            the request cannot be done as it stands; the text is shown to the member
    DiscordUnavailable   Discord could not be reached for as long as a call is retried; the request stays open
    TargetDeleted        the message, or the channel, that an answer belongs to is gone
    TokenExpired         an interaction's token is no longer accepted; the answer goes to the channel

Errors of the queue and the models are `inference.errors.BeholderError`.
"""


class UserError(Exception):
    """A request cannot be done as it stands. The text says what was wrong and what to do, and is shown."""


class DiscordUnavailable(Exception):
    """Discord could not be reached until the retry timeout: nothing is known to be visible."""


class TargetDeleted(Exception):
    """The messages of an answer were deleted, or the bot may no longer write where they belong."""


class TokenExpired(Exception):
    """An interaction's token is no longer accepted, or Discord was unreachable until it expired."""
