"""Refusal of a document that is a field of a body, such as labels: one sentence that names the place of its mistake."""

import re
from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from functions.web.problems import bad_field


def told_by_place(name: str) -> WrapValidator:
    """Validator of the field of this name; a mistake is a 400 `Problem` such as `labels[0].rules[2].shares`."""

    def read(value: object, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError as err:
            first = err.errors(include_url=False, include_input=False)[0]
            place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
            raise bad_field(name, f"has a mistake at {name}{place}, which {rule_words(first['msg'])}") from err

    return WrapValidator(read)


def rule_words(message: str) -> str:
    """Rule that pydantic's message tells, as the rest of our sentence."""
    known = {"Field required": "is required", "Extra inputs are not permitted": "is not known"}
    text = known.get(message) or message.removeprefix("Value error, ")
    return re.sub(r"^\w+ should ", "must ", text)
