"""Draw docs/architecture.svg from the code: `python -m tests.bench.draw_architecture docs/architecture.svg`.

The layers are those of the import contracts in pyproject.toml, which `make lint` holds; the words are the
first sentences of the packages' docstrings; the numbers are their modules.
"""

import ast
import re
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WIDTH, COLUMN, GAP, PAD = 1180, 560, 10, 14
HEAD, LINE = 28, 15
"""Pixels: the height of a box's first line, and of each further one."""
MAX_IN_ROW = 3
CHARACTERS = 5.5
"""Pixels of a character of the small text, on average."""
COLOURS = {"bot": "#e8ecfb", "handlers": "#e6f4ea", "inference": "#fdf0e1"}


@dataclass(frozen=True)
class Part:
    """A package or module of a room.

    Attributes:
        name: Below its room.
        summary: The first sentence of its docstring.
        modules: How many modules it has.
    """

    name: str
    summary: str
    modules: int


def layers_of(room: str) -> list[list[str]]:
    """Read a room's layers from its import contract, the highest first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found = next(each for each in contracts if each.get("containers") == [room])
    return [re.split(r"\s*[:|]\s*", layer) for layer in found["layers"]]


def part_of(room: str, name: str) -> Part:
    """Read a package or module."""
    folder = ROOT / room / name
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text())) or ""
    sentence = docstring.partition("\n\n")[0].replace("\n", " ").replace("`", "")
    count = sum(each.stem != "__init__" for each in folder.rglob("*.py")) if folder.is_dir() else 1
    return Part(name, re.split(r"(?<=[.])\s", sentence)[0].rstrip("."), count)


def wrapped(text: str, width: float) -> list[str]:
    """Break a text into lines that fit into `width` pixels."""
    return textwrap.wrap(text, int(width / CHARACTERS)) or [""]


def height_of(parts: Sequence[Part], width: float) -> float:
    """Return how high boxes are that stand beside each other."""
    return HEAD + LINE * max(len(wrapped(each.summary, width - 16)) for each in parts)


def box(part: Part, x: float, y: float, width: float, height: float) -> str:
    """Draw a package."""
    count = f"{part.modules} modules" if part.modules > 1 else "1 module"
    texts = [
        f'<rect class="box" x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="6"/>',
        f'<text class="name" x="{x + 8:.0f}" y="{y + 18:.0f}">{escape(part.name)}</text>',
        f'<text class="count" x="{x + width - 8:.0f}" y="{y + 18:.0f}">{count}</text>',
    ]
    for row, line in enumerate(wrapped(part.summary, width - 16), 1):
        texts.append(f'<text x="{x + 8:.0f}" y="{y + 19 + LINE * row:.0f}">{escape(line)}</text>')
    return "\n".join(texts)


def rows_of(room: str) -> Iterator[list[Part]]:
    """Yield a room's packages, those of a layer beside each other, at most `MAX_IN_ROW`."""
    for layer in layers_of(room):
        count = -(-len(layer) // MAX_IN_ROW)
        size = -(-len(layer) // count)
        for start in range(0, len(layer), size):
            yield [part_of(room, name) for name in layer[start : start + size]]


def panel(room: str, title: str, x: float, y: float) -> tuple[str, float]:
    """Draw a room, layer above layer; return what is drawn and where it ends."""
    drawn, top = [], y + 36
    for parts in rows_of(room):
        width = (COLUMN - 2 * PAD - GAP * (len(parts) - 1)) / len(parts)
        height = height_of(parts, width)
        for number, part in enumerate(parts):
            drawn.append(box(part, x + PAD + number * (width + GAP), top, width, height))
        top += height + GAP
    height = top - y + 4
    frame = (
        f'<rect x="{x}" y="{y:.0f}" width="{COLUMN}" height="{height:.0f}" rx="10" fill="{COLOURS[room]}"/>'
    )
    heading = f'<text class="title" x="{x + PAD}" y="{y + 24:.0f}">{escape(title)}</text>'
    return "\n".join([frame, heading, *drawn]), y + height


REDIS = (
    "Streams of jobs and replies, pictures' bytes, results: by inference/queue, on both sides.",
    "Open requests, read cursors, tokens, settings, conversations: by handlers/storage and",
    "handlers/chat, for the bot alone.",
)


def draw() -> str:
    """Draw the figure as SVG."""
    bot, end_bot = panel("bot", "bot/ : Discord", 20, 50)
    handlers, end_handlers = panel("handlers", "handlers/ : what is done with a picture", 20, end_bot + GAP)
    inference, end_inference = panel("inference", "inference/ : queue and models", 600, 50)
    redis, beside = end_inference + GAP, end_inference + GAP + 106
    playground = part_of("bot", "playground")
    height = max(end_handlers, beside + 100) + 20
    lines = "\n".join(
        f'<text x="614" y="{redis + 46 + 16 * row:.0f}">{escape(line)}</text>'
        for row, line in enumerate(REDIS)
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif">
<style>
text {{ font-size: 11px; fill: #333 }} .name {{ font-size: 13px; font-weight: bold; fill: #111 }}
.title {{ font-size: 15px; font-weight: bold; fill: #111 }} .count {{ text-anchor: end; fill: #777 }}
.box {{ fill: #fff; stroke: #b8b8c0 }} .process {{ font-size: 13px; fill: #555 }}
</style>
<rect width="{WIDTH}" height="{height:.0f}" fill="#fff"/>
<text class="process" x="20" y="34">The bot's process: bot, handlers, and of inference the queue's client.</text>
<text class="process" x="600" y="34">The worker's process. Everywhere, a package imports only what lies below it.</text>
{bot}
{handlers}
{inference}
<rect x="600" y="{redis:.0f}" width="{COLUMN}" height="96" rx="10" fill="#fbe9ea"/>
<text class="title" x="614" y="{redis + 24:.0f}">Redis</text>
{lines}
<rect x="600" y="{beside:.0f}" width="{COLUMN}" height="94" rx="10" fill="#f1f1f4"/>
<text class="title" x="614" y="{beside + 24:.0f}">Beside them, for development and tests</text>
{box(playground, 614, beside + 36, COLUMN - 2 * PAD, HEAD + LINE)}
</svg>
"""


def main() -> None:
    """Write the figure into a file."""
    Path(sys.argv[1]).write_text(draw())


if __name__ == "__main__":
    main()
