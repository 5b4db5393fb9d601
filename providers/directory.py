"""What a provider lists of an organization: ids with the names that people gave them, and what belongs to what.

Names are free text: keys, parts of keys and e-mail addresses are taken out. A person has no name here, only an id.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256

from cloudact.error_codes import ProviderFailure
from cloudact.errors import Retry, RunError
from cloudact.json_types import JsonObject
from cloudact.redaction import cleared
from providers.exact_json import read_object
from providers.http import Patience, ProviderHttp, Query, Refused
from providers.lines import Line

MOST_CALLS = 200
MOST_NAMES = 10_000
LONGEST_NAME, LONGEST_STATUS = 300, 50
ACTIVE = "active"
_CURSOR = re.compile(r"[\x21-\x7e]{1,1024}")  # it becomes part of an address
_ID = re.compile(r"[\w.:-]{1,200}", re.ASCII)  # so does the id of a project


class Kind(StrEnum):
    """Kinds of what has a name."""

    PROJECT = "project"
    WORKSPACE = "workspace"
    API_KEY = "api_key"
    SERVICE_ACCOUNT = "service_account"
    USER = "user"


IN_WORDS = {
    Kind.PROJECT: "projects",
    Kind.WORKSPACE: "workspaces",
    Kind.API_KEY: "API keys",
    Kind.SERVICE_ACCOUNT: "service accounts",
    Kind.USER: "users (by id alone)",
}


@dataclass(frozen=True)
class Named:
    """An entry of a list. `parent_id` is the project or workspace that it is in, `status` the provider's own word."""

    kind: Kind
    id: str
    name: str | None = None
    parent_id: str | None = None
    status: str = ACTIVE


@dataclass(frozen=True)
class ListOf:
    """One list: `cursor` is the parameter that takes the last id of a page, `named` what becomes of an entry.

    `parent_id`: the list has only what is in that project or workspace.
    """

    kind: Kind
    path: str
    query: Query
    cursor: str
    named: Callable[[Line], Named]
    parent_id: str | None = None

    @property
    def scope(self) -> str:
        """What has vanished if this list is read to its end and has it no more: `project`, `api_key/proj_1`."""
        return f"{self.kind}/{self.parent_id}" if self.parent_id else str(self.kind)


@dataclass(frozen=True)
class Directory:
    """The lists of one organization: those of all of it, and those within each entry that has lists of its own.

    `what_to_do` says which right of the credential lists names, and who grants it.
    """

    name: str
    api: ProviderHttp
    lists: Sequence[ListOf]
    what_to_do: str
    within: Callable[[Named], Sequence[ListOf]] = lambda _: ()


@dataclass
class Listing:
    """The result of reading a directory. `whole` are the scopes of lists that were read to their end.

    `troubles` says of each kind that could not be read why, `cut` why the reading came to no end. Of `parents` the
    lists of `skipped` were not read, or not to their end, since they are too many for one day.
    """

    entries: dict[tuple[Kind, str], Named] = field(default_factory=dict)
    whole: list[str] = field(default_factory=list)
    troubles: dict[Kind, str] = field(default_factory=dict)
    cut: str | None = None
    parents: int = 0
    skipped: int = 0

    @property
    def names(self) -> list[Named]:
        """All entries, each id once."""
        return list(self.entries.values())


class _Enough(Exception):
    """The reading has made as many calls, or found as many names, as it may."""


def patience_for_names(patience: Patience) -> Patience:
    """Patience of calls that are worth little waiting: names come again tomorrow."""
    return replace(
        patience,
        attempts=min(patience.attempts, 2),
        longest_wait_s=min(patience.longest_wait_s, 5.0),
        call_timeout_s=10.0,
        connect_timeout_s=5.0,
        answer_within_s=15.0,
        doubt_s=None,
    )


def read(directory: Directory, turn: str, most_calls: int = MOST_CALLS, most_names: int = MOST_NAMES) -> Listing:
    """Reads the lists, `most_calls` pages at most; `turn` chooses whose lists are read where there are too many.

    A kind that cannot be read is a trouble, and the others are read nevertheless. A `TimeoutError` of the calls' `tick`
    ends the reading with what there is.
    """
    reading = _Reading(directory, most_calls, most_names)
    try:
        reading.read(turn)
    except TimeoutError as err:
        reading.listing.cut = str(err)
    return reading.listing


class _Reading:
    def __init__(self, directory: Directory, most_calls: int, most_names: int) -> None:
        self._directory = directory
        self._most_calls = most_calls
        self._most_names = most_names
        self._calls = 0
        self.listing = Listing()

    def read(self, turn: str) -> None:
        for each in self._directory.lists:
            self._read_list(each)
        parents = [named for named in self.listing.names if self._directory.within(named)]
        self.listing.parents = len(parents)
        for parent in sorted(parents, key=lambda named: sha256(f"{turn}/{named.id}".encode()).digest()):
            wanted = [each for each in self._directory.within(parent) if each.kind not in self.listing.troubles]
            if not all(self._read_list(each) for each in wanted):  # there is no room for the next either
                self.listing.skipped += 1

    def _read_list(self, each: ListOf) -> bool:
        """Reads a list. Returns whether there was room for it."""
        try:
            for line in self._lines(each):
                named = each.named(line)
                self.listing.entries.setdefault((named.kind, named.id), named)
            self.listing.whole.append(each.scope)
        except _Enough:
            return False
        except RunError as err:
            self.listing.troubles[each.kind] = _why(err, self._directory.what_to_do)
        return True

    def _lines(self, each: ListOf) -> Iterator[Line]:
        cursor: list[tuple[str, str]] = []
        seen: set[str] = set()
        while True:
            if self._calls >= self._most_calls or len(self.listing.entries) >= self._most_names:
                raise _Enough
            self._calls += 1
            page = self._directory.api.read(each.path, [*each.query, *cursor], read_object)
            lines = Line(page, f"{self._directory.name}, list of {IN_WORDS[each.kind]}").parts("data")
            yield from lines
            if not self._goes_on(page, each.path):
                return
            following = page.get("last_id") or (lines[-1].raw.get("id") if lines else None)
            if not isinstance(following, str) or not _CURSOR.fullmatch(following) or following in seen:
                raise self._lost(each.path, "says that there is more, but not where")
            seen.add(following)
            cursor = [(each.cursor, following)]

    def _goes_on(self, page: JsonObject, path: str) -> bool:
        more = page.get("has_more")
        if not isinstance(more, bool):
            raise self._lost(path, "leaves out what makes a page of a list")
        return more

    def _lost(self, path: str, does: str) -> Retry:
        code = self._directory.api.error_code(ProviderFailure.PAGES_BROKEN)
        return Retry(code, f"{self._directory.name} {does} ({path}).", "It is tried again.")


def named(line: Line, kind: Kind, status: str | None = None, parent_id: str | None = None) -> Named:
    """The entry of this line. Raises `Stop` where it has no id, or no text where one belongs."""
    found, name = line.text("id"), line.text("name")
    if not found or not _ID.fullmatch(found):
        raise line.unexpected("id", "an id")
    shown = None if kind is Kind.USER or not name else cleared(name).strip()[:LONGEST_NAME]
    return Named(kind, found, shown or None, parent_id, (status or ACTIVE)[:LONGEST_STATUS])


def _why(err: RunError, what_to_do: str) -> str:
    if not isinstance(err, Refused) or err.refusal.status not in (401, 403):
        return err.message
    lacks = f" (it lacks {', '.join(err.refusal.scopes)})" if err.refusal.scopes else ""
    return f"the key may not list them{lacks}. {what_to_do}"
