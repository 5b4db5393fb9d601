"""Signed texts: what the console gives to a browser and wants back unchanged. Keeps nothing; knows no meaning of them.

Each purpose has a key of its own, derived from the service's secret, so that no text of one is ever one of another.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property

from cloudact.clock import Clock
from cloudact.errors import ConfigError

SHORTEST = 32  # bytes of the secret
LARGEST = 3000  # characters of a text: a browser keeps cookies of 4,096 bytes, their names and attributes included


class Signer:
    """Signs and reads JSON objects. `master` reads the service's secret, once; it raises `Retry` or `ConfigError`.

    The installation is part of each key: another installation with the same secret has other keys.
    """

    def __init__(self, master: Callable[[], bytes], installation: str, clock: Clock) -> None:
        self._read = master
        self._installation = installation
        self._clock = clock

    @cached_property
    def _master(self) -> bytes:
        master = self._read().strip()
        if len(master) < SHORTEST:
            raise ConfigError(f"The console's secret must have at least {SHORTEST} bytes.")
        return master

    def sign(self, purpose: str, fields: Mapping[str, object], lifetime: timedelta) -> str:
        """Text of these fields that can be read until the lifetime has passed."""
        until = int((self._clock() + lifetime).timestamp())
        body = _encoded(json.dumps({**fields, "exp": until}, separators=(",", ":")).encode())
        return f"{body}.{_encoded(self._mac(purpose, body))}"

    def read(self, purpose: str, text: str) -> Mapping[str, object] | None:
        """Fields of a text that was signed for the purpose; `None` for any other, and for one that has ended."""
        fields = self._signed(purpose, text)
        if fields is None or not self._clock() < datetime.fromtimestamp(
            float(str(fields["exp"])), tz=self._clock().tzinfo
        ):
            return None
        return fields

    def ended(self, purpose: str, text: str) -> bool:
        """Whether the text was signed for the purpose, and its time is over."""
        return self._signed(purpose, text) is not None and self.read(purpose, text) is None

    def token(self, purpose: str, of: str) -> str:
        """Text that only we can make of another, and another one each time: pages with it may be compressed."""
        salt = secrets.token_urlsafe(9)
        return f"{salt}.{_encoded(self._mac(purpose, f'{of} {salt}'))}"

    def is_token(self, purpose: str, of: str, text: str) -> bool:
        """Whether the text is a token of the other, compared in constant time."""
        salt, _, mac = text.partition(".")
        return text.isascii() and hmac.compare_digest(_encoded(self._mac(purpose, f"{of} {salt}")), mac)

    def _signed(self, purpose: str, text: str) -> Mapping[str, object] | None:
        body, _, mac = text.partition(".")
        if (
            len(text) > LARGEST
            or not text.isascii()
            or not hmac.compare_digest(_encoded(self._mac(purpose, body)), mac)
        ):
            return None
        fields: Mapping[str, object] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return fields

    def _mac(self, purpose: str, text: str) -> bytes:
        label = "|".join(("console", "v1", purpose, self._installation)).encode()
        key = hmac.digest(self._master, label, hashlib.sha256)
        return hmac.digest(key, text.encode(), hashlib.sha256)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
