"""Rules of labels in words: what a charge must be, and what it is given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import escape

from cloudact.costs.labels import Condition, Label, Rule
from cloudact.runs.result import plain
from functions.console.cost_address import word_of
from functions.console.readable import NBSP

ROOM = 45_000  # bytes of a page that rules may take
OF_A_RULE, OF_A_TEXT = 160, 55  # bytes of markup


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


def fitting(labels: Iterable[LabelWords]) -> tuple[list[LabelWords], int]:
    """Labels with as many rules as a page has room for, and the number of rules without."""
    shown, more, room = list[LabelWords](), 0, ROOM
    for label in labels:
        rules = list[RuleWords]()
        for rule in label.rules:
            room -= _weight(rule)
            if room < 0:
                more += 1
            else:
                rules.append(rule)
        shown.append(LabelWords(label.name, rules))
    return shown, more


def _weight(rule: RuleWords) -> int:
    texts = [text for each in rule.conditions for text in (each.words, *each.values)] + [text for text, _ in rule.gives]
    return OF_A_RULE + sum(OF_A_TEXT + len(escape(text).encode()) for text in texts)


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
