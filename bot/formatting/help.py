"""What the bot can do, in plain words, and whether a member's words ask for that."""

import re
import unicodedata
from collections.abc import Mapping

_HELP = """\
**What I can do**
I look at pictures and say what is in them.

- **Mention me** in a message with a picture, or in a reply to one, and I describe the picture. Write a \
question beside my name, and I answer that instead.
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

_WAVE = re.compile(r":wave:|\N{WAVING HAND SIGN}")
_MARK = re.compile(r"<(?:a?:\w{2,32}:|@[!&]?|#)\d{1,20}>|:(?!wave:)\w{2,32}:")
"""Mentions, custom emoji, and emoji by name: they say nothing of what is wanted."""

_ADDRESSED = (
    r"(?:there|again|all|everyone|everybody|folks|friend|buddy|mate|bot|beholder|sir|to you|you|please"
    r"|pls|plz|"
    r"thanks|thank you|today|now)"
)
_OPENING = r"(?:ok|okay|so|um|uh|well|oh|please|pls|plz|dear|bot|beholder|excuse me|sorry|and)"
_GREETING = (
    r"(?:h[ae]l+o+|hul+o+|hi+|he+y+|hiya+|heya+|howdy|yo+|greetings|welcome|salut|hola|bonjour|ciao|ola"
    r"|servus|moin|"
    r"nice to meet you|good (?:morning|afternoon|evening|day)|morning|evening|(?:whats|sup) ?up|sup|"
    r"how (?:are|r) (?:you|u)(?: doing)?|how do you do|hows it going|"
    r"(?:are )?(?:you|u|anyone|anybody) there|"
    r"are you (?:here|up|alive|online|awake|working|ready)|test(?:ing)?|ping)"
)
_YOU = r"(?:you|u|this bot|the bot|beholder|this thing)"
_CAN = r"(?:can|could|will|would)"
_PURPOSE = (
    r"(?: (?:do|offer|have|know|for (?:me|us)|here|in here|(?:with|about) (?:pictures|images|photos)"
    r"|exactly|actually|"
    r"really|else))*"
)
_HELP_WANTED = (
    r"(?:(?:i |we )?(?:need |want |would like |could use |get |give |give me |show |show me |send |open )?"
    r"(?:some |a little |a bit of |your |the |more )?help(?: (?:me|us|needed|wanted|menu|page|text"
    r"|command|commands))*"
    rf"(?: with (?:{_YOU}|commands|the commands|this))?"
    rf"|{_CAN} (?:you|u|anyone|somebody|someone) (?:please )?help(?: (?:me|us|out))*"
    rf"|how {_CAN} you help(?: (?:me|us))?|help out)"
)
_ABILITIES = (
    r"(?:commands?|features?|functions?|abilities|capabilities|skills|options"
    r"|usage|manual|instructions|docs?)"
)
_ABOUT_BOT = (
    rf"(?:what (?:else )?{_CAN} (?:{_YOU}|i|we) (?:do|ask|ask you|do with you"
    rf"|use you for)(?: with {_YOU})?{_PURPOSE}"
    rf"|what (?:do|does) {_YOU} do{_PURPOSE}"
    rf"|whatre you|what are you(?: (?:for|capable of|able to do|good (?:at|for)|supposed to do|here for"
    rf"|exactly))*"
    rf"|what (?:is|are) your (?:name|purpose|job|{_ABILITIES})|whats your (?:name|purpose|job)"
    rf"|(?:what|which) {_ABILITIES} (?:do you have|do you know|do you offer|are there|exist|can i use)"
    rf"|(?:show |show me |list |list all |give me |tell me |see )?(?:me )?(?:all )?(?:your |the "
    rf"|available )*{_ABILITIES}"
    rf"|(?:what|who) (?:is|s) (?:this bot|the bot|beholder)(?: for)?|whats (?:this bot|the bot"
    rf"|beholder)(?: for)?"
    r"|who (?:are|r) (?:you|u)|whore you|who(?:s| is) this bot|are you (?:a bot|a robot|an ai|ai|human"
    r"|a human|real)"
    rf"|how (?:do|does) {_YOU} work{_PURPOSE}"
    rf"|how (?:do|can|could|should|would) (?:i|we|one) (?:use|work with|talk to|talk with"
    rf"|start with) (?:you|u|this bot|"
    r"the bot|beholder|this thing)|how to use (?:you|u|this bot|the bot|beholder|this thing)"
    r"|how (?:do|can) (?:i|we) (?:start|get started|begin)|getting started|get started|start"
    r"|(?:tell (?:me|us) )?(?:something |more |a bit )?about (?:you|yourself)"
    r"|(?:please )?introduce yourself|info"
    r"|tell (?:me|us) (?:what you (?:can )?do|who you are|how you work)|show (?:me|us) what you (?:can )?do"
    r"|explain (?:yourself|what you (?:can )?do|how you work)|what you can do|i am new(?: here)?"
    r"|im new(?: here)?)"
)
_PHRASE = rf"(?:{_GREETING}|{_HELP_WANTED}|{_ABOUT_BOT})"
_REQUEST = re.compile(rf"(?:{_OPENING} )*{_PHRASE}(?: (?:{_PHRASE}|{_ADDRESSED}|{_OPENING}))*")


def is_help_request(text: str) -> bool:
    """Tell whether a text is a greeting, or asks what the bot can do, and nothing else.

    Case, punctuation, emoji, mentions and accents do not matter. A text that may be about a picture
    ("hello kitty?", "help me read this sign") is none, nor is one without words.
    """
    return len(text) <= MAX_REQUEST_LENGTH and _REQUEST.fullmatch(_words(text)) is not None


def _words(text: str) -> str:
    """Return a text's words in lower case, with a space between two; a waving hand is a greeting."""
    text = _WAVE.sub(" hi ", _MARK.sub(" ", text))
    # Signs first: some of them, like a letter in a circle, are letters once they are normalized.
    text = "".join(" " if unicodedata.category(each)[0] == "S" and each != "`" else each for each in text)
    plain = unicodedata.normalize("NFKD", text).casefold()
    letters = "".join(
        each for each in plain if not unicodedata.combining(each) and each not in "'\u2019\u2018`"
    )
    return " ".join(re.findall(r"[^\W_]+", letters))
