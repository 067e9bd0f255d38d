"""The local engine: trains the runs on this machine, one after another in this process, or several at a time in processes of their own.

Either kind of process may end at any moment, by SIGTERM, SIGKILL or a power cut; there is nothing that it would have to clean up.
Drivers that share a store share the work.
"""

import sys
from collections.abc import Sequence

from ncap.engines.contract import Engine, Train, attempt
from ncap.engines.ledger import Ledger
from ncap.engines.turns import take_turns
from ncap.records.schema import RunKey


class Local(Engine):
    """Trains on this machine, and leaves runs begun by other drivers on the same store to them."""

    name = "local"
    summary = "this machine, with --jobs runs at a time; several commands can share one store"

    def run(self, runs: Sequence[RunKey], train: Train, ledger: Ledger) -> None:
        """Train the runs in order; at the end, wait for those that another driver is training.

        In processes of their own are trained: several runs at a time, runs with a limit to their memory, and runs with a number of
        threads that this process can no longer have.

        Raises: ValueError for a candidate that cannot be sent to another process, StoreWriteError if a tick cannot be saved.
        """
        if self.apart or not _has_threads(ledger.job.threads):
            from ncap.engines.processes import Processes

            Processes(runs, train, ledger, self.resources).run()
            return

        def work(key: RunKey) -> None:
            if ledger.wants(key):
                attempt(key, train, ledger)
            ledger.end(key)

        take_turns(runs, ledger.lock_path, work, ledger.wait)


def _has_threads(threads: int | None) -> bool:
    """Whether runs of this process have that number of threads; runs that know no framework have any."""
    if "keras" not in sys.modules:
        return True
    from ncap.framework import limit_threads

    return limit_threads(threads)
