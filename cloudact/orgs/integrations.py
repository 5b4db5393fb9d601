"""Integrations of orgs: encrypted credentials with settings. Rows are only added; the newest `updated_at` counts.

A validation is stamped 1 µs after the row it validated, a set-up or removal at least 1 ms after the row before: a
concurrent set-up always beats a validation of the old one.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from pydantic import Json

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.orgs.org import Auth, IntegrationStatus, Onboarded
from cloudact.warehouse.bigquery import Warehouse

CHANGE, JUDGEMENT = timedelta(milliseconds=1), timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Integration:
    """Row of an org's credential for one provider, encrypted. The default is an integration that is not set up.

    `oldest_date`: the provider has nothing before; `None` if unknown. `auth` is `None` for a key. `warnings` come from
    the check that just proved the credential, and are not stored.
    """

    org_slug: str
    integration: str
    status: IntegrationStatus = IntegrationStatus.NOT_CONFIGURED
    credential_name: str | None = None
    ciphertext: str | None = field(default=None, repr=False)
    settings: dict[str, Any] = field(default_factory=dict)
    fingerprint: str | None = None
    validated_at: datetime | None = None
    last_error: str | None = None
    oldest_date: date | None = None
    auth: Auth | None = None
    warnings: tuple[str, ...] = ()
    updated_at: datetime | None = None

    @property
    def configured(self) -> bool:
        """Whether a credential is stored, valid or not."""
        return self.status is not IntegrationStatus.NOT_CONFIGURED and bool(self.ciphertext)


TellInvalid = Callable[[Integration, str, datetime], object]


@dataclass(frozen=True, kw_only=True)
class OrgIntegration(Integration):
    """Integration with facts of its org: the dataset its rows go to, and which onboarding this is."""

    org_dataset: str
    onboarded: Onboarded


@dataclass(frozen=True, kw_only=True)
class UsableIntegration(OrgIntegration):
    """Integration that a run can read with."""

    ciphertext: str = field(repr=False)


Known = TypeVar("Known", bound=Integration)


@dataclass(frozen=True)
class _Columns:
    """Columns of an integration as queries return them."""

    status: IntegrationStatus
    credential_name: str | None
    settings: Json[dict[str, object]] | None
    fingerprint: str | None
    validated_at: datetime | None
    last_error: str | None
    oldest_date: date | None
    auth: Auth | None
    updated_at: datetime

    def on(self, blank: Known) -> Known:
        """Copy of `blank` with the stored columns filled in."""
        return replace(blank, **{name: value for name, value in vars(self).items() if value is not None})


@dataclass(frozen=True)
class _Stored(_Columns):
    integration: str


@dataclass(frozen=True)
class _WithCredential(_Columns):
    ciphertext: str | None


@dataclass(frozen=True)
class _Org:
    dataset: str
    generation: int


@dataclass(frozen=True)
class _Context:
    org: _Org | None
    integration: _WithCredential | None


class Integrations:
    """Reads and adds integrations. Raises `Stop` for an org that is not onboarded.

    `tell_invalid` is called with a valid integration that has become INVALID, the reason and the time, after that is
    recorded.
    """

    def __init__(self, warehouse: Warehouse, clock: Clock, tell_invalid: TellInvalid | None = None) -> None:
        self._warehouse = warehouse
        self._clock = clock
        self._tell_invalid = tell_invalid

    def of(self, org_slug: str, integration: str) -> UsableIntegration:
        """Usable integration of the org; raises `Stop` where there is none."""
        stored = self.find(org_slug, integration)
        if stored.status is not IntegrationStatus.VALID or not stored.ciphertext:
            raise not_configured(integration)
        return UsableIntegration(**vars(stored))

    def find(self, org_slug: str, integration: str) -> OrgIntegration:
        """Integration of the org, whatever its status."""
        context = self._warehouse.read(_Context, "job_context", org_slug=org_slug, integration=integration)[0]
        if context.org is None:
            message = f"The organization {org_slug} is not onboarded."
            raise Stop(Code.ORG_UNKNOWN, message, "Complete backend onboarding first.")
        onboarded = Onboarded(org_slug, context.org.generation, self._warehouse.installation)
        blank = OrgIntegration(
            org_slug=org_slug, integration=integration, org_dataset=context.org.dataset, onboarded=onboarded
        )
        return context.integration.on(blank) if context.integration else blank

    def shows(self, written: Integration) -> bool:
        """Whether this row, or a newer one, can be read."""
        newest = self.find(written.org_slug, written.integration).updated_at
        return written.updated_at is None or (newest is not None and newest >= written.updated_at)

    def onboarded(self, org_slug: str) -> Onboarded:
        """Onboarding of the org; raises `Stop` if it is not onboarded."""
        return self.find(org_slug, "").onboarded

    def all(self, org_slug: str, names: Iterable[str]) -> list[Integration]:
        """Integrations of these names, set up or not, without ciphertexts."""
        stored = {each.integration: each for each in self._warehouse.read(_Stored, "integrations", org_slug=org_slug)}
        blank = [Integration(org_slug=org_slug, integration=name) for name in names]
        return [stored[each.integration].on(each) if each.integration in stored else each for each in blank]

    def change(self, new: Integration) -> Integration:
        """Adds a set-up or removal as the newest row, and returns it; of two at once the last counts as a whole."""
        return self._add_after(self.find(new.org_slug, new.integration), new)

    def judge(self, judged: Integration, error: str | None) -> Integration:
        """Adds the result of a validation: VALID, or INVALID with `error`.

        A set-up or removal made meanwhile is untouched.

        Raises `Stop` where none is stored.
        """
        if judged.updated_at is None:
            raise not_configured(judged.integration)
        row = replace(
            judged,
            status=IntegrationStatus.VALID if error is None else IntegrationStatus.INVALID,
            validated_at=self._clock(),
            last_error=error,
            updated_at=judged.updated_at + JUDGEMENT,
        )
        self.add([row])
        if self._tell_invalid and error is not None and judged.status is IntegrationStatus.VALID:
            self._tell_invalid(judged, error, row.validated_at or self._clock())
        return row

    def mark_invalid(self, judged: Integration, why: str) -> None:
        """Adds the result that the provider refused this credential in a run."""
        self.judge(judged, why)

    def forget(self, org_slug: str, known: Iterable[tuple[str, datetime]]) -> None:
        """Adds rows without credentials after those of these names and times; for an org that is off-boarded."""
        rows = [Integration(org_slug=org_slug, integration=name, updated_at=at) for name, at in known]
        self.add([replace(row, updated_at=self._later(row.updated_at)) for row in rows])

    def add(self, rows: Iterable[Integration]) -> None:
        """Adds the rows unchanged."""
        written = [_row(row) for row in rows]
        if written:
            self._warehouse.append("org_integrations", written, [_row_id(row) for row in written])

    def _add_after(self, before: Integration, new: Integration) -> Integration:
        row = replace(new, updated_at=self._later(before.updated_at))
        self.add([row])
        return row

    def _later(self, last: datetime | None) -> datetime:
        now = self._clock()
        return now if last is None else max(now, last + CHANGE)


def not_configured(integration: str) -> Stop:
    """`Stop` for an integration without a usable credential."""
    message = f'Required integration "{integration}" is not configured.'
    return Stop(Code.INTEGRATION_MISSING, message, "Set up the integration, then start the run again.")


def _row(row: Integration) -> dict[str, str]:
    stored = {each.name: getattr(row, each.name) for each in fields(Integration) if each.name != "warnings"}
    return {name: _text(value) for name, value in stored.items() if value is not None}


def _text(value: object) -> str:
    """Column's value as JSON carries it: times as ISO 8601, settings as a JSON object."""
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _row_id(row: dict[str, str]) -> str:
    """Insert id of a row: equal for an equal row that is sent again, different for any other."""
    return (
        f"{row['org_slug']}/{row['integration']}/{row['updated_at']}/{row.get('ciphertext', '')[-16:]}/{row['status']}"
    )
