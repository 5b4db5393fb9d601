"""`page_size` and `page_token` as the list methods of Google's APIs have them."""

from collections.abc import Sequence
from typing import Any, TypeVar

from localcloud.google_apis.rest.errors import InvalidArgument

Item = TypeVar("Item")


def page(items: Sequence[Item], request: Any, largest: int) -> tuple[Sequence[Item], str]:
    """The requested page and the token of the next one, empty on the last."""
    if request.page_token and not request.page_token.isdigit():
        raise InvalidArgument("Invalid page token.")
    start = int(request.page_token or 0)
    end = start + min(request.page_size or largest, largest)
    return items[start:end], str(end) if end < len(items) else ""
