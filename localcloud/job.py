"""`python -m localcloud.job`: `python -m jobs.main` as in its image, where there is neither numpy nor pygments.

Here the local BigQuery and the tests need them, and pyarrow and httpx import what they find: a quarter of the CPU that
a job takes to start.
"""

import runpy
import sys

if __name__ == "__main__":
    for absent in ("numpy", "pygments"):
        sys.modules[absent] = None  # type: ignore[assignment]  # so that to import it fails
    runpy.run_module("jobs.main", run_name="__main__", alter_sys=True)
