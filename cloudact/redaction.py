"""Takes keys and e-mail addresses out of what is told, logged or stored. Knows a key by its whole form.

A name that only begins like one, such as the model `ft:gpt-4o:acme:sk-learn-bot:BxYz`, stays as it is: rows join on it.
"""

import re
from functools import cache

CLEARED_CHARACTERS = 64 * 1024
LONGEST_KEY = 512

# Prefix, alphabet and length of what each issuer makes. Longer is a key too: issuers lengthen them.
_FORMS = (
    r"sk-ant-[a-z]{2,12}[0-9]{2}-[\w-]{16,}",  # Anthropic: API, admin, OAuth (oat), refresh (ort)
    r"sk-(?:proj|svcacct|admin|None)-[\w-]{40,}",  # OpenAI
    r"sk-[\w-]{16,160}?T3BlbkFJ[\w-]{16,}",
    r"sk-[A-Za-z0-9]{48,}",
    r"sess-[A-Za-z0-9]{40,}",
    r"sk-[\w-]{0,60}\*{3,}[\w*-]*",  # masked by the vendor; its last characters are nobody's business either
    r"AIza[\w-]{35,}",  # Google: API key, access token, client secret, refresh token
    r"ya29\.[\w.-]{20,}",
    r"GOCSPX-[\w-]{20,}",
    r"1//0[\w-]{30,}",
    r"gh[pousr]_[A-Za-z0-9]{36,}",  # GitHub
    r"github_pat_\w{60,}",
    r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",  # AWS
    r"eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?",  # JSON Web Token
    r"\w{1,63}?_api_[\w-]{43,}",  # ours
    r"whsec_[\w-]{32,}",
)
_PEM = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)"
)
# In free text nothing is joined on, so what is too short to be whole is no reason to show it.
_SHORT = r"sk-(?:proj|svcacct|admin|None)-(?=[A-Za-z]{0,40}[0-9])[A-Za-z0-9]{8,}[\w-]*"
_BEARER = r"(?i:bearer)\s{1,4}(?=[\w.~+/-]*[0-9])[\w.~+/-]{16,}=*"  # any token, whoever made it
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_TAIL = re.compile(r"[\w.~+/=*-]+\Z")


def cleared(text: str) -> str:
    """Free text without keys, bearer tokens and e-mail addresses, and valid to be stored anywhere; at most 64 KiB."""
    return without_addresses(without_secrets(storable(_bounded(text))))


def without_secrets(text: str) -> str:
    """Free text with `[key]` where a key or a bearer token stood."""
    return _secrets().sub("[key]", text)


def without_keys(text: str) -> str:
    """The text, a name or an id among others, with `[key]` where a whole key stood."""
    return _keys().sub("[key]", text)


def without_addresses(text: str) -> str:
    """The text with `[e-mail]` where an e-mail address stood."""
    return _EMAIL.sub("[e-mail]", text)


def storable(text: str) -> str:
    """The text as UTF-8 can hold it: JSON may bring half of a character."""
    return text.encode("utf-8", "replace").decode()


@cache
def _keys() -> re.Pattern[str]:
    return _pattern(*_FORMS)


@cache
def _secrets() -> re.Pattern[str]:
    return _pattern(*_FORMS, _SHORT, _BEARER)


def _pattern(*forms: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(forms)})|{_PEM}", re.ASCII)


def _bounded(text: str) -> str:
    """A key that the bound cuts in two would not be known by its form, so it goes whole."""
    if len(text) <= CLEARED_CHARACTERS:
        return text
    kept = CLEARED_CHARACTERS - LONGEST_KEY
    return text[:kept] + _TAIL.sub("", text[kept:CLEARED_CHARACTERS])
