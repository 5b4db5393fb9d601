"""`python -m infra.new_provider NAME`: makes the files of a new provider, as copies of the one that tests invent.

`tests/providers/invented` is a whole provider outside the product, which tests run from set-up to FOCUS. Its copy works
from the first moment; four places marked `FILL IN` hold what another vendor has otherwise. Its pipeline is not enabled.
"""

import argparse
import keyword
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cloudact.errors import ConfigError
from cloudact.settings import ROOT
from infra.vendor_names import VendorNames

EXAMPLE = "tests/providers/invented"
PRODUCT = ("cloudact", "functions", "jobs", "cli")
_NAME = re.compile(r"[a-z]{2,20}")
# What the example has because it lies outside the product.
_OUTSIDE = re.compile(r"^(?:from pathlib import Path|    sql_folder=.*)\n", re.MULTILINE)


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Makes the files below `root`. 0: they are there; 2: nothing was made, for the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m infra.new_provider", description="Makes a provider's files.")
    parser.add_argument("name", metavar="NAME", help="the provider's id: 2 to 20 lower-case letters, such as starling")
    try:
        texts = NewProvider(root, parser.parse_args(arguments).name).texts()
        with written(root, texts):
            _format(root, [path for path in texts if path.endswith(".py")])
            _report(texts)
    except (ConfigError, OSError) as err:
        sys.stderr.write(f"{err}\n")
        return 2
    return 0


def _format(root: Path, paths: Sequence[str]) -> None:
    """Sorts imports and breaks lines, which depend on the name's letters; ruff must see all files where they lie."""
    for command in (["check", "--fix", "--select", "I"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "--quiet", *paths]
        done = subprocess.run(ruff, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ConfigError(f"The files could not be formatted: {done.stderr or done.stdout}")


def _report(paths: Iterable[str]) -> None:
    """Prints the paths, and what is next; raises `OSError` at once where nobody reads it."""
    sys.stdout.write("".join(f"{path}\n" for path in paths))
    sys.stdout.write('Next: CONTRIBUTING.md, "Add a provider".\n')
    sys.stdout.flush()


@dataclass(frozen=True)
class NewProvider:
    """A provider that the checkout at `root` is to have."""

    root: Path
    name: str

    def texts(self) -> Mapping[str, str]:
        """Text by path of every file that is made or changed. Raises `ConfigError`; writes nothing."""
        if not _NAME.fullmatch(self.name) or keyword.iskeyword(self.name):
            raise ConfigError(
                f"{self.name!r} is no name of a provider: 2 to 20 lower-case letters, and no word of Python."
            )
        new = dict(self._new_files())
        self._check_places(new)
        self._check_code()
        changed = {"configs/system/pipelines.yml": self._registry(), "providers/__init__.py": self._tuple()}
        return new | changed

    def _check_code(self) -> None:
        name = self.name
        names = VendorNames(name, name.capitalize(), (name.upper(), f"{name}.usage_cost", f"{name}_usage_cost"))
        for path in (path for package in PRODUCT for path in sorted((self.root / package).rglob("*.py"))):
            if names.known_to(path.read_text(encoding="utf-8")):
                where = path.relative_to(self.root)
                raise ConfigError(f"{name} is a word of the code ({where}), which must not name a provider.")

    def _check_places(self, new: Iterable[str]) -> None:
        """Refuses to overwrite a file, or to make a folder beside a module of its name, which Python would lose."""
        folders = [f"{parent}/{self.name}" for parent in ("providers", "tests/providers", "configs")]
        for place in (*folders, *(f"{folder}.py" for folder in folders), *new):
            if (self.root / place).exists():
                raise ConfigError(f"{self.name} is taken: there is {place} already.")

    def _new_files(self) -> Iterator[tuple[str, str]]:
        example = self.root / EXAMPLE
        for path in sorted(each for each in example.rglob("*") if each.suffix in (".py", ".yml", ".sql")):
            if path.name != "entry.yml":
                target = self._target(path.relative_to(example).as_posix())
                yield target, self._renamed(path.read_text(encoding="utf-8"))
        test = self.root / "tests/providers/test_invented.py"
        yield f"tests/providers/{self.name}/__init__.py", ""
        yield f"tests/providers/test_{self.name}.py", self._renamed(test.read_text(encoding="utf-8"))

    def _target(self, path: str) -> str:
        name = self._renamed(path.rpartition("/")[2])
        if name.endswith(".yml"):
            return f"configs/{self.name}/{name}"
        if name.endswith(".sql"):
            return f"sql/org/{re.sub('^001', f'{self._number:03d}', name)}"
        return f"tests/providers/{self.name}/{name}" if name == "stand_in.py" else f"providers/{self.name}/{name}"

    @property
    def _number(self) -> int:
        """The next number of a script."""
        return 1 + max(int(path.name[:3]) for path in (self.root / "sql/org").glob("[0-9]*.sql"))

    def _renamed(self, text: str) -> str:
        """A text of the example with the new provider's words."""
        for old, new in self._words.items():
            text = text.replace(old, new)
        return _OUTSIDE.sub("", text)

    @property
    def _words(self) -> Mapping[str, str]:
        """What stands in the example, and what for; the longer ones first."""
        name = self.name
        (view,) = (self.root / EXAMPLE / "sql").glob("views_charges_*.sql")
        old = view.stem.removeprefix("views_charges_")
        return {
            "tests.providers.invented.stand_in": f"tests.providers.{name}.stand_in",
            "tests.providers.invented": f"providers.{name}",
            f"{EXAMPLE}/usage_cost.yml": f"configs/{name}/usage_cost.yml",
            old: name,
            old.upper(): name.upper(),
            old.capitalize(): name.capitalize(),
        }

    def _registry(self) -> str:
        entry = self._renamed((self.root / EXAMPLE / "entry.yml").read_text(encoding="utf-8"))
        registry = (self.root / "configs/system/pipelines.yml").read_text(encoding="utf-8")
        return registry.rstrip("\n") + "\n" + entry.replace("enabled: true", "enabled: false")

    def _tuple(self) -> str:
        text = (self.root / "providers/__init__.py").read_text(encoding="utf-8")
        listed, found = re.subn(
            r"^(PROVIDERS: [^=]+= \([^)]+?),?\s*\)$", rf"\1, {self.name}.PROVIDER)", text, flags=re.M
        )
        if found != 1:
            raise ConfigError("providers/__init__.py: the tuple PROVIDERS is not where it should be.")
        return listed.replace(
            "\nfrom providers import ", f"\nfrom providers import {self.name}\nfrom providers import ", 1
        )


@contextmanager
def written(root: Path, texts: Mapping[str, str]) -> Iterator[None]:
    """Writes text by path below `root`. Takes all of it back, with the folders, if the block or a write fails."""
    before = {root / path: (root / path).read_bytes() for path in texts if (root / path).exists()}
    folders = {folder for path in texts for folder in (root / path).parents if not folder.exists()}
    try:
        for path, text in texts.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        yield
    except BaseException:
        _take_back(before, [root / path for path in texts], folders)
        raise


def _take_back(before: Mapping[Path, bytes], files: Iterable[Path], folders: Iterable[Path]) -> None:
    for file in files:
        if file in before:
            file.write_bytes(before[file])
        else:
            file.unlink(missing_ok=True)
    for folder in sorted(folders, reverse=True):
        if folder.exists():
            folder.rmdir()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
