"""Signs webhook calls, each with a key of the org's own that is derived, not stored."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from functools import cached_property

from cloudact.errors import ConfigError
from cloudact.installation import ORIGINAL

SHORTEST = 32  # bytes


class Signing:
    """Derives keys and signs. `master` reads the service's secret once per process; it raises `Retry` or `ConfigError`.

    The installation is part of each key: another installation with the same secret has other keys.
    """

    def __init__(self, master: Callable[[], bytes], installation: str) -> None:
        self._read = master
        self._installation = () if installation == ORIGINAL else (installation,)

    @cached_property
    def _master(self) -> bytes:
        master = self._read().strip()
        if len(master) < SHORTEST:
            raise ConfigError(f"The webhook secret must have at least {SHORTEST} bytes.")
        return master

    def secret(self, org_slug: str, key_version: int) -> str:
        """Key with which the org verifies. It reveals neither the master secret nor another org's or version's key."""
        message = "|".join(("webhook", "v1", org_slug, str(key_version), *self._installation)).encode()
        derived = hmac.digest(self._master, message, hashlib.sha256)
        return "whsec_" + base64.urlsafe_b64encode(derived).decode().rstrip("=")

    def header(self, org_slug: str, key_version: int, at: int, body: bytes) -> str:
        """Signature header `t=<unix seconds>,v1=<hex>`: HMAC-SHA256 over `<t>.<body>`, so neither can be exchanged."""
        key = self.secret(org_slug, key_version).encode()
        return f"t={at},v1={hmac.new(key, f'{at}.'.encode() + body, hashlib.sha256).hexdigest()}"
