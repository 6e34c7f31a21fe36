"""Initial weights: of a file, of torchvision, of timm; refusals.

ResNets are narrow where no file of torchvision itself is read: names, digests and shapes are held to each other alike.
"""

import shutil
from pathlib import Path
from urllib.error import URLError

import huggingface_hub
import pytest
import timm
import torch
from model_inputs import build
from narrow import narrow_resnets
from safetensors.torch import save_file
from torchvision.models import get_weight, resnet18

from infusenet.doctor import software
from infusenet.errors import InputError
from infusenet.hashing import file_digest
from infusenet.models import resnet
from infusenet.models.weights import TorchvisionWeights


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_of_a_file_start_both_networks(tmp_path, suffix):
    torch.manual_seed(5)
    state, path = resnet18().state_dict(), tmp_path / f"resnet18{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state, path)
    model = build(weights=str(path))
    for network, skipped in ((model.frame_flow, ()), (model.frame_mag, ("conv1", "bn1"))):
        loaded = network.state_dict()
        for name, value in state.items():
            if name.split(".")[0] not in ("fc", *skipped):
                assert torch.equal(loaded[name], value), name
    assert model.frame_mag.fc.out_features == 12


@pytest.mark.parametrize("depth", [18, 50])
def test_imagenet_weights_are_torchvision_s(depth):
    source = resnet.DEPTHS[depth][2]
    published = get_weight(str(source))
    assert (str(published), published.url) == (str(source), source.url)
    assert {weights.url.rpartition("/")[2] for weights in type(published)} == set(source.published)


def test_imagenet_weights_start_both_networks(monkeypatch):
    torch.manual_seed(6)
    state = resnet18().state_dict()
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: state)
    model = build(weights="imagenet")
    assert torch.equal(model.frame_flow.conv1.weight, state["conv1.weight"])
    assert torch.equal(model.frame_mag.layer1[0].conv1.weight, state["layer1.0.conv1.weight"])


def test_imagenet_without_a_network_says_what_to_do(monkeypatch, narrow_resnets):
    def offline(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    with pytest.raises(InputError, match="resnet18-f37072fd.pth could not be fetched.*weights: FILE"):
        build(weights="imagenet")


def test_six_channels_take_the_weights_of_three(tmp_path):
    state, path = resnet18().state_dict(), tmp_path / "resnet18.pth"
    old = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(old, path)
    loaded = build("infusenet_decoded", weights=str(path)).frame_mag.conv1.weight
    assert torch.equal(loaded, torch.cat([state["conv1.weight"]] * 2, 1) / 2)


def test_a_damaged_file_of_torch_is_refused(tmp_path, narrow_resnets):
    """One bit of a value: torch itself would load it."""
    path = tmp_path / "resnet18.pth"
    torch.save(resnet.Trunk().state_dict(), path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"resnet18\.pth: .*has another checksum than was written"):
        build(weights=str(path))


TIMM = {
    "resnet10": "resnet10t.c3_in1k",
    "vit_tiny_flow": "tiny_vit_5m_224.dist_in22k_ft_in1k",
    "infusenet_vit": "tiny_vit_5m_224.dist_in22k_ft_in1k",
}


@pytest.mark.parametrize(("model", "name"), TIMM.items())
def test_imagenet_weights_of_timm_without_a_network_say_what_to_do(model, name, monkeypatch):
    def create(asked, pretrained=False, create=timm.create_model, **arguments):
        if pretrained:
            raise OSError("no network")
        return create(asked, **arguments)

    monkeypatch.setattr(timm, "create_model", create)
    with pytest.raises(InputError, match=f"timm/{name}/.* could not be fetched .no network.*weights: FILE"):
        build(model, weights="imagenet")


@pytest.mark.parametrize(("model", "name"), TIMM.items())
def test_imagenet_weights_of_timm_are_loaded(model, name, monkeypatch):
    published = timm.create_model(name)

    def create(asked, pretrained=False, create=timm.create_model, **arguments):
        return published if (asked, pretrained) == (name, True) else create(asked, **arguments)

    monkeypatch.setattr(timm, "create_model", create)
    network = build(model, weights="imagenet")
    network = network.frame_mag if model == "infusenet_vit" else network
    deep = "layer4.0.conv2.weight" if model == "resnet10" else "stages.3.blocks.1.mlp.fc2.weight"
    assert torch.equal(network.net.state_dict()[deep], published.state_dict()[deep])


def test_unfit_weights_are_refused(tmp_path, narrow_resnets):
    other, text = tmp_path / "other.pth", tmp_path / "text.pth"
    torch.save({"conv1.weight": torch.zeros(2, 2)}, other)
    text.write_text("not weights")
    with pytest.raises(InputError, match=r"not the weights of FrameFlow(.|\n)*missing layer4.1.bn2.bias"):
        build(weights=str(other))
    with pytest.raises(InputError, match="not a plain file of weights"):
        build(weights=str(text))
    with pytest.raises(InputError, match="no such file"):
        build(weights=str(tmp_path / "none.pth"))


@pytest.mark.parametrize(
    "text", ["", "hello", "<!doctype html>", "cos\nsystem\n(S'x'\ntR.", "\x80\x02h\x05."]
)
def test_a_file_of_any_other_bytes_is_refused_in_a_sentence(tmp_path, narrow_resnets, text):
    (tmp_path / "mine.pth").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="mine.pth: not a plain file of weights"):
        build(weights=str(tmp_path / "mine.pth"))


# --- caches ---


