"""`python -m tests.bench.draw_readme docs/picture.png`: the README's picture, a real post and its answer.

All of it comes out of a `beholder run` in the pocket Discord; only the arrangement is drawn here.
"""

import asyncio
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tests.e2e.member import Member
from tests.e2e.scenes import Thing, draw
from tests.e2e.stack import running

FONT = Path(__file__).parents[2] / "handlers" / "fonts" / "DejaVuSans.ttf"
SCENES = [
    [Thing("red", "circle", 0.3, 0.3, 0.18), Thing("blue", "square", 0.7, 0.68, 0.2)],
    [Thing("green", "triangle", 0.5, 0.5, 0.3)],
    [
        Thing("yellow", "circle", 0.25, 0.7, 0.16),
        Thing("purple", "square", 0.72, 0.72, 0.16),
        Thing("black", "triangle", 0.5, 0.25, 0.17),
    ],
]
WIDTH, HEIGHT, LEFT = 1040, 560, 120


async def conversation() -> tuple[str, str, str]:
    """Post the scenes; return the member's name, the bot's name and what it said."""
    with tempfile.TemporaryDirectory() as folder:
        async with running(Path(folder)) as stack, Member(stack.session) as member:
            files = [(f"{number}.png", draw(each)) for number, each in enumerate(SCENES)]
            reply = await member.reply_to(await member.post(stack.session["channel_id"], files=files))
            return member.user["name"], reply["author"]["username"], reply["content"]


def arrange(person: str, bot: str, said: str) -> Image.Image:
    """Draw the conversation as Discord's dark theme shows one."""
    page = Image.new("RGB", (WIDTH, HEIGHT), "#313338")
    pen = ImageDraw.Draw(page)
    name, text = ImageFont.truetype(FONT, 25), ImageFont.truetype(FONT, 26)

    def head(y: int, who: str, color: str) -> None:
        pen.ellipse((30, y, 94, y + 64), fill=color)
        pen.text((62, y + 32), who[0].upper(), font=text, fill="white", anchor="mm")
        pen.text((LEFT, y), who, font=name, fill="#f2f3f5")

    head(30, person, "#5865f2")
    for number, things in enumerate(SCENES):
        picture = Image.open(io.BytesIO(draw(things, 560))).resize((280, 280), Image.Resampling.LANCZOS)
        page.paste(picture, (LEFT + 296 * number, 76))
    head(390, bot, "#23a55a")
    pen.multiline_text((LEFT, 428), said, font=text, fill="#dbdee1", spacing=10)
    return page


def main() -> None:
    """Make the picture."""
    arrange(*asyncio.run(conversation())).save(sys.argv[1], optimize=True)


if __name__ == "__main__":
    main()
