"""Anthropic's lists of what has a name: workspaces, API keys and users.

https://platform.claude.com/docs/en/api/admin/workspaces/list, …/api_keys/list, …/users/list. Service accounts are not
read: their list takes an OAuth token, "Admin API keys are not accepted"
(https://platform.claude.com/docs/en/api/organization/service_accounts/list).
"""

from functools import partial

from providers.anthropic.names import NAME
from providers.directory import Directory, Kind, ListOf, Named, named
from providers.http import ProviderHttp
from providers.lines import Line

WORKSPACES = "/v1/organizations/workspaces"
API_KEYS = "/v1/organizations/api_keys"
USERS = "/v1/organizations/users"
_PAGE = ("limit", "1000")  # the most


def directory(api: ProviderHttp) -> Directory:
    """The lists of the organization whose admin key `api` has."""
    lists = (
        ListOf(Kind.WORKSPACE, WORKSPACES, [_PAGE, ("include_archived", "true")], "after_id", _workspace),
        ListOf(Kind.API_KEY, API_KEYS, [_PAGE], "after_id", _key),
        ListOf(Kind.USER, USERS, [_PAGE], "after_id", partial(named, kind=Kind.USER)),
    )
    return Directory(NAME, api, lists, "Names are listed for an admin key (sk-ant-admin…) of the organization.")


def _workspace(line: Line) -> Named:
    return named(line, Kind.WORKSPACE, "archived" if line.raw.get("archived_at") is not None else None)


def _key(line: Line) -> Named:
    """A key of all workspaces, or of one, which newer versions of the API tell as its `scope`."""
    workspace = line.text("workspace_id") or line.part("scope").text("workspace_id")
    return named(line, Kind.API_KEY, line.text("status"), workspace)
