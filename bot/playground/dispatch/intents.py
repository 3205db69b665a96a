"""Gateway intents: which events a session gets. Source: Discord's reference, "Gateway intents"."""

from enum import IntFlag


class Intent(IntFlag):
    """Discord's intents whose events the pocket Discord sends."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_EXPRESSIONS = 1 << 3
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_MESSAGE_REACTIONS = 1 << 10
    GUILD_MESSAGE_TYPING = 1 << 11
    DIRECT_MESSAGES = 1 << 12
    DIRECT_MESSAGE_REACTIONS = 1 << 13
    DIRECT_MESSAGE_TYPING = 1 << 14
    MESSAGE_CONTENT = 1 << 15


ALL_INTENTS = (1 << 26) - 1
"""The intents of user accounts."""

PRIVILEGED = {
    Intent.GUILD_PRESENCES: 1 << 12 | 1 << 13,
    Intent.GUILD_MEMBERS: 1 << 14 | 1 << 15,
    Intent.MESSAGE_CONTENT: 1 << 18 | 1 << 19,
}
"""Privileged intents, with the application flags that grant them."""

INTENTS_BY_EVENT = {
    "MESSAGE": (Intent.GUILD_MESSAGES, Intent.DIRECT_MESSAGES),
    "MESSAGE_REACTION": (Intent.GUILD_MESSAGE_REACTIONS, Intent.DIRECT_MESSAGE_REACTIONS),
    "TYPING": (Intent.GUILD_MESSAGE_TYPING, Intent.DIRECT_MESSAGE_TYPING),
    "CHANNEL": (Intent.GUILDS, Intent.DIRECT_MESSAGES),
    "THREAD": (Intent.GUILDS, Intent.GUILDS),
    "GUILD_MEMBER": (Intent.GUILD_MEMBERS, Intent.GUILD_MEMBERS),
    "GUILD": (Intent.GUILDS, Intent.GUILDS),
}
"""(guild intent, DM intent) by prefix of the event's name. The longest prefix that matches applies."""


def required_intent(event: str, *, direct: bool) -> int:
    """Return the intent that an event requires, 0 for none."""
    for prefix in sorted(INTENTS_BY_EVENT, key=len, reverse=True):
        if event.startswith(prefix):
            return INTENTS_BY_EVENT[prefix][direct]
    return 0


def has_disallowed(intents: int, application_flags: int) -> bool:
    """Tell whether an application asks for a privileged intent that it was not granted."""
    return any(intents & intent and not application_flags & flags for intent, flags in PRIVILEGED.items())


def reads_content(application_flags: int) -> bool:
    """Tell whether an application was granted the message content intent."""
    return bool(application_flags & PRIVILEGED[Intent.MESSAGE_CONTENT])
