"""Anthropic's lists: workspaces, API keys, users. Shapes as documented for the version 2023-06-01.

The default workspace is in no list (our assumption: the first generation of the API hides it everywhere).
"""

from collections.abc import Sequence
from functools import cache

from localcloud.company.names import anthropic_names
from localcloud.providers.anthropic import asking, errors
from localcloud.providers.anthropic.usage import api_key_id, callers, user_id, workspace
from localcloud.providers.facts import token
from localcloud.providers.keys import RegisteredKey
from localcloud.providers.lists import address, as_called, key_name, list_page, person_name, team
from localcloud.providers.parameters import Parameters
from localcloud.providers.refusals import Body

MOST = 1000
LISTS = {
    "workspaces": ("include_archived",),
    "api_keys": ("status", "workspace_id", "created_by_user_id"),
    "users": ("email",),
}
_CREATED = "2024-10-30T23:58:27.427722Z"


def listed(name: str, key: RegisteredKey, asked: Parameters) -> Body:
    """A page of the list of this name."""
    asking.refuse_unknown(asked, ["after_id", "before_id", "limit", *LISTS[name]], [])
    entries = as_called(key, _entries(name, key, asked))
    limit = min(asking.limit(asked, 20, MOST), key.page_results)
    page = list_page(entries, asked, "after_id", limit, lambda which: errors.invalid(f"{which}: not found"))
    return {"data": list(page.entries), **page.ends, "has_more": page.has_more}


def _entries(name: str, key: RegisteredKey, asked: Parameters) -> Sequence[Body]:
    if key.company:
        return _of_company(name, key.company.company)
    if name == "workspaces":
        every = _workspaces(key.seed, key.rows)
        return every if asked.one("include_archived") == "true" else every[:-1]
    return _keys(key.seed, key.rows) if name == "api_keys" else _users(key.seed, key.rows)


def _of_company(what: str, company: str) -> Sequence[Body]:
    """The entries of a company, none of which is archived; the first of its workspaces is the default one."""
    names = anthropic_names(company)
    default, *others = names.workspaces.values()
    if what == "workspaces":
        return [_workspace(each.id, each.name) for each in others]
    if what == "users":
        return [_user(number, each.id, each.name) for number, each in enumerate(names.users.values())]
    owner = next(iter(names.users.values())).id
    return [
        _key(each.id, each.name, each.within if each.within != default.id else None, owner)
        for each in names.keys.values()
    ]


@cache
def _workspaces(seed: int, rows: int) -> Sequence[Body]:
    """The workspaces that are used, but for the default one, and an archived one after them."""
    used = (callers(rows) + 3) // 4
    return [
        _workspace(workspace(seed, number), team(number), archived=number == max(used, 1))
        for number in range(1, max(used, 1) + 1)
    ]


@cache
def _keys(seed: int, rows: int) -> Sequence[Body]:
    admin = f"user_{token(seed, 'admin', length=24)}"
    return [
        _key(key, key_name(caller // 4, caller % 4), workspace(seed, caller // 4) if caller >= 4 else None, admin)
        for caller in range(callers(rows))
        if (key := api_key_id(seed, caller))
    ]


@cache
def _users(seed: int, rows: int) -> Sequence[Body]:
    return [
        _user(caller, user, person_name(seed, caller))
        for caller in range(callers(rows))
        if (user := user_id(seed, caller))
    ]


def _workspace(id_: str, name: str, *, archived: bool = False) -> Body:
    return {
        "type": "workspace",
        "id": id_,
        "name": name,
        "created_at": _CREATED,
        "archived_at": "2026-03-01T09:30:00Z" if archived else None,
        "display_color": "#6C5BB9",
    }


def _key(key: str, name: str, within: str | None, creator: str) -> Body:
    return {
        "type": "api_key",
        "id": key,
        "name": name,
        "workspace_id": within,
        "status": "active",
        "created_at": _CREATED,
        "created_by": {"type": "user", "id": creator},
        "partial_key_hint": f"sk-ant-api03-{key[-7:-4]}...{key[-4:]}",
    }


def _user(number: int, user: str, name: str) -> Body:
    email = address(name, number)
    return {
        "type": "user", "id": user, "name": name, "email": email, "role": "developer", "added_at": _CREATED
    }  # fmt: skip
