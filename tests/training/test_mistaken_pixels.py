"""How many painted pixels the answer had wrong: counted with every correction, and saved with the network."""

from pathlib import Path

import numpy as np
from drawing import Drawing

from napari_unet.config import Settings
from napari_unet.dataset.annotated import Annotations
from napari_unet.evaluation.estimated_dice import MISTAKEN
from napari_unet.images.image import Image
from napari_unet.network.base import base_weights
from napari_unet.network.device import Device
from napari_unet.project.project import Project
from napari_unet.training.device_settings import for_device
from napari_unet.training.starting import Start
from napari_unet.training.trainer import Trainer

CPU = Device("cpu", "test", bfloat16=False)
USED, _ = for_device(Settings(hold_out=False), CPU)  # the settings as they are used
RIGHT, WRONG = (slice(200, 210), slice(10, 110)), (slice(230, 235), slice(150, 240))
THIRD = (slice(100, 110), slice(10, 60))


def test_new_strokes_are_compared_with_the_answer_before(tmp_path: Path) -> None:
    """A stroke that agrees with it counts nothing, one that contradicts it every pixel, a third class nothing."""
    pixels = np.random.default_rng(0).normal(0, 0.2, (256, 256)).astype(np.float32)
    pixels[:, 128:] += 1
    labels = np.zeros(pixels.shape, np.uint8)
    labels[10:20, 10:110], labels[10:20, 150:240] = 1, 2
    drawing = Drawing(Image("halves", pixels, "yx"), labels, settings=Settings(hold_out=False))
    with drawing.open_in(tmp_path) as project:
        annotations = Annotations(project)
        annotations.refresh(USED)
        trainer = Trainer(annotations, USED, CPU, Start(base=base_weights("auto")))
        trainer.fit_head()
        assert annotations.evidence(1, (1, 2)).mistaken == 0
        labels[RIGHT] = 1
        paint(project, trainer, labels)
        assert annotations.mistaken_pixels < 0.02 * labels[RIGHT].size
        labels[WRONG] = 1
        paint(project, trainer, labels)
        assert 0.9 * labels[WRONG].size <= annotations.mistaken_pixels <= 1.02 * labels[WRONG].size
        before = annotations.mistaken_pixels
        assert annotations.evidence(1, (1, 2)).mistaken == before / (labels > 0).sum()
        labels[THIRD] = project.add_class().id
        paint(project, trainer, labels)
        assert annotations.mistaken_pixels == before
        saved = trainer.checkpoint()
        assert saved.facts[MISTAKEN] == before
        resumed = Annotations(project)
        resumed.refresh(USED)
        again = Trainer(resumed, USED, CPU, Start(checkpoint=saved, base=base_weights("auto")))
        assert resumed.mistaken_pixels == before
        again.fit_head()  # a network that begins anew made no mistakes yet
        assert resumed.mistaken_pixels == 0


def paint(project: Project, trainer: Trainer, labels: np.ndarray) -> None:
    """Paint, and let the network learn it at once."""
    project.commit(1, 0, labels)
    trainer.annotations.refresh(USED)
    trainer.refresh(USED)
