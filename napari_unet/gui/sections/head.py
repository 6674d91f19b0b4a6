"""The head of the panel: the image layer that is annotated, what is known of it, and the project."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from napari.layers import Image
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QPushButton,
    QSizePolicy,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ImageShown, ProjectOpened, StrokesSaved
from napari_unet.gui.layers import source
from napari_unet.gui.layers.layer_file import path_of
from napari_unet.gui.plain_text import untagged
from napari_unet.gui.remembered import recent_projects
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.image_facts import ImageFacts
from napari_unet.gui.sections.project_images import ProjectImages
from napari_unet.gui.sections.rescale_offer import RescaleOffer
from napari_unet.gui.sections.section import column, row
from napari_unet.gui.sections.shown_image import ShownImage
from napari_unet.project.image_record import ImageRecord

_NO_PROJECT = "Project…"
_PROJECT_TIP = "Open another project folder (NAME.unet) or make a new one"
_NAME_PX = 110
_MOST_CHANNELS = 16


class Head(QWidget):  # type: ignore[misc]
    """Lets the user choose an image layer, say that its first axis is channels, and open a project.

    Parameters
    ----------
    viewer : napari's viewer, whose image layers are offered
    controller : knows project and image
    shown : the image on screen
    images : take up the layer that is chosen

    Attributes
    ----------
    images : the list of image layers
    channels_first : the tick for an image of several channels in one layer
    facts, offer : what is known of the image, and a copy of it that may be made
    project_button : names the project, and opens another one

    Signals
    -------
    chosen : the user, or the panel on the first image, chose a layer to work on
    filled : so many layers are offered
    """

    chosen = Signal(object)
    filled = Signal(int)

    def __init__(self, viewer: Any, controller: Controller, shown: ShownImage, images: ProjectImages) -> None:
        super().__init__()
        self._viewer = viewer
        self._controller = controller
        self._shown = shown
        self._project_images = images
        self._attempt = Attempt(controller)
        self.facts = ImageFacts(controller, images.correct, images.opened)
        self.offer = RescaleOffer(controller, images.opened, images.add_pixels)
        self._make_choices()
        self._make_project()
        self._lay_out()
        # An image is taken up once the panel is in the window, so that opening it never waits.
        self._choose_soon = QTimer(self, singleShot=True, interval=0)
        self._choose_soon.timeout.connect(self._choose)
        controller.subscribe(ImageShown, self._image_shown)
        controller.subscribe(ProjectOpened, self._project_opened)
        controller.subscribe(StrokesSaved, lambda _: self._offer_channels_of(controller.image))

    def fill(self) -> None:
        """Offer the image layers that are in the viewer now; without a project, the first one is taken up soon."""
        image = self._shown.canvas.image
        self.images.blockSignals(True)
        self.images.clear()
        for layer in reversed(self._viewer.layers):
            if isinstance(layer, Image) and layer != self._shown.map_layer.layer:
                self.images.addItem(layer.name, layer)
                if image is not None and layer == image:
                    self.images.setCurrentIndex(self.images.count() - 1)
        if self.images.currentIndex() < 0 and self.images.count():
            self.images.setCurrentIndex(0)
        self.images.blockSignals(False)
        self.filled.emit(self.images.count())
        free = image is None and not self._shown.is_changing and self._controller.project is None
        if free and self.images.count():
            self._choose_soon.start()

    @property
    def layers(self) -> list[Image]:
        """Return the image layers that are offered."""
        return [self.images.itemData(number) for number in range(self.images.count())]

    def take(self, layer: Image) -> None:
        """Work on an image layer; makes a project for it when none is open.

        Raises
        ------
        UserError
            Those of reading the layer, of ``Project`` and of committing the strokes that are painted now.
        """
        self._offer_channels(layer.data.shape if layer.ndim > 2 and not layer.rgb else ())
        is_asked = not self.channels_first.isHidden()
        self._project_images.choose(layer, is_asked and self.channels_first.isChecked())

    def stop(self) -> None:
        """Let nothing happen later by itself, and let go of threads."""
        self._choose_soon.stop()
        self.offer.stop()

    def _make_choices(self) -> None:
        self.images = QComboBox()
        self.images.setAccessibleName("image")
        self.images.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.images.setPlaceholderText("No image")
        self.images.setToolTip("The image layer to annotate")
        self.images.activated.connect(lambda _: self._choose())
        self.channels_first = QCheckBox("channels")
        self.channels_first.setToolTip(
            "The first axis is channels: one image of several channels, not a stack of planes (z, t)"
        )
        self.channels_first.setVisible(False)
        self.channels_first.toggled.connect(self._channels_ticked)

    def _make_project(self) -> None:
        self.project_button = QPushButton(_NO_PROJECT)
        self.project_button.setAccessibleName("project")
        self.project_button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.project_button.setToolTip(_PROJECT_TIP)
        self.project_button.clicked.connect(lambda: self.pick_project())

    def _lay_out(self) -> None:
        layout, line = column(self), row()
        line.addWidget(self.images, 5)
        line.addWidget(self.project_button, 4)
        layout.addLayout(line)
        layout.addWidget(self.facts)
        self.offer.setStyleSheet("padding: 1px 4px")
        for tool in (self.channels_first, self.offer):  # in a row of their own they would move all that is below
            self.facts.add_tool(tool)

    def _choose(self) -> None:
        layer = self.images.currentData()
        if layer is not None and layer in self._viewer.layers and not self._shown.is_changing:
            self.chosen.emit(layer)

    def _channels_ticked(self, first: bool) -> None:
        """Correct the axes of the image on screen; where there is none, take up the layer so."""
        record = self._controller.image
        if record is None or self._shown.canvas.image is None:
            self._choose()
            return
        axes = source.axes_with_channels(record, first)
        if axes != record.axes:
            self._attempt(lambda: self._project_images.correct(replace(record, axes=axes, chosen=())))
        self._tick_channels(self._controller.image or record)

    def _tick_channels(self, record: ImageRecord) -> None:
        with signals_blocked(self.channels_first):
            self.channels_first.setChecked(record.axes[0] == "c")

    def pick_project(self) -> None:
        """Ask for a project folder, beginning beside the image or the project that is open, and open it."""
        title = "A project folder (NAME.unet), or an empty folder for a new one"
        folder = QFileDialog.getExistingDirectory(self, title, str(self._where_projects_are()))
        if folder:
            self._attempt(lambda: self._project_images.open_project(Path(folder)))

    def _where_projects_are(self) -> Path:
        project, layer = self._controller.project, self.images.currentData()
        path = project.folder if project is not None else path_of(layer) if layer is not None else None
        near = [path, *recent_projects()] if path is not None else recent_projects()
        return next((each.parent for each in near if each.parent.is_dir()), Path.home())

    def _project_opened(self, opened: ProjectOpened) -> None:
        project = opened.project
        name = project.folder.name + (" (read-only)" if project.read_only else "")
        metrics = self.project_button.fontMetrics()
        self.project_button.setText(metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, _NAME_PX).replace("&", "&&"))
        self.project_button.setToolTip(untagged(f"{project.folder}\n{_PROJECT_TIP}"))

    def _image_shown(self, shown: ImageShown) -> None:
        if shown.record is not None:
            self._offer_channels_of(shown.record)
            self._tick_channels(shown.record)
            self.fill()

    def _offer_channels_of(self, record: ImageRecord | None) -> None:
        """Ask about the first axis of an image of the project while nothing is painted on it; later it is settled."""
        project = self._controller.project
        if record is None or project is None:
            return
        is_open = record.axes[:-2] and record.axes[-1] == "x" and not project.images.is_painted(record.id)
        self._offer_channels(record.shape if is_open else ())

    def _offer_channels(self, shape: tuple[int, ...]) -> None:
        """Ask whether the first axis of an image is channels; () where there is no axis to ask about.

        Of a long axis nobody is asked, for the question takes room from the facts: "Edit…" is there for it.
        """
        self.channels_first.setVisible(bool(shape) and shape[0] <= _MOST_CHANNELS)
        self.channels_first.setText(f"{shape[0]} channels" if shape else "channels")
