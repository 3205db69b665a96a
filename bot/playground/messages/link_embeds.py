"""Link embeds: unfurl the URLs of pictures in a message's content after it was sent.

Discord unfurls links to the whole web. The pocket Discord makes no requests, so it unfurls links to its own
attachments only.
"""

import re

from bot.playground.messages import posting
from bot.playground.messages.compose import SUPPRESS_EMBEDS
from bot.playground.pocket import Pocket
from bot.playground.state.permissions import Permission
from bot.playground.state.records import Channel, Message

LINK = re.compile(r"(?<!<)https?://[^\s<>|]+")
"""A URL. It ends before a spoiler's "||"; `<url>` is not unfurled."""
MAX_EMBEDS = 5
"""How many links of a message are unfurled. Discord publishes no number."""


def unfurl(pocket: Pocket, channel: Channel, message: Message) -> None:
    """Add an embed for each picture that a message links to. Sends MESSAGE_UPDATE where there is one."""
    allowed = pocket.world.permissions(channel, message.author_id) & Permission.EMBED_LINKS
    if not allowed or message.flags & SUPPRESS_EMBEDS or message.embeds:
        return
    links = list(dict.fromkeys(LINK.findall(message.content)))[:MAX_EMBEDS]
    shown = [url for url in links if (found := pocket.files.known(url)) is not None and found.width]
    if shown:
        embeds = [{"type": "image", "url": url, "thumbnail": {"url": url}} for url in shown]
        posting.update(pocket, channel, message.model_copy(update={"embeds": embeds}))
