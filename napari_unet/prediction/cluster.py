"""Work handed to the processes of a Dask cluster that somebody else started."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from napari_unet.errors import UserError
from napari_unet.network.memory import free_memory
from napari_unet.prediction.resumable import Resumable

_WAIT = "10s"  # longest wait for the scheduler's answer
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A connected cluster, and the network that its processes load.

    Attributes
    ----------
    client : of ``distributed``
    address : of the scheduler
    network : checkpoint, under a path that all processes see
    device, precision : as ``choose_device`` takes them; each process chooses for itself
    """

    client: Any
    address: str
    network: Path
    device: str
    precision: str = "auto"

    def run(self, task: Callable[[_Item], None], items: Sequence[_Item]) -> Resumable[None]:
        """Run a task for every item, in any order; what a lost process had in hand is given to another one.

        Raises
        ------
        UserError
            NU-C04 when the cluster goes away, NU-C11 when it cannot run the task; and what the task raises.
        """
        import distributed

        try:
            futures = self.client.map(task, items, pure=False)
            for done, future in enumerate(distributed.as_completed(futures, loop=self.client.loop), 1):
                future.result()
                yield done / len(items)
        except distributed.KilledWorker as error:
            fix = "give the workers more memory or choose a smaller tile, then run the command again to go on"
            raise UserError("NU-C11", "workers of the cluster died again and again", self.address, fix) from error
        except ImportError as error:
            fix = "start the workers in the environment of this command"
            raise UserError("NU-C11", f"the workers cannot run the task ({error})", self.address, fix) from error
        except (CancelledError, OSError, TimeoutError) as error:
            raise _lost(self.address) from error


@contextmanager
def connected(address: str, network: Path, device: str, precision: str = "auto") -> Iterator[Cluster]:
    """Connect to a running scheduler, as "tcp://host:8786".

    Raises
    ------
    UserError
        NU-C10 when Dask is not installed, NU-C04 when no scheduler answers.
    """
    try:
        import distributed
    except ImportError as error:
        what, fix = "Dask is not installed", 'pip install "napari-unet-live[dask]"'
        raise UserError("NU-C10", what, address, fix) from error
    try:
        client = distributed.Client(address, timeout=_WAIT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise _lost(address) from error
    with client:
        yield Cluster(client, address, network.resolve(), device, precision)


def memory_share(kind: str) -> int:
    """Return the bytes that a tile may take in a process of a cluster.

    It is half of the process's limit, but at most a quarter of what is free.
    """
    import distributed

    limit = distributed.get_worker().memory_manager.memory_limit
    free = free_memory(kind) // 4
    return min(free, limit // 2) if limit and kind == "cpu" else free


def _lost(address: str) -> UserError:
    fix = "start one with 'dask scheduler' and give the address that it prints, then run the command again to go on"
    return UserError("NU-C04", "no Dask scheduler answers", address, fix)
