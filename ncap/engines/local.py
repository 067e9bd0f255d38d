"""The local engine: every run here, one after the other.

A process may end at any moment, by SIGTERM or SIGKILL as well as by a power cut: there is nothing that it would have to put in order.
Processes that share a store share the work.
"""

from collections.abc import Sequence

from ncap.engines.contract import Engine, Train, attempt
from ncap.engines.ledger import Ledger
from ncap.engines.turns import take_turns
from ncap.records.schema import RunKey


class Local(Engine):
    """Trains in this process, and leaves to other processes on the same store what they have begun."""

    name = "local"
    summary = "this process, one run after the other; several processes on one store share the runs"

    def run(self, runs: Sequence[RunKey], train: Train, ledger: Ledger) -> None:
        """Train the runs in order; what another process is training is waited for at the end."""

        def work(key: RunKey) -> None:
            if ledger.wants(key):
                attempt(key, train, ledger)
            ledger.end(key)

        take_turns(runs, ledger.lock_path, work, ledger.wait)
