"""Signs what is sent to customers, each with a key of the org's own that is derived, not stored."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from functools import cached_property

from cloudact.errors import ConfigError
from cloudact.installation import ORIGINAL

SHORTEST = 32  # bytes


class Signing:
    """`master` reads the service's secret, once per process; it raises `Retry` or `ConfigError`.

    The secret may outlive the installation, whose orgs' keys are counted from 1 anew: none of another is used again.
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
        """What the org verifies with. It tells nothing of the master, nor of any other org's or version's."""
        message = "|".join(("webhook", "v1", org_slug, str(key_version), *self._installation)).encode()
        derived = hmac.digest(self._master, message, hashlib.sha256)
        return "whsec_" + base64.urlsafe_b64encode(derived).decode().rstrip("=")

    def header(self, org_slug: str, key_version: int, at: int, body: bytes) -> str:
        """`t=<unix seconds>,v1=<hex>`: HMAC-SHA256 over `<t>.<body>`, so that neither can be exchanged."""
        key = self.secret(org_slug, key_version).encode()
        return f"t={at},v1={hmac.new(key, f'{at}.'.encode() + body, hashlib.sha256).hexdigest()}"
