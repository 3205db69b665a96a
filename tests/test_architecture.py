"""docs/architecture.md against the code: its figure, the modules that it names, and the keys in its table."""

import re

from tests.bench.draw_architecture import ROOT, draw

DOCUMENT = (ROOT / "docs" / "architecture.md").read_text()
ROOMS = ("bot", "handlers", "inference")


def sources() -> str:
    """Return all code of the three rooms but the playground's."""
    files = (each for room in ROOMS for each in (ROOT / room).rglob("*.py") if "playground" not in each.parts)
    return "\n".join(each.read_text() for each in files)


def test_the_figure_is_what_the_code_draws() -> None:
    drawn = (ROOT / "docs" / "architecture.svg").read_text()
    assert drawn == draw(), "The packages have changed: run `make figure`, and look at it."


def test_every_module_that_is_named_is_there() -> None:
    for name in re.findall(r"`((?:bot|handlers|inference)/[a-z_/]+)", DOCUMENT):
        path = ROOT / name.rstrip("/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), name


def test_every_script_that_is_named_is_there() -> None:
    for name in re.findall(r"`([a-z_]+\.lua)`", DOCUMENT):
        assert list(ROOT.glob(f"[hi]*/**/scripts/{name}")), name


def test_every_redis_key_is_in_the_table() -> None:
    named = set(re.findall(r"prefix\}:([a-z_]+)", sources())) | {"commands"}
    in_table = set(re.findall(r"`([a-z_]+)[:`]", DOCUMENT.partition("## What state lives where")[2]))
    assert named <= in_table, named - in_table
