"""OpenAI's lists of what has a name: projects, API keys and service accounts of each, and users.

https://platform.openai.com/docs/api-reference/projects, …/project-api-keys, …/project-service-accounts, …/users
"""

from functools import partial

from providers.directory import ACTIVE, Directory, Kind, ListOf, Named, named
from providers.http import ProviderHttp
from providers.lines import Line
from providers.openai.names import NAME

PROJECTS = "/v1/organization/projects"
USERS = "/v1/organization/users"
_PAGE = ("limit", "100")  # the most
# Without it, keys of owners who have left the project may be missing.
_OF_ALL_OWNERS = ("owner_project_access", "any")


def directory(api: ProviderHttp) -> Directory:
    """The lists of the organization whose admin key `api` has."""
    lists = (
        ListOf(Kind.PROJECT, PROJECTS, [_PAGE, ("include_archived", "true")], "after", _project),
        ListOf(Kind.USER, USERS, [_PAGE], "after", partial(named, kind=Kind.USER)),
    )
    return Directory(
        NAME,
        api,
        lists,
        "An owner of the OpenAI organization gives the admin key the permission Organization Administration: Read.",
        _within,
    )


def _within(entry: Named) -> tuple[ListOf, ...]:
    """The lists of a project. An archived one has the keys that it had."""
    if entry.kind is not Kind.PROJECT or entry.status != ACTIVE:
        return ()
    path = f"{PROJECTS}/{entry.id}"
    key = partial(_key, project=entry.id)
    account = partial(named, kind=Kind.SERVICE_ACCOUNT, parent_id=entry.id)
    return (
        ListOf(Kind.API_KEY, f"{path}/api_keys", [_PAGE, _OF_ALL_OWNERS], "after", key, entry.id),
        ListOf(Kind.SERVICE_ACCOUNT, f"{path}/service_accounts", [_PAGE], "after", account, entry.id),
    )


def _project(line: Line) -> Named:
    archived = line.raw.get("archived_at") is not None
    return named(line, Kind.PROJECT, line.text("status") or ("archived" if archived else None))


def _key(line: Line, project: str) -> Named:
    return named(line, Kind.API_KEY, line.text("owner_project_access"), project)
