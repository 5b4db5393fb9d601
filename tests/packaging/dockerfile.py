"""A Dockerfile's instructions. What this does not know is an error, so that nothing in the file goes unchecked."""

import json
import shlex
from dataclasses import dataclass

KNOWN = {"FROM", "LABEL", "WORKDIR", "ENV", "COPY", "RUN", "USER", "ENTRYPOINT"}


@dataclass(frozen=True)
class Instruction:
    """One instruction; its continued lines are one."""

    keyword: str
    text: str

    @property
    def words(self) -> list[str]:
        """The words of COPY, USER, WORKDIR, ENV …; a flag such as `--chown` is refused."""
        words = shlex.split(self.text)
        if words[0].startswith("--"):
            raise ValueError(f"{self.keyword}: {words[0]} is not supported")
        return words

    @property
    def arguments(self) -> list[str]:
        """The exec form of ENTRYPOINT; the shell form is refused."""
        arguments = json.loads(self.text)
        if not isinstance(arguments, list):
            raise TypeError(f"{self.keyword}: {self.text} is not a list")
        return [str(argument) for argument in arguments]


def parse(text: str) -> list[Instruction]:
    """The instructions in their order. Raises `ValueError` for one that is not known."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [_instruction(line) for line in "\n".join(lines).replace("\\\n", " ").splitlines()]


def _instruction(line: str) -> Instruction:
    keyword, _, rest = line.strip().partition(" ")
    if keyword not in KNOWN:
        raise ValueError(f"{keyword} is not an instruction that the checks know")
    return Instruction(keyword, rest.strip())
