"""PyTorch modules as candidates, on Keras' torch backend; make torch runs these tests."""

import numpy as np
import pytest
from probes import BACKEND
from tiny import target, without_times

import ncap
from ncap import candidates
from ncap.job import Job
from ncap.testing.candidates import check_candidate
from ncap.training.fingerprint import body_fingerprint
from ncap.training.tick import Start

if BACKEND != "torch":
    pytest.skip("needs KERAS_BACKEND=torch", allow_module_level=True)

torch = pytest.importorskip("torch")
nn = torch.nn

from ncap.training.run import train  # noqa: E402  imports Keras

GREY = {"mean": 0.5, "std": 0.25, "channels": 1}


class Plain(nn.Module):
    """Convolutions and a dense head; the size of its images is fixed by a view."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, stride=2)
        self.hidden = nn.Linear(4 * 3 * 3, 6)
        self.classifier = nn.Linear(6, 10)

    def forward(self, x):
        x = torch.relu(self.conv(x))
        return self.classifier(torch.relu(self.hidden(x.view(len(x), -1))))


class Normed(nn.Module):
    """A batch norm and dropout, both with a state, on images of any size; maps out of `blocks`."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3))
        self.fc = nn.Sequential(nn.Dropout(0.2), nn.Linear(4, 10))

    def forward(self, x):
        return self.fc(self.blocks(x).mean((2, 3)))


def seeded(kind, seed=0):
    def make():
        torch.manual_seed(seed)
        return kind()

    return make


def plain():
    return candidates.from_torch("plain_torch", seeded(Plain), size=8, **GREY)


def normed(**options):
    return candidates.from_torch("normed", seeded(Normed), **GREY | options)


def pixels(n=5, side=8, channels=1):
    return np.random.default_rng(0).integers(0, 256, (n, side, side, channels)).astype(np.float32)


def module_of(body):
    return body.get_layer("torch").module


# the laws, and what it computes


@pytest.mark.parametrize(
    "candidate",
    [
        plain(),
        normed(),
        normed(features="blocks"),
        candidates.from_torch("copied", seeded(Normed)(), **GREY),
        candidates.from_torch("rectangular", seeded(Normed), size=(12, 20), **GREY),
    ],
    ids=lambda one: one.name + str(one.features or ""),
)
def test_torch_candidates_keep_the_laws(candidate):
    check_candidate(candidate)


