"""Messages of authors that the pocket Discord has none of: other bots, webhooks, and deleted pictures."""

from collections.abc import Sequence

from bot.playground.forms.body import Upload
from bot.playground.messages import posting
from bot.playground.messages.attachments import new_attachment
from bot.playground.payloads.messages import message as message_payload
from bot.playground.state.records import Message as Record
from bot.playground.state.records import User
from tests.bot.harness import Harness
from tests.e2e.member import Message

OTHER_BOT, PLURAL_KIT, FOLLOW_UP = "Other bot", "PluralKit", "Follow-up"
AUTHORS = (OTHER_BOT, PLURAL_KIT, FOLLOW_UP)
"""A bot's own message; a webhook's that speaks for a member; a bot's response to an interaction."""


def post_as(
    harness: Harness, author: str, channel: str, files: Sequence[tuple[str, bytes]], content: str = ""
) -> Message:
    """Post a message of one of `AUTHORS`."""
    pocket = harness.pocket.pocket
    world = pocket.world
    user = next((each for each in world.users.values() if each.username == author), None)
    if user is None:
        user = User(id=world.snowflakes.next(), username=author, bot=True, token=author)
        world.save_user(user)
    record = Record(id=world.snowflakes.next(), channel_id=int(channel), author_id=user.id, content=content)
    if author == PLURAL_KIT:
        record.webhook_id, record.application_id = world.snowflakes.next(), user.id
    elif author == FOLLOW_UP:
        record.application_id = user.id
    uploads = [Upload(number, name, None, data) for number, (name, data) in enumerate(files)]
    attached = [
        (new_attachment(pocket, int(channel), each, None, ephemeral=False), each.data) for each in uploads
    ]
    record.attachments = [each for each, _ in attached]
    posting.publish(pocket, world.channels[int(channel)], record, attached)
    return message_payload(pocket.view(world.bot), record)
