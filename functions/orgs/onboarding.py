"""Lifecycle of an org: onboarding (dataset, tables, subscription, profile, first API key), changes, off-boarding.

A BigQuery job id decides once what an onboarding sets (docs/adr/0005); concurrent calls, and calls after a crash, carry
out that decision. The profile is written when everything else is there.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from cloudact.clock import Clock
from cloudact.error_codes import Code
from cloudact.errors import Stop
from cloudact.notify.webhooks import Webhooks
from cloudact.orgs.integrations import Integrations
from cloudact.orgs.org import IntegrationStatus, SubscriptionStatus
from cloudact.warehouse.bigquery import Warehouse
from cloudact.warehouse.datasets import (
    NOBODY,
    claim_org_dataset,
    drop_org_dataset,
    fill_org_dataset,
    let_into_org_dataset,
    look_at_org_dataset,
    shut_org_dataset_to_readers,
)
from cloudact.warehouse.scripts import NO_FOLDERS
from functions.orgs.key_issue import ApiKeys, NewKey
from functions.orgs.org_members import OrgMembers
from functions.orgs.plans import Plan, Plans
from functions.orgs.tenant import Profile, ProfileStatus, SetUp, StoredSubscription, Tenant, Tenants, after


@dataclass(frozen=True)
class OnboardingDecision:
    """Decision of an onboarding about an org."""

    org_slug: str
    name: str
    plan: str
    status: str
    daily_limit: int
    at: str
    generation: int = 1
    keys_before: int = 0


@dataclass(frozen=True)
class Done:
    """Org after a call, even if its rows cannot be read yet, and whether this call has changed it.

    `key` is its first one, if this call has made it.
    """

    org: Tenant
    changed: bool
    key: NewKey | None = None


class Onboarding:
    """Onboards and off-boards orgs. Raises `Stop` for what a person must decide, `Retry` for what passes.

    `dataset_accounts` are let into every org's dataset, with their roles there; also where an org is onboarded again.
    `folders` are the folders with the scripts of providers outside `sql/`, by provider id.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        tenants: Tenants,
        api_keys: ApiKeys,
        plans: Plans,
        clock: Clock,
        *,
        dataset_accounts: Mapping[str, str] = NOBODY,
        folders: Mapping[str, Path] = NO_FOLDERS,
    ) -> None:
        self._warehouse = warehouse
        self._tenants = tenants
        self._members = OrgMembers(warehouse, clock)
        self._api_keys = api_keys
        self._clock = clock
        self._dataset_accounts = dataset_accounts
        self._folders = folders
        self.plans = plans

    def onboard(self, org_slug: str, name: str, plan: Plan, *, reactivate: bool = False) -> Done:
        """Onboards the org, and returns it with its first API key, or without one if an earlier call has shown it."""
        tenant = self._tenants.read(org_slug)
        profile = _own(tenant, org_slug)
        if profile and profile.status is ProfileStatus.OFFBOARDED and not reactivate:
            message = f"The organization {org_slug} was off-boarded; its runs and their history are kept."
            raise Stop(Code.ORG_OFFBOARDED, f'{message} Give "reactivate": true to bring the same customer back.')
        if profile is None or profile.status is ProfileStatus.OFFBOARDED:
            returning = profile is not None
            look_at_org_dataset(self._warehouse, org_slug, returning=returning)
            if returning:  # what came after the off-boarding is not set up by anyone
                self._forget_credentials(tenant, org_slug)
            decision = self._decide(org_slug, name, plan, tenant)
            if returning:  # but who is made a member after the decision, while another call carries it out, stays one
                self._members.end_until(org_slug, datetime.fromisoformat(decision.at))
            # Only who is decided makes a dataset: of slugs that differ in case, the loser would leave one behind.
            claim_org_dataset(self._warehouse, org_slug, self._dataset_accounts, returning=returning)
            fill_org_dataset(self._warehouse, org_slug, folders=self._folders)
            org = replace(self.record(decision), integrations=_forgotten(tenant.integrations), api_keys=tenant.api_keys)
            return self._with_first_key(org, org_slug, decision.keys_before)
        if self._dataset_accounts:
            let_into_org_dataset(self._warehouse, org_slug, self._dataset_accounts)
        if tenant.last_key_number > profile.keys_before:
            return Done(tenant, changed=False)
        return self._with_first_key(tenant, org_slug, profile.keys_before)

    def _with_first_key(self, org: Tenant, org_slug: str, keys_before: int) -> Done:
        key = self._api_keys.first(org_slug, keys_before + 1)
        if key is None:
            return Done(org, changed=False)
        return Done(replace(org, api_keys=(*org.api_keys, key.stored)), changed=True, key=key)

    def record(self, decision: OnboardingDecision) -> Tenant:
        """Adds the rows of a decision: subscription, then profile, which makes it an org. Returns both."""
        event = f"{decision.org_slug}/{decision.generation}"
        at = datetime.fromisoformat(decision.at)
        subscription = StoredSubscription(decision.status, decision.plan, decision.daily_limit, at)
        self._append_subscription(decision.org_slug, subscription, event)
        profile = Profile(
            org_slug=decision.org_slug,
            name=decision.name,
            dataset=decision.org_slug,
            status=ProfileStatus.ACTIVE,
            generation=decision.generation,
            keys_before=decision.keys_before,
            created_at=at,
        )
        self._append_profile(profile)
        return Tenant(profile, subscription, integrations=(), api_keys=())

    def subscribe(self, org_slug: str, status: SubscriptionStatus | None, plan: Plan | None) -> Done:
        """Sets the org's status or plan. Of two calls at once the last counts."""
        tenant = self._active(org_slug)
        old = tenant.subscription
        if old is None:
            raise Stop(Code.SUBSCRIPTION_MISSING, f"The organization {org_slug} has no subscription; onboard it again.")
        wanted = replace(
            old,
            plan=plan.id if plan else old.plan,
            status=status.value if status else old.status,
            daily_limit=plan.daily_limit if plan else old.daily_limit,
        )
        if wanted == old:
            return Done(tenant, changed=False)
        new = self._subscribe(org_slug, wanted)
        return Done(replace(tenant, subscription=new), changed=True)

    def offboard(self, org_slug: str, *, delete_data: bool) -> Done:
        """Ends the org's keys, subscription, credentials and memberships, and its data if asked to.

        `changed`: something was left to do.
        """
        tenant = self._tenants.read(org_slug)
        profile = _onboarded(_own(tenant, org_slug), org_slug)
        active = profile.status is ProfileStatus.ACTIVE
        if active:
            closed = self._api_keys.close(tenant, org_slug)
            subscription = self._cancel(tenant, org_slug)
            Webhooks(self._warehouse, self._clock).remove(org_slug)
            profile = replace(profile, status=ProfileStatus.OFFBOARDED, keys_before=closed)
            self._append_profile(profile)
            tenant = replace(tenant, profile=profile, subscription=subscription)
        # Also for an org that has ended: a set-up that was under way, or a member, may have come after.
        newest = self._tenants.read(org_slug)
        forgotten = self._forget_credentials(newest, org_slug)
        left = self._members.end_all(org_slug)
        if delete_data:
            for told in ("forget_invoices", "forget_labels", "forget_budgets", "forget_balances"):
                self._warehouse.write(told, org_slug=org_slug)
        dropped = delete_data and drop_org_dataset(self._warehouse, org_slug)
        shut = shut_org_dataset_to_readers(self._warehouse, org_slug, self._dataset_accounts)
        org = replace(tenant, integrations=_forgotten(newest.integrations))
        return Done(org, changed=active or forgotten or left or dropped or shut)

    def _decide(self, org_slug: str, name: str, plan: Plan, tenant: Tenant) -> OnboardingDecision:
        last = tenant.subscription.updated_at if tenant.subscription else None
        mine = OnboardingDecision(
            org_slug=org_slug,
            name=name,
            plan=plan.id,
            status=SubscriptionStatus.ACTIVE,
            daily_limit=plan.daily_limit,
            at=after(self._clock(), last).isoformat(),
            generation=tenant.profile.generation + 1 if tenant.profile else 1,
            keys_before=tenant.profile.keys_before if tenant.profile else 0,
        )
        job_id = f"onboard_{org_slug.lower()}_{mine.generation}"
        winner = self._warehouse.accept_once(job_id, "decision", decision=json.dumps(asdict(mine)))
        decision = OnboardingDecision(**json.loads(str(winner["decision"])))
        if decision.org_slug != org_slug:
            raise _differs_in_case(org_slug, decision.org_slug)
        return decision

    def _active(self, org_slug: str) -> Tenant:
        tenant = self._tenants.read(org_slug)
        if _onboarded(_own(tenant, org_slug), org_slug).status is ProfileStatus.OFFBOARDED:
            raise Stop(Code.ORG_OFFBOARDED, f"The organization {org_slug} was off-boarded.")
        return tenant

    def _cancel(self, tenant: Tenant, org_slug: str) -> StoredSubscription | None:
        old = tenant.subscription
        if old is None or old.status == SubscriptionStatus.CANCELLED:
            return old
        return self._subscribe(org_slug, replace(old, status=SubscriptionStatus.CANCELLED.value))

    def _subscribe(self, org_slug: str, wanted: StoredSubscription) -> StoredSubscription:
        """Adds the subscription, stamped later than the one that it changes."""
        new = replace(wanted, updated_at=after(self._clock(), wanted.updated_at))
        self._append_subscription(org_slug, new, f"{org_slug}/{new.updated_at.isoformat()}")
        return new

    def _append_subscription(self, org_slug: str, new: StoredSubscription, event: str) -> None:
        row = {"org_slug": org_slug, **vars(new), "updated_at": new.updated_at.isoformat()}
        self._warehouse.append("org_subscriptions", [row], [event])

    def _forget_credentials(self, tenant: Tenant, org_slug: str) -> bool:
        """Removes the org's credentials. Returns whether there were any."""
        known = [
            (setup.integration, setup.updated_at)
            for setup in tenant.integrations
            if setup.configured or setup.status is not IntegrationStatus.NOT_CONFIGURED
        ]
        Integrations(self._warehouse, self._clock).forget(org_slug, known)
        return bool(known)

    def _append_profile(self, profile: Profile) -> None:
        row = {**vars(profile), "status": profile.status.value, "created_at": profile.created_at.isoformat()}
        event = f"{profile.org_slug}/{profile.generation}/{profile.status}"
        self._warehouse.append("org_profiles", [row], [event])


def _own(tenant: Tenant, org_slug: str) -> Profile | None:
    if tenant.profile and tenant.profile.org_slug != org_slug:
        raise _differs_in_case(org_slug, tenant.profile.org_slug)
    return tenant.profile


def _forgotten(integrations: Iterable[SetUp]) -> tuple[SetUp, ...]:
    return tuple(replace(each, status=IntegrationStatus.NOT_CONFIGURED, configured=False) for each in integrations)


def _onboarded(profile: Profile | None, org_slug: str) -> Profile:
    if profile is None:
        raise Stop(Code.ORG_UNKNOWN, f"The organization {org_slug} is not onboarded.")
    return profile


def _differs_in_case(org_slug: str, other: str) -> Stop:
    return Stop(Code.SLUG_TAKEN, f"The slug {org_slug} differs only in case from that of the organization {other}.")
