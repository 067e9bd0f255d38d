"""Checkpoints that are not needed to finish anything, removed on request: they are a run's weights and its optimizer's, once each."""

from ncap.engines.turns import claimed
from ncap.records.schema import RunKey
from ncap.records.store import Store, StoreWriteError


def prune(store: Store) -> tuple[int, int]:
    """Remove the checkpoints of the runs that are complete, and return how many these were, and their bytes.

    A run is complete that has as many ticks as any run of its job, that has not failed, and that no process is training. No row is
    touched. A job that is then repeated with more epochs trains these runs again from the first epoch, to the same numbers.

    Raises: StoreWriteError where a file cannot be removed.
    """
    count = size = 0
    for key in _complete(store):
        paths = [path for path in store.checkpoint_paths(key) if path.is_file()]
        if not paths:
            continue
        with claimed(store.lock_path(key)) as ours:
            for path in paths if ours else []:
                try:
                    bytes_of_path = path.stat().st_size
                    path.unlink()
                except OSError as error:
                    raise StoreWriteError.at(path, error) from error
                count, size = count + 1, size + bytes_of_path
    return count, size


def _complete(store: Store) -> list[RunKey]:
    complete = []
    for job in store.jobs():
        records = store.records(job["settings"], job["target"])
        failed = set(records.failures[["candidate", "run"]].itertuples(index=False, name=None))
        most = records.observations["tick"].max()
        ended = records.observations[records.observations["tick"] == most]
        keys = (RunKey(*row) for row in ended[list(RunKey._fields)].itertuples(index=False, name=None))
        complete += [key for key in keys if (key.candidate, key.run) not in failed]
    return complete
