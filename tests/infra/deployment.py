"""The scripts of infra/, started in a project that is empty: whatever gcloud and bq are asked for does not exist."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cloudact.settings import ROOT

DIGEST = "us-central1-docker.pkg.dev/demo-project/cloudact/runner@sha256:" + 64 * "7"
GIVEN = {
    "PROJECT": "demo-project",
    "ALERT_EMAIL": "ops@example.com",
    "OPERATORS": "group:cloudact-ops@example.com",
    "JWT_ISSUER": "https://id.example.com",
    "JWT_SECRET": "cloudact-jwt",
}
BASH = shutil.which("bash")
NOT_FOUND = 'echo "NOT_FOUND: what you ask for" >&2; exit 1'


def settings_file(folder: Path, changes: Mapping[str, str | None] = {}) -> Path:
    """The example, filled in; None leaves a line out."""
    lines = (ROOT / "infra" / "env.example").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line and not line.startswith("#")]
    values = {**dict(line.split("=", 1) for line in kept), **GIVEN, **changes}
    file = folder / "settings"
    file.write_text("".join(f"{name}={value}\n" for name, value in values.items() if value is not None), "utf-8")
    return file


@dataclass(frozen=True)
class Project:
    """Where gcloud and bq are two lines of shell; `asked` keeps what they were called with."""

    folder: Path
    answer: str = NOT_FOUND

    def run(
        self, script: str, *flags: str, said: str = "", changes: Mapping[str, str | None] = {}
    ) -> "subprocess.CompletedProcess[str]":
        """The script with settings that differ from the example in `changes`."""
        programs = self.folder / "bin"
        programs.mkdir(exist_ok=True)
        for name in ("gcloud", "bq"):
            text = f'#!{BASH}\necho "{name} $*" >>{self.folder}/asked\n{self.answer}\n'
            (programs / name).write_text(text, encoding="utf-8")
            (programs / name).chmod(0o755)
        env = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(self.folder), "RETRY_PAUSE_S": "0"}
        command = [str(ROOT / "infra" / script), "--settings", str(settings_file(self.folder, changes)), *flags]
        return subprocess.run(
            command, cwd=self.folder, env=env, input=said, capture_output=True, text=True, check=False, timeout=60
        )

    @property
    def asked(self) -> list[str]:
        """What gcloud and bq were called with."""
        file = self.folder / "asked"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def dry_run(folder: Path, changes: Mapping[str, str | None] = {}) -> str:
    """What a first deployment would run, with settings that differ from the example in `changes`."""
    project = Project(folder)
    flags = {"deploy": ("--revision", "abc123", "--image", DIGEST)}
    runs = [
        project.run(f"{name}.sh", "--dry-run", *flags.get(name, ()), changes=changes) for name in ("setup", "deploy")
    ]
    assert [done.returncode for done in runs] == [0, 0], [done.stderr for done in runs]
    return "\n".join(done.stdout for done in runs)


def commands(printed: str) -> list[list[str]]:
    """The commands as programs would get them."""
    lines = [line for line in printed.splitlines() if not line.startswith(("#", "export "))]
    return [shlex.split(line) for line in lines if line]


def flag(command: list[str], name: str) -> str:
    """The value of one flag."""
    return next(each.partition("=")[2] for each in command if each.startswith(f"--{name}="))


def environment(command: list[str]) -> dict[str, str]:
    """The variables that a deployment sets."""
    text = flag(command, "set-env-vars")
    assert text.startswith("^|^")
    return dict(each.split("=", 1) for each in text.removeprefix("^|^").split("|"))


Binding = tuple[str, str, str]  # who, role, on what: as docs/permissions.md writes them
KINDS = {
    "gcloud projects": "project",
    "gcloud tasks queues": "queue",
    "gcloud kms keys": "key",
    "gcloud secrets": "secret",
    "gcloud artifacts repositories": "registry",
    "gcloud iam service-accounts": "service account",
    "gcloud run jobs": "job",
    "gcloud run services": "function",
}


def printed_bindings(printed: str) -> Iterator[Binding]:
    """What the printed commands grant."""
    for command in commands(printed):
        if "add-iam-policy-binding" in command:
            verb = command.index("add-iam-policy-binding")
            kind, resource = KINDS[" ".join(command[:verb])], command[verb + 1]
            yield who(flag(command, "member")), short_role(flag(command, "role")), on(kind, resource)
    for line in printed.splitlines():
        if line.startswith("# with this in the file: "):
            yield from dataset_bindings(json.loads(line.partition(": ")[2]))


def dataset_bindings(dataset: dict[str, list[dict[str, str]]]) -> Iterator[Binding]:
    """The accounts in the access of a dataset."""
    for entry in dataset["access"]:
        if "userByEmail" in entry:
            role = {"WRITER": "roles/bigquery.dataEditor"}.get(entry["role"], entry["role"])
            yield who(f"serviceAccount:{entry['userByEmail']}"), short_role(role), "dataset organizations"


def who(member: str) -> str:
    """As the table calls a member."""
    if member == GIVEN["OPERATORS"]:
        return "people in OPERATORS"
    return account(member.removeprefix("serviceAccount:")) if member != "allUsers" else "everyone"


def account(email: str) -> str:
    """What a service account does."""
    assert email.startswith("cloudact-"), email
    assert email.endswith("@demo-project.iam.gserviceaccount.com"), email
    return email.removeprefix("cloudact-").partition("@")[0]


def short_role(role: str) -> str:
    """The project's own roles by their id."""
    return role.removeprefix("projects/demo-project/roles/")


def on(kind: str, resource: str) -> str:
    """As the table calls a resource."""
    if kind == "project":
        return kind
    return f"{kind} {account(resource) if kind == 'service account' else resource}"


def documented_bindings(changes: Mapping[str, str] = {}) -> Iterator[Binding]:
    """The first table of docs/permissions.md, without the lines that are "only with" another value of a setting."""
    example = (ROOT / "infra" / "env.example").read_text(encoding="utf-8")
    settings = {**dict(re.findall(r"^([A-Z_]+)=(.*)$", example, re.MULTILINE)), **changes}
    table = (ROOT / "docs" / "permissions.md").read_text(encoding="utf-8").split("\n\n| own role")[0]
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        wanted = re.findall(r"only with `([A-Z_]+)=([a-z-]+)`", line)
        if line.startswith("|") and cells[0] not in ("who", "---") and all(settings[name] == to for name, to in wanted):
            yield cells[0], cells[1], cells[2]
