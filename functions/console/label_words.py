"""Rules of labels in words: what a charge must be, and what it is given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cloudact.costs.labels import Condition, Label, Rule
from cloudact.runs.result import plain
from functions.console.cost_address import word_of
from functions.console.readable import NBSP


@dataclass(frozen=True)
class ConditionWords:
    """Condition: `service is` with its values, `sku begins with` one, or `model: none` without any."""

    words: str
    values: Sequence[str]
    or_none: bool


@dataclass(frozen=True)
class RuleWords:
    """Rule: all conditions, and the values that it gives, each with its share such as `60 %`, empty where it is all."""

    conditions: Sequence[ConditionWords]
    gives: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class LabelWords:
    """Label with its rules in words."""

    name: str
    rules: Sequence[RuleWords]


def label_words(labels: Iterable[Label]) -> list[LabelWords]:
    """Words of the labels."""
    return [LabelWords(label.name, [_rule(each) for each in label.rules]) for label in labels]


def percent(share: Decimal) -> str:
    """`60` of 0.6."""
    return plain(share * 100)


def _rule(rule: Rule) -> RuleWords:
    shares = [(each.value, f"{percent(each.share)}{NBSP}%") for each in rule.shares or ()]
    return RuleWords([_condition(each) for each in rule.when], shares or [(rule.value or "", "")])


def _condition(condition: Condition) -> ConditionWords:
    what = word_of(condition.dimension)
    if condition.starts_with is not None:
        return ConditionWords(f"{what} begins with", [condition.starts_with], or_none=False)
    values = [each for each in condition.one_of or () if each]
    has_none = "" in (condition.one_of or ())
    return ConditionWords(f"{what} is" if values else f"{what}: none", values, or_none=has_none and bool(values))
