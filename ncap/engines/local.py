"""The local engine: trains every run in this process, one after the other.

The process may end at any moment, by SIGTERM, SIGKILL or a power cut; there is nothing that it would have to clean up. Processes that share
a store share the work.
"""

from collections.abc import Sequence

from ncap.engines.contract import Engine, Train, attempt
from ncap.engines.ledger import Ledger
from ncap.engines.turns import take_turns
from ncap.records.schema import RunKey


class Local(Engine):
    """Trains in this process, and leaves runs begun by other processes on the same store to them."""

    name = "local"
    summary = "this process, one run after another; several processes can share one store"

    def run(self, runs: Sequence[RunKey], train: Train, ledger: Ledger) -> None:
        """Train the runs in order; at the end, wait for those that another process is training."""

        def work(key: RunKey) -> None:
            if ledger.wants(key):
                attempt(key, train, ledger)
            ledger.end(key)

        take_turns(runs, ledger.lock_path, work, ledger.wait)
