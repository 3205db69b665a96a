"""Scores -> a Discord message: ranked labels for one picture, the similarity matrix for several."""

from collections.abc import Sequence

from bot.discord_api.outgoing import OutgoingFile, OutgoingMessage
from bot.formatting.captions import MAX_CAPTION_LENGTH, THUMBNAIL_NAME
from bot.formatting.errors import error_sentence, picture_sentence
from bot.formatting.markdown import MAX_MESSAGE_LENGTH, escape, small_print, utf16_length
from bot.formatting.status import cut_off_files
from handlers.heatmap.render import MatrixNotDrawn
from handlers.matching.scores import (
    COSINES,
    ONE_LABEL,
    RELATIVE,
    Ranked,
    alt_text,
    rank,
    ranked_text,
    table_csv,
    table_text,
)
from handlers.matching.service import Scores
from handlers.text import tidy, two_decimals

MATRIX_NAME = "scores.png"
TABLE_NAME = "scores.csv"
IN_FILE = f"All scores are in {TABLE_NAME}."
NOT_DRAWN = error_sentence(MatrixNotDrawn())
SHARES_IN_FILE = f"The shares in {TABLE_NAME} do."
TABLE_ALT = "A table with the cosine similarity and the share of every label, for every picture."
TABLE_ALT_ONE_LABEL = "A table with the cosine similarity of the label, for every picture."
_NO_LIMIT = 2**20
"""UTF-16 code units that no ranking reaches."""


def format_ranking(
    scores: Scores, *, about: str = "", thumbnail: bytes = b"", spoiler: bool = False
) -> OutgoingMessage:
    """Format the scores of one picture: its labels ranked, the best with bars.

    Args:
        scores: With one row.
        about: A line with a link to the picture, if it is in another message.
        thumbnail: The picture as a small JPEG file, if it is in no message.
        spoiler: Whether the picture is behind a spoiler: its scores are then, too.
    """
    matched = scores.matched
    rows = rank(scores.labels, matched.cosine[0], matched.share[0])
    note = small_print(RELATIVE if len(rows) > 1 else ONE_LABEL)
    cut_off = cut_off_files(scores.cut_off, 1)
    text = ranked_text(rows, _max_length(about, IN_FILE, cut_off, note) - 4 * spoiler, _escape)
    is_complete = text == ranked_text(rows, _NO_LIMIT, _escape)
    alt = _thumbnail_alt(rows)
    files = [OutgoingFile(THUMBNAIL_NAME, thumbnail, alt, spoiler=spoiler)] if thumbnail else []
    if not is_complete:
        files.append(_table_file(scores, spoiler=spoiler))
    ranking = f"||{text}||" if spoiler else text
    return OutgoingMessage(_join_lines(about, ranking, "" if is_complete else IN_FILE, cut_off, note), files)


def format_matrix(
    scores: Scores, png: bytes | None, *, about: str = "", spoiler: bool = False
) -> OutgoingMessage:
    """Format the scores of several pictures: the matrix, and the table as text if it fits, else as a file.

    A picture that could not be used is named, with the reason.

    Args:
        scores: Of at least one of them.
        png: The matrix; None if it could not be drawn.
        about: A line with a link to the pictures, if they are in another message.
        spoiler: Whether one of the pictures is behind a spoiler: the matrix is then, too, and the table is in
            a file.
    """
    matched = scores.matched
    notice = "" if png is not None else NOT_DRAWN
    failures = "\n".join(map(picture_sentence, scores.failed, scores.failed.values()))
    note = small_print(COSINES if len(scores.labels) > 1 else ONE_LABEL)
    cut_off = cut_off_files(scores.cut_off, len(scores.numbers) + len(scores.failed))
    room = _max_length(about, notice, failures, cut_off, note)
    table = None if spoiler else table_text(scores.labels, matched.cosine, room, scores.numbers)
    files = []
    if png is not None:
        alt = alt_text(scores.labels, matched.cosine, MAX_CAPTION_LENGTH, scores.numbers)
        files.append(OutgoingFile(MATRIX_NAME, png, alt, spoiler=spoiler))
    if table is None:
        files.append(_table_file(scores, spoiler=spoiler))
        note += f" {SHARES_IN_FILE}" if len(scores.labels) > 1 else ""
    return OutgoingMessage(_join_lines(about, notice, table or IN_FILE, failures, cut_off, note), files)


def _thumbnail_alt(rows: Sequence[Ranked]) -> str:
    best = rows[0]
    what = "Its best label" if len(rows) > 1 else "The cosine similarity of its label"
    return f"The picture that was scored. {what}: {tidy(best.label)} ({two_decimals(best.cosine)})."


def _table_file(scores: Scores, *, spoiler: bool) -> OutgoingFile:
    data = table_csv(scores.labels, scores.matched.cosine, scores.matched.share, scores.numbers)
    alt = TABLE_ALT if len(scores.labels) > 1 else TABLE_ALT_ONE_LABEL
    return OutgoingFile(TABLE_NAME, data, alt, spoiler=spoiler)


def _escape(label: str) -> str:
    return escape(label, line_start=False)


def _max_length(*other_lines: str) -> int:
    """Return the UTF-16 code units that a message has left beside other lines."""
    return MAX_MESSAGE_LENGTH - sum(utf16_length(line) + 1 for line in other_lines if line)


def _join_lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line)
