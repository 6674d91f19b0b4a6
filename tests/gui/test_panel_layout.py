"""Laws of the panel's looks: nothing moves, every text fits, it fits a small screen, and the wheel changes nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from fake_worker import FakeClient
from napari.settings import get_settings
from panel_states import predicted, progress, say, states
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QEnterEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QDockWidget,
    QLabel,
    QPushButton,
    QStyle,
    QStyleOptionComboBox,
    QToolButton,
    QWidget,
)
from superqt import QElidingLabel
from window import User, drawn_image, settle

from napari_unet.evaluation.estimated_dice import EstimatedDice
from napari_unet.evaluation.scores import BlockScore, Score
from napari_unet.gui.layers.annotation_layer import KEYS_HELP
from napari_unet.gui.sections.messages_list import MessagesList
from napari_unet.gui.sections.section import MARGIN
from napari_unet.gui.sections.unfocused_wheel import fields_in
from napari_unet.images.image import PixelSize
from napari_unet.images.tiles import Region
from napari_unet.objects.class_counts import ClassCount
from napari_unet.protocol import messages as m

WIDTH, HEIGHT = 300, 700  # px that the panel must do with


def buttons(user: User) -> dict[str, tuple[int, int, int, int]]:
    """Return where every button lies, by its name; the buttons of a question come and go with it."""
    panel, found = user.panel, {}
    for button in panel.findChildren(QAbstractButton):
        if not isinstance(button, QPushButton | QToolButton | QCheckBox) or panel.label_check.isAncestorOf(button):
            continue
        if button.isVisible() and button.window() is panel.window():
            place, size = button.mapTo(panel, QPoint(0, 0)), button.size()
            name = "Start or Pause" if button is panel.training.button else button.accessibleName() or button.text()
            found[name] = place.x(), place.y(), size.width(), size.height()
    return found


def narrow(user: User) -> None:
    """Give the panel the smallest room that it must do with, in its own window."""
    panel = user.panel
    dock = panel.parent()
    while not isinstance(dock, QDockWidget):
        dock = dock.parent()
    dock.setFloating(True)
    settle(lambda: panel.canvas.annotation is not None, 5)
    dock.resize(WIDTH, HEIGHT + dock.height() - panel.height())
    settle(seconds=0.2)


def test_a_panel_that_floats_goes_on(listened: User) -> None:
    """Out of the window and back in, the project stays open and strokes are saved."""
    user = listened
    narrow(user)
    user.draw(1, (15, 75), (90, 75))
    assert (user.stored() > 0).any()


def test_no_button_moves_between_states(listened: User) -> None:
    """From the first stroke over errors and questions to the export, everything stays under the pointer."""
    user = listened
    narrow(user)
    lain: dict[str, Any] = {}
    for state in states(user):
        settle(seconds=0.1)
        for name, place in buttons(user).items():
            assert lain.setdefault(name, place) == place, (state, name)
    assert {"Start or Pause", "Add images…", "Next place", "Check a rectangle", "Accept here"} <= set(lain)


def test_every_text_fits_a_narrow_panel(listened: User) -> None:
    """No button or label is narrower than its words, but those that cut them short and have them in the tool tip."""
    user = listened
    narrow(user)
    for state in states(user):
        settle(seconds=0.1)
        inner = user.panel.findChildren(QWidget)
        for widget in [w for w in inner if w.isVisible() and w.window() is user.panel.window()]:
            if isinstance(widget, QElidingLabel):
                assert not widget.text() or widget.toolTip(), (state, widget.text())
            elif isinstance(widget, QAbstractButton | QLabel) and widget.text():
                needed = min(widget.sizeHint().width(), widget.minimumSizeHint().width())
                assert widget.width() >= needed, (state, widget.text(), widget.width(), needed)


def ink(label: QLabel) -> np.ndarray:
    """Return which rows of a label something is drawn in."""
    drawn = label.grab().toImage()
    rows = [{drawn.pixel(x, y) for x in range(drawn.width())} for y in range(drawn.height())]
    return np.array([len(colours) > 1 for colours in rows])


def test_the_last_line_of_a_text_is_drawn_whole(listened: User) -> None:
    """With what hangs below the line: the letters g, j, p, q and y."""
    panel = listened.panel
    for label, count in ((panel.status_line, 10), (panel.rectangle_check.line, 10), (panel.training.state, 2)):
        label.setText("gjpqy " * count)
        drawn = ink(label).sum()
        label.setFixedHeight(label.height() + 20)
        assert ink(label).sum() == drawn


def test_everything_can_be_used_with_a_large_font(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The panel is as wide as the words of its fields and the slider of the opacity need."""
    monkeypatch.setattr("napari_unet.gui.panel.WorkerProcess", FakeClient)
    monkeypatch.setattr(get_settings().appearance, "font_size", 13)
    viewer.add_image(drawn_image(), name="cells")
    panel = User(viewer).panel
    settle(seconds=0.3)
    assert panel.view_row.opacity.width() >= 28
    for box in (panel.results.knobs.holes, panel.results.knobs.border):
        option = QStyleOptionComboBox()
        box.initStyleOption(option)
        kind, part = QStyle.ComplexControl.CC_ComboBox, QStyle.SubControl.SC_ComboBoxEditField
        room = box.style().subControlRect(kind, option, part, box).width()
        assert room >= box.fontMetrics().horizontalAdvance(box.currentText()), box.currentText()
    size = panel.results.knobs.size
    panel.results.knobs.show_typical([ClassCount(2, 3, 0.2, 1234567.0)])
    assert size.lineEdit().cursorPosition() == 0


