"""The folders outside the package: the data of $NCAP_DATA, the cache of Keras, and ncap's own cache. Known without importing Keras."""

import os
import sys
from pathlib import Path


def data_folder() -> Path | None:
    """The folder $NCAP_DATA, None where the variable is not set.

    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, NCAP_DATA="data"):
    ...     print(data_folder())
    data
    """
    folder = os.environ.get("NCAP_DATA")
    return Path(folder).expanduser() if folder else None


def keras_folder(kind: str) -> Path:
    """Where Keras keeps what it downloads, "datasets" or "models": in $KERAS_HOME or ~/.keras; below /tmp where it may not write to it.

    Keras then reads from /tmp/.keras too.

    >>> keras_folder("models").name
    'models'
    """
    home = Path("~").expanduser()
    default = (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras"
    folder = Path(os.environ.get("KERAS_HOME") or default).expanduser()
    unwritable = folder.exists() and not os.access(folder, os.W_OK)
    return (Path("/tmp/.keras") if unwritable else folder) / kind


def cache_folder() -> Path:
    """$NCAP_CACHE, else ncap inside $XDG_CACHE_HOME or ~/.cache (Linux), ~/Library/Caches (macOS), %LOCALAPPDATA% (Windows).

    For what can be found out again. It need not exist, and can be deleted at any time.

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
