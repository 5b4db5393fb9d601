"""People of orgs: who belongs to which, and what a role allows. Knows no storage and no token."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What someone is in an org. A stored role of any other name, `removed` for one, is no membership."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"

    @property
    def admin(self) -> bool:
        """May set up integrations and rotate keys."""
        return self is not Role.MEMBER


@dataclass(frozen=True)
class Membership:
    """A user's place in one org. `onboarded`: the org is with us."""

    org_slug: str
    role: Role
    onboarded: bool
