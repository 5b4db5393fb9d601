"""Requests that Google accepts although its discovery documents do not describe them, sent by its own clients.

Requests of this project do not get an exception: they are mended instead.
"""

import re
from dataclasses import dataclass

from infra.discovery.values import Fault


@dataclass(frozen=True)
class Allowed:
    """Faults that are let pass: of methods and at paths that match, `kind` as in `Fault`."""

    method: str
    kind: str
    at: str
    reason: str

    def covers(self, method: str, fault: Fault) -> bool:
        """Whether this exception is about the fault."""
        return (
            fault.kind == self.kind
            and re.fullmatch(self.method, method) is not None
            and re.fullmatch(self.at, fault.at) is not None
        )


_PARAMETER = r"(job\.configuration\.query\.)?query_parameters\[\d+\]\.parameter_value\b.*\.value"
ALLOWED = (
    Allowed(r".*", "parameter", r"\$alt", "the REST clients of the cloud libraries ask for numbers of enums by it"),
    Allowed(r".*", "parameter", r"upload_id", "names a resumable upload; the server gave the address it stands in"),
    Allowed(r"bigquery\.jobs\.get", "parameter", "projection", "google-cloud-bigquery always sends projection=full"),
    Allowed(r"bigquery\.jobs\.(query|insert)", "value", _PARAMETER, "google-cloud-bigquery sends floats as numbers"),
    Allowed(
        r"bigquery\.(datasets|tables)\.(insert|patch|update)",
        "output",
        r"(dataset|table)\..+",
        "bq and google-cloud-bigquery send a resource back as they read it, changed in one place",
    ),
    Allowed(
        r"run\.namespaces\.(jobs|services)\.(create|replaceJob|replaceService)",
        "output",
        r"(job|service)\.status",
        "gcloud sends a resource as it read it, and an empty status for a new one",
    ),
)
UNDESCRIBED = {
    r"/\$discovery/rest": "bq asks every address of an API for its description",
    r"/discovery/v1/apis/bigquery/v2/rest": "the same, at its older address",
}


def is_allowed(method: str, fault: Fault) -> bool:
    """Whether Google accepts the fault."""
    return any(allowed.covers(method, fault) for allowed in ALLOWED)


def is_undescribed(path: str) -> bool:
    """Whether Google answers at this path without describing it."""
    return any(re.fullmatch(pattern, path) for pattern in UNDESCRIBED)
