"""Removes keys and e-mail addresses from texts before they are shown, logged or stored. Knows a key by its whole form.

Providers declare the forms of their keys; a process registers them once (`know`), before it logs anything. A name that
only begins like a key, as in the model `ft:gpt-4o:acme:sk-learn-bot:BxYz`, stays as it is: rows join on it.
"""

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

CLEARED_CHARACTERS = 64 * 1024
LONGEST_KEY = 512
REMEMBERED_CHARACTERS = 256

# What is drawn at random has both cases and digits, and changes between them within a word; names made of words have no
# three such changes. Of 30,000 keys of 40 characters, about one has fewer. Bounded, or a hostile text takes for ever.
_CHANGE = r"[A-Za-z](?=[0-9]{1,4}[A-Za-z])|[0-9](?=[A-Za-z])|[a-z](?=[A-Z](?![a-z]))"
_CASES = r"(?=[\w.-]{0,40}[A-Z])(?=[\w.-]{0,40}[a-z])"
RANDOM = rf"{_CASES}(?=(?>[\w.-]{{0,60}}?(?:{_CHANGE})){{3}})"
RANDOM_WORD = rf"{_CASES}(?=(?>[A-Za-z0-9]{{0,60}}?(?:{_CHANGE})){{2}})"  # for short ones without - and _

# Prefix, alphabet and length of what each issuer makes. Longer is a key too, but for ours: issuers lengthen them.
_FORMS = (
    rf"gh[pousr]_{RANDOM_WORD}[A-Za-z0-9]{{36,}}",  # GitHub
    rf"github_pat_{RANDOM}\w{{60,}}",
    r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",  # AWS
    r"(?P<jwt>eyJ[\w-]{16,1500}+)(?:\.[\w-]{16,}+){2}(?:\.[\w-]*+)*",  # JSON Web Token: signed (3 parts), encrypted (5)
    rf"\w{{1,63}}?_api_{RANDOM}[\w-]{{43}}(?![\w-])",  # ours
    rf"whsec_{RANDOM}[\w-]{{32,}}",
)
# A text that was encoded for an address or for JSON leaves a letter or digit of its encoding before the key.
_BEFORE = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=%25[0-9A-Fa-f]{2})|(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4}))"
_PEM = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)"
)
# Every text that `_FORMS`, `_PEM` and `_EMAIL` change holds one of these. Most texts hold none and need no other look.
_MARKS = ("@", "%40", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "AKIA", "ASIA", "eyJ", "_api_", "whsec_",
          "-----BEGIN ")  # fmt: skip
_BEARER = r"(?i:bearer)\s{1,4}(?=[\w.~+/-]*[0-9])[\w.~+/-]{16,}=*"  # any token, whoever made it
# The end of a version is no domain: model@v1.beta. What follows may be glued to an address: jane@acme.com_x, -laptop.
_VERSION = r"(?:alpha|beta|rc|preview|pre|exp|experimental|latest|stable|final|snapshot|nightly|canary)(?![^\W\d_])"
_EMAIL = re.compile(rf"(?<![\w.+-])[\w.+-]{{1,64}}(?:@|%40)(?:[\w-]{{1,63}}\.){{1,8}}(?!{_VERSION})[^\W\d_]{{2,63}}")
_TAIL = re.compile(r"[\w.~+/=*-]+\Z")


@dataclass(frozen=True)
class KeyForms:
    """Regular expressions (ASCII, bounded, without capturing groups) of keys and names in one issuer's texts.

    `keys`: whole keys, which are removed from rows too. `fragments`: parts of keys, removed from free text only, since
    nothing joins on it. `persons`: the person within a name that a tool gave. `marks`: plain text, one of which stands
    in whatever `keys` and `persons` match; without them every text is looked at closely, which takes longer.
    """

    keys: tuple[str, ...] = ()
    fragments: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


_known: frozenset[KeyForms] = frozenset()


