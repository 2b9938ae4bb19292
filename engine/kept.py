"""Where what took time to compute is kept on this machine, to be found again; all of it may be removed at any time."""

import os
from pathlib import Path

import platformdirs


def kept(name: str) -> Path:
    """Return the folder of that name: in the user's cache, or in that of machine code where one is chosen."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    home = Path(chosen) if chosen else Path(platformdirs.user_cache_dir("counterplay", appauthor=False))
    return home / name
