"""The check before training: every candidate is built once, put under its probe and run on a few real images, before the first one trains.

What would end a run in its first epoch is found in the first seconds, for all candidates together, and so is what each of them costs.
"""

import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ncap.candidates.multiply_adds import count_multiply_adds
from ncap.candidates.raw_pixels import raw_pixels_at
from ncap.framework import clear_session, settings
from ncap.interrupt import check
from ncap.measure.probe import detach_probe
from ncap.records.candidate_facts import KEY, CandidateFacts
from ncap.records.schema import RunKey
from ncap.training.failure import describe
from ncap.training.run import Training

if TYPE_CHECKING:
    from ncap.candidates import Candidate
    from ncap.candidates.limits import Limits
    from ncap.engines.progress import JobProgress
    from ncap.job import Job
    from ncap.records.store import Store
    from ncap.targets import Target

IMAGES = 16  # real training images that a candidate is tried on, as one batch
SMALL = (
    10**8
)  # bytes of a checkpoint from which memory is freed at once; looking for it takes longer than the check of a small network


@dataclass(frozen=True)
class Inspection:
    """What the check of one candidate found.

    Attributes:
        facts: what is known of it; None if it failed.
        failure: why it cannot be trained, in one line; "" if it can.
        checkpoint_bytes: size of a run's checkpoint: every weight, and what the optimizer keeps of each.
        body: fingerprint of the body that its first run starts from; "" if it failed.
    """

    facts: CandidateFacts | None = None
    failure: str = ""
    checkpoint_bytes: int = 0
    body: str = ""


def inspect(job: "Job", candidate: "Candidate", target: "Target") -> Inspection:
    """Build a candidate as its first run will, run it on a few training images, and forget it again; nothing is trained.

    A candidate fails where a run of it would raise before its first batch, because of a head that was left on for example, and where its
    features are not finite. Raw pixels that reach the first weights, and features that are the same for all images, are doubts only.
    """
    found, chosen = None, settings()
    try:
        found = _inspected(Training(job, candidate, target), candidate)
    except (Exception, SystemExit) as error:  # whatever a user's factory or layers raise
        return Inspection(failure=describe(error))
    finally:
        clear_session(chosen, free_memory=found is None or found.checkpoint_bytes > SMALL)
    return found


def _inspected(training: Training, candidate: "Candidate") -> Inspection:
    rows = training.target.sample_rows("train", IMAGES, training.job.seed)
    images, _ = training.target.read("train", rows, training.shape)
    body = detach_probe(training.model)
    features, milliseconds = _timed(body, images)
    if not np.isfinite(features).all():
        return Inspection(
            failure=f"its features are NaN or infinite on {_unusual(features)} of {len(images)} training images"
        )
    height, width, channels = map(int, images.shape[1:])
    shape = height, width, channels
    facts = CandidateFacts(
        family=candidate.family,
        source=candidate.source,
        input_shape=shape,
        parameters=int(body.count_params()),
        multiply_adds=(candidate.multiply_adds if candidate.input_shape == shape else None)
        or _looked_up(count_multiply_adds, body),
        milliseconds=milliseconds,
        licence=candidate.licence,
        notes=candidate.notes,
        doubts="; ".join(_doubts(body, features, shape)),
    )
    state = training.state()
    size = sum(array.nbytes for array in (*state.weights, *state.optimizer, *state.generators))
    return Inspection(facts, checkpoint_bytes=size, body=training.fingerprint)


def _timed(body: keras.Model, images: np.ndarray) -> tuple[np.ndarray, float]:
    """Features (n, ...) of a batch, and the milliseconds that one of its images takes.

    The first batch compiles; then the quickest of at most five counts, as far as they fit into a tenth of a second.
    """
    model = keras.Model(body.inputs[0], body.outputs[0])  # compiling the body itself would leave a mark on it
    model.compile(jit_compile=False if keras.backend.backend() == "tensorflow" else "auto")  # as in training
    model.predict_on_batch(images)
    seconds: list[float] = []
    while not seconds or (len(seconds) < 5 and sum(seconds) < 0.1):
        started = time.perf_counter()
        features = np.asarray(model.predict_on_batch(images))
        seconds.append(time.perf_counter() - started)
    return features, 1e3 * min(seconds) / len(images)


def _unusual(features: np.ndarray) -> int:
    """The number of images that have a feature which is not finite."""
    return int((~np.isfinite(features)).reshape(len(features), -1).any(axis=1).sum())


def _looked_up(look: Callable[..., Any], *given: Any) -> Any:
    """What a look at a body's graph tells; None where it raises, since a graph of an odd kind is no reason to fail a candidate."""
    try:
        return look(*given)
    except Exception:
        return None


