"""Pages lead to an end, or to an error: never to a part that is taken for the whole."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudact.errors import Retry
from providers.openai.api import OPENAI
from providers.pages import NextPage

Answer = Callable[[httpx.Request], dict[str, Any]]


def pages(answer: Answer) -> NextPage:
    """Pages of a vendor that answers like this."""
    transport = httpx.MockTransport(lambda asked: httpx.Response(200, text=json.dumps(answer(asked))))
    return NextPage(OPENAI.open("http://vendor.invalid", "sk-admin-test", httpx.Client(transport=transport)), "OpenAI")


@given(count=st.integers(1, 40))
def test_every_page_is_read_once_and_in_order(count: int) -> None:
    """However many pages there are, each is asked for once, with the same query, and its cursor is the one before's."""
    asked: list[tuple[tuple[str, str], ...]] = []

    def answer(request: httpx.Request) -> dict[str, Any]:
        asked.append(tuple(request.url.params.multi_items()))
        number = len(asked)
        return {"data": [number], "has_more": number < count, "next_page": f"p{number}" if number < count else None}

    read = [page["data"] for page in pages(answer).read("/x", [("limit", "1"), ("group_by", "a")])]
    assert read == [[number] for number in range(1, count + 1)]
    same = (("limit", "1"), ("group_by", "a"))
    assert asked == [same, *((*same, ("page", f"p{number}")) for number in range(1, count))]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ({"data": [], "has_more": True, "next_page": None}, "says that there is more, but not where"),
        ({"data": [], "has_more": True}, "says that there is more, but not where"),
        ({"data": [], "has_more": True, "next_page": "p1"}, "names a page again"),
        ({"data": [], "has_more": True, "next_page": "x" * 5000}, "says that there is more, but not where"),
        ({"data": [], "has_more": True, "next_page": "\ud800"}, "says that there is more, but not where"),
        ({"data": [], "next_page": None}, "leaves out what makes a page"),
        ({"has_more": False}, "leaves out what makes a page"),
        ({"data": {}, "has_more": False}, "leaves out what makes a page"),
        ({"data": [], "has_more": "false"}, "leaves out what makes a page"),
    ],
)
def test_what_leads_nowhere_is_an_error(page: dict[str, Any], message: str) -> None:
    """A missing, null or repeated cursor, and a page that is none, raise instead of ending the report."""
    with pytest.raises(Retry, match=message):
        list(pages(lambda _: page).read("/x", []))
