"""Identity of this container: the facts that Cloud Run puts into a job's environment."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Execution:
    """One try of one task of one execution. `attempt` counts from 0; after `last_attempt` no try follows.

    `runs` are those of the whole execution, which is cancelled only with its last one.
    """

    name: str
    task_index: int
    attempt: int
    last_attempt: bool
    runs: int = 1

    @property
    def claimant(self) -> str:
        """Owner that claims a run: equal for every try of the task, so that a retry may continue."""
        return f"{self.name}/{self.task_index}"

    @classmethod
    def from_env(cls, env: Mapping[str, str], max_retries: int) -> "Execution":
        """Reads `CLOUD_RUN_*`; outside Cloud Run the execution has a random name, and no try follows."""
        attempt = int(env.get("CLOUD_RUN_TASK_ATTEMPT", "0"))
        name = env.get("CLOUD_RUN_EXECUTION", "")
        return cls(
            name=name or f"by-hand-{uuid.uuid4()}",
            task_index=int(env.get("CLOUD_RUN_TASK_INDEX", "0")),
            attempt=attempt,
            last_attempt=not name or attempt >= max_retries,
        )
