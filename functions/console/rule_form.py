"""Form of one rule of a label: its fields as texts, the rule that they are, and each mistake at its field."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from cloudact.costs.dimensions import DIMENSIONS, TAG
from cloudact.costs.labels import MOST_CONDITIONS, MOST_SHARES, Condition, Rule
from cloudact.runs.result import plain
from functions.console.label_words import percent
from functions.costs.mistakes import rule_words

MOST_FIELDS = 20 + 4 * MOST_CONDITIONS + 2 * MOST_SHARES  # of the whole form
TAGGED = "tag"
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,7})?)\s*%?", re.ASCII)
NEEDS_VALUE = "This needs a value."
NEEDS_VALUES = "This needs a value in each line, or ask for what has none."
NEEDS_SHARE = "Where there are several values, each has a share, such as 60."
NO_SHARE = "This must be a share such as 60 or 12.5, more than 0 and at most 100."
NO_KEY = 'This needs the key of a tag: up to 200 characters, without ", \\, =, * and commas.'


class How(StrEnum):
    """Comparison that a condition makes."""

    IS = "is"
    BEGINS = "begins"
    NONE = "none"
    IS_OR_NONE = "is_or_none"


HOW_WORDS: Mapping[How, str] = {
    How.IS: "is one of",
    How.BEGINS: "begins with",
    How.NONE: "has no value",
    How.IS_OR_NONE: "is one of, or has none",
}


@dataclass(frozen=True)
class ConditionFields:
    """Fields of a condition; `values` has one in each line. Without a dimension it is none."""

    dimension: str = ""
    tag: str = ""
    how: str = How.IS.value
    values: str = ""
    error: str = ""

    @property
    def lines(self) -> list[str]:
        """Values that are given."""
        return [line.strip() for line in self.values.split("\n") if line.strip()]


@dataclass(frozen=True)
class ShareFields:
    """Fields of a value and its percentage; without either it is none."""

    value: str = ""
    percent: str = ""
    error: str = ""


@dataclass(frozen=True)
class RuleForm:
    """Form of a rule. `error` is what is wrong with no field alone."""

    conditions: Sequence[ConditionFields]
    shares: Sequence[ShareFields]
    error: str = ""

    @classmethod
    def of(cls, rule: Rule | None) -> "RuleForm":
        """Form that shows the rule, or an empty one, with a free condition and a free share."""
        if rule is None:
            return cls([ConditionFields()], [ShareFields(), ShareFields()])
        shares = [ShareFields(each.value, percent(each.share)) for each in rule.shares or ()]
        form = cls([_fields(each) for each in rule.when], shares or [ShareFields(rule.value or "")])
        return form.with_more()

    @classmethod
    def read(cls, form: Mapping[str, str]) -> "RuleForm":
        """Form that somebody has sent."""
        conditions = [
            ConditionFields(form[f"dimension_{n}"], form.get(f"tag_{n}", "").strip(), form.get(f"how_{n}", ""), text)
            for n in range(MOST_CONDITIONS + 1)
            if f"dimension_{n}" in form
            for text in [form.get(f"values_{n}", "")]
        ]
        shares = [
            ShareFields(form[f"value_{n}"].strip(), form.get(f"percent_{n}", "").strip())
            for n in range(MOST_SHARES + 1)
            if f"value_{n}" in form
        ]
        return cls(conditions, shares)

    def with_more(self) -> "RuleForm":
        """Form with one more condition and share to fill in, as far as a rule may have them."""
        conditions = [*self.conditions, *([ConditionFields()] if len(self.conditions) < MOST_CONDITIONS else [])]
        shares = [*self.shares, *([ShareFields()] if len(self.shares) < MOST_SHARES else [])]
        return replace(self, conditions=conditions, shares=shares)

    @property
    def is_wrong(self) -> bool:
        """Whether anything in it is a mistake."""
        return bool(
            self.error or [each for each in self.conditions if each.error] or [s for s in self.shares if s.error]
        )

    def judged(self) -> "Rule | RuleForm":
        """Rule that the fields are, or else the form with its mistakes."""
        conditions = [_judged(each) for each in self.conditions]
        shares = self._judged_shares()
        judged = replace(self, conditions=conditions, shares=shares)
        if judged.is_wrong:
            return judged
        told = [place for place, each in enumerate(conditions) if each.dimension]
        given = [place for place, each in enumerate(shares) if each.value]
        document = {"when": [_condition(conditions[place]) for place in told], **_gives([shares[at] for at in given])}
        try:
            return Rule.model_validate(document)
        except ValidationError as err:
            return judged.with_mistakes(err, told, given)

    def _judged_shares(self) -> list[ShareFields]:
        given = [each for each in self.shares if each.value or each.percent]
        if not given:
            return [replace(each, error="" if place else NEEDS_VALUE) for place, each in enumerate(self.shares)]
        return [_judged_share(each, is_alone=len(given) == 1) for each in self.shares]

    def with_mistakes(self, err: ValidationError, told: Sequence[int], given: Sequence[int]) -> "RuleForm":
        """Form with what pydantic says, at the fields that the parts of the rule stand in."""
        conditions, shares, error = list(self.conditions), list(self.shares), ""
        for each in err.errors(include_url=False, include_input=False):
            words = _sentence(each["msg"])
            match each["loc"]:
                case ("when", int(at), *_):
                    conditions[told[at]] = replace(conditions[told[at]], error=words)
                case ("shares", int(at), *_):
                    shares[given[at]] = replace(shares[given[at]], error=words)
                case ("value", *_):
                    shares[given[0]] = replace(shares[given[0]], error=words)
                case _:
                    error = self._of_all(each["msg"], given)
        return replace(self, conditions=conditions, shares=shares, error=error)

    def _of_all(self, message: str, given: Iterable[int]) -> str:
        if "are 1 together" not in message:
            return _sentence(message)
        whole = sum((_share(self.shares[at].percent) or Decimal() for at in given), Decimal())
        return f"The shares must be 100 % together; these are {percent(whole)} %."


def _fields(condition: Condition) -> ConditionFields:
    tag = condition.of.tag
    values, how = condition.one_of or (), How.IS
    if condition.starts_with is not None:
        values, how = (condition.starts_with,), How.BEGINS
    elif "" in values:
        how = How.IS_OR_NONE if len(values) > 1 else How.NONE
    text = "\n".join(each for each in values if each)
    return ConditionFields(condition.dimension if tag is None else TAGGED, tag or "", how.value, text)


def _judged(each: ConditionFields) -> ConditionFields:
    if not each.dimension:
        is_left_out = not each.values.strip() and not each.tag
        return each if is_left_out else replace(each, error="This needs to say what the values are of.")
    if each.dimension == TAGGED and not each.tag:
        return replace(each, error=NO_KEY)
    if each.how not in list(How) or each.dimension not in (*DIMENSIONS, TAGGED):
        return replace(each, error="This must be one of the choices.")
    if each.how == How.BEGINS and len(each.lines) != 1:
        return replace(each, error="This needs one beginning, in one line.")
    return replace(each, error="" if each.lines or each.how == How.NONE else NEEDS_VALUES)


def _condition(each: ConditionFields) -> dict[str, Any]:
    dimension = f"{TAG}{each.tag}" if each.dimension == TAGGED else each.dimension
    if each.how == How.BEGINS:
        return {"dimension": dimension, "starts_with": each.lines[0]}
    none = [""] if each.how in (How.NONE, How.IS_OR_NONE) else []
    return {"dimension": dimension, "one_of": [*([] if each.how == How.NONE else each.lines), *none]}


def _judged_share(each: ShareFields, *, is_alone: bool) -> ShareFields:
    if not each.value:
        return replace(each, error=NEEDS_VALUE if each.percent else "")
    if not each.percent:
        return replace(each, error="" if is_alone else NEEDS_SHARE)
    return replace(each, error="" if _share(each.percent) else NO_SHARE)


def _gives(shares: Sequence[ShareFields]) -> dict[str, Any]:
    if len(shares) == 1 and not shares[0].percent:
        return {"value": shares[0].value}
    return {"shares": [{"value": each.value, "share": plain(_share(each.percent) or Decimal())} for each in shares]}


def _share(text: str) -> Decimal | None:
    """Share of 1 that the percentage is; `None` for what is none."""
    found = _PERCENT.fullmatch(text)
    share = Decimal(found[1]) / 100 if found else Decimal()
    return share if 0 < share <= 1 else None


def _sentence(message: str) -> str:
    if "pattern" in message:
        return NO_KEY
    return f"This {rule_words(message)}."
