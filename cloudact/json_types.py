"""JSON as Python holds it. A value must be narrowed (`isinstance`) before it is used as anything."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | Decimal | bool | None"
"""Any JSON value; a number with a fraction is a `Decimal` where amounts must stay exact."""

JsonObject: TypeAlias = dict[str, Json]
"""A JSON object that was parsed or is being built."""
