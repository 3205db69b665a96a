"""Scenes of the tiny world: things with their places and colours, and the ground.

One to three things, each a circle, a square or a triangle in one of eight colours, lie on a muted ground
without touching. Lengths are in *short sides* of the canvas (its shorter side is 1.0), x goes right, y down.
The world is fixed so that others can draw it too; within it the sampler is as broad as we could make it,
because the models shipped here must also read drawings that are not ours.
"""

from dataclasses import dataclass, replace

import numpy as np

Rgb = tuple[int, int, int]
"""A colour as red, green, blue, 0 to 255 each."""

Point = tuple[float, float]
"""A point or an offset, x right and y down."""

SHAPES = ("circle", "square", "triangle")
"""The three shapes, in the order captions name them."""

PALETTE: dict[str, tuple[Rgb, ...]] = {
    "red": (
        (255, 0, 0),
        (220, 20, 60),
        (214, 39, 40),
        (229, 57, 53),
        (244, 67, 54),
        (200, 30, 30),
        (230, 40, 60),
    ),
    "green": (
        (0, 128, 0),
        (0, 255, 0),
        (0, 180, 0),
        (44, 160, 44),
        (76, 175, 80),
        (50, 205, 50),
        (34, 139, 34),
    ),
    "blue": (
        (0, 0, 255),
        (31, 119, 180),
        (33, 150, 243),
        (65, 105, 225),
        (40, 70, 210),
        (30, 144, 255),
        (0, 0, 190),
    ),
    "yellow": ((255, 255, 0), (255, 235, 59), (241, 196, 15), (240, 220, 40), (255, 215, 0), (230, 210, 30)),
    "purple": (
        (128, 0, 128),
        (160, 32, 240),
        (148, 103, 189),
        (156, 39, 176),
        (138, 43, 226),
        (145, 60, 190),
    ),
    "orange": ((255, 165, 0), (255, 140, 0), (255, 127, 14), (255, 152, 0), (230, 126, 34), (255, 115, 0)),
    "black": ((0, 0, 0), (20, 20, 20), (33, 33, 33), (10, 10, 12)),
    "white": ((255, 255, 255), (245, 245, 245), (250, 250, 250), (238, 240, 242)),
}
"""The colour names, in the order captions name them, and colours that people mean by each.

Source: CSS named colours, Material Design 500, matplotlib's tab10, and the flat-UI palette.
"""

COLOURS = tuple(PALETTE)
"""The eight colour names, in the order captions name them."""

MAX_THINGS = 3
"""The most things a scene has."""

_LARGEST_RADIUS = {1: 0.36, 2: 0.28, 3: 0.23}  # more would seldom find room
_SMALLEST_RADIUS = 0.085
_LEAST_CONTRAST = 100  # sum of the three channels' differences between a thing and its ground


