"""Tells a stand-in something at an endpoint of its own, under /local."""

import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx

# A stand-in may end and begin again on the same port, or close what is idle: no connection is kept for long.
_IDLE_S = 1.0


def tell(url: str, body: Mapping[str, Any], within_s: float = 10.0) -> Any:
    """Posts JSON and returns the JSON of the answer. Raises httpx's errors, also for a status other than 2xx."""
    return _http().post(url, json=body, timeout=within_s).raise_for_status().json()


@cache
def _http() -> httpx.Client:
    """The one client of this process. It asks neither for a proxy nor for certificates: both take long to read."""
    limits = httpx.Limits(keepalive_expiry=_IDLE_S)
    return httpx.Client(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), limits=limits, trust_env=False)
