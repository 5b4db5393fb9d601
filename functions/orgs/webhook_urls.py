"""Addresses that an org may have its notifications sent to: public names, over https. Resolves nothing.

Cloud Tasks makes the calls, from Google's network and without any credential of ours, so a name that resolves to an
inner address reaches nothing of ours (docs/adr/0009); what is refused here could never be a customer's receiver.
"""

import re
from urllib.parse import urlsplit

LONGEST = 2000  # Cloud Tasks takes 2083
PATTERN = r"^https://[A-Za-z0-9.-]+(:\d{1,5})?([/?]|$)"
_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?@!$&'()*+,;=%-]+", re.ASCII)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_TOP = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]", re.ASCII)  # never all digits or 0x…: those are IP addresses
_INNER = frozenset(
    {"arpa", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localhost", "onion", "private", "test"}
)


def webhook_url(text: object, *, allow_http: bool = False) -> str:
    """Address unchanged; `ValueError` says what is wrong with any other. `allow_http` admits this machine's own."""
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST or not _CHARACTERS.fullmatch(text):
        raise ValueError(f"must be an https address of at most {LONGEST} characters, without spaces or a fragment")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("must be an https address with a public host name") from None
    if allow_http and (parts.scheme, host) == ("http", "127.0.0.1"):
        return text
    if parts.scheme != "https":
        raise ValueError("must begin with https://")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or a password")
    if port == 0 or not _public(host):
        raise ValueError("must have a public host name, not an IP address or the name of an inner network")
    return text


def _public(host: str) -> bool:
    labels = host.lower().split(".")
    named = len(host) <= 253 and len(labels) > 1 and all(map(_LABEL.fullmatch, labels))
    return named and bool(_TOP.fullmatch(labels[-1])) and labels[-1] not in _INNER
