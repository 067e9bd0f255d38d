"""A small real job in a process of its own, which writes down what it is doing: python logged_job.py STORE LOG EPOCHS RUNS JOBS [ADDRESS].

It prints its table; an address is that of a Ray cluster. A line of the log is `process event candidate run epoch`. It is written before
"train" and "save" are begun, and after a checkpoint is "saved" and its row "committed"; what workers train is not written down. A line
that was written outlives a killed process, though not a power cut: the kernel has it.
"""

import os
import subprocess
import sys
from pathlib import Path

import tiny

from ncap.records.store import Store
from ncap.training import checkpoint
from ncap.training.run import Training


def start(store, log, epochs, runs, jobs=1, *address):
    arguments = [str(argument) for argument in (store, log, epochs, runs, jobs, *address)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, __file__, *arguments], env=environment, **pipes)


def events(log, process=None):
    """What all processes, or one, have written down: (event, candidate, run, epoch)."""
    lines = [tuple(line.split()) for line in log.read_text().splitlines()] if log.exists() else []
    return [event for pid, *event in lines if process is None or pid == str(process.pid)]


def write_down(log, event, candidate, run, epoch):
    line = f"{os.getpid()} {event} {candidate} {run} {epoch}\n"
    os.write(log, line.encode())  # one call to a file opened for appending: lines of two processes do not mix


def watch(log):
    train, save, add = Training.train, checkpoint.save, Store.add

    def watched_train(training, place):
        write_down(log, "train", training.candidate.name, training.run, place.epoch)
        return train(training, place)

    def watched_save(path, tick, run):
        write_down(log, "save", *run[2:], tick.number)
        save(path, tick, run)
        write_down(log, "saved", *run[2:], tick.number)

    def watched_add(store, key, observation, *rest):
        kept = add(store, key, observation, *rest)
        write_down(log, "committed", key.candidate, key.run, observation["tick"])
        return kept

    Training.train, checkpoint.save, Store.add = watched_train, watched_save, watched_add


if __name__ == "__main__":
    store, log, epochs, runs, jobs, *address = sys.argv[1:]
    where = {"engine": "ray", "address": address[0]} if address else {}
    watch(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    ranking = tiny.ranked(Path(store), tiny.TWO, epochs=int(epochs), runs=int(runs), jobs=int(jobs), **where)
    print(ranking.table.to_csv())
