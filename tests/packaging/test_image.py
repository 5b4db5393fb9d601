"""The job's image, checked without an engine: its Dockerfile is linted, and the same steps are run in a folder."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cloudact.settings import ROOT
from tests.packaging.checkout import checkout_files, copy_files
from tests.packaging.dockerfile import Instruction, parse
from tests.packaging.dockerignore import context_files
from tests.packaging.environment import build_env, make_venv

DOCKERFILE = parse((ROOT / "jobs" / "Dockerfile").read_text(encoding="utf-8"))
IGNORE = (ROOT / ".dockerignore").read_text(encoding="utf-8")


def only(keyword: str) -> Instruction:
    """The instruction that occurs once."""
    (found,) = [instruction for instruction in DOCKERFILE if instruction.keyword == keyword]
    return found


def context() -> set[str]:
    """The files that the build can see."""
    return context_files(checkout_files(), IGNORE)


def test_unknown_instructions_are_refused() -> None:
    """Whoever adds an instruction teaches it to these checks."""
    with pytest.raises(ValueError, match="HEALTHCHECK is not an instruction"):
        parse("FROM x\nHEALTHCHECK NONE")
    with pytest.raises(ValueError, match="--chown=root is not supported"):
        _ = parse("COPY --chown=root a b")[0].words


def test_patterns_of_dockerignore() -> None:
    """The last pattern that matches a path, or a folder that it lies in, decides."""
    paths = ["a/x.py", "a/cli/y.py", "a/b/__pycache__/z.pyc", "b/x.py", "ab"]
    assert context_files(paths, "*\n!a\na/cli\n**/__pycache__\n") == {"a/x.py"}
    assert context_files(paths, "# comment\n\nb\n?/cli/*.py\n") == {"a/x.py", "a/b/__pycache__/z.pyc", "ab"}


def test_base_image_is_pinned() -> None:
    """By digest, with the tag beside it for people."""
    name, _, digest = only("FROM").text.partition("@")
    assert name.startswith("python:3.13.")
    assert digest.startswith("sha256:")
    assert len(digest) == len("sha256:") + 64


def test_a_container_is_nobody() -> None:
    """A number that is not root, and Python itself as the process that signals reach."""
    assert int(only("USER").text) >= 10000
    assert only("ENTRYPOINT").arguments == ["python", "-m", "jobs.main"]
    kinds = [instruction.keyword for instruction in DOCKERFILE]
    assert kinds[-2:] == ["USER", "ENTRYPOINT"]  # nothing is installed as that user


def test_bytecode_is_kept() -> None:
    """Nothing tells Python or pip not to write it, and the sources are compiled after they are copied."""
    text = "\n".join(f"{instruction.keyword} {instruction.text}" for instruction in DOCKERFILE)
    assert "DONTWRITEBYTECODE" not in text
    assert "--no-compile" not in text
    kinds = [(step.keyword, "compileall" in step.text) for step in DOCKERFILE]
    assert kinds.index(("RUN", True)) > max(at for at, (kind, _) in enumerate(kinds) if kind == "COPY")


def test_every_source_is_in_the_context() -> None:
    """`.dockerignore` hides nothing that is copied; and nothing is let in that is not copied."""
    sources = {source for step in DOCKERFILE if step.keyword == "COPY" for source in step.words[:-1]}
    seen = context()
    for source in sources:
        assert source in seen or any(path.startswith(f"{source}/") for path in seen), source
    unused = {path for path in seen if not any(f"{path}/".startswith(f"{source}/") for source in sources)}
    assert not unused


def test_what_stays_outside() -> None:
    """No tests, no local cloud, no command line, no functions, no state of a checkout."""
    kept = {path.split("/")[0] for path in context()}
    assert kept == {"cloudact", "configs", "infra", "jobs", "providers", "requirements.txt", "sql"}
    unwanted = ("cli/", "localcloud/", "jobs/Dockerfile", "infra/check_configs.py")
    assert not {path for path in context() if path.startswith(unwanted)}
    junk = (
        ".git/config",
        ".local/orgs.json",
        ".venv/bin/python",
        "cloudact/__pycache__/a.pyc",
        "jobs/.env",
        "jobs/key.json",
    )
    assert not context_files(junk, IGNORE)


@dataclass
class Folder:
    """Carries out the instructions below a folder that stands for the image's root, with a Python of its own."""

    root: Path
    context: Path
    programs: Path
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"

    @property
    def cwd(self) -> Path:
        return self.root / self.workdir.lstrip("/")

    def carry_out(self, step: Instruction) -> None:
        """FROM, LABEL and USER need an engine; ENTRYPOINT is what the tests start."""
        if step.keyword == "WORKDIR":
            self.workdir = step.text
            self.cwd.mkdir(parents=True, exist_ok=True)
        elif step.keyword == "ENV":
            self.env |= dict(word.split("=", 1) for word in step.words)
        elif step.keyword == "COPY":
            *sources, target = step.words
            for source in sources:
                self._copy(self.context / source, target)
        elif step.keyword == "RUN":
            env = build_env(self.programs, self.env)
            done = subprocess.run(
                ["/bin/sh", "-c", step.text], cwd=self.cwd, env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr

    def _copy(self, source: Path, target: str) -> None:
        if source.is_dir():
            shutil.copytree(source, self.cwd / target, dirs_exist_ok=True)
        else:
            into = self.cwd / target / source.name if target.endswith("/") else self.cwd / target
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, into)

    def start(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """As the platform starts a container: only the image's environment and what the job is given."""
        program = self.programs / arguments[0]
        known = {"PATH": str(self.programs), **self.env, **env}
        return subprocess.run(
            [str(program), *arguments[1:]], cwd=self.cwd, env=known, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A clean checkout's context, and all instructions carried out."""
    folder = tmp_path_factory.mktemp("image")
    copy_files(context(), folder / "context")
    built = Folder(folder / "root", folder / "context", make_venv(folder / "venv"))
    for step in DOCKERFILE:
        built.carry_out(step)
    return built


@pytest.mark.bench
def test_a_container_without_environment(image: Folder) -> None:
    """It says in one line which variables are missing, and exits 2, which nobody tries again."""
    ended = image.start(*only("ENTRYPOINT").arguments)
    assert ended.returncode == 2, ended.stderr
    (line,) = map(json.loads, ended.stdout.splitlines())
    assert line["severity"] == "CRITICAL"
    assert line["message"].startswith("The environment is not usable: CLOUDACT_PROJECT: ")


@pytest.mark.bench
def test_the_image_holds_what_a_run_needs(image: Folder) -> None:
    """Every module imports, each from the image, and the shipped pipelines have their processors."""
    modules = [
        ".".join(path.relative_to(image.cwd).with_suffix("").parts).removesuffix(".__init__")
        for package in ("cloudact", "infra", "jobs", "providers")
        for path in sorted((image.cwd / package).rglob("*.py"))
    ]
    assert {f"providers.{vendor}.source" for vendor in ("gcp", "openai", "anthropic")} <= set(modules)
    script = (
        "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\n"
        "from cloudact.pipelines.registry import load_registry; from cloudact.settings import ROOT\n"
        "from providers import PROVIDERS\n"
        "print(ROOT, len(load_registry(ROOT / 'configs', PROVIDERS).entries))"
    )
    ended = image.start("python", "-c", script, *modules)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == [str(image.cwd), "3"]


@pytest.mark.bench
def test_the_image_holds_nothing_else(image: Folder) -> None:
    """Our files are those of the context, and each module has bytecode that is used without a look at its source."""
    files = {str(path.relative_to(image.cwd)) for path in image.cwd.rglob("*") if path.is_file()}
    assert {path for path in files if "__pycache__" not in path} <= context()
    for path in image.cwd.rglob("*.py"):
        (compiled,) = (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")
        assert compiled.read_bytes()[4:8] == b"\1\0\0\0"  # PEP 552: hash-based, unchecked
    installed = image.start("python", "-m", "pip", "list", "--format=freeze").stdout
    assert not {"pytest", "duckdb", "bqemulator", "click-repl", "rich"} & {
        line.split("==")[0] for line in installed.splitlines()
    }


@pytest.mark.bench
def test_size(image: Folder) -> None:
    """Prints what our layers weigh."""
    for name, folder in (("packages", image.programs.parent / "lib"), ("sources", image.cwd)):
        size = sum(os.path.getsize(path) for path in folder.rglob("*") if path.is_file())
        print(f"\n{name}: {size / 2**20:.1f} MiB", end="")  # noqa: T201
