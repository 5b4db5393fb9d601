"""Files of the local cloud are written whole or not at all."""

import subprocess
import sys
from pathlib import Path

from localcloud.whole_files import write_whole

ROOT = Path(__file__).resolve().parents[2]

CUT_OFF = """
import resource, sys
from pathlib import Path
from localcloud.whole_files import write_whole
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
write_whole(Path(sys.argv[1]), b"x" * 20_000)
"""


def test_what_is_written_is_its_owners_alone(tmp_path: Path) -> None:
    """A file is replaced by one that nobody else may read, and nothing else is left."""
    file = tmp_path / "state.json"
    file.write_text("earlier")
    write_whole(file, b"later")
    assert (file.read_bytes(), file.stat().st_mode & 0o777, [*tmp_path.iterdir()]) == (b"later", 0o600, [file])


def test_what_cannot_be_written_whole_leaves_the_earlier_file(tmp_path: Path) -> None:
    """A writer that is cut off in the middle changes nothing of what was there."""
    file = tmp_path / "state.json"
    file.write_text("earlier")
    done = subprocess.run(
        [sys.executable, "-c", CUT_OFF, str(file)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert "File too large" in done.stderr
    assert file.read_text() == "earlier"
