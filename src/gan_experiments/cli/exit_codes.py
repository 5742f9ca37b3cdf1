"""Exit codes besides 0, 1 (a failed run) and 2 (a user's mistake): 128 plus the signal's number, as shells have it."""

INTERRUPTED, TERMINATED, BROKEN_PIPE = 130, 143, 141
