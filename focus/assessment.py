"""What is said of every rule about costs and usage: what was counted, and by hand what no tool can check.

Judgements and the criteria that providers meet are data beside the model (`versions/<version>/*.yml`).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from cloudact.errors import ConfigError
from focus.check import Report
from focus.model import CURRENT, VERSIONS, Model, Rule
from focus.verdicts import Cause, Finding, Verdict

AS = "as"


class Support(StrEnum):
    """Degree to which a rule is met."""

    MET = "met"
    PARTLY = "partly"
    NOT_MET = "not met"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Criterion:
    """Whether one of the providers meets a criterion of the model, and why."""

    met: bool
    why: str


@dataclass(frozen=True)
class Assessment:
    """Support of a rule, in a sentence why, and the finding where it was checked by the machine."""

    rule: Rule
    support: Support
    why: str
    finding: Finding | None

    @property
    def checked(self) -> bool:
        """Whether rows, columns or other rules that were counted decide, and not a person."""
        return self.finding is not None and self.finding.verdict in (Verdict.PASS, Verdict.FAIL)


def load_criteria(model: Model, folder: Path = VERSIONS) -> dict[str, Criterion]:
    """Criteria of the model, from `applicability.yml`. Raises `ConfigError` unless it names exactly the model's."""
    written = _read(model.version, "applicability", folder)
    if set(written) != set(model.criteria):
        raise ConfigError(f"applicability.yml and the model differ in {sorted(set(written) ^ set(model.criteria))}.")
    return {name: Criterion(each["met"], each["why"]) for name, each in written.items()}


def load_judgements(version: str = CURRENT, folder: Path = VERSIONS) -> Mapping[str, str]:
    """Judgements by rule or by `<entity>-*`, from `judgements.yml`: support, a colon and a sentence."""
    judgements: dict[str, str] = _read(version, "judgements", folder)
    return judgements


def _read(version: str, name: str, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / version / f"{name}.yml").read_text(encoding="utf-8"))
    return found


