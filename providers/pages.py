"""Goes through the pages of a report. A cursor that is missing or comes again is an error, never an end."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from cloudact.error_codes import ProviderFailure
from cloudact.errors import Retry
from cloudact.json_types import Json, JsonObject
from providers.calls import Pages
from providers.exact_json import read_object
from providers.http import ProviderHttp

if TYPE_CHECKING:
    from providers.plain import PlainPage

Pair = tuple[str, str]
Page = TypeVar("Page", bound="PlainPage | JsonObject")
LARGEST_REPORT_PAGES = 20_000
_CURSOR = re.compile(r"[\x20-\x7e]{1,4096}")  # it becomes part of an address


class NextPage:
    """Pages that say `has_more` and name the `next_page`, which belongs to exactly the query that it was given for.

    So the query never changes on the way: no bound of it may depend on the clock.
    """

    def __init__(self, api: ProviderHttp, vendor: str) -> None:
        self._api = api
        self._vendor = vendor

    def read(
        self, path: str, query: list[Pair], headers: Mapping[str, str] | None = None, *, may_lack_rights: bool = False
    ) -> Iterator[JsonObject]:
        """The pages, each with its `data`. Raises `Retry` where they do not lead to an end, and what `get` raises."""
        return self.decoded(path, query, read_object, headers, may_lack_rights=may_lack_rights)

    def decoded(
        self,
        path: str,
        query: list[Pair],
        decode: Callable[[bytes], Page],
        headers: Mapping[str, str] | None = None,
        *,
        may_lack_rights: bool = False,
    ) -> Iterator[Page]:
        """The pages as `decode` makes them of their bodies, read ahead where `calls` say so; raises as `read` does."""

        def sized(body: bytes) -> tuple[Page, int]:
            return decode(body), len(body)

        return self._api.calls.ahead(self._chain(path, query, sized, headers, may_lack_rights=may_lack_rights))

    def _chain(
        self,
        path: str,
        query: list[Pair],
        decode: Callable[[bytes], tuple[Page, int]],
        headers: Mapping[str, str] | None,
        *,
        may_lack_rights: bool,
    ) -> Pages[Page]:
        cursor: list[Pair] = []
        more: Json
        following: Json
        seen: set[str] = set()
        while len(seen) < LARGEST_REPORT_PAGES:
            page, size = self._api.read(path, [*query, *cursor], decode, headers, may_lack_rights=may_lack_rights)
            if not isinstance(page, dict):
                more, following = page.has_more, page.next_page
            elif isinstance(page.get("data"), list) and isinstance(page.get("has_more"), bool):
                more, following = page["has_more"], page.get("next_page")
            else:
                raise self._lost(path, "leaves out what makes a page of a report")
            yield page, size
            if not more:
                return
            if not isinstance(following, str) or not _CURSOR.fullmatch(following):
                raise self._lost(path, "says that there is more, but not where")
            if following in seen:
                raise self._lost(path, "names a page again that was read before")
            seen.add(following)
            cursor = [("page", following)]
        raise self._lost(path, "does not come to an end")

    def _lost(self, path: str, does: str) -> Retry:
        code = self._api.error_code(ProviderFailure.PAGES_BROKEN)
        return Retry(code, f"{self._vendor} {does} ({path}).", "It is tried again.")
