"""The magnifier's bench: known motion, known answers, one command for all checkpoints."""

import csv
import json

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open

from infusenet import cli
from infusenet.config.stage_recipes import SHIPPED_WEIGHTS
from infusenet.experiments import magnifier_bench
from infusenet.experiments.magnifier_bench import known_motion, measures, picture
from infusenet.magnifier import Magnifier, load, quality

torch.set_num_threads(1)

# The weights released with InfuseNet (generator_212000.pth), on the same bench in the same run.
RELEASED_SSIM = {"0.05 px": 0.9514, "0.1 px": 0.9494, "0.25 px": 0.9392, "0.5 px": 0.9266}
RELEASED_ENERGY = {"0.25 px": 1.766, "0.5 px": 4.134, "1.0 px": 13.39}
RELEASED_LIGHT = 0.1918


class Perfect:
    """Stands for a `Pair` of a magnifier that displaces exactly: it is told what moves."""

    def __init__(self, material, gain=1.0):
        self.material, self.gain = material, gain

    def __call__(self, model, a, b):
        # Onset, and the two displacements that `few` leaves.
        self.d = min((0, 0.05, 0.5), key=lambda d: np.abs(self.material.frame(d) - b).max())
        return self

    def decoded(self, factor):
        return self.material.frame(self.gain * factor * self.d) + 1e-6


@pytest.fixture
def disc():
    """A textured scene shifted along x."""
    noise = np.random.default_rng(0).standard_normal((quality.SIZE, quality.SIZE, 3))
    image = 0.5 + 2 * cv2.GaussianBlur(noise, (0, 0), 5)
    field = np.broadcast_to(np.array([1.0, 0.0]), (quality.SIZE, quality.SIZE, 2))
    return known_motion.Material(known_motion.MOVING, "disc", quality.Continuous(np.clip(image, 0, 1)), field)


@pytest.fixture
def few(monkeypatch):
    for module in (measures, picture):
        monkeypatch.setattr(module, "DISPLACEMENTS", (0.05, 0.5), raising=False)
    monkeypatch.setattr(measures, "FACTORS", (2, 10))
    monkeypatch.setattr(measures, "SUBPIXEL", (0.5,))
    monkeypatch.setattr(measures, "LEVELS", (1.0,))


@pytest.mark.parametrize("gain", [1.0, 0.7])
def test_gain_and_linearity_are_read_as_they_are(disc, few, monkeypatch, gain):
    monkeypatch.setattr(measures, "Pair", Perfect(disc, gain))
    found = {figure[1:3]: figure.value for figure in measures.gains(None, [disc])}
    for d in ("0.05 px", "0.5 px"):
        for factor in (2, 10):
            assert found[d, f"factor {factor}"] == pytest.approx(gain * factor, rel=0.01)
    assert found[known_motion.MOVING, "slope"] == pytest.approx(gain, rel=0.01)
    assert found[known_motion.MOVING, "R2"] == pytest.approx(1, abs=1e-3)


def test_a_perfect_frame_has_ssim_one_and_a_still_one_less(disc, few, monkeypatch):
    monkeypatch.setattr(measures, "NOISE", (0,))
    monkeypatch.setattr(measures, "Pair", Perfect(disc))
    found = {figure[:3]: figure.value for figure in measures.frames(None, [disc])}
    section = f"SSIM, {known_motion.MOVING}"
    assert found[section, "0.5 px", "magnified, noise 0"] == pytest.approx(1)
    assert found[section, "0.5 px", "as it is, noise 0"] < 0.9
    rows = {figure[:3]: figure.value for figure in measures.protocol(None, [disc])}
    assert rows["Sub-pixel protocol", "0.500 px", "magnified"] == pytest.approx(1)
    assert rows["Sub-pixel protocol", "0.500 px", "as it is"] < 0.9


def test_latents_of_the_shipped_model():
    """More light and more noise are more response; identical frames have exactly none."""
    (material,) = [m for m in known_motion.moving() if m.name == "face 1"]
    model = load()
    found = {figure[:3]: figure.value for figure in measures.latents(model, [material])}
    assert found["Without motion, px", "identical frames", "response"] == 0
    assert (
        found["Without motion, px", "light +10%", "response"]
        > found["Without motion, px", "light +2%", "response"]
    )
    assert found["Without motion, px", "noise 2", "response"] == pytest.approx(
        2 * found["Without motion, px", "noise 1", "response"], rel=0.1
    )
    clean, filmed = (found["Energy inside / outside", "0.5 px", c] for c in ("clean", "filmed"))
    assert clean > filmed > 1
    assert 0 < found["Correlation with motion", "0.5 px", "filmed"] < 1


