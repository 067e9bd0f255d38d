"""Who trains which run where. An engine is one file here and one line below; it computes no number.

contract (what every engine does), local, ledger (the store as an engine sees it), turns (one process a run), progress.
"""

from typing import TYPE_CHECKING

from ncap.registry import Registry

if TYPE_CHECKING:
    from ncap.engines.contract import Engine

ENGINES: "Registry[type[Engine]]" = Registry(
    "engine",
    {
        "local": "ncap.engines.local:Local",
    },
)
