"""Secrets of the service, from Secret Manager, each named by its version. Knows no meaning of them."""

import base64

from cloudact.error_codes import Code
from cloudact.errors import ConfigError, Retry
from cloudact.google_api import GoogleApi
from cloudact.google_errors import GoogleRefusal, translating_google_errors

TIMEOUT_S = 5.0


def read_secret(api: GoogleApi, version: str, timeout_s: float = TIMEOUT_S) -> bytes:
    """Payload of `projects/…/secrets/…/versions/…`, which may take `timeout_s` seconds to come.

    Raises `Retry` where Secret Manager cannot be reached or the payload was damaged on its way, and `ConfigError` where
    the version does not exist, is disabled or may not be read.
    """
    import google_crc32c

    try:
        with translating_google_errors("Secret Manager"):
            payload = api.call("GET", f"v1/{version}:access", patience_s=timeout_s)["payload"]
    except GoogleRefusal as err:
        raise ConfigError(f"The secret {version} cannot be read: HTTP {err.code}.") from err
    data = base64.b64decode(payload.get("data", ""))
    if "dataCrc32c" in payload and int(payload["dataCrc32c"]) != google_crc32c.value(data):
        raise Retry(Code.SECRET_DAMAGED, "A secret was damaged on its way from Secret Manager.")
    return data
