"""The direction of the code: functions → cloudact ← jobs, and what importing an entry point may load."""

import ast
import inspect
import json
import subprocess
import sys
from collections.abc import Collection
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import get_type_hints

import pytest
from pydantic import BaseModel

from cloudact.pipelines.registry import load_registry
from functions.composition import Rooms
from functions.ops_routes import PRIVATE
from functions.routes import PUBLIC
from functions.web.endpoints import Endpoint
from functions.web.inputs import Input
from functions.web.later import imported
from infra.vendor_names import VendorNames
from providers import PROVIDERS

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "cloudact": {"cloudact"},
    "providers": {"providers", "cloudact"},
    "functions": {"functions", "providers", "cloudact"},
    "jobs": {"jobs", "providers", "cloudact"},
    "cli": {"cli"},
    "focus": {"focus", "cloudact"},
}
# What each room of `cloudact` and `functions` may import, besides the modules that lie beside the rooms of its package.
ROOMS: dict[str, set[str]] = {
    "cloudact.warehouse": set(),
    "cloudact.pipelines": set(),
    "cloudact.orgs": {"cloudact.warehouse"},
    "cloudact.runs": {"cloudact.warehouse"},
    "cloudact.anomalies": set(),
    "cloudact.costs": {"cloudact.runs", "cloudact.warehouse"},
    "cloudact.budgets": {"cloudact.costs", "cloudact.runs", "cloudact.warehouse"},
    "cloudact.notify": {
        "cloudact.anomalies",
        "cloudact.budgets",
        "cloudact.warehouse",
        "cloudact.orgs",
        "cloudact.runs",
    },
    "functions.web": set(),
    "functions.auth": {"functions.web"},
    "functions.focus": {"functions.auth", "functions.web"},
    "functions.orgs": {"functions.auth", "functions.web"},
    "functions.runs": {"functions.auth", "functions.web"},
    "functions.costs": {"functions.auth", "functions.web"},
    "functions.schedule": {"functions.runs", "functions.web"},
    "functions.console": {"functions.auth", "functions.costs", "functions.orgs", "functions.runs", "functions.web"},
}
# Modules that lie beside the rooms: what every room may import, and what imports the rooms and is imported by none.
BELOW: dict[str, set[str]] = {
    "cloudact": {
        "clients",
        "clock",
        "error_codes",
        "errors",
        "google_api",
        "google_errors",
        "installation",
        "json_types",
        "logs",
        "redaction",
        "secrets",
        "settings",
    },
    "functions": set(),
}
ABOVE = {
    "functions": {"catalogue", "composition", "console_routes", "error_pages", "health", "main", "ops_routes", "routes"}
}
OURS = {"cli", "cloudact", "focus", "functions", "infra", "jobs", "localcloud", "providers", "tests"}


@cache
def statements(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """The statements by which a module imports, anywhere in it; each module is parsed for all tests."""
    return tuple(imports_below(ast.parse(path.read_text(encoding="utf-8"))))


def imports_below(tree: ast.AST) -> list[ast.Import | ast.ImportFrom]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def imports(path: Path) -> set[str]:
    """The top-level packages that a module imports, anywhere in it."""
    found = set()
    for node in statements(path):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif node.module:
            found.add(node.module.split(".")[0])
    return found


def modules(*packages: str) -> dict[str, Path]:
    """Every module of these packages by its dotted name."""
    paths = [path.relative_to(ROOT) for package in packages for path in (ROOT / package).rglob("*.py")]
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): ROOT / path for path in paths}


