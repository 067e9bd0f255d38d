"""beta_eff and the predicted accuracy in MLflow, through Keras' own hook: whatever a callback writes into the logs is logged.

pip install 'ncap[optuna]' mlflow-skinny      # Optuna brings SQLAlchemy, which MLflow keeps runs in a file with
python examples/mlflow_keras.py runs.db       # then: mlflow ui --backend-store-uri sqlite:///runs.db
"""

import sys
from pathlib import Path

import keras
import mlflow
import mlflow.keras

import ncap
from ncap import targets


def main(file: str) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{Path(file).resolve()}")
    digits = targets.load("digits").few(200, seed=0)
    x, y = digits.read("train", range(200))
    keras.utils.set_random_seed(0)
    body = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(64, "relu"),
        ]
    )
    model = ncap.attach_probe(body, digits.classes, frozen=False)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    with mlflow.start_run(run_name="digits"):
        # The order counts: MLflow's callback logs what those before it have written.
        callbacks = [ncap.CapacitanceCallback(x, y), mlflow.keras.MlflowCallback()]
        model.fit(x, y, validation_data=digits.read("val", range(359)), epochs=5, verbose=0, callbacks=callbacks)
        run = mlflow.active_run()
    for name, value in sorted(mlflow.get_run(run.info.run_id).data.metrics.items()):
        print(f"{name} {value:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
