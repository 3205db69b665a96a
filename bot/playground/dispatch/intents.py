"""Which events a gateway session asked for. Source: Discord's reference, "Gateway intents"."""

from enum import IntFlag


class Intent(IntFlag):
    """Discord's intents, as far as the pocket Discord has their events."""

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
"""What people's own clients get."""

PRIVILEGED = {
    Intent.GUILD_PRESENCES: 1 << 12 | 1 << 13,
    Intent.GUILD_MEMBERS: 1 << 14 | 1 << 15,
    Intent.MESSAGE_CONTENT: 1 << 18 | 1 << 19,
}
"""Intents that an application must have been granted, with the application flags that say so."""

INTENTS_BY_EVENT = {
    "MESSAGE": (Intent.GUILD_MESSAGES, Intent.DIRECT_MESSAGES),
    "MESSAGE_REACTION": (Intent.GUILD_MESSAGE_REACTIONS, Intent.DIRECT_MESSAGE_REACTIONS),
    "TYPING": (Intent.GUILD_MESSAGE_TYPING, Intent.DIRECT_MESSAGE_TYPING),
    "CHANNEL": (Intent.GUILDS, Intent.DIRECT_MESSAGES),
    "THREAD": (Intent.GUILDS, Intent.GUILDS),
    "GUILD_MEMBER": (Intent.GUILD_MEMBERS, Intent.GUILD_MEMBERS),
    "GUILD": (Intent.GUILDS, Intent.GUILDS),
}
"""The intent that events of a name need in a server, and in a direct message. Longer names first."""


def required_intent(event: str, *, direct: bool) -> int:
    """Return the intent that an event needs, 0 for one that everyone gets."""
    for prefix in sorted(INTENTS_BY_EVENT, key=len, reverse=True):
        if event.startswith(prefix):
            return INTENTS_BY_EVENT[prefix][direct]
    return 0


def has_disallowed(intents: int, application_flags: int) -> bool:
    """Tell whether an application asks for an intent that it was not granted."""
    return any(intents & intent and not application_flags & flags for intent, flags in PRIVILEGED.items())


def reads_content(application_flags: int) -> bool:
    """Tell whether an application was granted the message-content intent."""
    return bool(application_flags & PRIVILEGED[Intent.MESSAGE_CONTENT])