def test_tables_and_fields_follow_the_font(listened: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A larger font of napari's makes texts larger, rows higher and the panel wider; the usual one brings all back."""
    panel = listened.panel
    narrowest = panel.minimumWidth()
    table, view, facts = panel.class_table.table, panel.image_list.view, panel.head.facts
    messages_list = panel.findChild(MessagesList)
    seen = (table, table.horizontalHeader(), view, facts.button, messages_list, panel.settings_form.search)
    heights = [table.rowHeight(0), table.horizontalHeader().height(), facts.height()]
    usual = get_settings().appearance.font_size
    for points in (2 * usual, usual):
        monkeypatch.setattr(get_settings().appearance, "font_size", points)
        settle(seconds=0.3)
        assert [widget.font().pointSize() for widget in seen] == [points] * len(seen)
        assert panel.scroll.widget().minimumSizeHint().width() <= panel.scroll.viewport().width()
        assert table.rowHeight(0) >= table.fontMetrics().height()
        assert table.horizontalHeader().height() >= table.fontMetrics().height()
        facts.button.click()
        assert facts.dialog.pixel_height.font().pointSize() == points
        facts.dialog.reject()
    assert [table.rowHeight(0), table.horizontalHeader().height(), facts.height()] == heights
    assert panel.minimumWidth() == narrowest


def test_the_panel_fits_a_small_screen(listened: User) -> None:
    """With three classes and a narrow panel, everything but the open drawer is seen without scrolling."""
    user = listened
    narrow(user)
    for state in states(user):
        settle(seconds=0.1)
        content = user.panel.scroll.widget()
        assert content.sizeHint().height() + user.panel.training.height() <= HEIGHT, state
        assert content.minimumSizeHint().width() <= WIDTH, state
    user.panel.details.open()
    settle(seconds=0.1)
    assert user.panel.details.content.isVisible()
    assert user.panel.details.minimumSizeHint().width() <= WIDTH - 2 * MARGIN - 14  # px of the scroll bar


def test_several_images_fit_a_small_screen(listened: User, tmp_path: Path) -> None:
    """They are a strip of thumbnails there, and a list where there is more room; adding some moves nothing."""
    user, images = listened, listened.panel.image_list
    narrow(user)
    before = buttons(user)
    for number in range(1, 5):  # other ones than the image that is open
        tifffile.imwrite(tmp_path / f"{number}.tif", drawn_image(number))
    user.panel.added_files.add(sorted(tmp_path.glob("*.tif")))
    assert settle(lambda: user.panel.controller.project.images.count() == 5)
    assert (images.strip.isVisible(), images.view.isVisible()) == (True, False)
    assert user.panel.scroll.verticalScrollBar().maximum() == 0
    assert settle(lambda: images.place.text() == "1 of 5", 10)
    assert buttons(user) == before
    third = images.strip.visualRect(images.table.index(2, 0))
    assert images.strip.viewport().rect().contains(third)
    QTest.mouseClick(images.strip.viewport(), Qt.MouseButton.LeftButton, pos=third.center())
    assert settle(lambda: images.place.text() == "3 of 5", 5)
    assert user.panel.controller.image.name == "2"
    dock = user.panel.parentWidget()
    while not isinstance(dock, QDockWidget):
        dock = dock.parentWidget()
    dock.resize(WIDTH, dock.height() + 220)
    assert settle(lambda: images.view.isVisible() and images.view.height() > 150, 5)
    assert not images.strip.isVisible()
    assert user.panel.scroll.verticalScrollBar().maximum() == 0
    room = images.height()
    user.panel.details.open()
    settle(seconds=0.1)
    dock.resize(WIDTH, dock.height() + 1)
    settle(seconds=0.1)
    assert images.height() == room


def test_a_stack_is_laid_out_like_a_plane(listened: User) -> None:
    """The question whether its planes are channels stands in the row of its facts, and pushes nothing."""
    user = listened
    narrow(user)
    before = buttons(user)
    stack = np.zeros((12, 192, 160), np.uint16)
    user.panel.choose_image(user.viewer.add_image(stack, name="stack"))
    tick = user.panel.head.channels_first
    assert settle(lambda: tick.isVisible(), 5)
    assert tick.text() == "12 channels"
    settle(seconds=0.2)
    after = buttons(user)
    assert after.pop("12 channels")
    assert after == before
    user.switch("cells")
    assert settle(lambda: not tick.isVisible(), 5)
    user.switch("stack")
    assert settle(lambda: tick.isVisible(), 5)
    long = np.zeros((100, 48, 40), np.uint16)  # nobody's channels: the facts have the room
    user.panel.choose_image(user.viewer.add_image(long, name="long"))
    assert settle(lambda: not tick.isVisible(), 5)
    assert user.panel.controller.image.axes == "zyx"
    assert user.panel.scroll.verticalScrollBar().maximum() == 0


def test_a_stack_with_labels_cuts_nothing_off(listened: User) -> None:
    """The row of the facts has room for one offer: that of the labels comes before the question about channels."""
    user = listened
    user.panel.choose_image(user.viewer.add_image(np.zeros((16, 192, 160), np.uint16), name="stack"))
    narrow(user)
    before, tick, offer = buttons(user), user.panel.head.channels_first, user.panel.labels_offer
    assert tick.isVisible()
    user.viewer.add_labels(np.zeros((16, 192, 160), np.uint16), name="labels")
    assert settle(lambda: offer.isVisible() and not tick.isVisible(), 5)
    settle(seconds=0.1)
    assert user.panel.scroll.widget().minimumSizeHint().width() <= WIDTH
    shown = buttons(user)
    assert shown.pop("Use as annotation")
    assert shown.items() <= before.items()
    user.viewer.layers.remove("labels")
    assert settle(lambda: tick.isVisible() and not offer.isVisible(), 5)
    assert buttons(user) == before


def test_the_empty_panel_is_as_high_as_the_full_one(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sections lie before there is an image where they lie with one."""
    monkeypatch.setattr("napari_unet.gui.panel.WorkerProcess", FakeClient)
    user = User.__new__(User)
    user.viewer = viewer
    _, user.panel = viewer.window.add_plugin_dock_widget("napari-unet-live")
    narrow(user)
    before = buttons(user)
    viewer.add_image(drawn_image(), name="cells")
    assert settle(lambda: user.panel.canvas.annotation is not None, 10)
    settle(seconds=0.2)
    after = buttons(user)
    for name in ("Add images…", "Next place", "Accept here", "Start or Pause", "Details"):
        assert before[name] == after[name], name


def test_a_turn_of_the_wheel_over_a_field_changes_nothing(listened: User) -> None:
    """Over every number, choice and slider of the panel and of its dialog that was not clicked; the panel scrolls."""
    user = listened
    user.panel.details.open()
    user.panel.settings_form.show()
    user.panel.class_table.table.setFocus()
    fields = fields_in(user.panel)
    assert len(fields) > 20
    for field in fields:
        assert field.focusPolicy() != Qt.FocusPolicy.WheelFocus, field.accessibleName()
        before = _value(field)
        for turn in (120, -120):
            wheel = QWheelEvent(
                QPointF(3, 3), QPointF(field.mapToGlobal(QPoint(3, 3))), QPoint(), QPoint(0, turn),
                Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
            )  # fmt: skip
            QApplication.sendEvent(field, wheel)
            assert _value(field) == before, field.accessibleName()


def _value(field: Any) -> Any:
    return field.currentIndex() if hasattr(field, "currentIndex") else field.value()


def test_the_status_line_says_what_to_do_and_what_goes_on(listened: User) -> None:
    """From the first stroke to the overlay; nothing is said of an overlay that is not there."""
    user = listened
    line, panel = user.panel.status_line, user.panel
    assert line.text() == "Paint a line on background, then press 2 and paint one on what you look for"
    panel.class_table.renamed.emit(2, "cell")
    assert line.text() == "Paint a line on background, then press 2 and paint one on cell"
    user.draw(1, (15, 75), (90, 75))
    assert line.text() == "Now press 2 and paint a line on cell"
    user.draw(2, (32, 32), (48, 48))
    say(user, progress("training", shown_step=None))
    assert line.text() == "Learning; the overlay comes in a moment"
    generation, image = panel.controller.generation, panel.controller.image.id
    say(user, m.Tile(generation, image, 0, Region(0, 0, 8, 8), b"\1" * 64, 30), progress("training"))
    assert line.text() == "Learning; bare parts are not predicted yet"
    height, width = user.painted.shape
    say(user, m.Tile(generation, image, 0, Region(0, 0, height, width), b"\1" * user.painted.size, 30))
    say(user, progress("training"))
    assert line.text() == "Learning; overlay of 1 s ago"
    say(user, progress("resting"))
    assert "wrong" in line.text()
    panel.training.button.click()
    assert line.text() == "Paused: press Start to go on"
    panel.attempt(lambda: panel.export_row.export(panel.controller.project.folder, ()))
    assert line.text().startswith("NU-E02: ")
    assert "NU-E02: no format is ticked" in panel.details.messages.toPlainText()
    user.draw(2, (105, 75), (115, 85))
    assert line.text() == "Paused: press Start to go on"


def test_details_are_seen_once_they_are_opened(listened: User) -> None:
    """Below the fold, a click on their title showed one row of them; the title stays in sight."""
    user, panel = listened, listened.panel
    narrow(user)
    drawer, viewport = panel.details, panel.scroll.viewport()
    assert panel.scroll.verticalScrollBar().value() == 0
    drawer.button.click()
    settle(seconds=0.3)

    top, bottom = (drawer.mapTo(viewport, corner).y() for corner in (QPoint(0, 0), drawer.rect().bottomLeft()))
    assert viewport.rect().contains(0, top)
    assert bottom <= viewport.height() or top == 0


def test_what_is_said_of_an_estimate_is_cut_at_its_end(listened: User) -> None:
    """Its first letter was cut off, for the padding of the style was taken for room."""
    user, card = listened, listened.panel.score_card
    user.panel.details.open()
    reason = "too few strokes (4 of 8): paint some more of them, on a border of what you look for"
    card.estimate.show_estimates([EstimatedDice(1, None, reason=reason)], user.panel.class_table.classes)
    settle(seconds=0.2)
    said = card.estimate.rows[0][1]
    drawn = QLabel.text(said)
    assert reason.startswith(drawn.removesuffix("…"))
    assert QLabel.sizeHint(said).width() <= said.width()


def test_the_usual_facts_of_an_image_are_seen_whole(listened: User) -> None:
    """Of colours, or of slices that are so far apart: the size was cut off, and the pixel size when that was known."""
    user, facts = listened, listened.panel.head.facts
    narrow(user)
    record = user.panel.controller.image
    colours = replace(record, shape=(1024, 1024, 3), axes="yxc", pixel_size=PixelSize())
    stack = replace(colours, shape=(20, 512, 512), axes="zyx", pixel_size=PixelSize(1.0, 1.0, "um", 2.0))
    for each in (colours, stack, replace(colours, pixel_size=PixelSize(0.325, 0.325, "um"))):
        facts.show_image(each)
        settle(seconds=0.1)
        assert QLabel.text(facts.line) == facts.line.text()
    assert facts.line.text() == "3 ch · 1024 x 1024 px · 0.325 µm"


@pytest.mark.parametrize("way", ["add", "choose", "click", "key"])
def test_an_error_goes_once_its_advice_is_followed(listened: User, way: str) -> None:
    """The line of a wrong label goes with the class that is added or chosen, and not only with the next stroke."""
    user, panel, line = listened, listened.panel, listened.panel.status_line
    before = line.text()
    panel.canvas.annotation.selected_label = 7
    assert settle(lambda: line.text().startswith("NU-A12"), 5)
    if way == "add":
        panel.class_table.named.emit("debris")
    elif way == "choose":
        panel.class_table.select(2)
    elif way == "key":  # of the class that is selected already
        QTest.keyClick(user.viewer.window._qt_viewer.canvas.native, Qt.Key.Key_1)
        assert settle(lambda: line.text() == before, 5)
    else:
        table = panel.class_table.table
        place = table.visualItemRect(table.item(0, 1)).center()
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert line.text() == before


def test_the_status_line_says_what_to_draw(listened: User) -> None:
    """While a circle or a line is waited for, and no longer once Escape has ended that."""
    user, line = listened, listened.panel.status_line
    before = line.text()
    say(user, predicted(user))
    user.panel.shown.begin_circle()
    assert settle(lambda: line.text().startswith("Draw a circle"), 5)
    user.panel.shown.begin_line()
    assert settle(lambda: line.text().startswith("Drag a line across"), 5)
    QTest.keyClick(user.viewer.window._qt_viewer.canvas.native, Qt.Key.Key_Escape)
    assert settle(lambda: line.text() == before, 5)


def test_who_paints_again_is_asked_for_no_circle(listened: User) -> None:
    """Another layer that is active ends the wish, as Escape does, and stays the active one."""
    user, annotation, line = listened, listened.panel.canvas.annotation, listened.panel.status_line
    before = line.text()
    say(user, predicted(user))
    user.panel.shown.begin_circle()
    assert settle(lambda: line.text().startswith("Draw a circle"), 5)
    user.viewer.layers.selection.active = annotation
    assert settle(lambda: line.text() == before, 5)
    assert user.viewer.layers.selection.active == annotation
    assert not user.viewer.layers["drawing"].visible
    user.panel.shown.begin_circle()
    settle(seconds=0.1)
    assert user.panel.shown.shapes.wish


def test_one_button_starts_and_pauses(listened: User) -> None:
    """Its text says what it will do; a stopped worker is started again."""
    user = listened
    panel = user.panel
    user.draw_two_classes()
    assert (panel.training.button.text(), panel.controller.training.is_on) == ("Pause", True)
    panel.training.button.click()
    assert (panel.training.button.text(), panel.controller.training.is_on) == ("Start", False)
    panel.details.release.click()
    panel.training.button.click()
    assert (panel.training.button.text(), panel.controller.training.is_on) == ("Pause", True)
    say(user, m.Ready("cuda", "training on a card"), progress("training"))
    assert panel.training.state.text() == "Learning · GPU"
    say(user, progress("paused"))  # said before the worker heard of the wish
    assert panel.training.state.text() == "Starting · GPU"


def test_a_class_is_added_by_typing_and_by_its_key(listened: User) -> None:
    """The last row takes a name; a key without a class offers one, and adds it when it is pressed again."""
    user = listened
    table, painting = user.panel.class_table, user.panel.painting
    project = user.panel.controller.project
    last = table.table.item(2, 1)
    assert last.text() == "+ class"
    last.setText("  mitosis ")
    assert [label.name for label in project.classes.all()] == ["background", "class 2", "mitosis"]
    assert table.selected == 3
    table.table.item(3, 1).setText("")
    assert table.table.item(3, 1).text() == "+ class"
    key = {str(key): action for key, action in user.panel.canvas.annotation.keymap.items()}
    layer = user.panel.canvas.annotation
    key["7"](layer)
    assert user.panel.status_line.text() == "No class has the key 7: press 7 again to add one"
    assert len(project.classes.all()) == 3
    key["1"](layer)
    key["7"](layer)
    assert len(project.classes.all()) == 3
    key["7"](layer)
    assert len(project.classes.all()) == 4
    assert table.table.state() == table.table.State.EditingState
    assert painting is not None


def test_a_class_that_was_removed_comes_back_by_its_name(listened: User) -> None:
    """With its number, so its strokes are there again; another name makes another class."""
    table = listened.panel.class_table
    project = listened.panel.controller.project
    table.table.item(2, 1).setText("mitosis")
    QTest.keyClick(table.table, Qt.Key.Key_Delete)
    assert [label.id for label in project.classes.all()] == [1, 2]
    table.table.item(2, 1).setText("vessel")
    assert table.selected == 4
    table.table.item(3, 1).setText("mitosis")
    assert [label.name for label in project.classes.all()] == ["background", "class 2", "mitosis", "vessel"]
    assert table.selected == 3


def test_strokes_of_a_removed_class_are_seen_no_more(listened: User) -> None:
    """They stay in the project, and have their colour again when the class is back; other numbers stay white."""
    panel = listened.panel
    layer, table = panel.canvas.annotation, panel.class_table
    listened.draw(2, (32, 32), (48, 48))
    colour = layer.get_color(2)
    assert colour[3] > 0
    table.removed.emit(2)
    for ours in (layer, panel.canvas.prediction):
        assert ours.get_color(2)[3] == 0
        np.testing.assert_allclose(ours.get_color(9)[:3], 1)
    assert (listened.stored()[34:46, 34:46] == 2).any()
    table.named.emit("class 2")
    np.testing.assert_array_equal(layer.get_color(2), colour)


def test_a_swatch_has_the_colour_of_the_paint(listened: User) -> None:
    """Also in the row that is selected."""
    user = listened
    table = user.panel.class_table
    for row, label in enumerate(user.panel.controller.project.classes.all()):
        table.select(label.id)
        settle(seconds=0.05)
        area = table.table.visualItemRect(table.table.item(row, 0))
        picture = table.table.viewport().grab(area).toImage()
        seen = {picture.pixelColor(x, y).name().upper() for x in range(area.width()) for y in range(area.height())}
        assert label.colour.upper() in seen
        painted = user.panel.canvas.annotation.colormap.color_dict[label.id]
        assert "#" + "".join(f"{round(255 * v):02X}" for v in np.asarray(painted)[:3]) == label.colour.upper()


def test_advanced_settings_are_found_marked_and_reset(listened: User) -> None:
    """Every setting has a row; words find it by its help; what was changed is marked and goes back, one or all."""
    user = listened
    form, project = user.panel.settings_form, user.panel.controller.project
    assert set(form.rows) == set(form.fields)
    form.show()
    settle(seconds=0.1)
    for _, _, reset in form.rows.values():  # none lies under the scroll bar
        inside = form.scroll.viewport()
        assert inside.rect().right() >= reset.mapTo(inside, reset.rect().bottomRight()).x()
    names = form.fields["preset"].native
    assert names.width() >= names.sizeHint().width()  # the longest is whole
    form.search.setText("learning rate")
    shown = [name for name, (label, _, _) in form.rows.items() if label.isVisible()]
    assert "learning_rate" in shown
    assert "border_sigma" not in shown
    form.search.setText("")
    assert all(label.isVisible() for label, _, _ in form.rows.values())
    form.fields["learning_rate"].value = 5e-4
    form.fields["batch"].value = 3
    resets = {name: reset for name, (_, _, reset) in form.rows.items() if reset.isEnabled()}
    assert set(resets) == {"learning_rate", "batch"}
    resets["batch"].click()
    assert (project.settings.read().batch, project.settings.read().learning_rate) == (0, 5e-4)
    form.reset_all.click()
    assert project.settings.read().learning_rate == 1e-3
    assert not form.reset_all.isEnabled()
    assert not form.isModal()


def test_the_curve_follows_the_theme_and_shows_every_loss(listened: User) -> None:
    """Axes have the colour of text, in the light theme too; a loss above 1 is inside of the plot."""
    user = listened
    curve = user.panel.score_card.curve
    user.panel.details.open()
    seen = []
    for theme in ("dark", "light"):
        user.viewer.theme = theme
        settle(seconds=0.1)
        bottom, text = curve.plot.getAxis("bottom"), curve.axis.palette().windowText().color()
        assert curve.plot.backgroundBrush().color() == curve.palette().window().color()
        assert bottom.pen().color() == bottom.textPen().color() == text
        seen.append(text.lightness())
    assert seen[0] > 150 > seen[1]
    assert curve.plot.viewRange()[1][1] < 1.2
    curve.add_loss(1, 2.5)
    assert curve.plot.viewRange()[1][1] >= 2.5
    curve.restore(())
    assert curve.plot.viewRange()[1][1] < 1.2


def test_the_image_takes_the_keyboard_with_the_mouse(listened: User) -> None:
    """A key paints the class although a field was clicked before; napari's hint names our keys in every mode."""
    user = listened
    panel, canvas = user.panel, user.viewer.window._qt_viewer.canvas.native
    panel.view_row.look.setFocus()
    at = QPointF(5, 5)
    QApplication.sendEvent(canvas, QEnterEvent(at, at, at))
    assert user.viewer.window._qt_window.focusWidget() is canvas
    QTest.keyClick(canvas, Qt.Key.Key_2)
    assert panel.class_table.selected == 2
    for mode in ("erase", "paint"):
        panel.canvas.annotation.mode = mode
        assert user.viewer.help == KEYS_HELP


def test_the_box_of_an_undone_stroke_goes_at_once(listened: User) -> None:
    """That of another stroke stays, with its score."""
    user = listened
    user.draw(1, (15, 75), (15, 90))
    user.draw(2, (105, 75), (115, 85))
    image = user.panel.controller.image.id
    blocks = tuple(BlockScore(image, 0, y, 64, y + 64, 128, 0.8) for y in (0, 64))
    say(user, m.Scored(Score(3, 0.8, (), blocks=blocks), 0.2))
    user.panel.score_card.on_image.click()
    boxes = user.panel.canvas.marks.layer
    assert len(boxes.data) == 2
    user.panel.canvas.annotation.undo()
    assert settle(lambda: len(boxes.data) == 1, 5)
    assert boxes.features["text"].tolist() == ["0.80"]
    assert boxes.data[0].min(axis=0).tolist() == [-0.5, 63.5]
