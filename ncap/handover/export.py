"""Models out of a job: as Keras objects, and as files with their cards."""

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncap.arguments import path_text

if TYPE_CHECKING:
    import keras

    from ncap.handover.origin import Handover, Origin
    from ncap.ranking.order import Ranking
    from ncap.records.tables import Records
    from ncap.rules.contract import Rule
    from ncap.targets import Target

SUFFIX = ".keras"


def export_model(
    store: "str | os.PathLike[str]",
    path: "str | os.PathLike[str]",
    candidate: str | None = None,
    *,
    start: str = "observed",
    head: str | None = None,
    fine_tune: int = 0,
    named: str | None = None,
    data: "str | os.PathLike[str] | Target | None" = None,
    validation: float | int | None = None,
    test: float | int | None = None,
    on_bad: str = "fail",
    rule: "str | Rule" = "capacitance",
    reading: str | None = None,
    horizon: float = 30.0,
    settings: str | None = None,
    target: str | None = None,
) -> Path:
    """Save the best candidate of a job, or any other, as a Keras model from its store: raw images 0..255 -> class probabilities.

    A card beside it, NAME.json, says what it is: data, settings, accuracies, versions, names of the classes.

    Args:
        store: path of the store; its checkpoints must still lie beside it.
        path: NAME.keras; a file of that name is replaced, as is its card.
        candidate: name; None takes the first by the rule among those that were trained longest, or among all where each had the same
            seconds (`budget`).
        start, head, fine_tune: as in `ncap.Ranking.model`.
        named: the candidate as `ncap rank` was given it, where its name alone does not find it: mine.keras for "mine".
        data: the target as `ncap rank` was given it, where its name alone does not find it: photos/ for "photos".
        validation, test, on_bad: as `ncap rank` was given them; they decide which images are in which part.
        rule, reading, horizon: how the best is chosen, as in `ncap.predict`.
        settings, target: the job; None takes the newest.

    Returns: the path. Raises: ValueError for a job, candidate or data that are not the store's, for another backend, and where no state was
    kept; OSError where the model cannot be written.
    """
    file = checked_path(path)
    from ncap.handover.origin import Origin, Wish, job_of

    wish = Wish(start, head, fine_tune)
    records, parameters = _job(store, settings, target)
    ranking = _longest(records, rule, reading, horizon)
    name = _first(ranking, store) if candidate is None else candidate
    _check_backend(parameters)
    loaded = _data(data, records.target, parameters, validation, test, on_bad)
    job = replace(job_of(parameters), runs=int(records.observations["run"].max()) + 1)
    found = _candidate(name, named, records)
    origin = Origin(Path(store), records.settings, job, {name: found.at_size(job.size) if job.size else found}, loaded)
    handed = origin.hand_over(name, wish, chosen_by(ranking, name))
    warn_of_later(handed, ranking)
    return handed.write(file)


def model_of(
    origin: "Origin",
    ranking: "Ranking",
    candidate: str,
    path: "str | os.PathLike[str] | None" = None,
    **wish: Any,
) -> "keras.Model":
    """What `Ranking.model` calls: the model, saved under `path` with its card where that is given."""
    from ncap.handover.origin import Wish

    wished, file = Wish(**wish), None if path is None else checked_path(path)
    handed = origin.hand_over(candidate, wished, chosen_by(ranking, candidate))
    warn_of_later(handed, ranking)
    if file is not None:
        handed.write(file)
    return handed.model


def warn_of_later(handed: "Handover", ranking: "Ranking") -> None:
    """Warn where a network was trained on after what the ranking read of it: a store keeps the newest state of a run alone."""
    name, epochs = handed.card.candidate["name"], handed.card.made.get("epochs", 0.0)
    seen = ranking.observations.loc[ranking.observations["candidate"] == name, "epoch"].max()
    if epochs > seen:
        warnings.warn(
            f"candidate {name!r} is handed over as it is after {epochs:g} epochs, and the ranking has seen {seen:g}: the store keeps the "
            "newest state of a run alone; for the earlier one, train it in another store",
            stacklevel=4,
        )


