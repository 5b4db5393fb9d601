"""Series of costs by layer: which cells each has, and which lie within which. Knows no days."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, TypeAlias, cast

from cloudact.anomalies.cost_days import Cell

LayerWord: TypeAlias = Literal["total", "provider", "service", "model", "sub_account", "api_key"]


class Layer(IntEnum):
    """Layer of a series, the widest first."""

    TOTAL = 0
    PROVIDER = 1
    SERVICE = 2
    MODEL = 3
    SUB_ACCOUNT = 4
    API_KEY = 5

    @property
    def word(self) -> LayerWord:
        """Word of it in answers and events."""
        return cast("LayerWord", self.name.lower())


WORDS: Mapping[Layer, Sequence[str]] = {
    Layer.TOTAL: (),
    Layer.PROVIDER: ("provider",),
    Layer.SERVICE: ("provider", "service"),
    Layer.MODEL: ("provider", "service", "model"),
    Layer.SUB_ACCOUNT: ("provider", "sub_account"),
    Layer.API_KEY: ("provider", "sub_account", "api_key"),
}
PARTS: Mapping[Layer, Sequence[Layer]] = {  # layers that divide a layer
    Layer.TOTAL: (Layer.PROVIDER,),
    Layer.PROVIDER: (Layer.SERVICE, Layer.SUB_ACCOUNT),
    Layer.SERVICE: (Layer.MODEL,),
    Layer.MODEL: (),
    Layer.SUB_ACCOUNT: (Layer.API_KEY,),
    Layer.API_KEY: (),
}
CHANGING = (Layer.SUB_ACCOUNT, Layer.API_KEY)  # layers whose series come and go with people's work
# Which of several series of equal costs tells a reader most, the best first.
TELLING = (Layer.API_KEY, Layer.MODEL, Layer.SERVICE, Layer.SUB_ACCOUNT, Layer.PROVIDER, Layer.TOTAL)


@dataclass(frozen=True, eq=False)
class Series:
    """Cells whose costs are looked at together. `key` has the values of the layer's words; one may be `None`."""

    layer: Layer
    key: Sequence[str | None]
    cells: frozenset[Cell]

    @property
    def provider(self) -> str | None:
        """Provider of all cells; `None` for the total."""
        return self.key[0] if self.key else None

    @property
    def values(self) -> dict[str, str | None]:
        """Values by the layer's words."""
        return dict(zip(WORDS[self.layer], self.key, strict=True))

    def names(self, known: Mapping[tuple[str, str, str], str]) -> dict[str, str]:
        """Names of its ids, of those that are known by provider, word and id."""
        of_ids = {word: (self.provider or "", word, value or "") for word, value in self.values.items()}
        return {word: known[named] for word, named in of_ids.items() if named in known}


def series_of(cells: Iterable[Cell]) -> list[Series]:
    """Series of all layers, the widest first, in a fixed order; a cell without a model is in no series of models."""
    found: dict[tuple[Layer, tuple[str | None, ...]], set[Cell]] = {}
    for cell in cells:
        for layer, words in WORDS.items():
            key = tuple(getattr(cell, word) for word in words)
            if not key or key[-1] is not None:
                found.setdefault((layer, key), set()).add(cell)
    in_order = sorted(found, key=lambda each: (each[0], tuple(part or "" for part in each[1])))
    return [Series(layer, key, frozenset(found[layer, key])) for layer, key in in_order]
