"""Members of orgs: which org a user belongs to, and what a role allows. Knows no storage and no token."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Role of a member. A stored role of any other name, such as `removed`, is no membership."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"

    @property
    def admin(self) -> bool:
        """Whether the role may set up integrations and rotate keys."""
        return self is not Role.MEMBER


@dataclass(frozen=True)
class Membership:
    """Membership of a user in one org. `onboarded`: the org is not off-boarded."""

    org_slug: str
    role: Role
    onboarded: bool
