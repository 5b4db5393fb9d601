"""Members of orgs as they are stored: rows are only added, and the newest of a user and an org counts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import Retry
from cloudact.orgs.members import Role
from cloudact.warehouse.bigquery import Warehouse
from cloudact.warehouse.queries import Value
from functions.orgs.tenant import after

REMOVED = "removed"  # any word that is no role ends a membership
TRIES = 5
UNWRITTEN = "The membership could not be written."


@dataclass(frozen=True)
class OrgMember:
    """Member of an org, with the role and the time of the row that says so."""

    user_id: str
    role: Role
    since: datetime


@dataclass(frozen=True)
class MemberPage:
    """Members of a page, whether others follow, and how many there are in all, owners among them.

    A page that nobody is on knows of none.
    """

    members: Sequence[OrgMember]
    more: bool
    total: int
    owners: int


@dataclass(frozen=True)
class _PagedRow(OrgMember):
    members: int
    owners: int


@dataclass(frozen=True)
class _NewestRow:
    user_id: str
    role: str
    since: datetime


class OrgMembers:
    """Reads, sets and ends memberships; raises `Retry` while BigQuery cannot be reached.

    Each row is later than the one that it follows, whatever the clocks say.
    """

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        self._warehouse = warehouse
        self._clock = clock

    def of(self, org_slug: str) -> list[OrgMember]:
        """Members of the org, by user id."""
        return _members(self._rows(org_slug))

    def page(self, org_slug: str, limit: int, after: str = "") -> MemberPage:
        """Members of the org by user id, those that follow the one named."""
        rows = self._warehouse.read(_PagedRow, "member_page", org_slug=org_slug, after_id=after, row_limit=limit + 1)
        first = rows[0] if rows else None
        return MemberPage(
            rows[:limit],
            len(rows) > limit,
            total=first.members if first else 0,
            owners=first.owners if first else 0,
        )

    def set(self, org_slug: str, user_id: str, role: Role | None) -> None:
        """Gives the user this role in the org; `None` ends the membership."""
        last = next((row.since for row in self._rows(org_slug) if row.user_id == user_id), None)
        self._append(org_slug, [(user_id, role.value if role else REMOVED, after(self._clock(), last))])

    def change(
        self, org_slug: str, user_id: str, role: Role | None, judge: Callable[[Sequence[OrgMember]], bool]
    ) -> None:
        """Gives the user this role, or ends the membership, if `judge`, given the members as they stand, returns true.

        What others change meanwhile in this way is judged too: a change follows the newest row that it was judged by,
        whose time is in the id of the INSERT's job, and BigQuery accepts an id once.
        """
        for _ in range(TRIES):
            rows = self._rows(org_slug)
            if not judge(_members(rows)):
                return
            newest = max((row.since for row in rows), default=None)
            if self._follows(newest, org_slug, user_id, role.value if role else REMOVED):
                return
        raise Retry(Code.BIGQUERY_UNAVAILABLE, UNWRITTEN)

    def _follows(self, newest: datetime | None, org_slug: str, user_id: str, word: str) -> bool:
        """Whether this change is the one that follows the newest row. After a job that has failed comes another."""
        at, last = after(self._clock(), newest), newest.timestamp() if newest else 0
        for number in range(TRIES):
            job_id = f"member_{org_slug}_{last * 1_000_000:.0f}_{number}"
            values: dict[str, Value] = {"org_slug": org_slug, "user_id": user_id, "role": word, "created_at": at}
            job = self._warehouse.start_query(job_id, "record_member", None, **values)
            job = job or self._warehouse.taken_job(job_id)
            self._warehouse.wait_for(job, lambda: None)
            if job.error_result is None:
                return (job.parameters["user_id"], job.parameters["role"]) == (user_id, word)
        raise Retry(Code.BIGQUERY_UNAVAILABLE, UNWRITTEN)

    def end_until(self, org_slug: str, at: datetime) -> None:
        """Ends the memberships of the org that began until `at`, as of `at`; who is made a member later stays one."""
        ended = [(each.user_id, REMOVED, after(at, each.since)) for each in self.of(org_slug) if each.since <= at]
        self._append(org_slug, ended)

    def end_all(self, org_slug: str) -> bool:
        """Ends every membership of the org. Returns whether there was one."""
        members = self.of(org_slug)
        self._append(org_slug, [(each.user_id, REMOVED, after(self._clock(), each.since)) for each in members])
        return bool(members)

    def _rows(self, org_slug: str) -> list[_NewestRow]:
        return self._warehouse.read(_NewestRow, "org_members", org_slug=org_slug)

    def _append(self, org_slug: str, changes: Iterable[tuple[str, str, datetime]]) -> None:
        rows: list[dict[str, object]] = [
            {"org_slug": org_slug, "user_id": user_id, "role": word, "created_at": at.isoformat()}
            for user_id, word, at in changes
        ]
        if rows:
            ids = [f"{org_slug}/{row['user_id']}/{row['role']}/{row['created_at']}" for row in rows]
            self._warehouse.append("org_members", rows, ids)


def _members(rows: Iterable[_NewestRow]) -> list[OrgMember]:
    return [OrgMember(row.user_id, Role(row.role), row.since) for row in rows if row.role in [*Role]]
