"""The example with MLflow runs, and what it logs can be read back. `make mlflow` installs MLflow, which `make test` does not."""

import runpy
import sys
from pathlib import Path

import pytest

mlflow = pytest.importorskip("mlflow")
EXAMPLE = Path(__file__).parents[2] / "examples" / "mlflow_keras.py"


@pytest.mark.filterwarnings("ignore")  # MLflow's and SQLAlchemy's own
def test_reading_error_and_prediction_are_logged_for_every_epoch(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), "runs.db"])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    printed = dict(line.split() for line in capsys.readouterr().out.splitlines())
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/runs.db")
    (run,) = client.search_runs(["0"])
    for name in ("beta_eff", "beta_eff_error", "beta_eff_prediction", "val_accuracy"):
        values = [metric.value for metric in client.get_metric_history(run.info.run_id, name)]
        assert len(values) == 5
        assert printed[name] == f"{values[-1]:.3f}"
