"""Lines about what goes wrong in the background, for the user: each cause once, however often it is met."""

from napari_unet.controller.news import ErrorLine, Notice, ProjectOpened, SettingsChanged, WorkAsked
from napari_unet.controller.subscriptions import Subscriptions
from napari_unet.protocol.messages import Failed, Noticed, Saved

_OF_THE_DISK = ("NU-E", "NU-P")


class ToldOnce:
    """Publishes an ``ErrorLine`` or a ``Notice`` for each line of the worker that was not told yet.

    A worker that is started again meets the same full disk or the same lack of memory, and tries again every few
    seconds: that is one cause. It is over when the user asks for work or changes the settings, or, for a line of the
    disk, when the network was saved.
    """

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._publish = subscriptions.publish
        self._told: set[str] = set()
        subscriptions.subscribe(Failed, lambda failed: self._tell(failed.line, ErrorLine))
        subscriptions.subscribe(Noticed, lambda noticed: self._tell(noticed.line, Notice))
        subscriptions.subscribe(Saved, lambda _: self._disk_has_room())
        for news in (ProjectOpened, SettingsChanged, WorkAsked):
            subscriptions.subscribe(news, lambda _: self._told.clear())

    def _tell(self, line: str, kind: type[ErrorLine] | type[Notice]) -> None:
        if line not in self._told:
            self._told.add(line)
            self._publish(kind(line))

    def _disk_has_room(self) -> None:
        self._told = {line for line in self._told if not line.startswith(_OF_THE_DISK)}
