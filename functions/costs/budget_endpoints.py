"""`/organizations/{org}/budgets` and `/balances`: what an org wants to spend, and has paid ahead; replaced whole."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from flask import Response, request
from pydantic import Field, WithJsonSchema
from werkzeug.datastructures import ETags

from cloudact.budgets.balance import Balance, Balances
from cloudact.budgets.budget import Budget, Budgets, Scope
from cloudact.costs.labels import label_named
from cloudact.error_codes import Code
from functions.auth.authenticate import Actor, let_in, presented
from functions.costs.collaborators import OrgCosts
from functions.costs.endpoints import revalidated
from functions.costs.mistakes import told_by_place
from functions.costs.stored_budgets import StoredBalances, StoredBudgets
from functions.costs.stored_versions import ChangedMeanwhile, StoredVersion, VersionStore
from functions.web.answers import Answer, Instant, answered
from functions.web.inputs import Input, in_body, in_query, whole
from functions.web.problems import Problem, bad_field

MOST_VERSIONS = 1_000_000
CHANGED = "The {what} have been changed meanwhile: read them again, and change those."
Version = TypeVar("Version", bound=StoredVersion)


class BudgetsBody(Input):
    """All budgets of the organization; they take the place of those before."""

    budgets: Annotated[Budgets, told_by_place("budgets")]


class BalancesBody(Input):
    """All prepaid balances of the organization; they take the place of those before."""

    balances: Annotated[Balances, told_by_place("balances")]


class VersionQuery(Input):
    """Which version is meant."""

    version: Annotated[
        int | None,
        whole(1, MOST_VERSIONS),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_VERSIONS}),
    ] = Field(default=None, description="an older version; default: the one that counts")


class BudgetsState(Answer):
    """Budgets of an organization."""

    org_slug: str = Field(examples=["acmecorp"])
    version: int = Field(description="number of the version, 0 before there were any")
    recorded_at: Instant | None = Field(description="when it was recorded; null for version 0")
    recorded_by: str | None = Field(description="a key's name or a person's id; null for version 0")
    budgets: tuple[Budget, ...]
    changed_in: dict[str, int] = Field(
        description="version in which each budget last changed, by its name: events tell each threshold once for it"
    )


class RecordedBudgets(BudgetsState):
    """Budgets after a request."""

    outcome: Literal["recorded", "unchanged"]


class BalancesState(Answer):
    """Prepaid balances of an organization."""

    org_slug: str = Field(examples=["acmecorp"])
    version: int = Field(description="number of the version, 0 before there were any")
    recorded_at: Instant | None = Field(description="when it was recorded; null for version 0")
    recorded_by: str | None = Field(description="a key's name or a person's id; null for version 0")
    balances: tuple[Balance, ...] = Field(description="of a provider and currency the one with the latest day counts")


class RecordedBalances(BalancesState):
    """Prepaid balances after a request."""

    outcome: Literal["recorded", "unchanged"]


def show_budgets(api: OrgCosts, org: str) -> Response:
    """200 with the budgets for every member, or 304 where they are those that the request knows."""
    found = _asked_version(api, org, api.plans.budgets, Code.BUDGETS_UNKNOWN, "budgets")
    return _shown(BudgetsState(**_budget_fields(org, found)), found)


def show_balances(api: OrgCosts, org: str) -> Response:
    """200 with the prepaid balances for every member, or 304 where they are those that the request knows."""
    found = _asked_version(api, org, api.plans.balances, Code.BALANCES_UNKNOWN, "prepaid balances")
    return _shown(BalancesState(**_balance_fields(org, found)), found)


def put_budgets(api: OrgCosts, org: str) -> Response:
    """200 after the budgets are a new version, or are what they were.

    412 where If-Match does not name the version that counts, 409 where somebody else records one at the same time.
    """
    credential, budgets = presented(api.auth, org), in_body(request, BudgetsBody).budgets
    check_budgets(api, budgets)
    return _recorded(*put_budgets_requested(api, let_in(api.auth, org, credential), budgets, request.if_match))


def check_budgets(api: OrgCosts, budgets: Iterable[Budget]) -> None:
    """Raises 400 for a provider that there is not; asks nobody."""
    _check_providers("budgets", "of.provider", [each.of.provider for each in budgets], api.plans.providers)


def put_budgets_requested(
    api: OrgCosts, actor: Actor, budgets: tuple[Budget, ...], known: ETags
) -> tuple[RecordedBudgets, StoredBudgets]:
    """Records budgets for who has been let in. Returns what came of it, and the version that counts now.

    `known` is the version that the caller has read, if they say which. Raises a `Problem` as the endpoint does.
    """
    actor.require_admin()
    org = actor.org_slug
    before = _matching(api.plans.budgets.newest(org), known, Code.BUDGETS_CHANGED, "budgets")
    if budgets == before.plain:
        return RecordedBudgets(**_budget_fields(org, before), outcome="unchanged"), before
    _check_labels(api, org, budgets)
    try:
        new = api.plans.budgets.add(org, budgets, before, actor.name)
    except ChangedMeanwhile as err:
        raise Problem(409, CHANGED.format(what="budgets"), code=Code.BUDGETS_CHANGED) from err
    return RecordedBudgets(**_budget_fields(org, new), outcome="recorded"), new


def put_balances(api: OrgCosts, org: str) -> Response:
    """200 after the prepaid balances are a new version, or are what they were; 412 and 409 as for budgets."""
    credential, balances = presented(api.auth, org), in_body(request, BalancesBody).balances
    check_balances(api, balances)
    return _recorded(*put_balances_requested(api, let_in(api.auth, org, credential), balances, request.if_match))


def check_balances(api: OrgCosts, balances: Iterable[Balance]) -> None:
    """Raises 400 for a provider that there is not, and for a day that has not begun; asks nobody."""
    found = list(balances)
    _check_providers("balances", "provider", [each.provider for each in found], api.plans.providers)
    for place, each in enumerate(found):
        if each.as_of > api.clock().date():
            raise bad_field("balances", f"has a mistake at balances[{place}].as_of, which must not be after today")


def put_balances_requested(
    api: OrgCosts, actor: Actor, balances: tuple[Balance, ...], known: ETags
) -> tuple[RecordedBalances, StoredBalances]:
    """Records prepaid balances for who has been let in, as `put_budgets_requested` does budgets."""
    actor.require_admin()
    org = actor.org_slug
    before = _matching(api.plans.balances.newest(org), known, Code.BALANCES_CHANGED, "prepaid balances")
    if balances == before.balances:
        return RecordedBalances(**_balance_fields(org, before), outcome="unchanged"), before
    try:
        new = api.plans.balances.add(org, balances, before, actor.name)
    except ChangedMeanwhile as err:
        raise Problem(409, CHANGED.format(what="prepaid balances"), code=Code.BALANCES_CHANGED) from err
    return RecordedBalances(**_balance_fields(org, new), outcome="recorded"), new


def _asked_version(api: OrgCosts, org: str, store: VersionStore[Version], code: Code, what: str) -> Version:
    credential, query = presented(api.auth, org), in_query(request.args, VersionQuery)
    let_in(api.auth, org, credential)
    found = store.newest(org) if query.version is None else store.version(org, query.version)
    if found is None:
        raise Problem(404, f"The organization's {what} have no such version.", code=code)
    return found


def _shown(answer: Answer, found: StoredVersion) -> Response:
    response = revalidated(answered(answer), found.etag)
    response.make_conditional(request)
    return response


def _recorded(answer: Answer, counting: StoredVersion) -> Response:
    response = answered(answer)
    response.set_etag(counting.etag)
    return response


def _matching(before: Version, known: ETags, code: Code, what: str) -> Version:
    """Version that counts. Raises 412 where the caller knows another."""
    if known and not known.contains(before.etag):
        raise Problem(412, CHANGED.format(what=what), code=code)
    return before


def _check_providers(document: str, field: str, named: Iterable[str | None], known: Iterable[str]) -> None:
    ids = sorted(known)
    for place, provider in enumerate(named):
        if provider is not None and provider not in ids:
            where = f"{document}[{place}].{field}"
            raise bad_field(document, f"has a mistake at {where}, which must be one of {', '.join(ids)}")


def _check_labels(api: OrgCosts, org: str, budgets: Iterable[Budget]) -> None:
    """Raises 400 for a label that the org does not have."""
    named = {each.of.label for each in budgets} - {None}
    known = api.labels.newest(org).labels if named else ()
    for label in sorted(filter(None, named)):
        if label_named(known, label) is None:
            detail = f"budgets names the label {label}, and the organization has none of this name."
            raise Problem(400, detail, code=Code.LABEL_UNKNOWN, field="budgets")


def _budget_fields(org: str, found: StoredBudgets) -> dict[str, Any]:
    changed_in = {budget.name: budget.version for budget in found.budgets}
    budgets = tuple(_whole(budget) for budget in found.plain)
    return {**_version_fields(org, found), "budgets": budgets, "changed_in": changed_in}


def _whole(budget: Budget) -> Budget:
    """Budget with all of its fields set, null or not."""
    return budget.model_copy(update={"of": Scope(**dict(budget.of))})


def _balance_fields(org: str, found: StoredBalances) -> dict[str, Any]:
    return {**_version_fields(org, found), "balances": found.balances}


def _version_fields(org: str, found: StoredVersion) -> Mapping[str, Any]:
    names = ("version", "recorded_at", "recorded_by")
    return {"org_slug": org, **{name: getattr(found, name) for name in names}}
