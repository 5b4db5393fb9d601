"""Which container this is: the facts that Cloud Run puts into a job's environment."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Execution:
    """One try of one task of one execution; `attempt` is 0 for the first try, `last_attempt` that none will follow.

    `runs` are those that the whole execution works on: it is cancelled only with its only one.
    """

    name: str
    task_index: int
    attempt: int
    last_attempt: bool
    runs: int = 1

    @property
    def claimant(self) -> str:
        """Who claims a run: the same for every try of the task, so that a retry may continue."""
        return f"{self.name}/{self.task_index}"

    @classmethod
    def from_env(cls, env: Mapping[str, str], max_retries: int) -> "Execution":
        """Reads `CLOUD_RUN_*`; outside Cloud Run the process stands for itself and is not tried again."""
        attempt = int(env.get("CLOUD_RUN_TASK_ATTEMPT", "0"))
        name = env.get("CLOUD_RUN_EXECUTION", "")
        return cls(
            name=name or f"by-hand-{uuid.uuid4()}",
            task_index=int(env.get("CLOUD_RUN_TASK_INDEX", "0")),
            attempt=attempt,
            last_attempt=not name or attempt >= max_retries,
        )
