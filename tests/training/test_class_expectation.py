"""Laws of how strongly a network expects frequent classes: labels of every pixel say it, strokes do not."""

import math

import numpy as np
import pytest
import torch
from drawing import Drawing
from torch import Tensor

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.images.image import Image
from napari_unet.images.plane_pixels import PlanePixels
from napari_unet.images.tiles import Region
from napari_unet.network.device import Device
from napari_unet.network.inference import Predictor
from napari_unet.network.unet import Architecture, DeepShallowHead, UNet, build
from napari_unet.project.project import Project
from napari_unet.training.candidate import Candidate
from napari_unet.training.class_expectation import best_strength, weaken_prior
from napari_unet.training.selection import Selection

CPU = Device("cpu", "", False)
CLASSES = (1, 2)
SIDE = 704  # 121 blocks, some 24 of them held out
RARE = 0.15
NOISE = 0.7


@pytest.fixture
def drawing() -> Drawing:
    """Draw bright squares of 16 px among dark ones, with so much noise that a pixel does not tell which it is in."""
    random = np.random.default_rng(0)
    truth = np.kron(random.random((SIDE // 16, SIDE // 16)) < RARE, np.ones((16, 16)))
    values = (truth + random.normal(0, NOISE, truth.shape)).astype(np.float32)
    return Drawing(Image("squares", values, "yx"), settings=Settings(hold_out=True, tile=64, width=4))


def labelled(project: Project, *, whole: bool) -> Annotations:
    """Label every pixel, or the pixels of every fourth row."""
    values = np.asarray(project.images.open(1).pixels)
    means = values.reshape(SIDE // 16, 16, SIDE // 16, 16).mean(axis=(1, 3))  # of 256 pixels: these do tell
    labels = np.kron(np.where(means > 0.5, 2, 1), np.ones((16, 16))).astype(np.uint8)
    if not whole:
        labels[np.arange(SIDE) % 4 > 0] = 0
    project.commit(1, 0, labels, source="import")
    annotations = Annotations(project)
    annotations.refresh(project.settings.read())
    return annotations


def with_prior(*prior: float) -> UNet:
    """A network that knows nothing but how often it expects each class."""
    network = build(Architecture(1, 2, 4, head="experts")).eval()
    head = network.head
    assert isinstance(head, DeepShallowHead)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()
        head.prior.copy_(torch.tensor(prior))
        head.deep.bias.copy_(head.prior)  # type: ignore[union-attr]
    return network


class Bayesian(Predictor):
    """Knows how likely each brightness is in either class, and is too sure of it by a factor."""

    def __init__(self, values: np.ndarray, sureness: float) -> None:
        super().__init__(with_prior(*(2 * math.log(2 * share) for share in (1 - RARE, RARE))), CLASSES, CPU)
        self.values = values
        self.sureness = sureness

    def logits(self, plane: PlanePixels, region: Region) -> Tensor:
        """Return the logits of Bayes' rule, with a prior that counts twice."""
        ratio = torch.as_tensor((self.values[region.slices] - 0.5) / NOISE**2)
        head = self.network.head
        assert isinstance(head, DeepShallowHead)
        return self.sureness * torch.stack([torch.zeros_like(ratio), ratio]) + head.prior[:, None, None]


def test_a_network_that_is_as_sure_as_it_should_be_needs_less_of_a_double_prior(project: Project) -> None:
    """One that is far too sure needs all of it."""
    annotations = labelled(project, whole=True)
    values = np.asarray(project.images.open(1).pixels)
    assert best_strength(Bayesian(values, 1), annotations) < 1
    assert best_strength(Bayesian(values, 4), annotations) == 1


def test_strokes_do_not_say_how_frequent_classes_are(project: Project) -> None:
    """Blocks with unlabelled pixels do not count, and without any other the prior stays."""
    annotations = labelled(project, whole=False)
    assert len(annotations.planes[1, 0].held_out_blocks) > 16
    assert best_strength(Bayesian(np.asarray(project.images.open(1).pixels), 1), annotations) == 1


def test_few_blocks_say_too_little(project: Project) -> None:
    """With every pixel labelled in a corner only, fewer than 16 blocks are held out."""
    annotations = labelled(project, whole=True)
    labels = np.array(project.strokes.plane(1, 0))
    labels[320:] = labels[:, 320:] = 0
    project.commit(1, 0, labels, source="import")
    annotations.refresh(project.settings.read())
    assert 1 < len(annotations.planes[1, 0].held_out_blocks) < 16
    assert best_strength(Bayesian(np.asarray(project.images.open(1).pixels), 1), annotations) == 1


def test_a_weakened_prior_is_gone_from_the_bias() -> None:
    """Logits lose as much as the prior does, so that training goes on from the same answers."""
    network = with_prior(1.0, -3.0)
    weaken_prior(network, 0.25)
    head = network.head
    assert isinstance(head, DeepShallowHead)
    assert head.prior.tolist() == [0.25, -0.75]
    assert head.deep.bias.tolist() == [0.25, -0.75]  # type: ignore[union-attr]


def test_a_head_without_a_prior_is_left_as_it_is(project: Project) -> None:
    """The networks of 2015 have a linear head."""
    network = build(Architecture(1, 2, 4)).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weaken_prior(network, 0.5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert best_strength(Predictor(network, CLASSES, CPU), labelled(project, whole=True)) == 1


def test_the_network_that_is_shown_expects_what_labels_show(project: Project) -> None:
    """Scored or shown in between, a candidate has the share of its prior that held-out blocks were best with."""
    selection = Selection(labelled(project, whole=True), CPU)

    def bright_is_class_2() -> UNet:
        network = with_prior(3.0, -9.0)
        head = network.head
        assert isinstance(head, DeepShallowHead)
        with torch.no_grad():
            head.hidden.weight[0, 0] = 1  # of the intensities; they are normalised
            head.shallow.weight[1, 0] = 4
        return network

    selection.consider(bright_is_class_2(), CLASSES, 10)
    scored = selection.shown
    assert scored is not None
    selection.follow(bright_is_class_2(), CLASSES, 11)
    followed = selection.shown
    assert followed is not None
    priors = []
    for candidate in (scored, followed):
        head = candidate.network.head
        assert isinstance(head, DeepShallowHead)
        priors.append(head.prior.tolist())
    assert priors[0] == priors[1] != [3.0, -9.0]
    unchanged = selection.scored(Candidate(10, CLASSES, bright_is_class_2()))
    assert scored.is_better(unchanged)
