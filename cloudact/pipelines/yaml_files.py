"""Reads YAML files as our types: every error names the file, the key and what is allowed."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TypeGuard, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from cloudact.errors import ConfigError

try:
    from yaml import CSafeLoader as SafeLoader  # the same on libyaml, several times as fast
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """A frozen part of a config file; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def read_model(path: Path, model: type[Model], context: Mapping[str, object] | None = None) -> Model:
    """Parses one file into `model`, or raises `ConfigError` with one line per mistake.

    `context` is what the model's validators must know besides.
    """
    try:
        return model.model_validate(_read(path), context=dict(context or {}))
    except ValidationError as err:
        lines = "\n".join(f"  {_key(e['loc'])}: {_what(e, model)}" for e in err.errors())
        raise ConfigError(f"{path}:\n{lines}") from err


def _read(path: Path) -> object:
    try:
        content: object = yaml.load(path.read_text(encoding="utf-8"), _PlainKeys)  # noqa: S506 - a SafeLoader
    except OSError as err:
        raise ConfigError(f"{path}: cannot be read ({err.strerror})") from err
    except (RecursionError, yaml.YAMLError, ValueError) as err:  # a date or number that cannot be is a bare ValueError
        if isinstance(err, RecursionError) or "maximum nesting depth" in str(err):  # libyaml counts by itself
            raise ConfigError(f"{path}: is nested too deep; a config has a few levels") from err
        raise ConfigError(f"{path}: is not YAML: {err}") from err
    return content


class _PlainKeys(SafeLoader):
    """Keys are texts, each once. YAML allows others, and lets the last of two equal ones win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"key {key!r} is no text; allowed are texts"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _key(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.lstrip(".") or "(the whole file)"


def _what(error: ErrorDetails, model: type[BaseModel]) -> str:
    if error["type"] == "extra_forbidden":
        return f"unknown key; allowed are {_allowed(model, error['loc'][:-1])}"
    if error["type"] == "model_type":
        return f"must be a mapping; its keys are {_allowed(model, error['loc'])}"
    if error["type"] == "missing":
        return "is missing"
    return words(error)


def words(error: ErrorDetails) -> str:
    """The sentence of one of pydantic's errors, as our own validators wrote it."""
    return str(error["msg"]).removeprefix("Value error, ")


def _allowed(kind: object, location: tuple[int | str, ...]) -> str:
    for part in location:
        kind = _inside(kind, part)
    return ", ".join(kind.model_fields) if _is_model(kind) and kind.model_fields else "the keys of its kind"


def _inside(kind: object, part: int | str) -> object:
    """The type of a part of this type: a model's field, or, of a list's type, what it is a list of."""
    if isinstance(part, int) or not _is_model(kind):
        return kind
    field = kind.model_fields.get(part)
    annotation = field.annotation if field else None
    models = [each for each in getattr(annotation, "__args__", ()) if _is_model(each)]
    return models[0] if models else annotation


def _is_model(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
