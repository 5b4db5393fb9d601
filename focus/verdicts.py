"""Verdicts on the rules, from what was counted: how they combine, and which are passed over.

A composite rule is made of those it refers to. A rule that no tool can check or that only permits is skipped, and so is
what depends on a skipped rule or on a criterion that no provider meets: all as the official validator (2.2.1) has it,
which a test compares. Ours departs from it in which rules apply alone (`Judge.as_written`), and each finding has both.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from focus.counts import Count
from focus.model import NO_CHECK, Rule

DATASET_MARK = "-D-"


class Verdict(StrEnum):
    """What is to be said about a rule."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"
    NOT_CHECKABLE = "not checkable"


class Cause(StrEnum):
    """Why a rule was skipped."""

    DYNAMIC = "the model has no check for it"
    OPTIONAL = "it permits and demands nothing"
    CRITERION = "no provider meets its criterion"
    BELOW_CRITERION = "it depends on a rule whose criterion no provider meets"
    WITHIN_CRITERION = "it is part of a rule whose criterion no provider meets"
    UNKNOWN = "its check function is not known here"
    SKIPPED = "what it depends on, or is made of, was skipped"


# What does not apply need not be checkable, so these come before any other cause.
NOT_APPLICABLE = (Cause.CRITERION, Cause.BELOW_CRITERION, Cause.WITHIN_CRITERION)


@dataclass(frozen=True)
class Finding:
    """Verdict on a rule, with its count where rows were counted, and why where there is none to give.

    `official` is what the official validator says.
    """

    rule: Rule
    verdict: Verdict
    official: Verdict
    cause: Cause | None = None
    count: Count | None = None

    @property
    def vacuous(self) -> bool:
        """Whether a passed rule was about no row at all."""
        return self.verdict is Verdict.PASS and self.count is not None and self.count.examined == 0

    @property
    def weak(self) -> bool:
        """Whether rows break the sentence of a rule that the validator passes."""
        return self.verdict is Verdict.PASS and self.count is not None and self.count.as_written > 0


@dataclass
class _Child:
    """A part of a composite check: the rule it refers to, if it does."""

    rule_id: str | None
    ok: bool
    skipped: bool = False


@dataclass
class _State:
    ok: bool
    violations: int = 0
    skipped: Cause | None = None
    children: list[_Child] | None = None
    any_child: bool = False

    def skip(self, cause: Cause) -> None:
        self.ok, self.violations = True, 0
        self.skipped = cause if cause in NOT_APPLICABLE else self.skipped or cause


@dataclass(frozen=True)
class Facts:
    """What is judged: rules, each after those it depends on, the criteria that a provider meets, and what was counted.

    `total` is the number of rows; `unknown` rules use a check that is not understood.
    """

    rules: Mapping[str, Rule]
    criteria: Collection[str]
    counts: Mapping[str, Count]
    total: int
    unknown: Collection[str] = ()


def findings(facts: Facts) -> dict[str, Finding]:
    """Finding for every rule by id."""
    ours, official = (Judge(facts, as_written).judged() for as_written in (True, False))
    return {
        rule.id: Finding(
            rule, _verdict(ours[rule.id]), _verdict(official[rule.id]), ours[rule.id].skipped, facts.counts.get(rule.id)
        )
        for rule in facts.rules.values()
    }


def _verdict(state: "_State") -> Verdict:
    if state.skipped:
        return Verdict.NOT_APPLICABLE if state.skipped in NOT_APPLICABLE else Verdict.NOT_CHECKABLE
    return Verdict.PASS if state.ok else Verdict.FAIL


