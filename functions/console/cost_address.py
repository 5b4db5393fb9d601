"""The question of the page *Costs* as its address has it: parameters of the API, and the links that change them.

A form sends more than a question has: empty fields, and a filter to be added in fields of its own. `CostAddress.read`
makes the API's parameters of these, so that an address, the API and the exported file ask for one and the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from cloudact.costs.dimensions import DIMENSIONS, TAG
from functions.costs.question import LONGEST_VALUE, Days

NOT = "not_"
FILTERS = tuple(name for word in (*DIMENSIONS, "tag") for name in (word, f"{NOT}{word}"))
# Of the form alone: a filter that is added (its name and value), and the key of a tag to group by.
ADDED, ADDED_VALUE, BY_TAG = "add", "add_value", "by_tag"
Pair = tuple[str, str]


@dataclass(frozen=True)
class Chip:
    """Filter as the page shows it, `bare` of its *not*. `query` drops it from the question, `turned` turns it round."""

    words: str
    bare: str
    query: str
    turned: str
    is_excluding: bool


@dataclass(frozen=True)
class CostAddress:
    """Names and values of the API's parameters, in the order of the address."""

    pairs: tuple[Pair, ...] = ()

    @classmethod
    def read(cls, args: MultiDict[str, str]) -> "CostAddress":
        """Parameters of a query string that a form or a link has made. An empty filter is what has no value."""
        pairs = [
            (name, text if name in FILTERS else text.strip())
            for name, text in args.items(multi=True)
            if name not in (ADDED, ADDED_VALUE, BY_TAG) and (name in FILTERS or text.strip())
        ]
        if tag := args.get(BY_TAG, "").strip():
            pairs.append(("group_by", tag if tag.startswith(TAG) else f"{TAG}{tag}"))
        if added := args.get(ADDED, ""):
            pairs.append((added, args.get(ADDED_VALUE, "").strip()))
        return cls(tuple(dict.fromkeys(pairs)))

    def is_of(self, args: MultiDict[str, str]) -> bool:
        """Whether these parameters stand in the query string as they are."""
        return self.pairs == tuple(args.items(multi=True))

    @property
    def args(self) -> MultiDict[str, str]:
        """Parameters as an endpoint reads them."""
        return MultiDict(self.pairs)

    @property
    def query(self) -> str:
        """Query string; begins with `?` unless it is empty."""
        return f"?{urlencode(self.pairs)}" if self.pairs else ""

    @property
    def filters(self) -> tuple[Pair, ...]:
        """Parameters that are filters."""
        return tuple(pair for pair in self.pairs if pair[0] in FILTERS)

    def text(self, name: str) -> str:
        """First value of a parameter; empty without it."""
        return next((text for own, text in self.pairs if own == name), "")

    def texts(self, name: str) -> list[str]:
        """All values of a parameter, those with commas between them too."""
        return [word for own, text in self.pairs if own == name for word in text.split(",")]

    def but(self, **changes: str) -> "CostAddress":
        """Parameters with some replaced; an empty text leaves one out."""
        kept = [pair for pair in self.pairs if pair[0] not in changes]
        return CostAddress((*kept, *((name, text) for name, text in changes.items() if text)))

    def without(self, *dropped: Pair) -> "CostAddress":
        """Parameters without some of them."""
        return CostAddress(tuple(pair for pair in self.pairs if pair not in dropped))

    def of_days(self, days: Days) -> "CostAddress":
        """The question about these days."""
        return self.but(start=days.first.isoformat(), end=days.last.isoformat())

    def only(self, key: Mapping[str, str | None]) -> "CostAddress | None":
        """The question about one group alone; `None` for a value that no filter can have."""
        if not key or not all(_can_be_asked(value or "") for value in key.values()):
            return None
        own = [_filter(word, value or "") for word, value in key.items()]
        kept = (pair for pair in self.pairs if not any(_same_filter(pair, each) for each in own))
        return CostAddress((*kept, *own))

    def chips(self) -> list[Chip]:
        """Filters in words, each with the links that drop it and turn it round."""
        return [
            Chip(
                words=filter_words(pair),
                bare=filter_words((pair[0].removeprefix(NOT), pair[1])),
                query=self.without(pair).query,
                turned=self._turned(pair).query,
                is_excluding=pair[0].startswith(NOT),
            )
            for pair in self.filters
        ]

    def _turned(self, turned: Pair) -> "CostAddress":
        name, text = turned
        other = name.removeprefix(NOT) if name.startswith(NOT) else f"{NOT}{name}"
        pairs = ((other, text) if pair == turned else pair for pair in self.pairs)
        return CostAddress(tuple(dict.fromkeys(pairs)))


def filter_words(pair: Pair) -> str:
    """Filter such as `not model: gpt-5`, or `tag team: none`."""
    name, text = pair
    bare = name.removeprefix(NOT)
    key, equals, value = text.partition("=")
    what, value = (f"tag {key}", value) if bare == "tag" and equals else (word_of(bare), text)
    return f"{'not ' if name.startswith(NOT) else ''}{what}: {value or 'none'}"


def word_of(dimension: str) -> str:
    """Words of a dimension, such as `token type`, or `tag team`."""
    return f"tag {dimension.removeprefix(TAG)}" if dimension.startswith(TAG) else dimension.replace("_", " ")


def words_of(dimensions: Iterable[str]) -> str:
    """Words of several dimensions."""
    return ", ".join(word_of(each) for each in dimensions)


def _filter(word: str, value: str) -> Pair:
    return ("tag", f"{word.removeprefix(TAG)}={value}") if word.startswith(TAG) else (word, value)


def _same_filter(pair: Pair, own: Pair) -> bool:
    """Whether both are of one dimension; a tag's key is part of it."""
    return pair[0] == own[0] and (own[0] != "tag" or pair[1].partition("=")[0] == own[1].partition("=")[0])


def _can_be_asked(value: str) -> bool:
    return value.isprintable() and len(value) <= LONGEST_VALUE
