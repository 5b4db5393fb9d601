"""Ids of requests. Imports nothing that costs: an answer that needs no app has one too."""

import re
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

_REQUEST_ID = re.compile(r"[\w.-]{1,128}", re.ASCII)


def request_id_of(headers: "Headers") -> str:
    """The request's id as its sender named it, if that is safe to repeat; else a new one."""
    sent = headers.get("X-Request-ID", "")
    return sent if _REQUEST_ID.fullmatch(sent) else str(uuid.uuid4())
