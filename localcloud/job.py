"""`python -m localcloud.job`: `python -m jobs.main` as in its image, where there is no numpy.

Here the local BigQuery needs it, and pyarrow imports what it finds: a quarter of the CPU that a job takes to start.
"""

import runpy
import sys

if __name__ == "__main__":
    sys.modules["numpy"] = None  # type: ignore[assignment]  # so that to import it fails
    runpy.run_module("jobs.main", run_name="__main__", alter_sys=True)