@dataclass
class Assessor:
    """Assesses the rules of a model by a report on a view with these columns."""

    model: Model
    report: Report
    columns: Collection[str]
    criteria: Mapping[str, Criterion]
    judgements: Mapping[str, str]
    _known: dict[str, Assessment] = field(default_factory=dict)

    @cached_property
    def assessments(self) -> dict[str, Assessment]:
        """Assessment of every active rule about costs, usage and attributes, by id in the model's order."""
        return {rule.id: self.of(rule) for rule in self.model.assessed}

    def of(self, rule: Rule) -> Assessment:
        """Assessment of a rule. Raises `ConfigError` where nothing was counted and no judgement stands for it."""
        if rule.id not in self._known:
            finding = self.report.findings.get(rule.id)
            support, why = self._support(rule, finding)
            self._known[rule.id] = Assessment(rule, support, why, finding)
        return self._known[rule.id]

    def _support(self, rule: Rule, finding: Finding | None) -> tuple[Support, str]:
        if finding and finding.verdict is Verdict.NOT_APPLICABLE:
            return Support.NOT_APPLICABLE, self._criterion(rule)
        if finding and finding.verdict is Verdict.PASS:
            return self._passed(rule, finding)
        if finding and finding.verdict is Verdict.FAIL:
            return self._failed(rule, finding)
        if rule.optional:
            return Support.NOT_APPLICABLE, f"{Cause.OPTIONAL.capitalize()}."
        return self._judged(rule)

    def _criterion(self, rule: Rule) -> str:
        """Why the criterion is not met that a rule has, or a rule that it is part of or depends on."""
        waiting, seen = [rule.id], set[str]()
        while waiting:
            each = self.model.rules[waiting.pop(0)]
            if unmet := [name for name in each.criteria if not self.criteria[name].met]:
                return " ".join(self.criteria[name].why for name in unmet)
            seen.add(each.id)
            near = [*self._referring.get(each.id, ()), *each.dependencies, *each.references]
            waiting += [other for other in near if other not in seen and self._is_skipped(other)]
        raise ConfigError(f"{rule.id} was taken for one that does not apply, and every criterion is met.")

    @cached_property
    def _referring(self) -> Mapping[str, Collection[str]]:
        found = defaultdict[str, list[str]](list)
        for rule in self.model.rules.values():
            for rule_id in rule.references:
                found[rule_id].append(rule.id)
        return found

    def _is_skipped(self, rule_id: str) -> bool:
        finding = self.report.findings.get(rule_id)
        return finding is not None and finding.cause is not None

    def _passed(self, rule: Rule, finding: Finding) -> tuple[Support, str]:
        if rule.references and self._of_references(rule) is not Support.MET:
            return Support.PARTLY, "The machine passes it; rules that it is made of are met in part, judged by hand."
        if finding.weak and (written := self.judgements.get(finding.rule.id)):
            return self._written(written)
        if finding.weak and finding.count:
            number = finding.count.as_written
            rows = f"{number} row breaks it" if number == 1 else f"{number} rows break it"
            broken = "A column is missing" if finding.count.missing else rows
            return Support.PARTLY, f"{broken} as it is written; the validator passes it."
        if finding.vacuous:
            return Support.MET, "No row is of the kind that it is about."
        return Support.MET, ""

    def _failed(self, rule: Rule, finding: Finding) -> tuple[Support, str]:
        count = finding.count
        if count is None:
            parts = [self.of(self.model.rules[each]) for each in rule.references]
            failed = [part.rule.id for part in parts if part.finding and part.finding.verdict is Verdict.FAIL]
            return self._of_references(rule), f"Fails with {', '.join(failed)}."
        if count.missing:
            return Support.NOT_MET, f"The view lacks {', '.join(count.missing)}."
        if rule.check.function == "ColumnPresent":
            return Support.NOT_MET, f"The view lacks {rule.check.arguments['ColumnName']}."
        told = f"{count.violations} of {count.examined} break it."
        return (Support.PARTLY if count.violations < count.examined else Support.NOT_MET), told

    def _judged(self, rule: Rule) -> tuple[Support, str]:
        if written := self.judgements.get(rule.id) or self._of_entity(rule):
            return self._written(written)
        if rule.references:
            return self._of_references(rule), "As the rules that it is made of."
        raise ConfigError(f"judgements.yml says nothing about {rule.id}: {rule.sentence}")

    def _of_references(self, rule: Rule) -> Support:
        """Support of a composite rule: that of its parts where those that apply agree, else in part."""
        supports = {self.of(self.model.rules[each]).support for each in rule.references if each in self.model.rules}
        found = supports - {Support.NOT_APPLICABLE} or {Support.NOT_APPLICABLE}
        return found.pop() if len(found) == 1 else Support.PARTLY

    def _of_entity(self, rule: Rule) -> str | None:
        """Judgement on the rules of an entity, but for those that only unite others."""
        if rule.references:
            return None
        if rule.entity_type == "Column" and rule.entity not in self.columns:
            return f"{Support.NOT_MET}: The view lacks {rule.entity}."
        return self.judgements.get(f"{rule.entity}-*")

    def _written(self, judgement: str) -> tuple[Support, str]:
        support, _, sentence = judgement.partition(": ")
        if support == AS:
            other = self.of(self.model.rules[sentence])
            return other.support, f"As {sentence}."
        return Support(support), sentence


@dataclass(frozen=True)
class Scores:
    """The two numbers, which say different things and stand together."""

    assessments: Collection[Assessment]

    @cached_property
    def checked(self) -> Counter[Verdict]:
        """Verdicts on the static rules that apply and were checked by the machine."""
        return Counter(each.finding.verdict for each in self.assessments if each.finding and each.checked)

    @cached_property
    def checked_musts(self) -> Counter[Verdict]:
        """Verdicts on the rules of `checked` that say MUST or MUST NOT."""
        return Counter(
            each.finding.verdict
            for each in self.assessments
            if each.finding and each.checked and each.rule.keyword.startswith("MUST")
        )

    @cached_property
    def vacuous(self) -> int:
        """Number of rules that pass about no row."""
        return sum(each.finding is not None and each.finding.vacuous for each in self.assessments)

    @cached_property
    def support(self) -> Counter[Support]:
        """Support of all rules, checked or judged."""
        return Counter(each.support for each in self.assessments)

    @property
    def microsoft(self) -> float:
        """Share of rules that are met, those met in part counting half, of all that apply."""
        met, partly = self.support[Support.MET], self.support[Support.PARTLY]
        return (met + partly / 2) / (met + partly + self.support[Support.NOT_MET])


def rate(verdicts: Mapping[Verdict, int]) -> float:
    """Share of passed rules among those that were checked."""
    return verdicts[Verdict.PASS] / (verdicts[Verdict.PASS] + verdicts[Verdict.FAIL])