@pytest.mark.parametrize("made", ["net", "said"])
def test_a_function_may_return_a_module_or_say_how_it_is_read(tmp_path, monkeypatch, made):
    """As the command line names it, "mine:net": no Keras of the user's own is needed."""
    (tmp_path / f"module_of_{made}.py").write_text(
        "import torch\nfrom ncap import candidates\n"
        "def net():\n    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())\n"
        "def said():\n    return candidates.from_torch('inner', net, mean=0.5, std=0.25)\n"
    )
    monkeypatch.chdir(tmp_path)
    [candidate] = candidates.resolve(f"module_of_{made}:{made}").values()
    if made == "net":
        with pytest.warns(UserWarning, match="does not say how its images are normalised"):
            body = candidate.build()
    else:
        body = candidate.build()
    x = pixels()
    scaled = (
        (torch.as_tensor(x).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
        if made == "said"
        else torch.as_tensor(x).permute(0, 3, 1, 2) / 255
    )
    with torch.no_grad():
        expected = module_of(body)(scaled).numpy()
    np.testing.assert_allclose(body.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_features_are_the_modules_own():
    x = pixels()
    module = seeded(Normed)().eval()
    with torch.no_grad():
        maps = module.blocks((torch.as_tensor(x).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25).numpy()
    assert maps.std() > 0.1
    # rounding of the normalisation, once, in float32
    np.testing.assert_allclose(normed().build().predict(x, verbose=0), maps.mean((2, 3)), rtol=1e-5, atol=1e-6)
    body = normed(features="blocks").build()
    assert body.output_shape == (None, None, None, 4)
    np.testing.assert_allclose(body.predict(x, verbose=0), maps.transpose(0, 2, 3, 1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("features", [None, "blocks.0"])
def test_a_module_in_float64_computes_in_it(features):
    candidate = candidates.from_torch("double", lambda: seeded(Normed)().double(), features=features, **GREY)
    check_candidate(candidate)
    body, single = candidate.build(), normed(features=features).build()
    assert {str(weight.dtype) for weight in body.trainable_weights} == {"float64"}
    assert body.count_params() == single.count_params()
    x = pixels()
    np.testing.assert_allclose(body.predict(x, verbose=0), single.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    fitted(body)


def test_normalisation_is_per_channel():
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    body = candidates.from_torch("colour", lambda: nn.Flatten(), size=4, mean=mean, std=std).build()
    x = pixels(side=4, channels=3)
    want = ((x / 255 - mean) / std).transpose(0, 3, 1, 2).reshape(len(x), -1)
    np.testing.assert_allclose(body.predict(x, verbose=0), want, rtol=1e-5, atol=1e-6)


def test_a_module_is_copied_and_stays_as_it_is():
    module = seeded(Normed)()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    body = candidates.from_torch("copied", module, **GREY).build()
    body.set_weights([weight + 1 for weight in body.get_weights()])
    assert isinstance(module.fc[1], nn.Linear)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])


# training mode and state


def compiled(body, rate=0.01):
    model = ncap.attach_probe(body, 3, hidden=(5, 4), seed=1)
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd")
    return model


def fitted(body):
    # the mean loss of logits says nothing, but moves weights and statistics
    compiled(body).fit(pixels(12), np.arange(12) % 3, epochs=1, batch_size=6, verbose=0)


def test_statistics_move_in_fit_and_nowhere_else():
    body = normed().build()
    norm = module_of(body).blocks[1]
    start = norm.running_mean.clone(), norm.running_var.clone()
    body.predict(pixels(), verbose=0)
    body(pixels())
    compiled(body).evaluate(pixels(6), np.arange(6) % 3, verbose=0)
    assert torch.equal(norm.running_mean, start[0])
    assert norm.num_batches_tracked == 0
    fitted(body)
    assert not torch.equal(norm.running_mean, start[0])
    assert not torch.equal(norm.running_var, start[1])
    assert norm.num_batches_tracked == 2


def test_dropout_is_on_in_training_alone():
    body = normed().build()
    x = pixels()
    quiet = body.predict(x, verbose=0)
    np.testing.assert_array_equal(quiet, body.predict(x, verbose=0))
    first, second = (body(x, training=True).detach().numpy() for _ in range(2))
    assert not np.array_equal(first, second)


def test_a_norm_that_the_user_put_in_evaluation_stays_in_it():
    def frozen():
        module = seeded(Normed)()
        module.blocks[1].eval()
        module.blocks[1].requires_grad_(False)
        return module

    body = candidates.from_torch("frozen", frozen, **GREY).build()
    assert len(body.trainable_variables) == 2
    fitted(body)
    assert torch.equal(module_of(body).blocks[1].running_mean, torch.zeros(4))
    assert module_of(body).blocks[3].training


def test_pytorchs_own_generator_is_left_alone_and_not_drawn_from():
    body, other = normed().build(), normed().build()
    torch.manual_seed(5)
    state = torch.get_rng_state()
    drawn = body(pixels(), training=True).detach().numpy()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    np.testing.assert_array_equal(other(pixels(), training=True).detach().numpy(), drawn)


def test_all_of_the_state_is_in_the_weights():
    body, other = normed().build(), normed().build()
    fitted(body)
    other.set_weights(body.get_weights())
    theirs = module_of(other).state_dict()
    assert "blocks.1.num_batches_tracked" in theirs
    for name, value in module_of(body).state_dict().items():
        assert torch.equal(value, theirs[name])
    np.testing.assert_array_equal(body.predict(pixels(), verbose=0), other.predict(pixels(), verbose=0))


class Counting(nn.Module):
    """Binds a new tensor to its buffer in every step of training, where PyTorch's own norms change theirs in place."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.register_buffer("seen", torch.zeros(4))

    def forward(self, x):
        x = self.conv(x).mean((2, 3))
        if self.training:
            self.seen = self.seen + x.detach().mean(0)
        return x + self.seen


def test_a_buffer_that_is_replaced_is_followed():
    body = candidates.from_torch("counting", seeded(Counting), **GREY).build()
    fitted(body)
    (variable,) = (one for one in body.get_layer("torch").non_trainable_weights)
    assert abs(np.asarray(variable)).max() > 0
    np.testing.assert_array_equal(np.asarray(variable), module_of(body).seen.numpy())
    body.set_weights([weight * 0 for weight in body.get_weights()])
    assert torch.equal(module_of(body).seen, torch.zeros(4))


JOB = Job(epochs=3, hidden=(8, 6), frozen=False, ticks_per_epoch=2, batch_size=16)


@pytest.mark.parametrize("stop", [1, 2, 5])
def test_a_resumed_run_equals_an_undisturbed_one(stop):
    """Stopped inside an epoch and between two."""
    digits, candidate = target(), normed()
    whole = list(train(JOB, candidate, digits))
    began = list(train(JOB, candidate, digits))[:stop]
    torch.manual_seed(99)  # another process has drawn something else
    resumed = list(train(JOB, candidate, digits, start=Start(last=began[-1], body=began[-1].state.body, done=stop)))
    assert [tick.number for tick in resumed] == list(range(stop, 7))
    for ours, theirs in zip(resumed[1:], whole[stop:], strict=True):
        assert known(ours) == known(theirs)
        for one, other in zip(ours.state.weights, theirs.state.weights, strict=True):
            np.testing.assert_array_equal(one, other)


def known(tick):
    return {name: value for name, value in tick.observation.items() if name != "seconds_train"}


def test_a_job_goes_on_for_more_epochs(tmp_path):
    options = {"out": None, "progress": False, "hidden": (8, 6), "runs": 1}
    ncap.rank(normed(), target(), store=tmp_path / "two.db", epochs=4, **options)
    resumed = ncap.rank(normed(), target(), store=tmp_path / "two.db", epochs=6, **options)
    whole = ncap.rank(normed(), target(), store=tmp_path / "one.db", epochs=6, **options)
    assert without_times(resumed.table).equals(without_times(whole.table))
    assert resumed.table["epochs"].tolist() == [6]


def test_images_of_another_size():
    assert plain().input_shape == (8, 8, 1)
    assert normed().at_size(20).build().input_shape == (None, 20, 20, 1)
    assert normed().input_shape is None
    with pytest.raises(
        ValueError, match=r"'plain_torch': the module does not take an image of 9 x 9 x 1; pass size=.*\(RuntimeError: "
    ):
        plain().at_size(20).at_size(9).build()


# fingerprints


def fingerprint(module):
    return body_fingerprint(candidates.from_torch("any", module, features="", **GREY | {"channels": 1}).build())


def of_class(factor=1.0, power=2, table=(1.0, 2.0)):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)
            self.factor = factor
            self.register_buffer("table", torch.tensor(table), persistent=False)

        def forward(self, x):
            return self.factor * self.table * self.conv(x).mean((2, 3)) ** power

    torch.manual_seed(0)
    return Own()


class Squaring(nn.ReLU):
    def forward(self, x):
        return x * x


def altered(change):
    module = seeded(Normed)()
    change(module)
    return module


def test_fingerprints_tell_modules_apart():
    made = {
        "first": fingerprint(of_class()),
        "attribute": fingerprint(of_class(factor=2.0)),
        "code": fingerprint(of_class(power=3)),
        "constant buffer": fingerprint(of_class(table=(1.0, 3.0))),
        "normed": fingerprint(seeded(Normed)()),
        "weights": fingerprint(seeded(Normed, 1)()),
        "statistics": fingerprint(altered(lambda module: module.blocks[1].running_mean.add_(1))),
        "rate": fingerprint(altered(lambda module: setattr(module.blocks[3], "p", 0.4))),
        "layer": fingerprint(altered(lambda module: setattr(module.blocks, "2", Squaring()))),
        "hook": fingerprint(altered(lambda module: module.register_forward_hook(lambda _one, _x, y: y + 1))),
    }
    assert len(set(made.values())) == len(made)
    assert fingerprint(of_class()) == made["first"]
    assert fingerprint(seeded(Normed)()) == made["normed"]


def test_fingerprints_see_where_features_are_taken():
    makes = [normed(features=name).build() for name in ("blocks", "blocks.1", "blocks.2")]
    assert len({body_fingerprint(body) for body in makes}) == 3


# heads


class Named(nn.Module):
    """A network with its last layers under a given name."""

    def __init__(self, **layers):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.last = list(layers)

    def forward(self, x):
        x = self.conv(x).mean((2, 3))
        for name in self.last:
            x = getattr(self, name)(x)
        return x


@pytest.mark.parametrize(
    ("layers", "features"),
    [
        ({"fc": nn.Linear(4, 10)}, 4),
        ({"head": nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 10), nn.Softmax(1))}, 4),
        ({"classifier": nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Dropout(0.5), nn.Linear(7, 10))}, 7),
        ({"fc": nn.Identity()}, 4),
        ({"reduce": nn.Linear(4, 6), "act": nn.ReLU()}, 6),
    ],
    ids=["dense", "norm and softmax", "two dense", "gone already", "no head"],
)
def test_a_head_is_left_out_where_it_is_clear(layers, features):
    body = candidates.from_torch("named", lambda: Named(**layers), **GREY).build()
    assert body.output_shape == (None, features)
    assert body.predict(pixels(), verbose=0).shape == (5, features)


@pytest.mark.parametrize(
    ("layers", "seen"),
    [
        ({"output": nn.Linear(4, 10)}, r"its last layer, Linear\(in_features=4, .*,"),
        ({"act": nn.Linear(4, 3), "out": nn.Softmax(1)}, r"its last layer, Softmax\(dim=1\),"),
        ({"fc": nn.Linear(4, 7), "head": nn.Linear(7, 10)}, "its fc and head"),
        ({"fc": nn.Sequential(nn.Linear(4, 10), nn.BatchNorm1d(10))}, "its fc"),
    ],
    ids=["another name", "softmax", "two", "norm behind it"],
)
def test_what_may_be_a_head_is_refused(layers, seen):
    names = ", ".join(["conv", *layers])
    with pytest.raises(ValueError, match=rf"'named': {seen} may be a head.* pass features='NAME' .*one of {names} or"):
        candidates.from_torch("named", lambda: Named(**layers), **GREY).build()
    body = candidates.from_torch("named", lambda: Named(**layers), features="conv", **GREY).build()
    assert body.count_params() == 40
    own = candidates.from_torch("named", lambda: Named(**layers), features="", **GREY).build()
    assert own.count_params() == sum(one.numel() for one in Named(**layers).state_dict().values())


def test_what_comes_after_the_features_is_left_out():
    body = normed(features="blocks.0").build()
    assert body.count_params() == 40
    check_candidate(normed(features="blocks.0"))


class Functional(nn.Module):
    """The dense layer beside the features is used without being called."""

    def __init__(self):
        super().__init__()
        self.scale, self.body = nn.Linear(1, 1), nn.Conv2d(1, 4, 3)

    def forward(self, x):
        return self.body(x * self.scale.weight[0, 0])


def test_a_layer_that_is_used_without_being_called_stays():
    body = candidates.from_torch("functional", seeded(Functional), features="body", **GREY).build()
    assert body.count_params() == 42


# what is refused, and what is warned of


def tokens():
    return nn.Flatten(2)


@pytest.mark.parametrize(
    ("make", "options", "error", "message"),
    [
        (lambda: "network", {}, TypeError, "a function that returns a torch.nn.Module is needed, it returned str"),
        (tokens, {"size": 4}, ValueError, r"the module returns shape \(1, 1, 16\); features \(n, d\) or maps"),
        (
            lambda: nn.Flatten(),
            {},
            ValueError,
            "depends on the size of the images, 4096 at 64 and 9216 at 96; pass size=",
        ),
        (lambda: Plain(), {}, ValueError, r"does not take an image of 64 x 64 x 1; pass size="),
        (seeded(Normed), {"features": "block"}, ValueError, "no submodule 'block'; choose one of blocks, fc"),
        (seeded(Normed), {"channels": 3}, ValueError, r"does not take an image of 64 x 64 x 3; .*channels="),
        (seeded(Normed), {"mean": (0.1, 0.2)}, ValueError, "2 values for 1 channels"),
    ],
)
def test_modules_that_are_no_bodies(make, options, error, message):
    with pytest.raises(error, match=message):
        candidates.from_torch("wrong", make, **GREY | options).build()


def test_channels_are_those_of_the_first_convolution():
    body = candidates.from_torch("normed", seeded(Normed), mean=0.5, std=0.5).build()
    assert body.input_shape == (None, None, None, 1)


def test_a_module_that_names_no_normalisation_is_warned_of():
    candidate = candidates.from_torch("normed", seeded(Normed))
    with pytest.warns(UserWarning, match=r"'normed': the module does not say how its images are normalised"):
        body = candidate.build()
    other = candidates.from_torch("normed", seeded(Normed), mean=0, std=1).build()
    np.testing.assert_array_equal(body.predict(pixels(), verbose=0), other.predict(pixels(), verbose=0))


class Configured(Normed):
    """What timm's networks say of themselves."""

    def __init__(self):
        super().__init__()
        self.default_cfg = {"input_size": (1, 12, 12), "mean": (0.5,), "std": (0.25,)}


def test_the_modules_own_configuration_is_used_and_a_contradiction_warned_of():
    body = candidates.from_torch("configured", seeded(Configured)).build()
    assert body.input_shape == (None, 12, 12, 1)
    x = pixels(side=12)
    np.testing.assert_array_equal(body.predict(x, verbose=0), normed(size=12).build().predict(x, verbose=0))
    with pytest.warns(
        UserWarning, match=r"std=\(0.5,\) are used; the module's own configuration says mean=\(0.5,\), std=\(0.25,\)"
    ):
        candidates.from_torch("configured", seeded(Configured), mean=0.5, std=0.5).build()
