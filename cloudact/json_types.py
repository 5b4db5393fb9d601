"""JSON as Python holds it. A value must be narrowed (`isinstance`) before it is used as anything."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | Decimal | bool | None"
"""Any JSON value; a number with a fraction is a `Decimal` where amounts must stay exact."""

JsonObject: TypeAlias = dict[str, Json]
"""A JSON object that was parsed or is being built."""


def is_text(value: Json) -> bool:
    """Whether every name and text in the value is one of whole characters.

    JSON can write half of a surrogate pair (`"\\ud800"`), which no UTF-8 holds: it fails where it is stored.
    """
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
