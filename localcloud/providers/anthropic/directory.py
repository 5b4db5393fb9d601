"""Anthropic's lists: workspaces, API keys, users. Shapes as documented for the version 2023-06-01.

The default workspace is in no list (our assumption: the first generation of the API hides it everywhere).
"""

from collections.abc import Sequence
from functools import cache

from localcloud.providers.anthropic import asking, errors
from localcloud.providers.anthropic.usage import api_key_id, callers, user_id, workspace
from localcloud.providers.facts import token
from localcloud.providers.keys import RegisteredKey
from localcloud.providers.lists import as_called, key_name, list_page, person, team
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
    if name == "workspaces":
        every = _workspaces(key.seed, key.rows)
        return every if asked.one("include_archived") == "true" else every[:-1]
    return _keys(key.seed, key.rows) if name == "api_keys" else _users(key.seed, key.rows)


@cache
def _workspaces(seed: int, rows: int) -> Sequence[Body]:
    """The workspaces that are used, but for the default one, and an archived one after them."""
    used = (callers(rows) + 3) // 4
    return [_workspace(seed, number, archived=number == max(used, 1)) for number in range(1, max(used, 1) + 1)]


@cache
def _keys(seed: int, rows: int) -> Sequence[Body]:
    return [_key(seed, caller) for caller in range(callers(rows)) if api_key_id(seed, caller)]


@cache
def _users(seed: int, rows: int) -> Sequence[Body]:
    return [_user(seed, caller) for caller in range(callers(rows)) if user_id(seed, caller)]


def _workspace(seed: int, number: int, *, archived: bool) -> Body:
    return {
        "type": "workspace",
        "id": workspace(seed, number),
        "name": team(number),
        "created_at": _CREATED,
        "archived_at": "2026-03-01T09:30:00Z" if archived else None,
        "display_color": "#6C5BB9",
    }


def _key(seed: int, caller: int) -> Body:
    owner = caller // 4
    return {
        "type": "api_key",
        "id": api_key_id(seed, caller),
        "name": key_name(owner, caller % 4),
        "workspace_id": workspace(seed, owner) if owner else None,
        "status": "active",
        "created_at": _CREATED,
        "created_by": {"type": "user", "id": f"user_{token(seed, 'admin', length=24)}"},
        "partial_key_hint": f"sk-ant-api03-{token(seed, 'hint', caller, length=3)}...{token(seed, caller, length=4)}",
    }


def _user(seed: int, caller: int) -> Body:
    who = person(seed, caller)
    return {"type": "user", "id": user_id(seed, caller), **who, "role": "developer", "added_at": _CREATED}
