"""Secrets of the service, from Secret Manager, each named by its version. Knows no meaning of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import google_crc32c

from cloudact.error_codes import Code
from cloudact.errors import ConfigError, Retry
from cloudact.google_errors import translating_google_errors

if TYPE_CHECKING:
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient

TIMEOUT_S = 5.0


def read_secret(client: "Callable[[], SecretManagerServiceClient]", version: str) -> bytes:
    """Payload of `projects/…/secrets/…/versions/…`.

    Raises `Retry` where Secret Manager cannot be reached or the payload was damaged on its way, and `ConfigError` where
    the version does not exist, is disabled or may not be read.
    """
    from google.api_core.exceptions import ClientError
    from google.api_core.retry import Retry as Retrying

    with translating_google_errors("Secret Manager"):
        try:
            # The library's own retry would go on for a minute, whatever the time-out of one call.
            payload = (
                client()
                .access_secret_version(name=version, retry=Retrying(timeout=TIMEOUT_S), timeout=TIMEOUT_S)
                .payload
            )
        except ClientError as err:
            raise ConfigError(f"The secret {version} cannot be read: {err.__class__.__name__}.") from err
    if "data_crc32c" in payload and payload.data_crc32c != google_crc32c.value(payload.data):
        raise Retry(Code.SECRET_DAMAGED, "A secret was damaged on its way from Secret Manager.")
    return bytes(payload.data)
