"""The card of a model that is handed over: what it is, what it takes and gives, how good it is, and what it was made with."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Card:
    """What must be known of a model to use it, or to make it again.

    Attributes:
        candidate: the network: name, family, source (what it was pre-trained on), licence, notes, parameters (of the whole model).
        made: how: start ("observed" or "pretrained"), run and epochs of the training that was observed, head ("probe" or "linear"),
            fine_tuned_epochs.
        images: what the model takes: shape (h, w, c), pixels.
        classes: what its outputs are probabilities of, by name in their order; by number where the classes have no names.
        data: target, fingerprint, and the number of images of each part.
        metric: what the accuracies are.
        accuracies: of this very model, on the parts "val" and "test"; None for a part that the data lacks.
        recorded: those that the store has of the network at the tick that it was taken from; {} for one that was changed since.
        settings: the job's hash, and all that changes what training does.
        versions: of what wrote the model.
        needs: modules to import before keras.models.load_model, and arguments to call it with; [] for Keras alone.
        selection: how it came to be the one, such as the rule; {} where it was asked for by name.
    """

    candidate: dict[str, Any]
    made: dict[str, Any]
    images: dict[str, Any]
    classes: list[str]
    data: dict[str, Any]
    metric: str
    accuracies: dict[str, float | None]
    recorded: dict[str, float | None]
    settings: dict[str, Any]
    versions: dict[str, str]
    needs: list[str]
    selection: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """As JSON, in the order of the attributes.

        >>> empty = Card({"name": "mlp"}, {}, {}, ["cat", "dog"], {}, "accuracy", {}, {}, {}, {}, [])
        >>> json.loads(empty.text())["classes"]
        ['cat', 'dog']
        """
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"


def known(value: float) -> float | None:
    """A number, or None for NaN, which JSON does not have."""
    return None if math.isnan(value) else float(value)
