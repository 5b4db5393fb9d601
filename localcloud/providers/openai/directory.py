"""OpenAI's lists: projects, keys and service accounts of a project, users. Shapes as in openai-python 3.54."""

import re
from collections.abc import Mapping, Sequence
from functools import cache

from localcloud.company.names import openai_names
from localcloud.providers.facts import token
from localcloud.providers.keys import RegisteredKey
from localcloud.providers.lists import address, as_called, key_name, list_page, person_name, team
from localcloud.providers.openai import errors
from localcloud.providers.openai.usage import key_id, owners, project_id, user_id
from localcloud.providers.parameters import Parameters
from localcloud.providers.refusals import Body, Refused
from localcloud.wire.listener import HttpRequest

ROOT = "/v1/organization/"
MOST = 100
FOUNDED = 1_700_000_000
OWN_PARAMETERS = {"projects": ("include_archived",), "api_keys": ("owner_project_access",)}
_PATH = re.compile(
    rf"{ROOT}(?:(?P<all>projects|users)|projects/(?P<project>[^/]+)/(?P<within>api_keys|service_accounts))"
)


def is_list(path: str) -> bool:
    """Whether the path is that of one of the lists."""
    return _PATH.fullmatch(path) is not None


def listed(request: HttpRequest, key: RegisteredKey) -> Body:
    """A page of the list at the path."""
    path = _PATH.fullmatch(request.path)
    assert path  # noqa: S101 - `is_list`
    what, asked = path["all"] or path["within"], Parameters(request.query)
    unknown = asked.beyond(["after", "limit", *OWN_PARAMETERS.get(what, ())])
    if unknown:
        raise errors.invalid(f"Unknown parameter: '{unknown}'.", unknown)
    entries = as_called(key, _entries(what, key, path["project"], archived=asked.one("include_archived") == "true"))
    limit = min(_limit(asked), key.page_results)
    page = list_page(entries, asked, "after", limit, lambda name: errors.invalid(f"Invalid value for '{name}'.", name))
    return {"object": "list", "data": list(page.entries), **page.ends, "has_more": page.has_more}


def _limit(asked: Parameters) -> int:
    text = asked.one("limit") or "20"
    if not text.isdigit() or not 1 <= int(text) <= MOST:
        raise errors.invalid(f"Invalid limit provided: {text}.", "limit")
    return int(text)


def _entries(what: str, key: RegisteredKey, project: str | None, *, archived: bool) -> Sequence[Body]:
    if key.company:
        return _of_company(what, key.company.company, project)
    if what == "users":
        return _users(key.seed, key.rows)
    if what == "projects":
        every = _projects(key.seed, key.rows)
        return every if archived else every[:-1]
    number = _numbers(key.seed, key.rows).get(project or "")
    if number is None:
        raise _unknown(project)
    return [_service_account(key.seed, number)] if what == "service_accounts" else _keys(key.seed, key.rows, number)


def _of_company(what: str, company: str, project: str | None) -> Sequence[Body]:
    """The entries of a company, none of which is archived; the first of its people owns the keys."""
    names = openai_names(company)
    users = [_user(number, each.id, each.name) for number, each in enumerate(names.users.values())]
    if what == "users":
        return users
    if what == "projects":
        return [_project(number, each.id, each.name) for number, each in enumerate(names.projects.values())]
    if project not in {each.id for each in names.projects.values()}:
        raise _unknown(project)
    if what == "service_accounts":
        return []
    mine = [each for each in names.keys.values() if each.within == project]
    return [_key(number, each.id, each.name, users[0]) for number, each in enumerate(mine)]


def _unknown(project: str | None) -> Refused:
    return errors.not_found(f"Project {project} not found.")


@cache
def _projects(seed: int, rows: int) -> Sequence[Body]:
    """The projects that are used, and an archived one after them."""
    used, _ = owners(rows)
    return [
        _project(number, project_id(seed, number), team(number), archived=number == used) for number in range(used + 1)
    ]


@cache
def _numbers(seed: int, rows: int) -> Mapping[str, int]:
    return {project["id"]: number for number, project in enumerate(_projects(seed, rows))}


@cache
def _users(seed: int, rows: int) -> Sequence[Body]:
    _, callers = owners(rows)
    return [_person(seed, number) for number in range((callers + 1) // 2)]


def _person(seed: int, number: int) -> Body:
    return _user(number, user_id(seed, number), person_name(seed, number))


def _keys(seed: int, rows: int, project: int) -> Sequence[Body]:
    """The keys of a project. The first caller has none, and the second one's project is deleted."""
    _, callers = owners(rows)
    mine = range(4 * project, min(4 * project + 4, callers))
    return [
        _key(caller, key_id(seed, caller), key_name(project, caller % 4), _person(seed, caller // 2))
        for caller in mine
        if caller > 1
    ]


def _project(number: int, project: str, name: str, *, archived: bool = False) -> Body:
    return {
        "object": "organization.project",
        "id": project,
        "name": name,
        "created_at": FOUNDED + 86_400 * number,
        "archived_at": FOUNDED + 86_400 * (number + 300) if archived else None,
        "status": "archived" if archived else "active",
    }


def _key(number: int, key: str, name: str, user: Body) -> Body:
    owner = {field: user[field] for field in ("id", "name", "email", "role")}
    return {
        "object": "organization.project.api_key",
        "id": key,
        "name": name,
        "created_at": FOUNDED + 86_400 * number,
        "last_used_at": None,
        "redacted_value": f"sk-proj-{'*' * 12}{key[-4:]}",
        "owner": {"type": "user", "user": {"object": "organization.project.user", **owner}},
        "owner_project_access": "active",
    }


def _service_account(seed: int, project: int) -> Body:
    return {
        "object": "organization.project.service_account",
        "id": f"user-{token(seed, 'service', project)}",
        "name": f"{key_name(project, 0)}-bot",
        "role": "member",
        "created_at": FOUNDED + 86_400 * project,
    }


def _user(number: int, user: str, name: str) -> Body:
    return {
        "object": "organization.user",
        "id": user,
        "name": name,
        "email": address(name, number),
        "role": "owner" if number == 0 else "reader",
        "added_at": FOUNDED,
    }
