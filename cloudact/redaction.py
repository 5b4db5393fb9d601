"""Takes keys and e-mail addresses out of what is told, logged or stored. Knows a key by its whole form.

A name that only begins like one, such as the model `ft:gpt-4o:acme:sk-learn-bot:BxYz`, stays as it is: rows join on it.
"""

import base64
import json
import re
from functools import cache

CLEARED_CHARACTERS = 64 * 1024
LONGEST_KEY = 512

# What is drawn at random has both cases and digits, and changes between them within a word; names made of words have no
# three such changes. Of 30,000 keys of 40 characters, about one has fewer. Bounded, or a hostile text takes for ever.
_CHANGE = r"[A-Za-z](?=[0-9]{1,4}[A-Za-z])|[0-9](?=[A-Za-z])|[a-z](?=[A-Z](?![a-z]))"
_CASES = r"(?=[\w.-]{0,40}[A-Z])(?=[\w.-]{0,40}[a-z])"
_RANDOM = rf"{_CASES}(?=(?>[\w.-]{{0,60}}?(?:{_CHANGE})){{3}})"
_RANDOM_WORD = rf"{_CASES}(?=(?>[A-Za-z0-9]{{0,60}}?(?:{_CHANGE})){{2}})"  # for short ones without - and _

# Prefix, alphabet and length of what each issuer makes. Longer is a key too, but for ours: issuers lengthen them.
_FORMS = (
    rf"sk-ant-[a-z]{{2,12}}[0-9]{{2}}-{_RANDOM}[\w-]{{40,}}",  # Anthropic: API, admin, OAuth (oat), refresh (ort)
    rf"sk-(?:proj|svcacct|admin|None)-{_RANDOM}[\w-]{{40,}}",  # OpenAI
    r"sk-[\w-]{16,160}?T3BlbkFJ[\w-]{16,}",
    rf"sk-{_RANDOM}[A-Za-z0-9]{{48,}}",
    rf"sess-{_RANDOM_WORD}[A-Za-z0-9]{{40,}}",
    r"sk-[\w-]{0,60}\*{3,}[\w*-]*",  # masked by the vendor; its last characters are nobody's business either
    r"AIza[\w-]{35,}",  # Google: API key, access token, client secret, refresh token
    rf"ya29\.{_RANDOM}[\w.-]{{20,}}",
    r"GOCSPX-[\w-]{28,}",  # too short to be told from words by chance; no name begins so
    rf"1//0{_RANDOM}[\w-]{{30,}}",
    rf"gh[pousr]_{_RANDOM_WORD}[A-Za-z0-9]{{36,}}",  # GitHub
    rf"github_pat_{_RANDOM}\w{{60,}}",
    r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",  # AWS
    r"(?P<jwt>eyJ[\w-]{16,1500}+)(?:\.[\w-]{16,}+){2}(?:\.[\w-]*+)*",  # JSON Web Token: signed (3 parts), encrypted (5)
    rf"\w{{1,63}}?_api_{_RANDOM}[\w-]{{43}}(?![\w-])",  # ours
    rf"whsec_{_RANDOM}[\w-]{{32,}}",
)
# A text that was encoded for an address or for JSON leaves a letter or digit of its encoding before the key.
_BEFORE = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=%25[0-9A-Fa-f]{2})|(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4}))"
_PEM = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)"
)
# In free text nothing is joined on, so what is too short to be whole is no reason to show it.
_SHORT = (
    r"sk-(?:proj|svcacct|admin|None)-(?=[A-Za-z]{0,40}[0-9])[A-Za-z0-9]{8,}[\w-]*",
    r"sk-ant-(?:api|admin|oat|ort)[0-9]{2}-[\w-]{16,}",
)
_BEARER = r"(?i:bearer)\s{1,4}(?=[\w.~+/-]*[0-9])[\w.~+/-]{16,}=*"  # any token, whoever made it
# The end of a version is no domain: model@v1.beta. What follows may be glued to an address: jane@acme.com_x, -laptop.
_VERSION = r"(?:alpha|beta|rc|preview|pre|exp|experimental|latest|stable|final|snapshot|nightly|canary)(?![^\W\d_])"
_EMAIL = re.compile(rf"(?<![\w.+-])[\w.+-]{{1,64}}(?:@|%40)(?:[\w-]{{1,63}}\.){{1,8}}(?!{_VERSION})[^\W\d_]{{2,63}}")
# Claude Code names the keys that it makes claude_code_key_<user>_<four random characters>.
_PERSONS_KEY = re.compile(r"(claude_code_key_)[\w.+@%-]+?(_[A-Za-z0-9]{4})?(?![\w.+@%-])")
_TAIL = re.compile(r"[\w.~+/=*-]+\Z")


def cleared(text: str) -> str:
    """Free text without keys, bearer tokens and e-mail addresses, and valid to be stored anywhere; at most 64 KiB."""
    return without_addresses(without_secrets(storable(_bounded(text))))


def without_secrets(text: str) -> str:
    """Free text with `[key]` where a key or a bearer token stood."""
    return _secrets().sub(_key, text)


def without_keys(text: str) -> str:
    """The text, a name or an id among others, with `[key]` where a whole key stood."""
    return _keys().sub(_key, text)


def without_addresses(text: str) -> str:
    """The text with `[e-mail]` where an e-mail address stood, and `[person]` in the name that a tool gave a key."""
    return _EMAIL.sub("[e-mail]", _PERSONS_KEY.sub(r"\1[person]\2", text))


def storable(text: str) -> str:
    """The text as UTF-8 can hold it: JSON may bring half of a character."""
    return text.encode("utf-8", "replace").decode()


@cache
def _keys() -> re.Pattern[str]:
    return _pattern(*_FORMS)


@cache
def _secrets() -> re.Pattern[str]:
    return _pattern(*_FORMS, *_SHORT, _BEARER)


def _pattern(*forms: str) -> re.Pattern[str]:
    return re.compile(rf"{_BEFORE}(?:{'|'.join(forms)})|{_PEM}", re.ASCII)


def _key(found: re.Match[str]) -> str:
    """What is told instead of what was found; names with dots look like a token whose header cannot be read."""
    return "[key]" if found["jwt"] is None or _is_header(found["jwt"]) else found[0]


def _is_header(part: str) -> bool:
    try:
        return isinstance(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))), dict)
    except (ValueError, RecursionError):
        return False


def _bounded(text: str) -> str:
    """A key that the bound cuts in two would not be known by its form, so it goes whole."""
    if len(text) <= CLEARED_CHARACTERS:
        return text
    kept = CLEARED_CHARACTERS - LONGEST_KEY
    return text[:kept] + _TAIL.sub("", text[kept:CLEARED_CHARACTERS])