def _doubts(body: keras.Model, features: np.ndarray, shape: tuple[int, int, int]) -> Iterator[str]:
    if layer := _looked_up(raw_pixels_at, body, shape):
        yield (
            f"raw pixels 0..255 reach its first layer with weights, a {layer}: unless it was trained that way, start it with "
            "keras.layers.Rescaling(1 / 255) or with the preprocessing that it was trained with"
        )
    if len(features) > 1 and (features == features[:1]).all():
        yield f"its features are the same for {len(features)} different images"


def inspect_all(
    job: "Job",
    candidates: "Mapping[str, Candidate]",
    target: "Target",
    store: "Store",
    settings: str,
    progress: "JobProgress",
    limits: "Limits",
) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Check all candidates of a job that need it; the facts of those that pass are kept in the store.

    Candidates whose runs are complete, or have all begun after an earlier check, are not checked again. Warns of every doubt.

    Returns: the names of those within the limits; of those that cannot be trained the reason; and of those that were checked and can, the
    fingerprint of the body that their first run starts from.

    Raises: ValueError where none is within the limits, OSError where the checkpoints do not fit on the disk.
    """
    runs = {name: [RunKey(settings, target.name, name, run) for run in range(job.runs)] for name in candidates}
    known = {name: CandidateFacts.of({KEY: store.candidate_facts(settings)}, name) for name in candidates}
    found = {}
    for name, candidate in candidates.items():
        if _needs_check(job, store, runs[name], known[name], limits):
            check()
            progress.check_candidate(name)
            found[name] = inspect(job, candidate, target)
    facts = {name: _measured_once(one.facts, known[name]) for name, one in found.items() if one.facts is not None}
    store.add_candidate_facts(settings, {name: one.values() for name, one in facts.items()})
    for name, one in facts.items():
        if one.doubts:
            warnings.warn(f"candidate {name!r}: {one.doubts}", stacklevel=5)
    kept = _within(limits, {**known, **facts}, progress)
    sizes = {name: found[name].checkpoint_bytes for name in kept if name in facts}
    there = sum(store.checkpoint_bytes(key) for name in sizes for key in runs[name])
    check_space(store.checkpoints.parent, sizes, job.runs, there)
    bodies = {name: one.body for name, one in found.items() if one.body}
    return kept, {name: one.failure for name, one in found.items() if one.failure}, bodies


def _needs_check(
    job: "Job", store: "Store", runs: Sequence[RunKey], known: CandidateFacts | None, limits: "Limits"
) -> bool:
    done = [store.done(key, job.readings) for key in runs]
    if known is None:
        return bool(limits.measured) or min(done) < len(job.places())
    return min(done) == 0


def _measured_once(facts: CandidateFacts, before: CandidateFacts | None) -> CandidateFacts:
    """The facts with the time that was measured first: a job that is repeated must not lose a candidate to a busy moment."""
    return facts if before is None or before.milliseconds is None else replace(facts, milliseconds=before.milliseconds)


def _within(limits: "Limits", facts: Mapping[str, CandidateFacts | None], progress: "JobProgress") -> list[str]:
    """The candidates that the facts do not forbid; those without facts, which cannot be trained, stay: they are reported as failed."""
    why = {name: "" if one is None else limits.forbid(one, built=True) for name, one in facts.items()}
    left_out = {name: reason for name, reason in why.items() if reason}
    kept = [name for name in facts if name not in left_out]
    limits.check_any(kept, left_out)
    for name, reason in left_out.items():
        progress.leave_out(name, reason)
    return kept


def check_space(folder: Path, sizes: Mapping[str, int], runs: int, kept: int) -> None:
    """Raise OSError where the checkpoints of a job do not fit on the disk of a folder that exists.

    sizes: bytes of one checkpoint of each candidate, of which every run keeps one; kept: bytes of those that are there already.
    A checkpoint is written beside the one that it replaces, so the largest is counted once more.
    """
    total = runs * sum(sizes.values()) + max(sizes.values(), default=0) - kept
    try:
        free = shutil.disk_usage(folder).free
    except OSError:  # a file system that does not tell
        return
    if total > free:
        largest = max(sizes, key=lambda name: sizes[name])
        raise OSError(
            f"{folder}: the checkpoints of this job need {_size(total)}, the most for {largest} ({_size(sizes[largest])} a run), and "
            f"{_size(free)} are free; free some space, put the store on another disk, or leave out large candidates (max_parameters)"
        )


def _size(number: float) -> str:
    """Bytes for a person.

    >>> _size(1.5e9), _size(2e6)
    ('1.5 GB', '2.0 MB')
    """
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"