def checked_path(path: Any) -> Path:
    """A path that ends in .keras, by which Keras tells the format, in a folder that is there. Raises ValueError."""
    file = Path(path_text("path", path))
    if file.suffix != SUFFIX:
        raise ValueError(f"path must end in {SUFFIX}, the format that Keras saves a whole model in, got {str(file)!r}")
    if not file.parent.is_dir():
        raise ValueError(f"path: there is no folder {str(file.parent)!r} to write {file.name!r} into; make it first")
    return file


def chosen_by(ranking: "Ranking", candidate: str) -> dict[str, Any]:
    """How a ranking came to name a candidate, for its card."""
    table = ranking.table.set_index("candidate")
    if candidate not in table.index:
        return {}
    row = table.loc[candidate].to_dict()
    predicted = row["predicted_accuracy"]
    return {
        "rule": ranking.rule,
        "reading": ranking.reading,
        "rank": int(row["rank"]),
        "candidates": len(table),
        "predicted_accuracy": None if predicted != predicted else float(predicted),
    }


def _job(store: "str | os.PathLike[str]", settings: str | None, target: str | None) -> "tuple[Records, dict[str, Any]]":
    from ncap.records.store import Store
    from ncap.training.budget import Budget

    with Store(Path(path_text("store", store)), create=False) as opened:
        records, parameters = opened.records(settings, target), opened.job(settings, target)["parameters"]
        if (seconds := records.facts.get("seconds_per_run")) is not None:
            records = records.upto({key: Budget(seconds).fitting(opened.seconds(key)) for key in records.runs()})
        return records, parameters


def _longest(records: "Records", rule: "str | Rule", reading: str | None, horizon: float) -> "Ranking":
    """The ranking of the candidates that were trained longest: accuracies after different epochs order no networks.

    Of all where each had the same seconds in place of epochs.
    """
    from ncap.ranking.order import rank_records

    if "budget" in records.facts:
        return rank_records(records, rule, reading, horizon)
    ends = records.observations.groupby("candidate")["epoch"].max()
    names = ends.index[ends == ends.max()].tolist()
    return rank_records(records.of(names), rule, reading, horizon)


def _first(ranking: "Ranking", store: Any) -> str:
    if ranking.table.empty or ranking.table.iloc[0]["status"] == "failed":
        raise ValueError(f"{store}: no candidate of the job {ranking.facts.get('settings')} has been trained")
    return ranking.candidates[0]


def _candidate(name: str, named: str | None, records: "Records") -> Any:
    from ncap import candidates as sources

    if name not in records.candidates:
        raise ValueError(f"unknown candidate {name!r:.80}; the job has {', '.join(records.candidates)}")
    try:
        found = sources.resolve(name if named is None else named)
    except ValueError as error:
        raise ValueError(
            f"{error}; if it is one of your own, pass it as `ncap rank` was given it (named, --named)"
        ) from None
    if name not in found:
        raise ValueError(f"named: {named!r} is {', '.join(found)}, not the candidate {name!r} of the job")
    return found[name]


def _data(data: Any, name: str, parameters: Mapping[str, Any], validation: Any, test: Any, on_bad: str) -> "Target":
    """The job's target, loaded. Raises ValueError where it is not the data that the job was trained on."""
    from ncap import targets

    splits = {"validation": validation, "test": test, "on_bad": on_bad}
    try:
        loaded = targets.load(name if data is None else data, int(parameters["seed"]), **splits)
    except ValueError as error:
        if data is not None:
            raise
        raise ValueError(f"{error}; pass the target as `ncap rank` was given it (data, --data)") from None
    if (loaded.name, loaded.fingerprint) != (name, parameters["target"]):
        raise ValueError(
            f"data: {loaded!r} (fingerprint {loaded.fingerprint}) is not what the job was trained on, {name!r} (fingerprint "
            f"{parameters['target']}); pass the same data, and validation, test and on_bad as `ncap rank` was given them"
        )
    return loaded


def _check_backend(parameters: Mapping[str, Any]) -> None:
    from ncap import framework

    framework.load()
    import keras

    if parameters["backend"] != keras.backend.backend():
        raise ValueError(
            f"the job was trained on Keras' backend {parameters['backend']!r}, this is {keras.backend.backend()!r}; set "
            f"KERAS_BACKEND={parameters['backend']}"
        )
