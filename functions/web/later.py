"""What a new instance imports and builds with the first request that needs it, and not with the table of routes."""

import builtins
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from threading import RLock
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")
_LOCK = RLock()  # one building may need another


@dataclass(frozen=True)
class Later:
    """A name of a module that has not been imported for it; a call imports it and calls what it stands for."""

    module: str
    name: str

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Result of the call of what this stands for."""
        return imported(self)(*args, **named)


@contextmanager
def importing_later(module: str) -> Iterator[None]:
    """Context in which `from … import` of this module imports nothing and binds a `Later` to each name.

    Type checkers see what is written, so a table may name what answers each path by the thing itself. Whoever uses such
    a name calls it or asks `imported` for it. Python 3.15 has a statement for this (PEP 810).
    """

    def import_(
        name: str, names: Mapping[str, object] | None = None, local: object = None, fromlist: Any = (), level: int = 0
    ) -> Any:
        if fromlist and level == 0 and (names or {}).get("__name__") == module:  # other threads may import meanwhile
            return _Names(name)
        return import_now(name, names, local, fromlist, level)  # type: ignore[arg-type]

    with _LOCK:
        import_now, builtins.__import__ = builtins.__import__, import_  # type: ignore[assignment]
        try:
            yield
        finally:
            builtins.__import__ = import_now


class _Names:
    """What `from … import` takes names from."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Later:
        return Later(self._module, name)


def imported(named: T) -> T:
    """What `named` stands for, once its module is imported; whatever is no `Later` is returned as it is.

    Threads may ask at once. Raises `ImportError` or `AttributeError` where there is no such thing.
    """
    if not isinstance(named, Later):
        return named
    found: T = getattr(import_module(named.module), named.name)  # found in sys.modules but for the first time
    return found


class built_once(Generic[T]):  # noqa: N801 (it is used as `property` is)
    """Property that the first thread to need it builds, while the others wait."""

    def __init__(self, build: Callable[[Any], T]) -> None:
        self.__wrapped__, self.__doc__ = build, build.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        """Knows where each instance keeps what was built: in the attribute of this name, which comes first then."""
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Self | T:
        """Builds it, unless another thread has by now."""
        if instance is None:
            return self
        with _LOCK:
            if self._name not in vars(instance):
                vars(instance)[self._name] = self.__wrapped__(instance)
            built: T = vars(instance)[self._name]
            return built
