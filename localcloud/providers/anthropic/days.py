"""The facts of a key's days: generated once, restated, and nothing of days that have not begun."""

from collections.abc import Collection, Hashable, Mapping
from datetime import date

from cloudact.clock import Clock
from localcloud.company.anthropic import anthropic_day
from localcloud.providers.anthropic import costs, usage
from localcloud.providers.facts import Fact, grouped, scaled
from localcloud.providers.generated import Generated
from localcloud.providers.keys import Keys, RegisteredKey

Only = Mapping[str, Collection[str]]


class Days:
    """Usage and costs of any day of any key."""

    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._generated = Generated()

    def usage(self, key: RegisteredKey, days: Collection[date], by: Collection[str], only: Only) -> list[Fact]:
        """The usage of these days together, grouped."""
        name = self._name(key, days, "usage", tuple(by), *_hashable(only))
        return self._generated.get(
            name, lambda: grouped((f for day in days for f in self._usage(key, day)), usage.DIMS, by, only)
        )

    def costs(
        self, key: RegisteredKey, days: Collection[date], by: Collection[str], only: Only, credited: bool
    ) -> list[Fact]:
        """The costs of these days together, grouped; credits among them if `credited`."""

        def make() -> list[Fact]:
            facts = (fact for day in days for fact in self._costs(key, day))
            return grouped(facts if credited else costs.before_credits(facts), costs.DIMS, by, only)

        return self._generated.get(self._name(key, days, "costs", credited, tuple(by), *_hashable(only)), make)

    def _usage(self, key: RegisteredKey, day: date) -> list[Fact]:
        if day > self._clock().date():
            return []
        factor = self._keys.factor(key, day)

        def make() -> list[Fact]:
            if key.company:
                return scaled(anthropic_day(key.company, day), factor)
            return usage.anthropic_usage(key.seed, day, key.rows, factor)

        return self._generated.get(self._name(key, [day], "all usage"), make)

    def _costs(self, key: RegisteredKey, day: date) -> list[Fact]:
        factor = self._keys.factor(key, day)
        return self._generated.get(
            self._name(key, [day], "all costs"), lambda: costs.costs_of(self._usage(key, day), key.seed, factor)
        )

    def _name(self, key: RegisteredKey, days: Collection[date], *what: Hashable) -> Hashable:
        begun = self._clock().date()
        return (
            key.seed,
            key.rows,
            key.company,
            tuple((day, day <= begun, self._keys.factor(key, day)) for day in days),
            *what,
        )


def _hashable(only: Only) -> Collection[Hashable]:
    return [(name, tuple(values)) for name, values in only.items()]