@pytest.fixture(scope="module")
def resnet18_file(tmp_path_factory):
    """A narrow ResNet18 of ours as torchvision publishes its own, and the sha256 of the file; read-only."""
    path = tmp_path_factory.mktemp("torchvision") / "resnet18.pth"
    torch.manual_seed(7)
    with narrow_resnets():
        others(path)
    return path, file_digest(path)


@pytest.fixture(scope="module")
def resnet10_file(tmp_path_factory):
    """A ResNet10 of ours as timm publishes its own, and the sha256 of the file; read-only."""
    path = tmp_path_factory.mktemp("timm") / "model.safetensors"
    torch.manual_seed(8)
    save_file(timm.create_model("resnet10t").state_dict(), path)
    return path, file_digest(path)


@pytest.fixture
def torchvision_s(resnet18_file, narrow_resnets, tmp_path, monkeypatch):
    """torchvision's cache with the file that it publishes: a ResNet18 of ours under a name of that pattern.

    ResNets are narrow while the test lasts.
    """
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    folder = tmp_path / "hub/checkpoints"
    folder.mkdir(parents=True)
    path, digest = resnet18_file
    name = f"resnet18-{digest[:8]}.pth"
    block, layers, _ = resnet.DEPTHS[18]
    monkeypatch.setitem(resnet.DEPTHS, 18, (block, layers, TorchvisionWeights("Published.V1", name)))
    return Path(shutil.copy(path, folder / name))


@pytest.fixture
def huggingface_s(resnet10_file, tmp_path, monkeypatch):
    """The hub's cache with timm's ResNet10: a link by name to a file that is named by its sha256."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    folder = tmp_path / "models--timm--resnet10t.c3_in1k"
    for name in ("refs", "blobs", "snapshots/1"):
        (folder / name).mkdir(parents=True)
    (folder / "refs/main").write_text("1")
    path, digest = resnet10_file
    blob = Path(shutil.copy(path, folder / "blobs" / digest))
    (folder / "snapshots/1/model.safetensors").symlink_to(blob)
    return blob


def half(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file):
    file.write_bytes(b"")


def page(file):
    file.write_text("\n<!DOCTYPE html><html>Access denied</html>")


def pointer(file):
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")


def others(file):
    torch.save(resnet.Trunk().state_dict(), file)


def folder(file):
    file.unlink()
    file.mkdir()


HARMS = {
    half: "a cut or damaged file",
    empty: "an empty file",
    page: "a web page",
    pointer: "a pointer of Git LFS",
    folder: "Is a directory",
}


def test_the_published_file_is_loaded_from_the_cache(torchvision_s):
    network = build("resnet18_flow", weights="imagenet")
    state = torch.load(torchvision_s, weights_only=True)
    assert torch.equal(network.conv1.weight, state["conv1.weight"])


@pytest.mark.parametrize(("harm", "content"), (HARMS | {others: "other weights"}).items())
def test_what_else_lies_under_torchvision_s_name_is_refused(torchvision_s, harm, content):
    harm(torchvision_s)
    with pytest.raises(InputError) as caught:
        build(weights="imagenet")
    text = str(caught.value)
    assert text.startswith(
        f"weights: {torchvision_s} is not https://download.pytorch.org/models/{torchvision_s.name} ({content}"
    )
    assert "delete it, put the published file in its place" in text
    assert "could not be fetched" not in text


def test_a_file_of_one_s_own_is_held_to_a_published_name_alone(torchvision_s, tmp_path):
    others(tmp_path / "mine-20240131.pth")
    assert build(weights=str(tmp_path / "mine-20240131.pth"))
    alike = shutil.copy(tmp_path / "mine-20240131.pth", tmp_path / torchvision_s.name)
    with pytest.raises(InputError, match="other weights.*or give weights of your own another name"):
        build(weights=str(alike))
    assert build(weights=shutil.copy(torchvision_s, tmp_path / torchvision_s.name))


def test_the_published_file_is_loaded_from_the_hub_s_cache(huggingface_s):
    network = build("resnet10", weights="imagenet")
    torch.manual_seed(8)
    published = timm.create_model("resnet10t").state_dict()
    assert torch.equal(network.net.conv1[0].weight, published["conv1.0.weight"])


# The hub itself takes a folder for a file that is not there yet.
@pytest.mark.parametrize(("harm", "content"), [pair for pair in HARMS.items() if pair[0] is not folder])
def test_what_else_lies_in_the_hub_s_cache_is_refused(huggingface_s, harm, content):
    harm(huggingface_s)
    with pytest.raises(InputError, match=f"weights: {huggingface_s} is not https://.*{content}.*delete it"):
        build("resnet10", weights="imagenet")


@pytest.mark.parametrize("harm", [half, empty, page, others])
def test_a_hub_s_cache_copied_without_its_links_has_no_digests(huggingface_s, narrow_resnets, harm):
    """Nothing names the right bytes then, but those that no network takes end in a sentence."""
    link = huggingface_s.parents[1] / "snapshots/1/model.safetensors"
    link.unlink()
    huggingface_s.rename(link)
    harm(link)
    with pytest.raises(InputError, match=f"weights: {link} is not https://.*delete it"):
        build("resnet10", weights="imagenet")


def test_doctor_and_training_give_one_verdict(torchvision_s):
    source = resnet.DEPTHS[18][2]
    assert software._imagenet(source.url, source).level == "ok"
    half(torchvision_s)
    with pytest.raises(InputError) as training:
        build(weights="imagenet")
    verdict = software._imagenet(source.url, source)
    assert (verdict.level, verdict.state) == ("fix", str(training.value))
