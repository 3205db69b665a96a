"""Text without what hides or reorders it, and with what its script needs. Free of torch.

Unicode has characters that are not seen: some turn the direction of a line round, some carry words that only
a model reads (tags, runs of variation selectors), some make two equal words differ. All of these are removed,
here and nowhere else, from what members and models write. What is not seen but changes how its neighbours
look stays where it does that: joiners in Persian, in Indic conjuncts and in emoji, variation selectors behind
what they vary, the tags of a flag.
"""

import regex

MAX_COMBINING_MARKS = 4
"""Combining marks on one letter: the scripts that use them need up to three."""
MAX_CLUSTER_LENGTH = 64
"""Characters of a grapheme cluster that is kept whole. The longest emoji have about 10."""

# Letters and marks that a joiner changes: of scripts whose letters join, and of Indic syllables.
_JOINED = r"[[[\p{L}\p{M}]--\p{InSC=Other}]\p{JT=D}\p{JT=R}\p{JT=L}]"
_KEPT = rf"""
  # A joiner behind a letter that it can change, or at a word's beginning before one.
    (?<={_JOINED}\p{{Mn}}{{0,{MAX_COMBINING_MARKS}}})[\u200c\u200d]
  | (?<![\p{{L}}\p{{M}}\p{{N}}\p{{Cf}}])[\u200c\u200d](?={_JOINED})
  # The joiner between two emoji, with their skin tone or variation selector.
  | (?<=\p{{Extended_Pictographic}}[\p{{Emoji_Modifier}}\ufe0f]{{0,2}})\u200d(?=\p{{Extended_Pictographic}})
  # The flags of England, Scotland, Wales: a black flag and tags.
  | (?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{{3,6}}\U000e007f
  # Variation selectors: text or emoji; forms of symbols and letters; ideographs.
  | (?<=\p{{Emoji}}\p{{Emoji_Modifier}}?)[\ufe0e\ufe0f]
  | (?<=[\p{{S}}\u3001\u3002\uff01\uff0c\uff0e\uff1a\uff1b\uff1f]|{_JOINED}|\p{{Han}})[\ufe00-\ufe0d]
  | (?<=\p{{Han}})[\U000e0100-\U000e01ef]
  # Mongolian's own, Hangul's fillers for one missing half, and the signs that are called format characters
  # and are seen: Arabic number signs, the joiners of hieroglyphs.
  | (?<=[\p{{Mongolian}}&&\p{{L}}])[\u180b-\u180f]
  | \u115f(?=[\u1161-\u11a7]) | (?<=[\u1100-\u115e])\u1160
  | \p{{Prepended_Concatenation_Mark}}
  | (?<=[\p{{Egyptian_Hieroglyphs}}&&\p{{L}}][\U00013430-\U0001345f]{{0,3}})[\U00013430-\U0001345f]
"""
_HIDDEN = regex.compile(
    rf"(?P<kept>{_KEPT})"
    r"| [[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}]--[\n\t]]"
    r"| (?P<blank>\u2800)",
    regex.VERBOSE | regex.VERSION1,
)
_LINE_BREAK = regex.compile(r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_EXCESS_MARKS = regex.compile(rf"([\p{{Mn}}\p{{Me}}]{{{MAX_COMBINING_MARKS}}})[\p{{Mn}}\p{{Me}}]+")
_CLUSTER = regex.compile(r"\X")


def visible_text(text: str) -> str:
    r"""Remove what hides or reorders text. Idempotent; lines and tabs stay.

    Every kind of line break becomes `\n`, Braille's empty cell becomes a space. Other control characters and
    lone surrogates are removed, and so are combining marks beyond `MAX_COMBINING_MARKS` in a row.
    """
    text = _HIDDEN.sub(_visible, _LINE_BREAK.sub("\n", text))
    return str(_EXCESS_MARKS.sub(r"\1", text))


def graphemes(text: str) -> list[str]:
    """Split a text into grapheme clusters, what a reader takes for one character: none may be cut in two.

    One of more than `MAX_CLUSTER_LENGTH` characters is split all the same.
    """
    clusters: list[str] = []
    for cluster in _CLUSTER.findall(text):
        clusters += [cluster] if len(cluster) <= MAX_CLUSTER_LENGTH else cluster
    return clusters


def _visible(found: "regex.Match[str]") -> str:
    if found["kept"] is not None:
        return str(found["kept"])
    return " " if found["blank"] is not None else ""