@dataclass(frozen=True)
class Thing:
    """One coloured shape.

    Attributes:
        shape: one of `SHAPES`.
        colour: one of `COLOURS`.
        rgb: the colour it is painted in.
        centre: its centre.
        radius: that of the circle around its centre that just holds it.
        corners: a polygon's corners in clockwise order, relative to the centre in radii; empty for a circle.
        edge: the colour of its outline, or None.
        edge_width: how wide the outline is.
    """

    shape: str
    colour: str
    rgb: Rgb
    centre: Point
    radius: float
    corners: tuple[Point, ...] = ()
    edge: Rgb | None = None
    edge_width: float = 0.0

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The smallest upright box around it: left, top, right, bottom."""
        x, y = self.centre
        corners = self.corners or ((-1.0, -1.0), (1.0, 1.0))
        across = [x + self.radius * corner[0] for corner in corners]
        down = [y + self.radius * corner[1] for corner in corners]
        return min(across), min(down), max(across), max(down)


@dataclass(frozen=True)
class Ground:
    """The ground under the things.

    Attributes:
        rgb: its colour in the middle of the canvas.
        slope: how much lighter each channel gets over one short side, to the right and down.
        grain: the standard deviation of its noise, in levels of 255.
        seed: of the noise.
    """

    rgb: Rgb
    slope: Point = (0.0, 0.0)
    grain: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Scene:
    """A picture before it is drawn.

    Attributes:
        things: one to three, none touching another.
        ground: what they lie on.
        width: the canvas's, in short sides.
        height: the canvas's, in short sides.
        smooth: whether edges are antialiased.
    """

    things: tuple[Thing, ...]
    ground: Ground
    width: float = 1.0
    height: float = 1.0
    smooth: bool = True


def apart(one: Thing, other: Thing, gap: float) -> bool:
    """Return whether two things are at least `gap` apart, by their bounding circles or boxes."""
    far = np.hypot(one.centre[0] - other.centre[0], one.centre[1] - other.centre[1])
    if far >= one.radius + other.radius + gap:
        return True
    left, top, right, bottom = one.box
    its_left, its_top, its_right, its_bottom = other.box
    return max(its_left - right, left - its_right, its_top - bottom, top - its_bottom) >= gap


def inside(thing: Thing, width: float, height: float, margin: float) -> bool:
    """Return whether a thing is on a canvas of that size, at least `margin` from its borders."""
    left, top, right, bottom = thing.box
    return min(left, top, width - right, height - bottom) >= margin


def sample(rng: np.random.Generator, count: int | None = None) -> Scene:
    """Sample a scene.

    Args:
        rng: where chance comes from; the same state gives the same scene.
        count: how many things, 1 to 3; by default more often many than few, as many are harder to learn.

    Returns:
        A scene in which each thing lies inside the canvas and touches no other.
    """
    if count is None:
        count = int(rng.choice(MAX_THINGS, p=(0.2, 0.35, 0.45))) + 1
    width, height = _canvas(rng)
    names = _names(rng, count)
    smooth = bool(rng.random() < 0.8)
    rgbs = [_paint(rng, colour) for colour, _ in names]
    things = [_outlined(rng, thing) for thing in _placed(rng, names, rgbs, (width, height))]
    return Scene(tuple(things), _ground(rng, rgbs), width, height, smooth)


def _canvas(rng: np.random.Generator) -> Point:
    if rng.random() < 0.5:
        return 1.0, 1.0
    aspect = float(rng.choice((4 / 3, 3 / 2, 16 / 9)) if rng.random() < 0.5 else np.exp(rng.uniform(0, 0.65)))
    return (aspect, 1.0) if rng.random() < 0.7 else (1.0, aspect)


def _names(rng: np.random.Generator, count: int) -> list[tuple[str, str]]:
    names = [(COLOURS[rng.integers(len(COLOURS))], SHAPES[rng.integers(len(SHAPES))]) for _ in range(count)]
    kin = rng.random()
    for place in range(1, count):
        # Chance alone makes equals too seldom for "two blue squares" to be learnt.
        if kin < 0.5 and rng.random() < 0.6:
            like, own = names[rng.integers(place)], names[place]
            names[place] = like if kin < 0.22 else (like[0], own[1]) if kin < 0.36 else (own[0], like[1])
    return names


def _paint(rng: np.random.Generator, colour: str) -> Rgb:
    tones = PALETTE[colour]
    base = tones[0] if rng.random() < 0.25 else tones[rng.integers(len(tones))]
    jitter = rng.integers(-14, 15, size=3) if rng.random() < 0.6 else (0, 0, 0)
    red, green, blue = (
        int(min(255, max(0, level + shift))) for level, shift in zip(base, jitter, strict=True)
    )
    return red, green, blue


def _placed(
    rng: np.random.Generator, names: list[tuple[str, str]], rgbs: list[Rgb], canvas: Point
) -> list[Thing]:
    largest = _LARGEST_RADIUS[len(names)]
    while True:
        gap = 0.01 + 0.05 * rng.random() ** 2
        low = rng.uniform(_SMALLEST_RADIUS, largest)
        high = low if rng.random() < 0.4 else largest
        things: list[Thing] = []
        for (colour, shape), rgb in zip(names, rgbs, strict=True):
            radius = float(rng.uniform(low, high))
            thing = Thing(shape, colour, rgb, (0.0, 0.0), radius, _corners(rng, shape))
            found = _settled(rng, thing, things, canvas, gap)
            if found is None:
                break
            things.append(found)
        else:
            return things
        largest = max(largest * 0.95, 0.15)


def _settled(
    rng: np.random.Generator, thing: Thing, others: list[Thing], canvas: Point, gap: float
) -> Thing | None:
    for x, y in rng.random((12, 2)).tolist():
        moved = replace(thing, centre=(x * canvas[0], y * canvas[1]))
        if inside(moved, *canvas, gap / 2) and all(apart(moved, other, gap) for other in others):
            return moved
    return None


def _corners(rng: np.random.Generator, shape: str) -> tuple[Point, ...]:
    if shape == "circle":
        return ()
    turn = float(rng.uniform(-0.25, 0.25)) if rng.random() < 0.5 else 0.0
    if shape == "square":
        tall = float(rng.uniform(0.87, 1.15)) if rng.random() < 0.25 else 1.0
        raw = np.array([(-1, -tall), (1, -tall), (1, tall), (-1, tall)], dtype=float)
    else:
        tall = float(rng.choice((np.sqrt(3), 2.0))) if rng.random() < 0.6 else float(rng.uniform(1.3, 2.5))
        lean = float(rng.uniform(-0.6, 0.6)) if rng.random() < 0.08 else 0.0
        raw = np.array([(lean, -2 * tall / 3), (1, tall / 3), (-1, tall / 3)], dtype=float)
        turn += np.pi if rng.random() < 0.03 else 0.0
    raw /= np.hypot(*raw.T).max()
    cos, sin = np.cos(turn), np.sin(turn)
    return tuple((float(x * cos - y * sin), float(x * sin + y * cos)) for x, y in raw)


def _outlined(rng: np.random.Generator, thing: Thing) -> Thing:
    if rng.random() >= 0.1:
        return thing
    shade = rng.random()
    dark = tuple(level * 6 // 10 for level in thing.rgb)
    edge: Rgb = (dark[0], dark[1], dark[2]) if shade < 0.5 else (0, 0, 0) if shade < 0.9 else (255, 255, 255)
    return replace(thing, edge=edge, edge_width=float(rng.uniform(0.004, 0.15 * thing.radius)))


def _ground(rng: np.random.Generator, rgbs: list[Rgb]) -> Ground:
    low, high = 60, 215
    while True:
        tint = rng.integers(-20, 21, size=3) if rng.random() < 0.7 else np.zeros(3, dtype=int)
        levels = np.clip(int(rng.integers(low, high + 1)) + tint, 45, 225)
        if all(np.abs(levels - rgb).sum() >= _LEAST_CONTRAST for rgb in rgbs):
            break
    steep = rng.uniform(-30, 30, size=2) if rng.random() < 0.25 else (0.0, 0.0)
    grain = float(rng.uniform(1, 14)) if rng.random() < 0.35 else 0.0
    rgb: Rgb = (int(levels[0]), int(levels[1]), int(levels[2]))
    return Ground(rgb, (float(steep[0]), float(steep[1])), grain, int(rng.integers(2**31)))
