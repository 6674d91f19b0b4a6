"""Laws of the connection to the database: scripts may count with NumPy, and wrong use is not called damage."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from napari_unet.errors import UserError
from napari_unet.project import schema
from napari_unet.project.project import Project


@pytest.mark.parametrize("number", [np.int64(7), np.int32(7), np.uint8(7), np.float32(7), np.bool_(True)])
def test_numbers_of_numpy_are_numbers(tmp_path: Path, number: np.generic) -> None:
    """They are stored as such, and what is stored is found by them, by place, by name and many at once."""
    connection = schema.connect(tmp_path / "project.sqlite", read_only=False)
    connection.execute("CREATE TABLE found (value REAL) STRICT")
    connection.execute("INSERT INTO found VALUES (?)", (number,))
    connection.execute("INSERT INTO found VALUES (:number)", {"number": number})
    connection.executemany("INSERT INTO found VALUES (?)", [(number,), (number,)])
    query = "SELECT value FROM found WHERE value = ?"
    assert connection.execute(query, (number,)).fetchall() == 4 * [(float(number),)]
    connection.close()


def test_a_project_that_is_used_wrongly_is_not_called_damaged(project: Project) -> None:
    """Neither from another thread nor after it was closed."""
    (record,) = project.images.all()
    blank = np.zeros(record.shape, np.uint8)
    uses = [project.classes.all, project.add_class, lambda: project.commit(record.id, 0, blank)]
    refused = [*uses, project.close]  # in another thread; a project may be closed twice
    said: list[UserError] = []

    def use(those: Sequence[Callable[[], object]]) -> None:
        for each in those:
            with pytest.raises(UserError, match="NU-P28") as caught:
                each()
            said.append(caught.value)

    thread = threading.Thread(target=use, args=(refused,))
    thread.start()
    thread.join()
    assert [error.what for error in said] == ["the project was opened in another thread"] * len(refused)
    assert project.integrity() == []
    project.add_class()
    project.close()
    project.close()
    use(uses)
    assert [error.what for error in said[len(refused) :]] == ["the project is closed"] * len(uses)
