"""Workers import all files of tests, each from another place on."""

from cloudact.settings import ROOT
from tests.import_order import files_of, rotated
from tests.slow import slow_files


def test_each_worker_begins_elsewhere() -> None:
    """Their shares begin at the same distance from each other, and each imports every file once."""
    files = files_of([str(ROOT / "tests")])
    assert {ROOT / path for path in slow_files()} <= set(files)
    orders = [rotated(files, number, 4) for number in range(4)]
    assert [files.index(order[0]) for order in orders] == [len(files) * number // 4 for number in range(4)]
    assert [sorted(order) for order in orders] == [files] * 4


def test_what_is_asked_for_alone() -> None:
    """A file, a test and a folder name the files that are collected, and there may be fewer of them than workers."""
    this = str(ROOT / "tests" / "test_import_order.py")
    assert [file.name for file in files_of([this, f"{this}::test_what_is_asked_for_alone"])] == ["test_import_order.py"]
    assert files_of([str(ROOT / "tests" / "clients")]) == [ROOT / "tests" / "clients" / "test_typescript.py"]
    assert [rotated(["a", "b"], number, 3) for number in range(3)] == [["a", "b"], ["a", "b"], ["b", "a"]]
