"""The classes of the project as the user changes them in the table."""

from napari_unet.controller.controller import Controller
from napari_unet.controller.news import ActionEnded, ClassesChanged, ImageShown, PlaneChanged, ProjectOpened
from napari_unet.errors import UserError
from napari_unet.gui.layers.canvas import Canvas
from napari_unet.gui.sections.attempt import Attempt
from napari_unet.gui.sections.class_table import ClassTable
from napari_unet.protocol.messages import Estimated


class Classes:
    """Keeps the table of classes, the project and the colours of the layers in step."""

    def __init__(self, controller: Controller, canvas: Canvas, table: ClassTable) -> None:
        self._controller = controller
        self._canvas = canvas
        self._table = table
        attempt = Attempt(controller)
        table.renamed.connect(lambda class_id, name: attempt(lambda: self.change(class_id, name=name)))
        table.recoloured.connect(lambda class_id, colour: attempt(lambda: self.change(class_id, colour=colour)))
        table.added.connect(lambda: attempt(self._add))
        table.named.connect(lambda name: attempt(lambda: self._add(name)))
        table.removed.connect(lambda class_id: attempt(lambda: self._remove(class_id)))
        controller.subscribe(ClassesChanged, lambda _: self._show())
        controller.subscribe(Estimated, lambda estimated: table.show_estimates(estimated.classes))
        for other in (ImageShown, PlaneChanged, ProjectOpened):
            controller.subscribe(other, lambda _: table.show_estimates(()))
        controller.subscribe(ActionEnded, lambda _: table.setEnabled(controller.project is not None))

    def change(self, class_id: int, *, name: str | None = None, colour: str | None = None) -> None:
        """Rename or recolour a class.

        Raises
        ------
        UserError
            NU-W04 without a project, NU-P07 or NU-P11 when it cannot be written, NU-A18 for the name of another class.
        """
        try:
            self._controller.present_project().classes.change(class_id, name=name, colour=colour)
        except UserError:
            self._show()  # the name before stands there again
            raise
        self._changed()

    def _add(self, name: str | None = None) -> None:
        try:
            classes = self._controller.present_project().classes
            label = (classes.bring_back(name) if name else None) or classes.add(name)
        except UserError:
            self._show()  # the row that was typed in offers a class again
            raise
        self._changed()
        self._table.select(label.id)

    def _remove(self, class_id: int) -> None:
        self._controller.present_project().classes.remove(class_id)
        self._changed()

    def _changed(self) -> None:
        self._controller.change_classes()
        self._canvas.colour(self._controller.present_project().classes)

    def _show(self) -> None:
        project = self._controller.project
        if project is not None:
            self._table.show_classes(project.classes.all(), project.strokes.labelled_pixels())
