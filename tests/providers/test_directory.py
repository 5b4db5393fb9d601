"""Reading of a provider's lists: pages to their end, what belongs to what, no person's name, bounded calls."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import pytest

from providers.anthropic import directory as anthropic
from providers.anthropic.api import ANTHROPIC
from providers.calls import Calls
from providers.directory import Directory, Kind, Listing, Named, read
from providers.http import Patience, Time
from providers.openai import directory as openai
from providers.openai.api import OPENAI

Entries = Mapping[str, Sequence[Mapping[str, Any]]]
ONCE = Patience(attempts=2, longest_wait_s=0.0, doubt_s=None)


class Lists:
    """A vendor that answers its lists from memory, two entries a page; `refuse` may object to a path."""

    def __init__(self, entries: Entries, refuse: Callable[[str], httpx.Response | None] = lambda _: None) -> None:
        self.entries = entries
        self.refuse = refuse
        self.asked: list[tuple[str, dict[str, str]]] = []

    def openai(self, tick: Callable[[], None] = lambda: None) -> Directory:
        return openai.directory(OPENAI.open("http://x.invalid", "sk-admin-test", self._client, ONCE, Calls(tick), TIME))

    def anthropic(self) -> Directory:
        return anthropic.directory(
            ANTHROPIC.open("http://x.invalid", "sk-ant-admin01-test", self._client, ONCE, time=TIME)
        )

    @property
    def _client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path, query = request.url.path.removeprefix("/v1/"), dict(request.url.params)
        self.asked.append((path, query))
        objection = self.refuse(path)
        if objection is not None:
            return objection
        every = self.entries.get(path, [])
        ids = [each["id"] for each in every]
        after = query.get("after") or query.get("after_id")
        start = ids.index(after) + 1 if after else 0
        page = every[start : start + 2]
        body = {"data": page, "has_more": start + 2 < len(every), "last_id": page[-1]["id"] if page else None}
        return httpx.Response(200, json=body)


TIME = Time(sleep=lambda _: None)
OPENAI_LISTS: Entries = {
    "organization/projects": [
        {"id": "proj_a", "name": "Search", "status": "active"},
        {"id": "proj_b", "name": "Old", "status": "archived"},
        {"id": "proj_c", "name": None, "archived_at": None},
    ],
    "organization/users": [{"id": "user-1", "name": "Ada Lovelace", "email": "ada@example.com", "role": "owner"}],
    "organization/projects/proj_a/api_keys": [
        {
            "id": "key_1",
            "name": "search-production",
            "redacted_value": "sk-proj-abc***xyz",
            "owner": {"type": "user", "user": {"id": "user-1", "name": "Ada Lovelace", "email": "ada@example.com"}},
            "owner_project_access": "inactive",
        },
        {"id": "key_2", "name": "of ada@example.com"},
        {"id": "key_3", "name": f"sk-proj-{'aB3' * 16}"},
        {"id": "key_4", "name": "begins with sk-proj-ab12cd34ef"},
    ],
    "organization/projects/proj_a/service_accounts": [{"id": "user-svc", "name": "search-bot", "role": "member"}],
}


def test_lists_of_openai() -> None:
    """Projects, archived ones too, and the keys and service accounts of each that is active, page after page."""
    lists = Lists(OPENAI_LISTS)
    told = read(lists.openai(), "2026-11-12")
    assert told.names == [
        Named(Kind.PROJECT, "proj_a", "Search"),
        Named(Kind.PROJECT, "proj_b", "Old", status="archived"),
        Named(Kind.PROJECT, "proj_c"),
        Named(Kind.USER, "user-1"),
        Named(Kind.API_KEY, "key_1", "search-production", "proj_a", "inactive"),
        Named(Kind.API_KEY, "key_2", "of [e-mail]", "proj_a"),
        Named(Kind.API_KEY, "key_3", "[key]", "proj_a"),
        Named(Kind.API_KEY, "key_4", "begins with [key]", "proj_a"),
        Named(Kind.SERVICE_ACCOUNT, "user-svc", "search-bot", "proj_a"),
    ]
    assert sorted(told.whole) == [
        "api_key/proj_a", "api_key/proj_c", "project", "service_account/proj_a", "service_account/proj_c", "user",
    ]  # fmt: skip
    assert (told.troubles, told.cut, told.parents, told.skipped) == ({}, None, 2, 0)
    assert len(lists.asked) == 8  # two pages of projects and of keys of the first project
    assert lists.asked[1] == ("organization/projects", {"limit": "100", "include_archived": "true", "after": "proj_b"})
    assert not [text for text in ("Lovelace", "example.com", "xyz") if text in repr(told)]


def test_lists_of_anthropic() -> None:
    """Workspaces, archived ones too, keys with the workspace that they are in, users without a name."""
    lists = Lists(
        {
            "organizations/workspaces": [
                {"id": "wrkspc_1", "name": "Search", "archived_at": None},
                {"id": "wrkspc_2", "name": "Old", "archived_at": "2026-03-01T00:00:00Z"},
            ],
            "organizations/api_keys": [
                {"id": "apikey_1", "name": "ci", "workspace_id": None, "status": "active", "partial_key_hint": "x...y"},
                {
                    "id": "apikey_2",
                    "name": "claude_code_key_ada.l_abcd",
                    "workspace_id": "wrkspc_1",
                    "status": "expired",
                },
                {"id": "apikey_3", "name": "new", "scope": {"type": "workspace", "workspace_id": "wrkspc_2"}},
            ],
            "organizations/users": [{"id": "user_1", "name": "Ada", "email": "ada@example.com"}],
        }
    )
    told = read(lists.anthropic(), "2026-11-12")
    assert told.names == [
        Named(Kind.WORKSPACE, "wrkspc_1", "Search"),
        Named(Kind.WORKSPACE, "wrkspc_2", "Old", status="archived"),
        Named(Kind.API_KEY, "apikey_1", "ci"),
        Named(Kind.API_KEY, "apikey_2", "claude_code_key_[person]_abcd", "wrkspc_1", "expired"),
        Named(Kind.API_KEY, "apikey_3", "new", "wrkspc_2"),
        Named(Kind.USER, "user_1"),
    ]
    assert told.whole == ["workspace", "api_key", "user"]
    assert len(lists.asked) == 4


def answer(status: int, body: object) -> Callable[[str], httpx.Response | None]:
    """A refusal of the keys of every project."""
    return lambda path: httpx.Response(status, json=body) if path.endswith("api_keys") else None


MISSING = {"error": {"message": "Missing scopes: api.management.read.", "type": "invalid_request_error"}}


@pytest.mark.parametrize(
    ("status", "body", "why", "calls"),
    [
        (403, MISSING, "the key may not list them (it lacks api.management.read).", 1),
        (401, MISSING, "the key may not list them (it lacks api.management.read).", 1),
        (404, {"error": {"message": "no such thing", "code": "not_found"}}, "OpenAI refuses the question", 1),
        (500, {}, "OpenAI has trouble of its own (HTTP 500)", 2),
        (429, {"error": {"message": "slow down"}}, "OpenAI refuses more requests", 2),
        (200, {"data": {}}, "is not a list", 1),
        (200, {"data": [{"name": "without an id"}], "has_more": False}, "id is not an id", 1),
        (200, {"data": [{"id": "a/../b", "name": "x"}], "has_more": False}, "id is not an id", 1),
        (200, {"data": [{"id": "a", "name": ["x"]}], "has_more": False}, "name is not a text", 1),
        (200, {"data": [{"id": "a", "name": "x"}]}, "leaves out what makes a page", 1),
        (200, {"data": [], "has_more": True}, "says that there is more, but not where", 1),
        (
            200,
            {"data": [{"id": "a", "name": "x"}], "has_more": True, "last_id": "a"},
            "there is more, but not where",
            2,
        ),
        (200, [], "answers with", 2),
    ],
)
def test_a_list_that_cannot_be_read(status: int, body: object, why: str, calls: int) -> None:
    """One trouble for the kind, which no other project is asked for; all other lists are read."""
    lists = Lists(OPENAI_LISTS, answer(status, body))
    told = read(lists.openai(), "2026-11-12")
    assert list(told.troubles) == [Kind.API_KEY]
    assert why in told.troubles[Kind.API_KEY]
    assert not [scope for scope in told.whole if scope.startswith("api_key")]
    assert {named.kind for named in told.names} >= {Kind.PROJECT, Kind.USER, Kind.SERVICE_ACCOUNT}
    assert len([path for path, _ in lists.asked if path.endswith("api_keys")]) == calls


def many(projects: int) -> Entries:
    """So many projects with a key each."""
    entries = {"organization/projects": [{"id": f"proj_{n}", "name": f"p{n}"} for n in range(projects)]}
    return entries | {
        f"organization/projects/proj_{n}/api_keys": [{"id": f"key_{n}", "name": "k"}] for n in range(projects)
    }


def keys_of(told: Listing) -> set[str]:
    return {named.id for named in told.names if named.kind is Kind.API_KEY}


def test_calls_are_bounded() -> None:
    """More projects than calls: as many as there is room for, others on other days, and in the end all."""
    seen: set[str] = set()
    for day in range(60):
        lists = Lists(many(20))
        told = read(lists.openai(), f"day {day}", most_calls=21)
        assert len(lists.asked) == 21  # ten pages of projects, one of users, and two for each of five projects
        assert (told.parents, told.skipped, len(keys_of(told))) == (20, 15, 5)
        assert len(told.whole) == 2 + 2 * 5
        seen |= keys_of(told)
    assert len(seen) == 20
    assert keys_of(read(Lists(many(20)).openai(), "day 7", 21)) == keys_of(read(Lists(many(20)).openai(), "day 7", 21))


def test_names_are_bounded() -> None:
    """A list is left off where there are as many names as may be, and counts as not read."""
    told = read(Lists(many(20)).openai(), "2026-11-12", most_names=4)
    assert (len(told.names), told.whole) == (4, [])


def test_the_time_is_bounded() -> None:
    """What was told before the time was up is kept."""
    lists = Lists(OPENAI_LISTS)

    def tick() -> None:
        if len(lists.asked) == 3 and lists.asked[-1][0] == "organization/users":
            raise TimeoutError("it took too long")

    told = read(lists.openai(tick), "2026-11-12")
    assert told.cut == "it took too long"
    assert [named.id for named in told.names] == ["proj_a", "proj_b", "proj_c"]
    assert (told.whole, len(lists.asked)) == (["project"], 3)
