"""Check whether an address that a customer has chosen answers with a redirect, which Cloud Tasks might follow.

Asked once, without a body or any credential, of public IPv4 addresses only. A name that leads into an inner network is
not called; no answer in time counts as no redirect. A receiver that begins to redirect later is not noticed
(docs/adr/0009).
"""

from urllib.parse import urlsplit

from functions.web.probes import Probes

TIMEOUT_S = 3.0


def redirects(url: str, probes: Probes, *, allow_http: bool = False) -> bool:
    """Whether HEAD of the address is answered with 3xx in the probes' time, DNS and TLS included.

    `allow_http` as for `webhook_url`, which has accepted the address: it adds this machine's own receivers.
    """
    parts = urlsplit(url)
    own = allow_http and (parts.scheme, parts.hostname) == ("http", "127.0.0.1")
    status = probes.status(parts, own=own)
    return status is not None and status // 100 == 3
