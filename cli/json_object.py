"""JSON as the API answers it; a newer service may tell more than this command knows."""

from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
