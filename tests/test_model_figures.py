"""Figures 1 and 5, which look into models: what they choose and show, refusals, the same bytes twice."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from narrow import narrow_resnets
from pictures import whole
from synthetic import CROP, RECIPES, write_database
from untrained import LATENTS, recipe_of, write_faces, write_run

from infusenet import magnifier
from infusenet.config.stage_recipes import SHIPPED_WEIGHTS
from infusenet.errors import InputError
from infusenet.report import figure1, figure5, figure_inputs
from infusenet.report.figure5 import SYSTEMS, Sample
from infusenet.training import folds, trained_run

DATABASES = ("alpha", "beta")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two databases and narrow networks that held them out; networks are narrow until the last test."""
    root = tmp_path_factory.mktemp("pictures")
    with narrow_resnets():
        for database in DATABASES:
            write_database(root, database, recipes=RECIPES | {"latents": LATENTS})
            write_faces(root, database)
            for method in SYSTEMS.values():
                write_run(root, method, database)
        yield root


def arguments(root, *methods):
    paths = [path for method in methods for path in sorted(root.glob(f"results/{method}/*/seed*"))]
    return paths, root / "cache", root / "manifests"


def test_figure5_shows_the_best_true_positives(root, tmp_path, shown):
    paths, *rest = arguments(root, *SYSTEMS.values())
    for name in ("a.png", "b.png"):
        figure5.figure5(paths, *rest, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    whole(tmp_path / "a.png")
    assert {"AU4", "AU12", "alpha s1/c5\nAU12 labelled", "beta s2/c2\nAU4 labelled"} <= set(shown[0])
    titles = [text for text in shown[0] if "probability" in text]
    assert [title.split(",")[0] for title in titles] == [*SYSTEMS] * 2
    assert all("probability 0.95" in title for title in titles)
    assert any(
        "true positives that InfuseNet scores highest, at most 6 of 12 AUs" in text for text in shown[0]
    )


def test_figure5_shows_chosen_clips(root, tmp_path, shown):
    chosen = ["beta/s0/c0:AU1", "alpha/s1/c1:AU17", "beta/s0/c0:AU9"]
    figure5.figure5(*arguments(root, *SYSTEMS.values()), tmp_path / "a.png", chosen)
    assert [text for text in shown[0] if text.startswith("AU")] == ["AU1", "AU17", "AU9"]
    assert sum("probability 0.27" in text for text in shown[0]) == 9
    assert any("Rows: chosen clips" in text for text in shown[0])


def test_figure5_refuses(root, tmp_path):
    paths, *rest = arguments(root, *SYSTEMS.values())

    def draw(*chosen, paths=paths):
        figure5.figure5(paths, *rest, tmp_path / "a.png", chosen)

    for text in ("alpha/s1/c1:AU3", "alpha/s1/c1", "alpha/c1:AU1", "gamma/s1/c1:AU1"):
        with pytest.raises(InputError, match="expected DATABASE/SUBJECT/CLIP"):
            draw(text)
    with pytest.raises(InputError, match="no clip s0/c99"):
        draw("alpha/s0/c99:AU1")
    with pytest.raises(InputError, match="7 samples .* at most 6"):
        draw(*["alpha/s1/c1:AU1"] * 7)
    with pytest.raises(InputError, match="resnet18_mag: no run holds out beta"):
        draw(paths=[path for path in paths if path.parts[-3:-1] != ("resnet18_mag", "beta")])
    with pytest.raises(InputError, match="no run of infusenet_resnet18"):
        draw(paths=[path for path in paths if "infusenet" not in str(path)])
    assert not list(tmp_path.iterdir())


def test_at_most_six_true_positives_in_au_order(monkeypatch):
    """Of twelve AUs those scored highest, each by its best labelled clip, over all databases."""
    labels, score = np.ones((3, 12), int), np.zeros((3, 12))
    score[1] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -1]
    score[2], labels[2] = 99, 0
    clips = tuple(f"alpha/s/c{n}" for n in range(3))
    monkeypatch.setattr(
        figure5, "read_run", lambda run: SimpleNamespace(score=score, labels=labels, clips=clips)
    )
    assert figure5.best_true_positives({"alpha": None}) == [
        Sample(n, "alpha", "s/c1") for n in (7, 9, 10, 12, 14, 15)
    ]
    score[1] = 0
    with pytest.raises(InputError, match="finds no AU"):
        figure5.best_true_positives({"alpha": None})


