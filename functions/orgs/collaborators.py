"""Collaborators of the endpoints that operators call for orgs and members."""

from dataclasses import dataclass

from functions.orgs.api_keys import OrgKeys
from functions.orgs.dataset_access import DatasetAccess
from functions.orgs.onboarding import Onboarding
from functions.orgs.org_members import OrgMembers
from functions.orgs.tenant import Tenants


@dataclass(frozen=True)
class OrgOperations:
    """Collaborators of operators' endpoints for orgs: onboarding, reading, keys, members, and access to datasets."""

    onboarding: Onboarding
    tenants: Tenants
    keys: OrgKeys
    members: OrgMembers
    dataset_access: DatasetAccess


@dataclass(frozen=True)
class MemberOperations:
    """Collaborators of operators' endpoints for members: what is stored of them."""

    stored: OrgMembers
