"""Engines decide where and when each run is trained, and compute nothing themselves.

A new engine is one file here and one line below. The other modules are contract (what every engine does), ledger (the store as an engine
sees it), turns (one process per run), worker (how a run travels to another process), dispatch (the driver of such workers) and progress.
"""

from typing import TYPE_CHECKING

from ncap.registry import Registry

if TYPE_CHECKING:
    from ncap.engines.contract import Engine

ENGINES: "Registry[type[Engine]]" = Registry(
    "engine",
    {
        "local": "ncap.engines.local:Local",
        "ray": "ncap.engines.ray:Ray",
    },
)
