"""The version of FOCUS in whose columns `focus_costs` is written (docs/focus.md). One word for code, view and pages."""

import re

VERSION = "1.4"
SCRIPT = "views_focus_costs"
_EACH = re.compile(r"\beach_focus_version\b")
_MARK = re.compile(r"^.*--(?P<since> since| until) FOCUS (?P<version>\d+\.\d+)$\n", re.MULTILINE)


def of_version(text: str, version: str = VERSION) -> str:
    """Text of a view for one version of FOCUS, e.g. `1.4`, which takes the place of `each_focus_version`.

    A line that ends in `-- since FOCUS 1.5` is kept from that version on, one in `-- until FOCUS 1.4` up to it.
    """

    def kept(line: re.Match[str]) -> str:
        since = line["since"] == " since"
        wanted, marked = _number(version), _number(line["version"])
        return line[0] if (wanted >= marked if since else wanted <= marked) else ""

    return _EACH.sub(version, _MARK.sub(kept, text))


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
