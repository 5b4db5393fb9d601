"""Lists of an organization, such as its projects: pages of entries, each found by the last id of the one before."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from localcloud.providers.facts import token
from localcloud.providers.keys import RegisteredKey
from localcloud.providers.parameters import Parameters
from localcloud.providers.refusals import Body, Refused

# What an invented company calls its products and teams.
TEAMS = (
    "Support Assistant", "Search", "Marketing", "Document Intake", "Data Platform", "Developer Tools", "Onboarding",
    "Recommendations", "Fraud Review", "Translations",
)  # fmt: skip
USES = ("production", "staging", "batch", "ci")
PEOPLE = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Ken")


@dataclass(frozen=True)
class ListPage:
    """Entries of one page, and whether more follow."""

    entries: Sequence[Body]
    has_more: bool

    @property
    def ends(self) -> Body:
        """The ids of its first and its last entry, which are no ids where it is empty."""
        ids = [entry["id"] for entry in self.entries] or [None]
        return {"first_id": ids[0], "last_id": ids[-1]}


def list_page(
    entries: Sequence[Body], asked: Parameters, after: str, limit: int, refused: Callable[[str], Refused]
) -> ListPage:
    """The page that follows the id in the parameter `after`; raises what `refused` makes for an id of no entry."""
    ids, last = [entry["id"] for entry in entries], asked.one(after)
    if last is not None and last not in ids:
        raise refused(after)
    start = ids.index(last) + 1 if last is not None else 0
    return ListPage(entries[start : start + limit], start + limit < len(entries))


def team(number: int) -> str:
    """The name of the organization's `number`-th project or workspace."""
    again, place = divmod(number, len(TEAMS))
    return f"{TEAMS[place]} {again + 1}" if again else TEAMS[place]


def key_name(owner: int, number: int) -> str:
    """The name of a key in the project or workspace `owner`."""
    again, place = divmod(number, len(USES))
    return "-".join([team(owner).lower().replace(" ", "-"), USES[place], *([str(again + 1)] if again else [])])


def person_name(seed: int, number: int) -> str:
    """The name of a person, which we must never keep."""
    return f"{PEOPLE[number % len(PEOPLE)]} {token(seed, 'surname', number, length=6).title()}"


def address(name: str, number: int) -> str:
    """The e-mail address of a person of this name, which we must never keep either."""
    return f"{name.split()[0].lower()}{number}@example.com"


def as_called(key: RegisteredKey, entries: Collection[Body]) -> list[Body]:
    """The entries with the names that the registration gives them; without those that it calls nothing."""
    named = [entry | {"name": key.names.get(entry["id"], entry["name"])} for entry in entries]
    return [entry for entry in named if entry["name"] is not None]
