"""The collaborators of the endpoints that operators call for orgs and members."""

from dataclasses import dataclass

from cloudact.clock import Clock
from cloudact.warehouse.bigquery import Warehouse
from functions.orgs.api_keys import OrgKeys
from functions.orgs.lifecycle import Onboarding
from functions.orgs.tenant import Tenants


@dataclass(frozen=True)
class OrgOperations:
    """The collaborators of operators' endpoints for orgs: how they come and go, how they are read, and their keys."""

    onboarding: Onboarding
    tenants: Tenants
    keys: OrgKeys


@dataclass(frozen=True)
class MemberOperations:
    """The collaborators of operators' endpoints for members: where rows are added, and when that is."""

    warehouse: Warehouse
    clock: Clock
