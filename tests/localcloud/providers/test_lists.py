"""Lists of the stand-ins: pages by the last id, archived entries on demand, only for keys with the right."""

from typing import Any

import httpx
import pytest

from localcloud.providers.keys import RegisteredKey
from localcloud.providers.local_providers import LocalProviders
from localcloud.providers.openai.usage import openai_usage
from tests.conftest import FIXTURE_DAY

KEYS = {"openai": "sk-admin-of-lists", "anthropic": "sk-ant-admin01-of-lists"}
LISTS = {
    "openai": [("/v1/organization/projects", "after"), ("/v1/organization/users", "after")],
    "anthropic": [
        ("/v1/organizations/workspaces", "after_id"),
        ("/v1/organizations/api_keys", "after_id"),
        ("/v1/organizations/users", "after_id"),
    ],
}


@pytest.fixture(autouse=True)
def registered(session_providers: LocalProviders) -> LocalProviders:
    """Both vendors with an organization of some size, which tells three entries a page."""
    for kind, key in KEYS.items():
        found = {"key": key, "kind": kind, "seed": 7, "rows": 120, "page_results": 3}
        session_providers.keys.register(RegisteredKey.model_validate(found))
    return session_providers


def get(providers: LocalProviders, kind: str, path: str, **query: str) -> httpx.Response:
    """The answer to the key of that vendor."""
    own = {"Authorization": f"Bearer {KEYS['openai']}"}
    headers = own if kind == "openai" else {"x-api-key": KEYS["anthropic"], "anthropic-version": "2023-06-01"}
    return httpx.get(providers.urls[kind] + path, params=query, headers=headers)


def entries(providers: LocalProviders, kind: str, path: str, cursor: str, **query: str) -> list[dict[str, Any]]:
    """All entries of a list, page after page."""
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = get(providers, kind, path, **query, **after).json()
        assert len(page["data"]) <= 3
        assert [each["id"] for each in page["data"][:1] + page["data"][-1:]] == [page["first_id"], page["last_id"]]
        found += page["data"]
        if not page["has_more"]:
            return found
        after = {cursor: page["last_id"]}


@pytest.mark.parametrize(("kind", "path", "cursor"), [(kind, *each) for kind, all_ in LISTS.items() for each in all_])
def test_pages_lead_to_the_end(registered: LocalProviders, kind: str, path: str, cursor: str) -> None:
    """Each entry comes once, with an id and a name; an unknown id, or limit, is refused."""
    found = entries(registered, kind, path, cursor)
    assert len({each["id"] for each in found}) == len(found) > 3 or path.endswith("workspaces")
    assert all(each["name"] for each in found)
    assert get(registered, kind, path, **{cursor: "nobody"}).status_code == 400
    assert get(registered, kind, path, limit="0").status_code == 400
    assert get(registered, kind, path, colour="red").status_code == 400


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_archived_on_demand(registered: LocalProviders, kind: str) -> None:
    """What is archived is listed where it is asked for."""
    (path, cursor), *_ = LISTS[kind]
    found = entries(registered, kind, path, cursor, include_archived="true")
    archived = [each for each in found if each["archived_at"] is not None]
    assert len(archived) == 1
    assert entries(registered, kind, path, cursor) == [each for each in found if each not in archived]


def test_what_is_billed_is_listed(registered: LocalProviders) -> None:
    """Every project of the usage is in the list, and every key in that of its project; a project of nobody is 404."""
    projects = {each["id"] for each in entries(registered, "openai", "/v1/organization/projects", "after")}
    used = [fact.dims for report in ("completions", "embeddings") for fact in openai_usage(7, FIXTURE_DAY, report, 120)]
    assert {project for project, *_ in used} - {None} <= projects
    for project in projects:
        path = f"/v1/organization/projects/{project}"
        keys = entries(registered, "openai", f"{path}/api_keys", "after", owner_project_access="any")
        assert {dims[2] for dims in used if dims[0] == project} - {None} <= {each["id"] for each in keys}
        assert {each["object"] for each in keys} <= {"organization.project.api_key"}
        assert len(entries(registered, "openai", f"{path}/service_accounts", "after")) == 1
    assert get(registered, "openai", "/v1/organization/projects/proj_0/api_keys").status_code == 404


def test_keys_without_the_right(registered: LocalProviders) -> None:
    """A key that may read usage alone is told which scope it lacks; one of Claude Enterprise may list nothing."""
    registered.keys.change(KEYS["openai"], scopes=["api.usage.read"])
    registered.keys.change(KEYS["anthropic"], scopes=["read:analytics"])
    refused = get(registered, "openai", "/v1/organization/projects")
    assert (refused.status_code, "api.management.read" in refused.text) == (403, True)
    assert get(registered, "anthropic", "/v1/organizations/api_keys").status_code == 403


def test_names_that_change(registered: LocalProviders) -> None:
    """A registration gives an entry another name, or takes it out of its list."""
    path = "/v1/organization/projects"
    one, other, *_ = [each["id"] for each in entries(registered, "openai", path, "after")]
    registered.keys.change(KEYS["openai"], names={one: "Renamed", other: None})
    found = {each["id"]: each["name"] for each in entries(registered, "openai", path, "after")}
    assert (found[one], other in found) == ("Renamed", False)