def imported_modules(path: Path, known: Collection[str]) -> set[str]:
    """The known modules that a module imports, anywhere in it, also for types only."""
    found = set()
    for node in statements(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & set(known) or {node.module}
    return found & set(known)


def room(module: str) -> str:
    """`functions.runs` of `functions.runs.queue`; a module beside the rooms stands for itself."""
    return ".".join(module.split(".")[:2])


def test_no_module_imports_itself_by_way_of_others() -> None:
    """There is no cycle of imports, not even of those that only type checkers follow."""
    known = modules(*MAY_IMPORT)
    graph = {name: imported_modules(path, known) - {name} for name, path in known.items()}
    assert len(tuple(TopologicalSorter(graph).static_order())) == len(known)  # raises CycleError, which names it


def test_the_rooms_lie_above_one_another() -> None:
    """The table of rooms has no cycle and names every room and every module beside them."""
    tuple(TopologicalSorter(ROOMS).static_order())
    for package, below in BELOW.items():
        beside = {f"{package}.{name}" for name in below | ABOVE.get(package, set())}
        inside = {name for name in ROOMS if name.startswith(f"{package}.")}
        assert {room(name) for name in modules(package) if name != package} == beside | inside


def test_nothing_imports_upwards() -> None:
    """A room imports the rooms that the table allows, and what lies below all rooms."""
    known = modules("cloudact", "functions")
    for name, path in known.items():
        found = {other for other in imported_modules(path, known) if room(other) != room(name)}
        assert not {other for other in found if not _allowed(room(name), other)}, name


def _allowed(own: str, other: str) -> bool:
    package, _, name = room(other).partition(".")
    if package != own.split(".")[0]:
        return package == "cloudact"  # test_packages_meet_only_in_cloudact knows the rest
    if own in ROOMS:
        return room(other) in ROOMS[own] or name in BELOW[package] or other == package
    return own.partition(".")[2] in ABOVE.get(package, set()) or name in BELOW[package]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_meet_only_in_cloudact(package: str) -> None:
    """functions and jobs never import each other, and nothing imports infra or tests."""
    for path in (ROOT / package).rglob("*.py"):
        assert imports(path) & OURS <= MAY_IMPORT[package], path


def test_rooms_do_not_know_who_composes_them() -> None:
    """Below functions/ only the entry points and the routes know the composition; a room takes what it declares."""
    users = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "functions").rglob("*.py"))
        if "functions.composition" in path.read_text(encoding="utf-8")
    ]
    entries = ["console_routes", "main", "ops_routes", "routes"]
    assert users == [f"functions/{name}.py" for name in entries]


@pytest.mark.parametrize("endpoint", [*PUBLIC, *PRIVATE], ids=lambda endpoint: endpoint.name)
def test_each_view_is_handed_what_it_declares(endpoint: Endpoint) -> None:
    """A view takes what the composition has under the room's name, and the parts of its path as text."""
    view = imported(endpoint.view)
    wanted, *parts = (hint for name, hint in get_type_hints(view).items() if name != "return")
    assert wanted == (room_type(endpoint.room) if endpoint.room else type(None))
    assert parts == [str] * endpoint.path.count("<")


def room_type(name: str) -> object:
    """The type of the collaborators that the composition has under this name."""
    built = vars(Rooms).get(name)
    return imported(built.__wrapped__.__annotations__["return"]) if built else get_type_hints(Rooms)[name]


@pytest.mark.parametrize("endpoint", [*PUBLIC, *PRIVATE], ids=lambda endpoint: endpoint.name)
def test_each_endpoint_names_what_there_is(endpoint: Endpoint) -> None:
    """What a table of routes imports later can be imported, and is a view or a shape."""
    found = endpoint.imported()
    assert inspect.isfunction(found.view)
    assert all(issubclass(shape, BaseModel) for shape in found.answers.values())
    assert all(issubclass(shape, Input) for shape in (found.query, found.body) if shape)
    assert all(isinstance(word, str) for word in (*found.headers, *found.other_bodies))


def test_a_room_is_imported_with_its_first_request() -> None:
    """The tables of routes and the composition import nothing of a room but what each request needs anyway."""
    loaded = loaded_by("functions.routes, functions.ops_routes")
    found = {room(name) for name in loaded if name.startswith("functions.") and name.count(".") == 2}
    assert found == {"functions.auth", "functions.runs", "functions.web"}


def test_the_migration_runs_in_the_jobs_image() -> None:
    """`infra.migrate` imports nothing of ours but cloudact, which is what the image has beside it."""
    assert imports(ROOT / "infra" / "migrate.py") & OURS == {"cloudact"}


