"""The requirements model of a FOCUS version: its rules as they stand in the pinned file, and what depends on what.

Knows no SQL and no warehouse. The words are the model's: a rule requires a check, may have a condition, names rules it
depends on, and applies to providers that meet a criterion.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from cloudact.errors import ConfigError

VERSIONS = Path(__file__).resolve().parent / "versions"
CURRENT = "1.4"
COST_AND_USAGE = "CostAndUsage"
REFERENCE = "CheckModelRule"


@dataclass(frozen=True)
class Check:
    """One call of a check function: its name, its arguments by name, and for AND and OR the checks in it."""

    function: str
    arguments: Mapping[str, Any]
    items: tuple["Check", ...] = ()

    def each(self) -> Iterator["Check"]:
        """The check itself and all that are in it."""
        yield self
        for item in self.items:
            yield from item.each()

    @property
    def rule_id(self) -> str:
        """Rule that a `CheckModelRule` refers to."""
        return str(self.arguments["ModelRuleId"])


NO_CHECK = Check("", {})


@dataclass(frozen=True)
class Rule:
    """A requirement of FOCUS.

    `check` is `NO_CHECK` where no tool can check it, `condition` is `None` where the rule is about every row.
    """

    id: str
    function: str
    entity: str
    entity_type: str
    dataset: str | None
    active: bool
    static: bool
    keyword: str
    sentence: str
    check: Check
    condition: Check | None
    dependencies: tuple[str, ...]
    criteria: tuple[str, ...]

    @property
    def composite(self) -> bool:
        """Whether the rule only unites others."""
        return self.function == "Composite"

    @property
    def optional(self) -> bool:
        """Whether the rule permits and demands nothing."""
        return self.keyword in ("MAY", "OPTIONAL")

    @property
    def references(self) -> tuple[str, ...]:
        """Rules that the checks of this one refer to directly, in their order."""
        return tuple(check.rule_id for check in (self.check, *self.check.items) if check.function == REFERENCE)


@dataclass(frozen=True)
class Model:
    """All rules of one version of FOCUS by id, and the criteria, JSON schemas and check functions that they name."""

    version: str
    sha256: str
    rules: Mapping[str, Rule]
    roots: Mapping[str, tuple[str, ...]]
    criteria: Mapping[str, str]
    schemas: Mapping[str, Mapping[str, Any]]
    functions: tuple[str, ...] = ()

    def of_dataset(self, dataset: str = COST_AND_USAGE) -> "Mapping[str, Rule]":
        """Rules that the dataset must meet, and all that these depend on, each after those it depends on or refers to.

        Raises `ConfigError` where the model has no such dataset, lacks a rule it names, or goes round in a circle.
        """
        if dataset not in self.roots:
            raise ConfigError(f"FOCUS {self.version} has no dataset {dataset}: it has {', '.join(self.roots)}.")
        needed, waiting = dict[str, set[str]](), list(self.roots[dataset])
        while waiting:
            rule = self._rule(waiting.pop())
            if rule.id not in needed:
                needed[rule.id] = {*rule.dependencies, *rule.references} & set(self.rules)
                waiting += rule.dependencies
        graph = {rule_id: before & set(needed) for rule_id, before in sorted(needed.items())}
        try:
            return {rule_id: self.rules[rule_id] for rule_id in TopologicalSorter(graph).static_order()}
        except CycleError as err:
            raise ConfigError(f"FOCUS {self.version}: rules depend on one another: {err.args[1]}") from err

    def _rule(self, rule_id: str) -> Rule:
        if rule_id not in self.rules:
            raise ConfigError(f"FOCUS {self.version} names a rule {rule_id} that it does not have.")
        return self.rules[rule_id]

    @cached_property
    def assessed(self) -> tuple[Rule, ...]:
        """Active rules about costs and usage and the attributes of all datasets: what a report speaks about."""
        return tuple(rule for rule in self.rules.values() if rule.active and rule.dataset in (COST_AND_USAGE, None))


def load_model(version: str = CURRENT, folder: Path = VERSIONS) -> Model:
    """Model of a FOCUS version. Raises `ConfigError` where there is none, or its file is not the one that is pinned."""
    path = folder / version / "model.json"
    if not path.is_file():
        known = sorted(each.parent.name for each in folder.glob("*/model.json"))
        raise ConfigError(f"There is no model of FOCUS {version}: there is {', '.join(known)}.")
    content, pinned = path.read_bytes(), pins(version, folder)["model"]["sha256"]
    if (found := hashlib.sha256(content).hexdigest()) != pinned:
        raise ConfigError(f"{path.name} of FOCUS {version} has SHA-256 {found}; pins.yml says {pinned}.")
    return _model(version, found, json.loads(content))


def pins(version: str = CURRENT, folder: Path = VERSIONS) -> Mapping[str, Any]:
    """What `pins.yml` says about the files of a version: source, licence, checksum, validator."""
    found: Mapping[str, Any] = yaml.safe_load((folder / version / "pins.yml").read_text(encoding="utf-8"))
    return found


def _model(version: str, sha256: str, file: Mapping[str, Any]) -> Model:
    if (told := file["Details"]["FOCUSVersion"]) != version:
        raise ConfigError(f"The model in the folder {version} is that of FOCUS {told}.")
    return Model(
        version,
        sha256,
        {rule_id: _rule(rule_id, each) for rule_id, each in file["ModelRules"].items()},
        {name: tuple(each["ModelRules"]) for name, each in file["ModelDatasets"].items()},
        {name: each["Description"] for name, each in file["ApplicabilityCriteria"].items()},
        {name: each["Schema"] for name, each in file["Schemas"].items()},
        tuple(file["CheckFunctions"]),
    )


def _rule(rule_id: str, written: Mapping[str, Any]) -> Rule:
    demand = written["ValidationCriteria"]
    return Rule(
        id=rule_id,
        function=written["Function"],
        entity=written["EntityId"],
        entity_type=written["EntityType"],
        dataset=written.get("DatasetId"),
        active=written["Status"] == "Active",
        static=written["Type"] == "Static",
        keyword=demand["Keyword"],
        sentence=" ".join(demand["MustSatisfy"].split()),
        check=_check(demand["Requirement"]) or NO_CHECK,
        condition=_check(demand["Condition"]),
        dependencies=tuple(demand["Dependencies"]),
        criteria=tuple(written["ApplicabilityCriteria"]),
    )


def _check(written: Mapping[str, Any]) -> Check | None:
    if not written:
        return None
    arguments = {name: value for name, value in written.items() if name not in ("CheckFunction", "Items")}
    return Check(written["CheckFunction"], arguments, _checks(written.get("Items", ())))


def _checks(written: Sequence[Mapping[str, Any]]) -> tuple[Check, ...]:
    return tuple(check for each in written if (check := _check(each)))
