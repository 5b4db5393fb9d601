"""The companies that the demo orgs are: how large they are, and what their names begin with."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Company:
    """A company. `scale` is its size beside the first; only that one is large enough to have commitments."""

    prefix: str
    name: str
    seed: int
    billing_account: str
    scale: Decimal = Decimal(1)

    @property
    def commits(self) -> bool:
        """Whether it has committed use discounts."""
        return self.scale == 1


COMPANIES = {
    "acmecorp": Company("acme", "Acme Corp", 1, "01A2B3-C4D5E6-F7A801"),
    "globex_inc": Company("globex", "Globex Inc", 2, "01A2B3-C4D5E6-F7A802", Decimal("0.15")),
}