def know(forms: Iterable[KeyForms]) -> None:
    """Registers forms that this process removes from texts from now on; there is no way to unregister one."""
    global _known  # like the configuration of logging, which it belongs to: one for the process
    _known |= frozenset(forms)
    _identifier.cache_clear()


def cleared(text: str) -> str:
    """Free text without keys, bearer tokens and e-mail addresses, and valid to be stored anywhere; at most 64 KiB."""
    return without_addresses(without_secrets(storable(_bounded(text))))


def identifier(text: str) -> str:
    """A value that rows are joined on, as it was sent, but without whole keys, addresses and halves of characters."""
    return _identifier(text) if len(text) <= REMEMBERED_CHARACTERS else _identified(text)


def marks() -> str:
    """Regular expression, for Python and RE2, that is found in every ASCII text which `identifier` changes."""
    return _marks(_known).pattern


def without_secrets(text: str) -> str:
    """Free text with `[key]` where a key or a bearer token stood."""
    return _secrets(_known).sub(_key, text)


def without_keys(text: str) -> str:
    """Text, such as a name or an id, with `[key]` for each whole key in it."""
    return _keys(_known).sub(_key, text)


def without_addresses(text: str) -> str:
    """Text with `[e-mail]` for each e-mail address, and `[person]` in the name that a tool gave a key."""
    persons = _persons(_known)
    return _EMAIL.sub("[e-mail]", persons.sub("[person]", text) if persons else text)


def storable(text: str) -> str:
    """The text as UTF-8 can hold it: JSON may bring half of a character."""
    return text.encode("utf-8", "replace").decode()


def _identified(text: str) -> str:
    if text.isascii() and not _marks(_known).search(text):
        return text
    return without_addresses(without_keys(storable(text)))


# A report has few models, projects and lines, and each of them in thousands of rows.
_identifier = lru_cache(maxsize=16 * 1024)(_identified)


@cache
def _marks(known: frozenset[KeyForms]) -> re.Pattern[str]:
    unmarked = any(forms.keys + forms.persons and not forms.marks for forms in known)
    return re.compile("" if unmarked else "|".join(map(re.escape, (*_MARKS, *_of_all(known, "marks")))))


@cache
def _keys(known: frozenset[KeyForms]) -> re.Pattern[str]:
    return _pattern(*_of_all(known, "keys"), *_FORMS)


@cache
def _secrets(known: frozenset[KeyForms]) -> re.Pattern[str]:
    return _pattern(*_of_all(known, "keys"), *_FORMS, *_of_all(known, "fragments"), _BEARER)


@cache
def _persons(known: frozenset[KeyForms]) -> re.Pattern[str] | None:
    forms = _of_all(known, "persons")
    return re.compile("|".join(forms)) if forms else None


def _of_all(known: frozenset[KeyForms], kind: str) -> list[str]:
    """Forms of one kind, in an order that is the same in each process: of two that match, the first counts."""
    return sorted(form for forms in known for form in getattr(forms, kind))


def _pattern(*forms: str) -> re.Pattern[str]:
    return re.compile(rf"{_BEFORE}(?:{'|'.join(forms)})|{_PEM}", re.ASCII)


def _key(match: re.Match[str]) -> str:
    """Replacement of a match. Names with dots look like a token whose header cannot be read, and stay."""
    return "[key]" if match["jwt"] is None or _is_header(match["jwt"]) else match[0]


def _is_header(part: str) -> bool:
    try:
        return isinstance(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))), dict)
    except (ValueError, RecursionError):
        return False


def _bounded(text: str) -> str:
    """Start of the text that may be stored, without the key that the bound would cut in two."""
    if len(text) <= CLEARED_CHARACTERS:
        return text
    kept = CLEARED_CHARACTERS - LONGEST_KEY
    return text[:kept] + _TAIL.sub("", text[kept:CLEARED_CHARACTERS])
