"""The settings of an integration: where the provider's data lies. Nothing that could leave a table's name gets in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from cloudact.error_codes import Code
from cloudact.errors import Stop


@dataclass(frozen=True)
class Rule:
    """The rule of a settings field in words, `must be reports or analytics`; stands in its `Annotated`."""

    words: str


class IntegrationSettings(BaseModel):
    """The settings of one provider's integration; each field has a `Rule`. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> Self:
        """Reads the settings. Raises `Stop` that names the field and what is allowed."""
        try:
            return cls.model_validate(dict(fields))
        except ValidationError as err:
            wrong = err.errors(include_input=False)[0]
        name = str(wrong["loc"][0])
        if wrong["type"] == "extra_forbidden":
            allowed = ", ".join(cls.model_fields) or "none"
            raise Stop(Code.SETTINGS_INVALID, f"Unknown field {name[:50]!r} in metadata. Allowed: {allowed}.")
        raise Stop(Code.SETTINGS_INVALID, f"metadata.{name} {cls._rule(name)}.")

    @classmethod
    def _rule(cls, name: str) -> str:
        rules = [each.words for each in cls.model_fields[name].metadata if isinstance(each, Rule)]
        return rules[0] if rules else "is not understood"
