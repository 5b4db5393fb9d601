"""Names of Cloud Run resources, and the words in which Cloud Run says that one does not exist."""

import re
from email.message import Message

from localcloud.google_apis.rest.errors import InvalidArgument, NotFound, Unauthenticated

_JOB_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


def location_of(name: str) -> str:
    """`projects/P/locations/L` of any resource name."""
    return "/".join(name.split("/")[:4])


def short_name(name: str) -> str:
    """The last part of a resource name."""
    return name.rpartition("/")[2]


def checked_job_id(job_id: str) -> str:
    """The id. Raises InvalidArgument unless it is a DNS label."""
    if not _JOB_ID.fullmatch(job_id):
        raise InvalidArgument("job_id must be lowercase letters, digits and hyphens, at most 63 characters.")
    return job_id


def not_found(kind: str, name: str) -> NotFound:
    """Cloud Run's own sentence for a JOB or EXECUTION that is not there."""
    _, project, _, region, *_ = name.split("/")
    return NotFound(
        f"Resource '{short_name(name)}' of kind '{kind}' in region '{region}' in project '{project}' does not exist."
    )


def require_oauth(headers: Message) -> None:
    """Refuse a Cloud Task without an OAuth token, as run.googleapis.com does (an OIDC token is no use there).

    Clients are let through: locally they have no credentials at all.
    """
    is_task = headers.get("User-Agent") == "Google-Cloud-Tasks"
    if is_task and not headers.get("Authorization", "").startswith("Bearer ya29."):
        raise Unauthenticated(
            "Request is missing required authentication credential. "
            "Expected OAuth 2 access token, login cookie or other valid authentication credential."
        )
