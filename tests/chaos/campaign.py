"""A campaign: actions until it is time, then calm, sweeps and the judgement. Every action is logged to be replayed."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cloudact.logs import JsonLines
from tests.chaos.actions import Action, Draw
from tests.chaos.evidence import gather
from tests.chaos.invariants import Evidence, Violation, violations
from tests.chaos.world import World

LOG = "actions.jsonl"


@dataclass(frozen=True)
class Report:
    """What a campaign did and found."""

    log: Path
    done: Counter[str]
    evidence: Evidence
    killed: int
    containers: int
    faults: int
    found: list[Violation]

    def __str__(self) -> str:
        evidence = self.evidence
        ends = Counter(status for _, status in {(e.run_id, e.status) for e in evidence.events if e.final})
        checked = [f"{len(evidence.events)} events", f"{len(evidence.jobs)} jobs"]
        checked += [f"{len(evidence.written)} days of tables", f"{len(list(evidence.texts))} texts"]
        told = [
            f"{self.done.total()} actions: {_counts(self.done)}",
            f"{len({event.run_id for event in evidence.events})} runs: {_counts(ends)}",
            f"{self.containers} containers, {self.killed} killed, {self.faults} faults",
            f"checked: {', '.join(checked)}",
            *(f"VIOLATED {violation}" for violation in self.found),
        ]
        return "\n".join(told)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counter.items()))


def drawn(world: World, seed: int, wanted: Callable[[], bool]) -> Iterator[Action]:
    """Yields actions as the seed draws them, as long as they are wanted."""
    draw = Draw(seed)
    while wanted():
        yield draw.next(world)


def campaign(world: World, actions: Iterable[Action]) -> Report:
    """Does the actions, lets everything end, and judges."""
    log, done = world.folder / LOG, Counter[str]()
    with logged(world.folder / "functions.log"):
        log.write_text(json.dumps({"seed": world.seed}) + "\n", encoding="utf-8")
        for action in actions:
            done[action.kind] += 1
            answer = "raised"
            try:
                answer = world.do(action)
            finally:
                _note(log, action, answer)
        world.settle()
    evidence = gather(world)
    containers = world.containers
    return Report(log, done, evidence, containers.killed, containers.started, world.faults, violations(evidence))


def _note(log: Path, action: Action, answer: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps({**json.loads(action.line), "answer": answer}) + "\n")


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Writes what this process logs to a file meanwhile, as an instance of the functions would to stdout."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        handler.close()
