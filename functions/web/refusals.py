"""What a person must decide first, as HTTP refusals."""

from collections.abc import Iterator
from contextlib import contextmanager

from cloudact.error_codes import Code
from cloudact.errors import Stop
from functions.web.problems import Problem


@contextmanager
def refused() -> Iterator[None]:
    """404 for an org that does not exist, 409 for everything else that stands against it."""
    try:
        yield
    except Stop as err:
        raise Problem(404 if err.code == Code.ORG_UNKNOWN else 409, err.message) from err
