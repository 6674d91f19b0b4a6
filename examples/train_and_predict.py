"""Paint strokes from a script, train on them, and write a mask and a table of objects (about 10 s on one core).

The image is stained human colon, which comes with scikit-image. The project and the files go to a temporary folder.
"""

import tempfile
from pathlib import Path

import numpy as np
from skimage import data

from napari_unet import Project, export, train
from napari_unet.images.image import Image

pixels = data.immunohistochemistry()  # (512, 512, 3), uint8
strokes = np.zeros(pixels.shape[:2], np.uint8)  # 0 is unlabelled
strokes[285:294, 140:330] = strokes[440:449, 172:238] = strokes[480:489, 400:505] = strokes[330:339, 4:40] = 1
strokes[140:149, 20:250] = strokes[60:69, 350:440] = strokes[400:409, 265:370] = strokes[430:439, 60:145] = 2

folder = Path(tempfile.mkdtemp())
with Project(folder / "colon.unet") as project:
    for name in ("background", "gland"):
        project.add_class(name)
    record = project.add_image(Image("colon", pixels, axes="yxc"))
    project.commit(record.id, plane=0, labels=strokes)
    result = train(project, steps=40)  # or seconds=60
    print("estimated Dice:", {name: found["value"] for name, found in result.estimated_dice.items()})
    print(*export(project, folder, ["tiff", "csv"]), sep="\n")
