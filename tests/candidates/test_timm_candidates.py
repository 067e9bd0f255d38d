"""timm's networks by name, on Keras' torch backend; make torch runs these tests."""

import sys

import numpy as np
import pytest
from probes import BACKEND
from tiny import target
from torchvision_operators import import_timm

import ncap
from ncap import candidates
from ncap.testing.candidates import check_candidate

if BACKEND != "torch":
    pytest.skip("needs KERAS_BACKEND=torch", allow_module_level=True)

timm = import_timm()
torch = pytest.importorskip("torch")


def named(word):
    return candidates.resolve(word)[word]


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    """Nothing is downloaded, and nothing found that this machine happens to have."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NCAP_DATA", str(tmp_path))


@pytest.mark.parametrize(
    ("network", "size"),
    [
        ("resnet10t", 64),
        ("mobilenetv3_small_050", 64),
        ("test_efficientnet", None),
        ("test_vit", 32),
        ("test_convnext", 48),
    ],
)
def test_timm_candidates_keep_the_laws(network, size):
    candidate = named(f"timm:{network}:random")
    check_candidate(candidate if size is None else candidate.at_size(size))


def test_features_are_timms_own():
    body = named("timm:test_efficientnet:random").build()
    network = body.get_layer("torch").module
    settings = timm.get_pretrained_cfg("test_efficientnet")
    assert body.input_shape == (None, *settings.input_size[1:], settings.input_size[0])
    x = np.random.default_rng(0).integers(0, 256, (3, *body.input_shape[1:])).astype(np.float32)
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (settings.mean, settings.std))
    with torch.no_grad():
        network.eval()
        want = network.forward_head(network.forward_features((torch.tensor(x).permute(0, 3, 1, 2) / 255 - mean) / std))
    assert want.shape == (3, network.num_features)
    assert want.std() > 1e-6
    # float32 through two dozen layers
    np.testing.assert_allclose(body.predict(x, verbose=0), want.numpy(), rtol=1e-3, atol=1e-5 * want.abs().max())


def test_a_rank_over_timm_names(tmp_path):
    names = ["timm:test_efficientnet:random", "timm:test_vit:random"]
    options = {"epochs": 4, "runs": 1, "hidden": (8, 6), "out": None, "progress": False}
    ranking = ncap.rank(",".join(names), target(), store=tmp_path / "runs.db", size=32, **options)
    assert sorted(ranking.table["candidate"]) == names
    assert "failed" not in set(ranking.table["status"])


def test_weights_that_are_placed_are_loaded(tmp_path):
    from safetensors.torch import save_file

    full = timm.create_model("test_efficientnet", pretrained=False)
    (tmp_path / "timm").mkdir()
    tag = timm.get_pretrained_cfg("test_efficientnet").tag
    save_file(full.state_dict(), tmp_path / "timm" / f"test_efficientnet.{tag}.safetensors")
    candidate = named("timm:test_efficientnet")
    assert candidate.weights() == "at hand"
    body = candidate.build()
    state = full.state_dict()
    for name, value in body.get_layer("torch").module.state_dict().items():
        assert torch.equal(value, state[name])
    random = candidate.untrained().build()
    assert any(not np.array_equal(one, two) for one, two in zip(body.get_weights(), random.get_weights(), strict=True))


def test_weights_that_are_not_there_are_named(tmp_path):
    candidate = named("timm:resnet10t")
    assert candidate.weights() == ""
    with pytest.raises(ValueError, match=r"no weights could be loaded from timm/resnet10t.c3_in1k; place") as raised:
        candidate.build()
    assert f"at {tmp_path}/timm/resnet10t.c3_in1k.safetensors, or ask for 'timm:resnet10t:random' (" in str(
        raised.value
    )


def test_damaged_weights_are_named(tmp_path):
    (tmp_path / "timm").mkdir()
    (tmp_path / "timm" / "resnet10t.c3_in1k.safetensors").write_bytes(b"no tensors")
    with pytest.raises(
        ValueError, match=r"no weights could be loaded from .*/timm/resnet10t.c3_in1k.safetensors; .* \(\w+: "
    ):
        named("timm:resnet10t").build()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("timm:resnet81", "unknown candidate 'timm:resnet81'; did you mean 'resnet"),
        ("timm:resnet10t.nonsense", "unknown candidate 'timm:resnet10t.nonsense'"),
        ("timm:", "unknown candidate 'timm:'"),
    ],
)
def test_unknown_names(word, message):
    with pytest.raises(ValueError, match=message):
        named(word).build()


def test_without_timm_the_remedy_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match=r"'timm:resnet10t:random': timm cannot be imported; pip install timm"):
        named("timm:resnet10t:random").build()


def test_a_size_that_a_network_does_not_take_is_refused():
    with pytest.raises(ValueError, match="'timm:test_vit:random'"):
        named("timm:test_vit:random").at_size(7).build()
