"""Scores -> the text and files of a Discord message: ranked labels for one picture, a matrix for several."""

from bot.discord_api.outgoing import OutgoingFile, OutgoingMessage
from bot.formatting.captions import MAX_CAPTION_LENGTH, THUMBNAIL_NAME
from bot.formatting.errors import error_sentence
from bot.formatting.markdown import MAX_MESSAGE_LENGTH, escape, utf16_length
from handlers.heatmap.render import MatrixNotDrawn
from handlers.matching.scores import RELATIVE, Ranked, alt_text, rank, ranked_text, table_csv, table_text
from handlers.matching.service import Scores
from handlers.text import tidy, two_decimals

MATRIX_NAME = "scores.png"
TABLE_NAME = "scores.csv"
IN_FILE = f"All scores are in {TABLE_NAME}."
NOT_DRAWN = error_sentence(MatrixNotDrawn())
TABLE_ALT = "A table with the cosine similarity and the share of every label, for every picture."
_ENDLESS = 2**20
_NOTE = f"-# {RELATIVE}"


def ranked(
    scores: Scores, *, about: str = "", thumbnail: bytes = b"", spoiler: bool = False
) -> OutgoingMessage:
    """Write the scores of one picture: its labels ranked, with bars.

    Args:
        scores: With one row.
        about: A line that says which picture is meant, where it stands elsewhere.
        thumbnail: The picture as a small JPEG file, where it stands nowhere else.
        spoiler: Whether the picture is hidden until somebody clicks: its scores are then, too.
    """
    matched = scores.matched
    rows = rank(scores.labels, matched.cosine[0], matched.share[0])
    text = ranked_text(rows, _room(about, IN_FILE, _NOTE) - 4 * spoiler, _escape)
    is_whole = text == ranked_text(rows, _ENDLESS, _escape)
    files = [OutgoingFile(THUMBNAIL_NAME, thumbnail, _best(rows[0]), spoiler=spoiler)] if thumbnail else []
    if not is_whole:
        files.append(_table(scores, spoiler=spoiler))
    shown = f"||{text}||" if spoiler else text
    return OutgoingMessage(_lines(about, shown, "" if is_whole else IN_FILE, _NOTE), files)


def compared(scores: Scores, png: bytes | None, *, about: str = "", spoiler: bool = False) -> OutgoingMessage:
    """Write the scores of several pictures: the matrix, and the table in the text where it fits.

    Args:
        scores: With a row for each picture.
        png: The matrix; None where it could not be drawn.
        about: A line that says which pictures are meant, where that needs saying.
        spoiler: Whether one of the pictures is hidden until somebody clicks: the matrix is then, too, and
            the table goes into a file.
    """
    matched = scores.matched
    begun = "" if png is not None else NOT_DRAWN
    table = None if spoiler else table_text(scores.labels, matched.cosine, _room(about, begun, _NOTE))
    files = []
    if png is not None:
        alt = alt_text(scores.labels, matched.cosine, MAX_CAPTION_LENGTH)
        files.append(OutgoingFile(MATRIX_NAME, png, alt, spoiler=spoiler))
    if table is None:
        files.append(_table(scores, spoiler=spoiler))
    return OutgoingMessage(_lines(about, begun, table or IN_FILE, _NOTE), files)


def _best(row: Ranked) -> str:
    return f"The picture that was scored. Its best label: {tidy(row.label)} ({two_decimals(row.cosine)})."


def _table(scores: Scores, *, spoiler: bool) -> OutgoingFile:
    data = table_csv(scores.labels, scores.matched.cosine, scores.matched.share)
    return OutgoingFile(TABLE_NAME, data, TABLE_ALT, spoiler=spoiler)


def _escape(label: str) -> str:
    return escape(label, line_start=False)


def _room(*others: str) -> int:
    return MAX_MESSAGE_LENGTH - sum(utf16_length(each) + 1 for each in others if each)


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line)
