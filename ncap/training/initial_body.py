"""A candidate as a run of a job found it, for what is computed of it beside the training."""

from typing import TYPE_CHECKING

from ncap.candidates.contract import Candidate
from ncap.training.fingerprint import body_fingerprint, check_same_body
from ncap.training.run import initial_body

if TYPE_CHECKING:
    import keras

    from ncap.job import Job

_KNOWN = (
    "name",
    "family",
    "source",
    "input_shape",
    "parameters",
    "multiply_adds",
    "source_accuracy",
    "licence",
    "notes",
)


class AsInRun(Candidate):
    """A candidate whose build() gives the body that one run of a job started from, also where its weights are drawn anew each time.

    Args:
        run: number of the run.
        stored: the fingerprint of the body that the run started from; "" where it is not known.

    build() raises ValueError where the candidate builds another body by now, and classifier() as well: its features and its head are
    those of other weights.
    """

    def __init__(self, job: "Job", candidate: Candidate, run: int, stored: str) -> None:
        for name in _KNOWN:
            setattr(self, name, getattr(candidate, name))
        self._job, self._candidate, self._run, self._stored, self._checked = job, candidate, run, stored, False

    def build(self) -> "keras.Model":
        """The body, as the run found it; Keras' precision stays as it is."""
        import keras

        policy = keras.config.dtype_policy()
        try:
            body = initial_body(self._job, self._candidate, self._run)
        finally:
            keras.config.set_dtype_policy(policy)
        check_same_body(self.name, body_fingerprint(body), self._stored)
        self._checked, self.notes = True, self._candidate.notes
        return body

    def classifier(self) -> "keras.Model | None":
        """The candidate's own, once its body is known to be the run's."""
        if not self._checked:
            self.build()
        return self._candidate.classifier()
