"""Collaborators of the endpoints that operators call for orgs and members."""

from dataclasses import dataclass

from cloudact.clock import Clock
from cloudact.warehouse.bigquery import Warehouse
from functions.orgs.api_keys import OrgKeys
from functions.orgs.onboarding import Onboarding
from functions.orgs.tenant import Tenants


@dataclass(frozen=True)
class OrgOperations:
    """Collaborators of operators' endpoints for orgs: onboarding, reading, and keys."""

    onboarding: Onboarding
    tenants: Tenants
    keys: OrgKeys


@dataclass(frozen=True)
class MemberOperations:
    """Collaborators of operators' endpoints for members: the warehouse that stores rows, and the clock."""

    warehouse: Warehouse
    clock: Clock