@dataclass
class Judge:
    """Judges every rule.

    `as_written`: a rule applies if all its criteria are met, as their sentences say ("… and …"), and a rule without a
    criterion of its own has that of the rule it is part of. The validator takes any criterion for enough, and looks for
    the rules of a column by the beginning of their ids, which is the dataset's since FOCUS 1.3.
    """

    facts: Facts
    as_written: bool
    _states: dict[str, _State] = field(default_factory=dict)

    @property
    def rules(self) -> Mapping[str, Rule]:
        """Rules that are judged."""
        return self.facts.rules

    def judged(self) -> Mapping[str, "_State"]:
        """State of every rule by id."""
        for rule in self.rules.values():
            self._states[rule.id] = self._first(rule)
        self._skip_what_does_not_apply()
        self._skip_what_depends_on_skipped()
        self._unite_children()
        return self._states

    def _first(self, rule: Rule) -> _State:
        """State of a rule by itself, as it is before anything is passed over for the sake of another."""
        if not rule.static or rule.check is NO_CHECK:
            return _State(ok=True, skipped=Cause.DYNAMIC)
        if rule.optional:
            return _State(ok=True, skipped=Cause.OPTIONAL)
        if rule.id in self.facts.unknown:
            return _State(ok=True, skipped=Cause.UNKNOWN)
        if rule.references:
            return self._of_references(rule)
        return self._of_count(rule, self.facts.counts[rule.id])

    def _of_references(self, rule: Rule) -> _State:
        referred = [self._states.get(rule_id, _State(ok=False, violations=1)) for rule_id in rule.references]
        if not rule.check.items:
            return _State(referred[0].ok, referred[0].violations)
        ids = zip(rule.references, referred, strict=True)
        if rule.check.function == "AND":
            children = [_Child(rule_id, state.ok) for rule_id, state in ids]
            ok = all(child.ok for child in children)
            return _State(ok, int(not ok), children=children)
        # An alternative counts as met if there is a row that does not break it; its rule is not looked up again.
        children = [_Child(None, state.violations < self.facts.total) for state in referred]
        ok = any(child.ok for child in children)
        return _State(ok, 0 if ok else self.facts.total, children=children, any_child=True)

    def _of_count(self, rule: Rule, count: Count) -> _State:
        checks = rule.check.items
        if rule.check.function != "OR":
            ok = count.violations == 0
            children = [_Child(None, ok) for _ in checks] or None
            return _State(ok, count.violations, children=children)
        if count.missing:
            ok = self.facts.total > 1  # one violation stands for the missing column
        else:
            # Alternatives that are composite break 0 or 1 time, whatever the number of rows.
            ok = count.violations < self.facts.total or (self.facts.total > 1 and any(check.items for check in checks))
        return _State(ok, 0 if ok else self.facts.total, children=[_Child(None, ok) for _ in checks], any_child=True)

    def _before(self, rule: Rule) -> list[str]:
        referred = rule.references if rule.composite else ()
        return [each for each in dict.fromkeys((*rule.dependencies, *referred)) if each in self.rules]

    def _skip_what_does_not_apply(self) -> None:
        beside = dict[str, Cause]()
        for rule in self.rules.values():
            if not self._applies(rule):
                beside[rule.id] = Cause.CRITERION
            elif any(before in beside for before in self._before(rule)):
                whole = self.as_written and rule.composite  # which is not beside the point because a part of it is
                beside[rule.id] = Cause.SKIPPED if whole else Cause.BELOW_CRITERION
        if self.as_written:
            beside = self._parts([rule_id for rule_id, cause in beside.items() if cause is Cause.CRITERION]) | beside
        for rule_id, cause in beside.items():
            self._states[rule_id].skip(cause)
            for child in self._states[rule_id].children or ():
                child.ok = child.skipped = True

    def _applies(self, rule: Rule) -> bool:
        met = [criterion in self.facts.criteria for criterion in rule.criteria]
        return not met or (all(met) if self.as_written else any(met))

    def _parts(self, rule_ids: list[str]) -> dict[str, Cause]:
        """Rules without a criterion of their own that these are made of, all the way down."""
        found, waiting = dict[str, Cause](), list(rule_ids)
        while waiting:
            for rule_id in self.rules[waiting.pop()].references:
                if rule_id in self.rules and rule_id not in found and not self.rules[rule_id].criteria:
                    found[rule_id] = Cause.WITHIN_CRITERION
                    waiting.append(rule_id)
        return found

    def _skip_what_depends_on_skipped(self) -> None:
        for rule in self.rules.values():
            state = self._states[rule.id]
            if any(self._states[before].skipped for before in self._before(rule)) and (
                not rule.composite or all(child.skipped for child in state.children or ())
            ):
                state.skip(Cause.SKIPPED)

    def _unite_children(self) -> None:
        """Judges each AND and OR again by its parts as they are now; those that were skipped do not count."""
        for rule in self.rules.values():
            state = self._states[rule.id]
            if state.children is None:
                continue
            self._look_again(rule, state.children)
            left = [child.ok for child in state.children if not child.skipped]
            if left:
                state.ok = any(left) if state.any_child else all(left)
            else:
                state.skip(Cause.SKIPPED)

    def _look_again(self, rule: Rule, children: list[_Child]) -> None:
        """Gives the parts the states of their rules: by position where there are as many dependencies, else by id."""
        ids = [each for each in rule.dependencies if DATASET_MARK not in each]
        found = ids if len(ids) == len(children) else [child.rule_id for child in children]
        for child, rule_id in zip(children, found, strict=True):
            if rule_id is not None and (state := self._states.get(rule_id)):
                child.ok, child.skipped = state.ok, state.skipped is not None
