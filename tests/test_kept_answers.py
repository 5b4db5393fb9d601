"""Answers that are kept between processes: whole, and no longer than they are asked for."""

import os
from pathlib import Path

from tests.kept_answers import FORGOTTEN_AFTER_S, KeptAnswers


def test_an_answer_is_found_by_its_question_alone(tmp_path: Path) -> None:
    """Whoever opens the folder later finds what was kept, and nothing for another question."""
    KeptAnswers(tmp_path / "v1").keep(b"SELECT 1", b"INT64" * 100)
    assert KeptAnswers(tmp_path / "v1").find(b"SELECT 1") == b"INT64" * 100
    assert KeptAnswers(tmp_path / "v1").find(b"SELECT 2") is None
    assert KeptAnswers(tmp_path / "v2").find(b"SELECT 1") is None


def test_a_broken_answer_is_none(tmp_path: Path) -> None:
    """What was cut off is asked again, and kept anew."""
    answers = KeptAnswers(tmp_path)
    answers.keep(b"q", b"a")
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    assert answers.find(b"q") is None
    answers.keep(b"q", b"a")
    assert answers.find(b"q") == b"a"


def test_what_is_no_longer_asked_for_is_forgotten(tmp_path: Path) -> None:
    """An answer goes a month after it was last asked for."""
    answers = KeptAnswers(tmp_path)
    for question in (b"old", b"asked"):
        answers.keep(question, b"a")
    for path in tmp_path.iterdir():
        then = path.stat().st_mtime - FORGOTTEN_AFTER_S - 1
        os.utime(path, (then, then))
    assert answers.find(b"asked")
    answers.forget_unused()
    assert (answers.find(b"asked"), answers.find(b"old")) == (b"a", None)