def test_faces_move_where_their_action_units_pull_and_by_a_pixel():
    for material in known_motion.stand_ins():
        assert material.length.max() == pytest.approx(1, abs=1e-6)
        assert material.frame().shape == (quality.SIZE, quality.SIZE, 3)
    moving = known_motion.moving()
    assert all(0.005 < (m.length > measures.INSIDE).mean() < 0.5 for m in moving)
    smile = moving[0].length  # AU12: the mouth's corners, in the lower half of the face
    assert np.average(np.mgrid[:224, :224][0], weights=smile) > 120


def test_the_command_measures_all_checkpoints_and_the_shipped_one(tmp_path, few, monkeypatch, capsys):
    first = known_motion.moving()[:1]
    monkeypatch.setattr(known_motion, "stand_ins", lambda: first)
    monkeypatch.setattr(known_motion, "scenes", lambda: [])
    monkeypatch.setattr(measures, "protocol", lambda *_: [])
    others = [
        measures.Figure(f"{kind}, {group}", f"{d} px", column, 1.0)
        for kind, column in (("Gain", "factor 10"), ("SSIM", "magnified, noise 0"))
        for group in ("whole faces", "scenes")
        for d in (0.05, 0.5)
    ]
    frames = measures.frames
    monkeypatch.setattr(measures, "frames", lambda *given: frames(*given) + others)
    path = tmp_path / "other.pth"
    weights = Magnifier().state_dict()
    torch.save({f"module.{name}": tensor for name, tensor in weights.items()}, path)
    monkeypatch.chdir(tmp_path)
    cli.main(["magnifier", "evaluate", "--weights", str(path), str(SHIPPED_WEIGHTS), "--device", "cpu"])
    out = tmp_path / "results/magnifier"
    page = capsys.readouterr().out
    assert page.startswith("# Magnifiers: other / shipped\n")
    assert page == (out / "magnifier.md").read_text()
    rows = list(csv.DictReader((out / "magnifier.csv").read_text().splitlines()))
    assert {row["checkpoint"] for row in rows} == {"other", "shipped"}
    value = {(r["checkpoint"], r["section"], r["row"], r["column"]): float(r["value"]) for r in rows}
    gain = ("In short", f"Gain, {known_motion.MOVING}, factor 10, 0.05 px to 0.5 px", "highest")
    assert value["shipped", *gain] > 8
    drawn = cv2.imread(str(out / "magnifier.png"))
    assert drawn is not None
    assert drawn.std() > 10


def test_the_shipped_weights_do_what_was_asked_of_them():
    """Their record, which `infusenet magnifier train` measured with the weights it wrote."""
    record = json.loads(SHIPPED_WEIGHTS.with_suffix(".json").read_text())
    with safe_open(SHIPPED_WEIGHTS, "pt") as file:
        assert json.loads(file.metadata()["record"]) == record
    found = record["bench"]
    gains, ssim = found[f"Gain, {known_motion.MOVING}"], found[f"SSIM, {known_motion.MOVING}"]
    for d, released in RELEASED_SSIM.items():
        assert 9 <= gains[d]["factor 10"] <= 11
        assert ssim[d]["magnified, noise 0"] >= released
    for d, released in RELEASED_ENERGY.items():
        assert found["Energy inside / outside"][d]["filmed"] >= 1.5 * released
    assert found["Without motion, px"]["light +5%"]["response"] <= RELEASED_LIGHT / 2
    assert found["Without motion, px"]["identical frames"]["response"] == 0


def test_the_record_is_of_the_shipped_weights():
    """What can be measured again in seconds comes out the same."""
    record = json.loads(SHIPPED_WEIGHTS.with_suffix(".json").read_text())
    again = magnifier_bench.nested(measures.latents(load(), known_motion.moving()))
    for section in ("Energy inside / outside", "Without motion, px"):
        for row, cells in again[section].items():
            assert cells == pytest.approx(record["bench"][section][row], rel=0.02), row
