"""JSON object of the API; a newer service may send more fields than this command knows."""

from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
