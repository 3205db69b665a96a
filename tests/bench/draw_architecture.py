"""Draw docs/architecture.svg from the code: `python -m tests.bench.draw_architecture docs/architecture.svg`.

The layers are those of the import contracts in pyproject.toml, which `make lint` holds; the words are the first
lines of the packages' docstrings; the numbers are their modules.
"""

import ast
import re
import sys
import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WIDTH, COLUMN, GAP, PAD = 1180, 560, 12, 14
BOX, LINE = 58, 15
"""Pixels: the height of a box, and of a line of its text."""
CHARACTERS = 6.1
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


def wrapped(text: str, width: float, lines: int) -> list[str]:
    """Break a text into lines that fit into `width` pixels; what does not fit is cut."""
    most, found = int(width / CHARACTERS), [""]
    for word in text.split():
        if len(found[-1]) + len(word) + 1 <= most:
            found[-1] = f"{found[-1]} {word}".strip()
        else:
            found.append(word)
    if len(found) > lines:
        found[lines - 1] = found[lines - 1][: most - 1] + "…"
    return found[:lines]


def box(part: Part, x: float, y: float, width: float) -> str:
    """Draw a package."""
    count = f"{part.modules} modules" if part.modules > 1 else "1 module"
    summary = wrapped(part.summary, width - 16, 2)
    texts = [f'<text class="name" x="{x + 8}" y="{y + 18}">{escape(part.name)}</text>']
    if width > 160:
        texts.append(f'<text class="count" x="{x + width - 8}" y="{y + 18}">{count}</text>')
    texts += [
        f'<text x="{x + 8}" y="{y + 34 + LINE * row}">{escape(line)}</text>' for row, line in enumerate(summary)
    ]
    frame = f'<rect class="box" x="{x}" y="{y}" width="{width}" height="{BOX}" rx="6"/>'
    return "\n".join([frame, *texts])


def panel(room: str, title: str, x: float, y: float) -> tuple[str, float]:
    """Draw a room, layer above layer; return what is drawn and where it ends."""
    drawn, top = [], y + 36
    for layer in layers_of(room):
        width = (COLUMN - 2 * PAD - GAP * (len(layer) - 1)) / len(layer)
        for number, name in enumerate(layer):
            drawn.append(box(part_of(room, name), x + PAD + number * (width + GAP), top, width))
        top += BOX + GAP
    height = top - y + 2
    frame = f'<rect x="{x}" y="{y}" width="{COLUMN}" height="{height}" rx="10" fill="{COLOURS[room]}"/>'
    heading = f'<text class="title" x="{x + PAD}" y="{y + 24}">{escape(title)}</text>'
    return "\n".join([frame, heading, *drawn]), y + height


def draw() -> str:
    """Draw the figure as SVG."""
    bot, below_bot = panel("bot", "bot/ : Discord", 20, 50)
    handlers, below_handlers = panel(
        "handlers", "handlers/ : what is done with a picture", 20, below_bot + GAP
    )
    inference, below_inference = panel("inference", "inference/ : queue and models", 600, 50)
    redis_y = below_inference + 24
    playground = part_of("bot", "playground")
    beside = redis_y + 130
    height = max(below_handlers, beside + 90) + 20
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif">
<style>
text {{ font-size: 11px; fill: #333 }} .name {{ font-size: 13px; font-weight: bold; fill: #111 }}
.title {{ font-size: 15px; font-weight: bold; fill: #111 }} .count {{ text-anchor: end; fill: #777 }}
.box {{ fill: #fff; stroke: #b8b8c0 }} .process {{ font-size: 13px; fill: #555 }}
</style>
<rect width="{WIDTH}" height="{height:.0f}" fill="#fff"/>
<text class="process" x="20" y="34">the bot process: bot, handlers, and of inference the queue's client</text>
<text class="process" x="600" y="34">the worker process; a package imports only what lies below it</text>
{bot}
{handlers}
{inference}
<rect x="600" y="{redis_y}" width="{COLUMN}" height="96" rx="10" fill="#fbe9ea"/>
<text class="title" x="614" y="{redis_y + 24}">Redis</text>
<text x="614" y="{redis_y + 46}">Streams of jobs and replies, pictures' bytes, results: by inference/queue, on both sides.</text>
<text x="614" y="{redis_y + 62}">Open requests, read cursors, tokens, settings, conversations: by handlers/storage and</text>
<text x="614" y="{redis_y + 78}">handlers/chat, for the bot alone.</text>
<rect x="600" y="{beside}" width="{COLUMN}" height="90" rx="10" fill="#f1f1f4"/>
<text class="title" x="614" y="{beside + 24}">Beside them</text>
{box(playground, 614, beside + 32 - 4, COLUMN - 2 * PAD)}
</svg>
"""


def main() -> None:
    """Write the figure into a file."""
    Path(sys.argv[1]).write_text(draw())


if __name__ == "__main__":
    main()
