"""Progress bars and lines of downloads."""

import io
import re

from inference.models.progress import ProgressBars, ProgressLines, default_progress, hub_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_for_each_file() -> None:
    terminal = Terminal()
    progress = default_progress(terminal)
    assert isinstance(progress, ProgressBars)
    for name in ("config.json", "model.safetensors"):
        for done in (0, 400, 1000):
            progress(name, done, 1000)
    lines = terminal.getvalue()
    for name in ("config.json", "model.safetensors"):
        assert re.search(rf"{re.escape(name)}: 100%.*1\.00k/1\.00k", lines)


def test_a_file_of_unknown_size_gets_a_bar_that_counts() -> None:
    terminal = Terminal()
    progress = ProgressBars(terminal)
    progress("vocab.txt", 0, 0)
    progress("vocab.txt", 5000, 0)
    assert "vocab.txt" in terminal.getvalue()


def test_a_log_gets_one_line_for_each_tenth() -> None:
    said: list[str] = []
    lines = ProgressLines(said.append)
    for done in range(0, 2_000_001, 7_000):
        lines("model.safetensors", done, 2_000_000)
    lines("model.safetensors", 2_000_000, 2_000_000)
    assert said == [f"Fetching model.safetensors: {tenth * 10} % of 2.0 MB" for tenth in range(11)]


def test_without_a_terminal_lines_are_logged() -> None:
    assert isinstance(default_progress(io.StringIO()), ProgressLines)


def test_the_hub_s_bar_counts_what_was_there_before_and_what_is_rolled_back() -> None:
    steps: list[tuple[str, int, int]] = []
    bar = hub_bar(lambda *step: steps.append(step), "f")
    with bar(desc="x", total=10, initial=4, unit="B", unit_scale=True) as one:
        one.update(3)
        one.update_transfer(99)
        one.set_postfix_str("1 MB/s", refresh=False)
        one.update(-3)
        one.update(6)
    assert steps == [("f", 4, 10), ("f", 7, 10), ("f", 4, 10), ("f", 10, 10)]