def test_only_what_a_source_needs_reads_arrow() -> None:
    """pyarrow stays out of the core and the functions, and nothing that the functions reach imports it, ever."""
    for package in ("cloudact", "functions"):
        for path in (ROOT / package).rglob("*.py"):
            assert not imports(path) & {"pyarrow", "pandas"}, path
    reached = modules_reached(*(ROOT / "functions").rglob("*.py"))
    assert ROOT / "providers" / "gcp" / "check.py" in reached
    assert not [path for path in reached if {"pyarrow", "pandas"} & imports(path)]


def modules_reached(*begin: Path) -> set[Path]:
    """Our modules that these import, now or later, and so on; but for the sources, which only jobs open."""
    reached, waiting = set(begin), list(begin)
    while waiting:
        found = {path for path in imported_files(waiting.pop()) if path.match("providers/*/source.py") is False}
        waiting += found - reached
        reached |= found
    return reached


def imported_files(path: Path) -> set[Path]:
    """The files of our modules that a module imports, but for what only type checkers see."""
    names = set()
    for node in seen_statements(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    places = [ROOT.joinpath(*name.split(".")) for name in names]
    files = {file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")}
    return {file for file in files if file.is_file()}


def seen_statements(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """The statements by which a module imports, but for what only type checkers see."""
    text = path.read_text(encoding="utf-8")
    if "TYPE_CHECKING" not in text:
        return statements(path)
    tree = ast.parse(text)
    checked = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
    unseen = {id(node) for block in checked for node in imports_below(block)}
    return tuple(node for node in imports_below(tree) if id(node) not in unseen)


@cache
def loaded_by(module: str) -> dict[str, bool]:
    """The modules that are there once a new process has imported this one; and whether they have a file."""
    files = "{name: bool(getattr(module, '__file__', None)) for name, module in sys.modules.items()}"
    script = f"import json, sys, {module}; print(json.dumps({files}))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    modules: dict[str, bool] = json.loads(done.stdout)
    return modules


def libraries_loaded_by(module: str, *beginnings: str) -> list[str]:
    """Those whose names begin so; a namespace package without a file is only a name."""
    return [name for name, has_file in loaded_by(module).items() if name.startswith(beginnings) and has_file]


def test_importing_the_functions_loads_no_google_client() -> None:
    """`import functions.main` costs no Google client library, pyarrow or pandas."""
    loaded = libraries_loaded_by("functions.main", "google.", "pyarrow", "pandas")
    assert [name for name in loaded if not name.startswith("google.cloud.functions")] == []  # functions-framework


NAMES_A_PROVIDER = {
    "cloudact/runs/run.py": "the example of an id in a description",
    "cloudact/settings.py": "the project of the service itself, which runs on Google Cloud",
    "cli/pipeline_names.py": "the example of a pipeline in errors",
    "functions/web/answers.py": "the examples of the OpenAPI document",
    "functions/web/inputs.py": "the examples of the OpenAPI document",
    "functions/web/openapi.py": "the examples of the OpenAPI document",
    "functions/orgs/keyless.py": "the endpoint of Google alone, which no other provider has (docs/adr/0016)",
    "functions/routes.py": "that endpoint's path",
}


def test_only_providers_name_a_provider() -> None:
    """The core, the functions and the command line know no provider by name: they go by the records."""
    entries = load_registry(ROOT / "configs", PROVIDERS).entries
    pipelines = [word for entry in entries for word in (entry.id, entry.path)]
    names = [
        VendorNames(each.id, each.name, (each.integration, each.steps.processor, *pipelines)) for each in PROVIDERS
    ]
    found = {
        path.relative_to(ROOT).as_posix()
        for package in ("cloudact", "functions", "jobs", "cli")
        for path in (ROOT / package).rglob("*.py")
        if any(each.known_to(path.read_text(encoding="utf-8")) for each in names)
    }
    assert found == set(NAMES_A_PROVIDER)


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("import providers.aws", True),
        ("from providers import aws", True),
        ("if provider == 'aws': ...", True),
        ("integration = 'AWS'", True),
        ("url = settings.aws_url", True),
        ("class AwsSettings: ...", True),
        ("path = f'{org}/aws/keyless'", True),
        ("raise Stop('AWS says no')", True),
        ("run('aws_usage_cost')", True),
        ("keys = ('AKIA',)  # AWS", False),
        ("def read():\n    'A page, as AWS has them.'", False),
        ("beginning = 'aws_pat_'", False),
        ("url = 'https://aws.example'", False),
        ("aws = next_aws(page.aws)", False),
    ],
)
def test_what_it_is_to_name_a_provider(source: str, known: bool) -> None:
    """An import, a value, a path, an identifier or a sentence names a vendor; a comment or a word like it does not."""
    assert VendorNames("aws", "AWS", ("AWS", "aws_usage_cost")).known_to(source) is known


def test_functions_read_no_provider() -> None:
    """Importing the endpoints loads the providers' records, and no module with which only a job, or a check, reads."""
    found = loaded_by("functions.routes, functions.ops_routes")
    loaded = {name.removeprefix("providers.") for name in found if name.startswith("providers.")}
    shared = {"provider", "settings", "steps"}
    records = {f"{each.id}{part}" for each in PROVIDERS for part in ("", ".names", ".settings", ".steps")}
    assert loaded <= shared | records


def test_a_source_imports_no_other_provider() -> None:
    """`import jobs.main` opens no source, and opening one provider's imports no module of another's that reads."""
    readers = "'.source', '.reports', '.statement', '.past', '.claude_code', '.customer_bigquery'"
    script = f"""
import os, sys, jobs.main
from providers import PROVIDERS
def read():
    return sorted({{name.split('.')[1] for name in sys.modules if name.startswith('providers.')
                    and name.endswith(({readers})) and name.count('.') == 2}})
print(*read(), flush=True)
for each in PROVIDERS:
    if os.fork() == 0:  # a process for each, which has imported what they all have
        try:
            each.open_source(None)
        except AttributeError:
            pass  # there is nothing to open it with; it has been imported
        print(each.id, *read())
        break
    assert os.wait()[1] == 0
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    before, *after = done.stdout.splitlines()
    assert before == ""
    assert after == [f"{each.id} {each.id}" for each in PROVIDERS]


def test_importing_the_jobs_loads_no_google_client() -> None:
    """`import jobs.main` costs no Google client library, no httpx and no pandas."""
    assert libraries_loaded_by("jobs.main", "google.cloud", "pandas", "httpx") == []


def test_importing_the_jobs_changes_nothing() -> None:
    """What the program sets for itself before its imports, `import jobs.main` leaves alone."""
    script = "import gc, os; before = dict(os.environ); import jobs.main; print(gc.isenabled(), os.environ == before)"
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert found.stdout.strip() == "True True"


def test_each_vendor_library_has_one_door() -> None:
    """The Cloud Tasks client is imported by the queue and the composition of clients, those of KMS by nobody."""
    doors = {
        "google.cloud.tasks_v2": {"cloudact/clients.py", "functions/runs/queue.py"},
        "google.cloud.kms_v1": set(),
        "google.cloud.secretmanager_v1": set(),
    }
    for library, allowed in doors.items():
        users = {
            str(path.relative_to(ROOT))
            for package in MAY_IMPORT
            for path in (ROOT / package).rglob("*.py")
            if library in path.read_text(encoding="utf-8") and library in _run_time_text(path)
        }
        assert users == allowed


def _run_time_text(path: Path) -> str:
    """The module without what only type checkers read."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            del lines[node.lineno - 1 : node.end_lineno]
            lines[node.lineno - 1 : node.lineno - 1] = [""] * ((node.end_lineno or 0) - node.lineno + 1)
    return "\n".join(lines)


def test_the_service_opens_its_warehouse_in_one_place() -> None:
    """No process can forget which installation it is: `open_warehouse` alone makes a `Warehouse`."""
    rooms = (
        ROOT / room for room in ("cli", "cloudact", "focus", "functions", "infra", "jobs", "localcloud", "providers")
    )
    makers = [file.relative_to(ROOT).as_posix() for room in rooms for file in room.rglob("*.py") if _makes_one(file)]
    assert makers == ["cloudact/warehouse/bigquery.py"]


def _makes_one(file: Path) -> bool:
    text = file.read_text(encoding="utf-8")
    if "Warehouse" not in text:
        return False
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return any(isinstance(call.func, ast.Name) and call.func.id == "Warehouse" for call in calls)
