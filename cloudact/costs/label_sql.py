"""Rules of labels as GoogleSQL: which rule holds for a charge, and what it gives. Values are parameters, never text."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cloudact.costs.labels import Condition, Label
from cloudact.runs.result import plain
from cloudact.warehouse.queries import Value

COLUMNS: Final[Mapping[str, str]] = {
    "provider": "x_Provider",
    "service": "ServiceName",
    "model": "x_Model",
    "token_type": "x_TokenType",
    "sub_account": "SubAccountId",
    "api_key": "x_ApiKeyId",
    "region": "RegionId",
    "sku": "SkuId",
}


def rules_of(labels: Sequence[Label | None]) -> tuple[str, dict[str, Value]]:
    """Lines of a SELECT over `focus_costs` that tell which rule of each label holds, and values of their parameters.

    The columns are `label_1_rule`, `label_2_rule`, …; no rule holds of no label.
    """
    lines, values = "", dict[str, Value]()
    for number, label in enumerate(labels, start=1):
        expression, own = rule_number(label, f"label_{number}") if label else ("0", {})
        lines += f"    {expression} AS label_{number}_rule,\n"
        values |= own
    return lines, {**values, "label_parts": parts_of(labels)} if labels else {}


def rule_number(label: Label, name: str) -> tuple[str, dict[str, Value]]:
    """Expression that is the number of the first rule that holds for a row of `focus_costs`, from 1, or 0.

    With it the values of its parameters, whose names begin with `name`.
    """
    values, cases = dict[str, Value](), []
    for number, rule in enumerate(label.rules, start=1):
        tests = []
        for place, condition in enumerate(rule.when, start=1):
            test, own = _test(condition, f"{name}_{number}_{place}")
            tests.append(test)
            values |= own
        cases.append(f"WHEN {' AND '.join(tests) or 'TRUE'} THEN {number}")
    return f"CASE {' '.join(cases)} ELSE 0 END", values


def _test(condition: Condition, name: str) -> tuple[str, dict[str, Value]]:
    column, values = _column(condition, name)
    if condition.starts_with is not None:
        return f"STARTS_WITH(IFNULL({column}, ''), @{name})", {**values, name: condition.starts_with}
    return f"IFNULL({column}, '') IN UNNEST(@{name})", {**values, name: condition.one_of or ()}


def _column(condition: Condition, name: str) -> tuple[str, dict[str, Value]]:
    tag = condition.of.tag
    if tag is None:
        return COLUMNS[condition.dimension], {}
    return f"JSON_VALUE(Tags, @{name}_path)", {f"{name}_path": path_of(tag)}


def path_of(key: str) -> str:
    """JSONPath of a tag in the object of tags; a key with a double quote is no tag's."""
    return f'$."{key}"'


def allocations_of(label: Label, version: int) -> tuple[str, ...]:
    """What the rules of a label give in FOCUS's columns of allocated costs, as JSON texts, a text for each part.

    The method is the label in its version, which `?version=` of the labels tells for good.
    """
    return tuple(
        json.dumps(
            {
                "rule": number,
                "value": value,
                "since": plain(since),
                "upto": plain(upto),
                "method": f"label/{label.name}/{version}",
                "details": f'{{"Elements": [{{"AllocatedRatio": {plain(upto - since)}}}], "x_Rule": {number}}}',
                "tags": json.dumps({f"label/{label.name}": value}, ensure_ascii=False),
            }
        )
        for number, rule in enumerate(label.rules, start=1)
        for value, since, upto in rule.parts
    )


def parts_of(labels: Iterable[Label | None]) -> tuple[str, ...]:
    """What the rules of the labels give, as JSON texts: label and rule by number, from 1, a value, and its bounds."""
    return tuple(
        json.dumps({"label": place, "rule": number, "value": value, "since": plain(since), "upto": plain(upto)})
        for place, label in enumerate(labels, start=1)
        for number, rule in enumerate(label.rules if label else (), start=1)
        for value, since, upto in rule.parts
    )
