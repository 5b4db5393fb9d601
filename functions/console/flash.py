"""Flash messages: the outcome of a form, shown once on the page that follows, kept by the browser as a signed text."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from flask import request

from cloudact.errors import ConfigError, Retry
from functions.console.signed import Signer

COOKIE = "__Host-cloudact-flash"
LIFETIME = timedelta(minutes=1)
_PURPOSE = "flash"
_LONGEST = 600
Kind = Literal["good", "bad"]


@dataclass(frozen=True)
class Flash:
    """Sentence for who sent a form, and a path that it leads to, if any."""

    kind: str
    text: str
    path: str = ""
    link: str = ""


def flash_text(signer: Signer, kind: Kind, text: str, path: str = "", link: str = "") -> str:
    """Signed text of this sentence; `link` are the words of the path."""
    return signer.sign(_PURPOSE, {"kind": kind, "text": text[:_LONGEST], "path": path, "link": link}, LIFETIME)


def read_flash(signer: Signer) -> Flash | None:
    """Sentence that the request brings along, if it does, and if our secret can be read: a refusal is shown without."""
    text = request.cookies.get(COOKIE)
    if not text:
        return None
    try:
        fields = signer.read(_PURPOSE, text)
    except (Retry, ConfigError):
        return None
    return Flash(**{name: str(text) for name, text in fields.items() if name != "exp"}) if fields else None