def test_of_several_seeds_the_least_common_one(root, tmp_path):
    found = [
        write_run(tmp_path, "resnet18_flow", name, seed)
        for name, seed in (("alpha", 2), ("alpha", 1), ("beta", 2))
    ]
    assert figure_inputs.by_database(found, "resnet18_flow") == {"alpha": found[0], "beta": found[2]}
    with pytest.raises(InputError, match="no seed was trained for all of alpha, beta"):
        figure_inputs.by_database(found[1:], "resnet18_flow")
    found.append(write_run(tmp_path, "resnet18_flow", "beta", 1))
    assert figure_inputs.by_database(found, "resnet18_flow") == {"alpha": found[1], "beta": found[3]}


def test_figure1_shows_the_clip_that_moves_most(root, tmp_path, shown):
    by_name = figure_inputs.by_database(*arguments(root, "infusenet_resnet18")[:1], "infusenet_resnet18")
    database, clip = figure1.moving_most(by_name, root / "cache", root / "manifests")
    medians = {}
    for name in DATABASES:
        opened = folds.open_database(
            name, root / "cache", root / "manifests", recipe_of("infusenet_resnet18")
        )
        y, x = np.mgrid[:CROP, :CROP]
        inside = np.hypot(x - CROP / 2, y - CROP / 2) < CROP / 3 - 0.5
        for each in opened.clips:
            x, y = opened.stores["flow"].read("flow", each.key, slice(0, 2)).astype(np.float32)
            medians[name, each.key] = np.median(np.sqrt(x**2 + y**2)[inside])
    assert (database, clip) == max(medians, key=medians.get)
    for name in ("a.png", "b.png"):
        figure1.figure1(*arguments(root, "infusenet_resnet18"), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    whole(tmp_path / "a.png")
    assert any(
        f"{database} {clip} (the clip that moves most), AU" in text and "(not CD6ME)" in text
        for text in shown[0]
    )
    assert {"mask 1, 64×8×8", "mask 4, 128×1×1", "decoded, magnified ×20"} <= set(shown[0])


def test_figure1_refuses_another_magnifier_and_unknown_clips(root, tmp_path):
    given = *arguments(root, "infusenet_resnet18"), tmp_path / "a.png"
    with pytest.raises(InputError, match="is not the magnifier of alpha's latents"):
        figure1.figure1(*given, "alpha/s0/c0", weights=SHIPPED_WEIGHTS.with_suffix(".json"))
    with pytest.raises(InputError, match="no scored clip 's9/c0'"):
        figure1.figure1(*given, "alpha/s9/c0")


def test_masks_are_the_minmax_of_the_flow_s_maps(root):
    paths, *rest = arguments(root, "infusenet_resnet18")
    run = trained_run.restore(paths[0], *rest)
    inputs = run.inputs("s0/c0")
    found = figure1.masks(run.model, inputs)
    network = run.model.frame_flow
    with torch.inference_mode():
        maps = network.maxpool(network.relu(network.bn1(network.conv1(inputs["flow"][None]))))
        for place, layer in zip(
            found, (network.layer1, network.layer2, network.layer3, network.layer4), strict=True
        ):
            maps = layer(maps)
            low, high = maps.min(), maps.max()
            np.testing.assert_allclose(found[place], ((maps - low) / (high - low))[0], atol=1e-5)


def test_magnified_frames_of_a_still_clip_are_all_alike():
    rng = np.random.default_rng(0)
    # A lens: white noise, which no camera delivers, moves by half a period of its finest detail.
    onset = cv2.GaussianBlur(rng.integers(0, 256, (32, 32, 3), np.uint8), (0, 0), 1)
    model = magnifier.load()
    still = figure1.magnify(model, onset, onset, "none")
    assert list(still) == [2, 5, 10, 20]
    assert all(image.dtype == np.float32 and image.shape == (32, 32, 3) for image in still.values())
    assert all((image == still[2]).all() for image in still.values())
    moved = figure1.magnify(model, onset, np.roll(onset, 1, 1), "none")
    changes = [np.abs(image - still[2]).mean() for image in moved.values()]
    assert changes == sorted(changes)
    assert changes[0] < changes[-1]
