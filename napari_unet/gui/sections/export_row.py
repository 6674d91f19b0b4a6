"""Say what is exported and where, export it, and open the folder with the files."""

from collections.abc import Callable
from pathlib import Path

import msgspec
from napari.utils.notifications import show_info
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded, ImageShown, ProjectOpened
from napari_unet.counted import counted
from napari_unet.errors import UserError
from napari_unet.gui.plain_text import untagged
from napari_unet.gui.remembered import remember, remembered
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.export_formats import ExportFormats
from napari_unet.gui.sections.section import GAP, row
from napari_unet.gui.sections.steady_text import SteadyText
from napari_unet.gui.sections.whole_notifications import WholeNotifications
from napari_unet.project.project import Project
from napari_unet.protocol.messages import Exported, Exporting

_MOST_NAMED = 40  # files in a tool tip
_HELP = "Predict whole images and write the chosen files"
_NOT_SHOWN = "No image is on screen: choose one in the list of images, or All images beside this"


class ExportRow(QWidget):  # type: ignore[misc]
    """Offers the images, formats and folder of an export, and begins it; two rows high, whatever goes on.

    Parameters
    ----------
    controller : makes the files
    check_strokes : commits what is painted, before the network that is exported is told

    Attributes
    ----------
    images, formats_button, folder_button : what is exported, and where
    button : begins it
    plan, going, done : what is shown beside the button: what would be written, how far it is, what was written
    exported : the line about the files that were written, "" before
    """

    def __init__(self, controller: Controller, check_strokes: Callable[[], object]) -> None:
        super().__init__()
        self._controller = controller
        self._check_strokes = check_strokes
        self._attempt = Attempt(controller)
        self._written: Path | None = None  # folder of the last export
        self._make_choices()
        self._make_lines()
        self._lay_out()
        self._recall()
        controller.subscribe(Exporting, lambda exporting: self.show_share(exporting.share))
        controller.subscribe(Exported, self._show_exported)
        controller.subscribe(ProjectOpened, lambda _: self._forget_files())
        controller.subscribe(ImageShown, lambda _: self._show_plan())
        controller.subscribe(ActionEnded, lambda _: self._action_ended())

    @property
    def formats(self) -> tuple[str, ...]:
        """Return the names of the formats that are ticked."""
        return self.formats_button.names

    @property
    def all_images(self) -> bool:
        """Tell whether all images of the project are exported."""
        return self.images.currentIndex() == 0

    @property
    def folder(self) -> Path | None:
        """Return where the files go: the folder that was chosen for the project, or one beside it; None without one."""
        project = self._controller.project
        if project is None:
            return None
        chosen = remembered().folders.get(str(project.folder))
        return Path(chosen) if chosen else project.folder.parent / f"{project.folder.stem}-results"

    def export(self, folder: Path, formats: tuple[str, ...], *, all_images: bool = False) -> None:
        """Write the files of the present image, or of all images.

        Raises
        ------
        UserError
            NU-E02 without a format, NU-W04 without an image, and those of ``refuse_taken_names``.
        """
        if not formats:
            raise UserError("NU-E02", "no format is ticked", "export", "tick TIFF, PNG, CSV or another one")
        self._check_strokes()
        self._controller.exports.begin(folder, formats, all_images=all_images)
        self.show_share(0.0)

    def show_share(self, share: float | None) -> None:
        """Show that so much of the export is predicted, 0 to 1; None: there is no export."""
        if share is None:
            with signals_blocked(self.pause):
                self.pause.setChecked(False)
            self._lines.setCurrentWidget(self.done if self.exported.text() else self._planned)
        else:
            self.exported.setText("")
            self.bar.setValue(round(100 * share))
            self.bar.setFormat("writing…" if share == 1 else "%p %")
            self._lines.setCurrentWidget(self.going)
        self._enable()

    def choose_folder(self, folder: Path) -> None:
        """Write results of this project there from now on; where its images lie, into a folder of their own.

        A mask in the folder of its image would take the name of the image.
        """
        project = self._controller.present_project()
        if any(record.path.parent == folder for record in project.images.all()):
            folder = folder / f"{project.folder.stem}-results"
        before = remembered()
        remember(msgspec.structs.replace(before, folders=before.folders | {str(project.folder): str(folder)}))
        self._forget_files()

    def _make_choices(self) -> None:
        self.images = QComboBox()
        self.images.setAccessibleName("images to export")
        self.images.addItems(["All images", "This image only"])
        self.images.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.images.setToolTip("All images of the project, with a joint table, or the one on screen")
        self.images.activated.connect(lambda _: self._forget_files())
        self.formats_button = ExportFormats()
        self.formats_button.chosen.connect(lambda: self._forget_files())
        self.folder_button = QPushButton("Folder…")
        self.folder_button.setToolTip("Choose another folder for the results")
        self.folder_button.clicked.connect(lambda: self._pick_folder())
        self.button = QPushButton("Export")
        self.button.clicked.connect(lambda: self._attempt(self._begin))

    def _make_lines(self) -> None:
        self.plan, self.exported = SteadyText(), SteadyText()
        self._notifications = WholeNotifications(self)
        self.open_button = QPushButton("Open folder")
        self.open_button.setToolTip("Show the files")
        self.open_button.clicked.connect(lambda: self._open_folder())
        self.bar = QProgressBar()
        self.bar.setAccessibleName("export")
        self.pause = QPushButton("Pause")
        self.pause.setCheckable(True)
        self.pause.setToolTip("Leave the export for now; press again to go on where it is")
        self.pause.toggled.connect(lambda on: self._controller.exports.pause(on=on))
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Give the export up; files of images that are done stay")
        self.cancel.clicked.connect(lambda: self._controller.exports.cancel())
        self._planned = _side_by_side(self.plan)  # for the same middle line as the button
        self.going = _side_by_side(self.bar, self.pause, self.cancel)
        self.done = _side_by_side(self.exported, self.open_button)
        self._lines = QStackedWidget()
        for page in (self._planned, self.going, self.done):
            self._lines.addWidget(page)
        # Its pages are alike in height, and no text widens the panel.
        self._lines.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def _lay_out(self) -> None:
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP)
        layout.addWidget(_side_by_side(self.images, self.formats_button, self.folder_button, stretched=0), 0, 0, 1, 2)
        layout.addWidget(self.button, 1, 0)
        layout.addWidget(self._lines, 1, 1)
        layout.setColumnStretch(1, 1)

    def _recall(self) -> None:
        before = remembered()
        self.images.setCurrentIndex(0 if before.all_images else 1)
        if before.formats is not None:
            self.formats_button.tick(before.formats)
        self._show_plan()

    def _begin(self) -> None:
        folder = self.folder
        if folder is None:
            raise UserError("NU-W04", "there is no image", "export", "open an image first")
        self.export(folder, self.formats, all_images=self.all_images)
        before = remembered()
        remember(msgspec.structs.replace(before, formats=self.formats, all_images=self.all_images))

    def _pick_folder(self) -> None:
        folder = self.folder
        start = folder if folder is not None and folder.is_dir() else Path.home()
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the results", str(start))
        if chosen:
            self._attempt(lambda: self.choose_folder(Path(chosen)))

    def _show_plan(self) -> None:
        project, folder = self._controller.project, self.folder
        if project is None or folder is None:
            self.plan.setText("Nothing to export yet")
        else:
            what = self._what(project)
            self.plan.setText(f"{what} → {folder.name}")
            self.plan.setToolTip(untagged(f"{self.formats_button.text_of_names} of {what} to {folder}"))
        self._enable()

    def _action_ended(self) -> None:
        project = self._controller.project
        has_images = project is not None and project.images.count() > 0  # none of them needs to be on screen
        # An export that goes on can be paused and given up without an image.
        self.setEnabled(has_images or self._lines.currentWidget() is self.going)
        self._show_plan()

    def _what(self, project: Project) -> str:
        if not self.all_images:
            return "no image" if self._controller.image is None else self._controller.image.name
        return counted(project.images.count(), "image")

    def _forget_files(self) -> None:
        """Tell again what would be written, in place of what was."""
        self.exported.setText("")
        self._written = None
        if self._lines.currentWidget() is self.done:
            self._lines.setCurrentWidget(self._planned)
        self._show_plan()

    def _enable(self) -> None:
        is_free = self._lines.currentWidget() is not self.going
        for widget in (self.button, self.images, self.formats_button, self.folder_button):
            widget.setEnabled(is_free)
        if not self.all_images and self._controller.image is None:
            self.button.setEnabled(False)
            self.button.setToolTip(_NOT_SHOWN)
        else:
            self.button.setToolTip(_HELP)

    def _show_exported(self, exported: Exported) -> None:
        """Tell where the files are; no paths: the export was given up."""
        if exported.paths:
            self._written = Path(exported.paths[0]).parent
            names = [Path(path).name for path in exported.paths]
            files = counted(len(names), "file")
            self.exported.setText(f"{files} in {self._written.name}")
            more = [f"and {len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
            self.exported.setToolTip(untagged("\n".join([str(self._written), *names[:_MOST_NAMED], *more])))
            self._notifications.show(f"Saved {files} in {self._written}", show_info)
        self.show_share(None)

    def _open_folder(self) -> None:
        if self._written is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._written)))


def _side_by_side(*widgets: QWidget, stretched: int = 0) -> QWidget:
    """Return widgets in one row, of which one takes the room that is left."""
    holder = QWidget()
    layout = row(holder)
    for number, widget in enumerate(widgets):
        layout.addWidget(widget, int(number == stretched))
    return holder
