"""The functions of the local stack, as Cloud Run serves them: each in a process of its own, behind a front."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloudact.settings import Settings
from localcloud.processes import Processes, free_port


@dataclass(frozen=True)
class CloudRunService:
    """A function that has been started; callers know `url`, only the front asks `container_url`."""

    name: str
    url: str
    container_url: str

    def wait_ready(self, processes: Processes) -> None:
        """Until both answer."""
        processes.wait_ready(self.name, f"{self.container_url}/health")
        processes.wait_ready(f"{self.name}_front", f"{self.url}/health")


def start_service(
    processes: Processes,
    env: Mapping[str, str],
    settings: Settings,
    *,
    name: str,
    port: int,
    timeout_s: int,
    invokers: Sequence[str] = (),
) -> CloudRunService:
    """Starts a function and its front on `port`. Where there are invokers, the front lets in nobody else.

    The function's settings say what the deployment would: its own address, and whether callers are checked before.
    """
    url, container_url = (f"http://127.0.0.1:{free_port(wanted)}" for wanted in (port, 0))
    front = ["--port", url.rpartition(":")[2], "--upstream", container_url, "--timeout-s", str(timeout_s)]
    for email in invokers:
        front += ["--invoker", email, "--keys-url", settings.token_keys_url]
    processes.start(f"{name}_front", ["-m", "localcloud.cloud_run_front", *front], env)
    told = settings.model_copy(update={"ops_audience": url, "ops_invoker_check": bool(invokers)})
    function = ["--target", name, "--source", "functions/main.py", "--port", container_url.rpartition(":")[2]]
    processes.start(name, ["-m", "functions_framework", *function, "--host", "127.0.0.1"], {**env, **told.to_env()})
    return CloudRunService(name, url, container_url)
