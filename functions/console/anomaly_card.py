"""Anomalies on the overview: what grew or fell, since when and by how much, and what has not been judged yet."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from cloudact.anomalies.anomaly import Anomaly, Kind
from cloudact.anomalies.series import Layer
from functions.console.cost_address import CostAddress
from functions.console.cost_words import NamePart, amount, days_words, difference
from functions.costs.anomaly_answers import FoundAnomalies
from functions.costs.answer import ZERO
from functions.costs.question import DAY, Days, Metric

MOST_SHOWN = 5
DAYS_BEFORE = 14  # that the page Costs shows before an anomaly, so that one sees what was usual
WORDS: Mapping[Kind, str] = {
    Kind.RISE: "Rose",
    Kind.FALL: "Fell",
    Kind.NEW_SERVICE: "New service",
    Kind.NEW_MODEL: "New model",
    Kind.SILENCE: "Silent",
}
FALLING = (Kind.FALL, Kind.SILENCE)
LAYERS: Mapping[Layer, str] = {
    Layer.SERVICE: "service of",
    Layer.MODEL: "model of",
    Layer.SUB_ACCOUNT: "sub account of",
    Layer.API_KEY: "API key of",
}


@dataclass(frozen=True)
class AnomalyRow:
    """Anomaly in words. `query` is of the page *Costs*, and empty where no filter can have its values."""

    words: str
    kind: str
    name: NamePart
    context: str
    since: str
    days: int
    expected: str
    amount: str
    difference: str
    currency: str
    is_masked: bool
    query: str


@dataclass(frozen=True)
class AnomalyCard:
    """Card of the overview. `judged` and `waiting` say what was looked at; `refusal` why nothing could be."""

    days: str
    rows: Sequence[AnomalyRow]
    more: int
    judged: Sequence[str]
    waiting: Sequence[str]
    refusal: str


def anomaly_card(found: FoundAnomalies, providers: Collection[str], names: Mapping[str, str]) -> AnomalyCard:
    """Card of the anomalies. `providers` are those of which any day is loaded; `names` are theirs by id."""
    reader = _Reader(found, names)
    return AnomalyCard(
        days=days_words(Days(found.window.begins, found.window.last)),
        rows=[reader.row(each) for each in found.anomalies[:MOST_SHOWN]],
        more=len(found.anomalies[MOST_SHOWN:]),
        judged=[
            f"{names.get(id_, id_)} until {days_words(Days(day, day))}" for id_, day in found.settled_until.items()
        ],
        waiting=[names.get(id_, id_) for id_ in sorted(set(providers) - set(found.settled_until))],
        refusal="",
    )


def refused_card(refusal: str) -> AnomalyCard:
    """Card that says why nothing was looked at."""
    return AnomalyCard("", [], 0, [], [], refusal)


@dataclass(frozen=True)
class _Reader:
    """Makes words of what was found."""

    found: FoundAnomalies
    names: Mapping[str, str]

    def row(self, anomaly: Anomaly) -> AnomalyRow:
        since = anomaly.since
        return AnomalyRow(
            words=WORDS[anomaly.kind],
            kind="fall" if anomaly.kind in FALLING else "rise",
            name=self._name(anomaly),
            context=self._context(anomaly),
            since=f"{since.day} {since:%b %Y}",
            days=anomaly.days,
            expected=amount(anomaly.first.expected),
            amount=amount(anomaly.first.amount),
            difference=difference(anomaly.difference, ZERO),
            currency=anomaly.currency,
            is_masked=anomaly.is_masked,
            query=self._query(anomaly),
        )

    def _name(self, anomaly: Anomaly) -> NamePart:
        values = anomaly.series.values
        if not values:
            return NamePart("All costs")
        word, value = list(values.items())[-1]
        if word == "provider":
            return NamePart(self.names.get(value or "", value or ""))
        name = anomaly.series.names(self.found.names).get(word)
        return NamePart(name, value or "") if name and name != value else NamePart(value or "none")

    def _context(self, anomaly: Anomaly) -> str:
        """Where it lies: `API key of OpenAI, Search`; empty for what is not within anything."""
        if anomaly.series.layer not in LAYERS:
            return ""
        values = anomaly.series.values
        provider = values["provider"] or ""
        project = values.get("sub_account") if anomaly.series.layer is Layer.API_KEY else None
        known = anomaly.series.names(self.found.names)
        within = f", {known.get('sub_account', project)}" if project else ""
        return f"{LAYERS[anomaly.series.layer]} {self.names.get(provider, provider)}{within}"

    def _query(self, anomaly: Anomaly) -> str:
        """Question whose answer shows it: usage at the prices of the contract, which anomalies are found in."""
        days = Days(anomaly.since - DAYS_BEFORE * DAY, self.found.window.last)
        address = CostAddress().of_days(days).but(metric=Metric.CONTRACTED.value)
        if anomaly.series.layer is Layer.TOTAL:
            return address.but(group_by="provider").query
        alone = address.only(anomaly.series.values)
        return alone.query if alone else ""
