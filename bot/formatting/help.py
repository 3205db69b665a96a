"""What the bot can do, in plain words, and whether a member's words ask for that."""

import re
import unicodedata
from collections.abc import Mapping

_HELP = """\
**What I can do**
I look at pictures and say what is in them.

- **Mention me** in a message with a picture, or in a reply to one, and I describe the picture. Write a \
question beside my name, and I answer that instead. In a reply to an answer of mine, a question mark does \
without my name.
- {describe} describes a picture.
- {ask} answers a question about a picture.
- {match} scores pictures against labels that you choose: which fits best?
- {chat} starts a conversation about a picture, and so does *Talk about it* below a description. There, \
just write.
- In a **message's menu**, under *Apps*, are *Describe this image* and *Talk about this image*.
- In a **direct message** to me, no mention is needed: send a picture, then ask about it.
- {captions on} has every picture that is posted in a channel described, and {captions off} stops that. Both \
need the Manage Server permission.
- {status} says whether my models are running.
- {help} shows this.

**Which picture I look at**
The one that you give me. If you give none, I take the picture of the message that you reply to; a reply to \
an answer of mine is about the picture of that answer. Otherwise I take the one that the thread is about, or \
else the newest that people posted here."""

_NAME = re.compile(r"\{([a-z ]+)\}")


def help_text(command_ids: Mapping[str, int]) -> str:
    """Say what the bot can do, and which picture is meant where none is given.

    Args:
        command_ids: Discord's ids of the commands, by name; a subcommand's name is that of its group, a
            space, and its own. A command that has one can be clicked, the others are only named.

    Returns:
        Markdown for a message, under 2,000 characters.
    """

    def mention(found: re.Match[str]) -> str:
        command = found[1]
        return f"</{command}:{command_ids[command]}>" if command in command_ids else f"`/{command}`"

    return _NAME.sub(mention, _HELP)


MAX_REQUEST_LENGTH = 120
"""Characters of the longest text that can be a greeting or a request for help."""

_WAVE = re.compile(r"\N{WAVING HAND SIGN}|(?:<a?)?:wave:(?:\d{1,20}>)?")
_MARK = re.compile(r"<(?:a?:\w{2,32}:|@[!&]?|#)\d{1,20}>|:\w{2,32}:")
"""Mentions, custom emoji, and emoji by name: they say nothing of what is wanted."""

# These describe a text as `_words` returns it: lower case, no punctuation, one space between two words.
_OPENINGS = ("ok", "okay", "so", "um", "uh", "well", "oh", "please", "pls", "plz", "bot", "beholder", "and")
"""What may stand before and after what is said; alone it says nothing."""
_ADDRESSED = (
    *("there", "again", "all", "everyone", "everybody", "folks", "friend", "buddy", "mate", "sir"),
    *("you", "to you", "today", "now", "thanks", "thank you"),
)
_BOT = "(?:you|u|(?:this|the) bot|beholder|this thing)"
_ABILITIES = (
    "(?:commands?|features?|functions?|abilities|capabilities|skills|options|usage|manual|instructions|docs?)"
)
_MORE = (
    "(?: (?:do|offer|have|know|for me|for us|here|in here|exactly|actually|really|else|"
    "(?:with|about) (?:pictures|images|photos)))*"
)
_GREETINGS = (
    *("h[ae]l+o+", "hul+o+", "hi+", "he+y+", "hiya+", "heya+", "howdy", "yo+", "greetings", "welcome"),
    *("salut", "hola", "bonjour", "ciao", "ola", "servus", "moin", "sup", "whats up", "wass?up"),
    *("good (?:morning|afternoon|evening|day)", "morning", "evening", "nice to meet you"),
    *("how (?:are|r) (?:you|u)(?: doing)?", "hows it going", "test(?:ing)?", "ping"),
    *("(?:are )?(?:you|u|anyone|anybody) there", "are you (?:here|up|alive|online|awake|working|ready)"),
)
_HELP_WANTED = (
    (
        "(?:(?:i |we )?(?:need |want |would like |get |give |give me |show |show me |send |open ))?"
        "(?:some |a little |a bit of |your |the |more )?help"
        "(?: (?:me|us|out|needed|wanted|menu|page|text|commands?))*(?: with (?:this bot|the bot|commands))?"
    ),
    "(?:can|could|will|would) (?:you|u|anyone|somebody|someone) (?:please )?help(?: (?:me|us|out))*",
    "how (?:can|could) you help(?: (?:me|us))?",
)
_ABOUT_THE_BOT = (
    f"what (?:else )?(?:can|could|do|does|will) {_BOT} do{_MORE}",
    f"what can (?:i|we) (?:do|ask|ask you|do with {_BOT}|use {_BOT} for){_MORE}",
    "what(?: a|)re you(?: (?:for|capable of|able to do|good (?:at|for)|supposed to do|here for|exactly))*",
    f"what(?:s| is| are) your (?:name|purpose|job|{_ABILITIES})",
    f"(?:what|which) {_ABILITIES} (?:do you (?:have|know|offer)|are there|can i use)",
    f"(?:show |list |give |tell |see )?(?:me )?(?:all )?(?:your |the |available )*{_ABILITIES}",
    "wh(?:at|o)(?:s| is) (?:(?:this|the) bot|beholder)(?: for)?",
    "who(?: a|)re you|who r u",
    "are you (?:a bot|a robot|an ai|ai|human|a human|real)",
    f"how (?:do|does) {_BOT} work{_MORE}",
    f"how (?:to|(?:do|can|could|should) (?:i|we)) (?:use|work with|talk to|talk with|start with) {_BOT}",
    "how (?:do|can) (?:i|we) (?:start|get started|begin)|getting started|get started|start|info",
    "(?:tell (?:me|us) )?(?:something |more |a bit )?about (?:you|yourself)|introduce yourself",
    "(?:(?:tell|show) (?:me|us)|explain) (?:what you (?:can )?do|who you are|how you work|yourself)",
    "what you can do|i ?a?m new(?: here)?",
)


def _any(*phrases: str) -> str:
    return f"(?:{'|'.join(phrases)})"


_PHRASE = _any(*_GREETINGS, *_HELP_WANTED, *_ABOUT_THE_BOT)
_REQUEST = re.compile(
    f"(?:{_any(*_OPENINGS)} )*{_PHRASE}(?: {_any(_PHRASE, *_ADDRESSED, *_OPENINGS)})*", re.ASCII
)


def is_help_request(text: str) -> bool:
    """Tell whether a text is a greeting, or asks what the bot can do, and nothing else.

    Case, punctuation, emoji, mentions and accents do not matter. A text that may be about a picture ("hello
    kitty?", "help me read this sign") is none, nor is one without words.
    """
    return len(text) <= MAX_REQUEST_LENGTH and _REQUEST.fullmatch(_words(text)) is not None


def _words(text: str) -> str:
    """Return a text's words in lower case, with a space between two; a waving hand is a greeting."""
    text = re.sub(r"(?<=\w)['`\u2018\u2019](?=\w)", "", _MARK.sub(" ", _WAVE.sub(" hi ", text)))
    # Symbols first: some of them decompose to letters.
    letters = "".join(each if unicodedata.category(each)[0] in "LMN" else " " for each in text)
    plain = unicodedata.normalize("NFKD", letters).casefold()
    return " ".join("".join(each for each in plain if not unicodedata.combining(each)).split())
