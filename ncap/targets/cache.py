"""The folder for what can be found out again: $NCAP_CACHE, else the system's usual place for caches."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """$NCAP_CACHE, else ncap inside $XDG_CACHE_HOME or ~/.cache (Linux), ~/Library/Caches (macOS), %LOCALAPPDATA% (Windows).

    It need not exist, and can be deleted at any time.

    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, NCAP_CACHE="elsewhere"):
    ...     print(cache_folder())
    elsewhere
    """
    if own := os.environ.get("NCAP_CACHE"):
        return Path(own)
    usual = {"darwin": "~/Library/Caches", "win32": os.environ.get("LOCALAPPDATA", "~/AppData/Local")}
    home = usual.get(sys.platform) or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "ncap"
