"""Discord's API errors: HTTP status, JSON error code and message, as its reference lists them."""

from collections.abc import Iterable
from enum import Enum

from bot.playground.state.records import Json


class ErrorCode(Enum):
    """HTTP status, code and message of each error. Source: Discord's reference, "JSON error codes"."""

    UNAUTHORIZED = (401, 0, "401: Unauthorized")
    NOT_FOUND = (404, 0, "404: Not Found")
    METHOD_NOT_ALLOWED = (405, 0, "405: Method Not Allowed")
    SERVER_ERROR = (500, 0, "500: Internal Server Error")
    UNKNOWN_APPLICATION = (404, 10002, "Unknown Application")
    UNKNOWN_CHANNEL = (404, 10003, "Unknown Channel")
    UNKNOWN_GUILD = (404, 10004, "Unknown Guild")
    UNKNOWN_MEMBER = (404, 10007, "Unknown Member")
    UNKNOWN_MESSAGE = (404, 10008, "Unknown Message")
    UNKNOWN_OVERWRITE = (404, 10009, "Unknown Overwrite")
    UNKNOWN_ROLE = (404, 10011, "Unknown Role")
    UNKNOWN_USER = (404, 10013, "Unknown User")
    UNKNOWN_EMOJI = (400, 10014, "Unknown Emoji")
    UNKNOWN_WEBHOOK = (404, 10015, "Unknown Webhook")
    UNKNOWN_STICKER = (404, 10060, "Unknown sticker")
    UNKNOWN_INTERACTION = (404, 10062, "Unknown interaction")
    UNKNOWN_COMMAND = (404, 10063, "Unknown application command")
    BOTS_ONLY = (403, 20002, "Only bots can use this endpoint")
    TOO_MANY_REACTIONS = (400, 30010, "Maximum number of reactions reached (20)")
    TOO_LARGE = (413, 40005, "Request entity too large")
    ALREADY_ACKNOWLEDGED = (400, 40060, "Interaction has already been acknowledged.")
    MISSING_ACCESS = (403, 50001, "Missing Access")
    NOT_IN_DM = (403, 50003, "Cannot execute action on a DM channel")
    NOT_YOUR_MESSAGE = (403, 50005, "Cannot edit a message authored by another user")
    EMPTY_MESSAGE = (400, 50006, "Cannot send an empty message")
    CANNOT_MESSAGE_USER = (403, 50007, "Cannot send messages to this user")
    NOT_A_TEXT_CHANNEL = (400, 50008, "Cannot send messages in a non-text channel")
    MISSING_PERMISSIONS = (403, 50013, "Missing Permissions")
    INVALID_TOKEN = (401, 50014, "Invalid authentication token provided")
    BULK_DELETE_COUNT = (
        400,
        50016,
        "Provided too few or too many messages to delete. Must provide at least 2 and at most 100 of them",
    )
    SYSTEM_MESSAGE = (403, 50021, "Cannot execute action on a system message")
    WRONG_CHANNEL_TYPE = (400, 50024, "Cannot execute action on this channel type")
    INVALID_WEBHOOK_TOKEN = (401, 50027, "Invalid Webhook Token")
    BULK_DELETE_AGE = (400, 50034, "A message provided was too old to bulk delete")
    INVALID_FORM = (400, 50035, "Invalid Form Body")
    INVALID_FILE = (400, 50046, "Invalid file uploaded")
    INVALID_MESSAGE_TYPE = (400, 50068, "Invalid message type")
    THREAD_ARCHIVED = (400, 50083, "Thread is archived")
    INVALID_JSON = (400, 50109, "The request body contains invalid JSON.")
    REPLY_NEEDS_HISTORY = (403, 160002, "Cannot reply without permission to read message history")
    THREAD_EXISTS = (400, 160004, "A thread has already been created for this message")
    THREAD_LOCKED = (400, 160005, "Thread is locked")


class ApiError(Exception):
    """An error answer to a request. `http.routing.Endpoint` sends it as Discord's error object."""

    def __init__(self, error: ErrorCode, errors: Json | None = None) -> None:
        status, code, message = error.value
        super().__init__(f"{code}: {message}")
        self.error = error
        self.status: int = status
        self.body: Json = {"message": message, "code": code}
        if errors:
            self.body["errors"] = errors


def field_error(path: Iterable[str | int], message: str) -> ApiError:
    """Return an "Invalid Form Body" error (50035) for one field.

    Args:
        path: The field's path in the request body, for example `("embeds", 0, "title")`.
        message: The sentence for the client.
    """
    return ApiError(ErrorCode.INVALID_FORM, add_field_error(path, message))


def add_field_error(path: Iterable[str | int], message: str, into: Json | None = None) -> Json:
    """Add one field's error to Discord's nested `errors` object, and return that object.

    Discord's service sends a word as an error's `code`, its OpenAPI description has an integer. This sends
    the integer.
    """
    tree: Json = {} if into is None else into
    node = tree
    for step in path:
        node = node.setdefault(str(step), {})
    _, code, _ = ErrorCode.INVALID_FORM.value
    node.setdefault("_errors", []).append({"code": code, "message": message})
    return tree
