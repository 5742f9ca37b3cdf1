"""What scripts/check_processors.py varies, from the environment."""

from __future__ import annotations

import os

THREADS = int(os.environ.get("TEST_THREADS", "1"))
SEED = int(
    os.environ.get("TEST_SEED", "0")
)  # added to the seeds of the tests that judge what training comes to
