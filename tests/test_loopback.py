"""Laws of the network of the tests: there is none, but for this machine."""

import socket
import urllib.request
from pathlib import Path

import pytest
from loopback import NetworkReachError


def test_no_test_reaches_the_network() -> None:
    """Not by a connection, a datagram or a name that is looked up, and a library that goes out fails alike."""
    outside = ("192.0.2.1", 9)  # an address that is nobody's, RFC 5737
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as tried:
            tried.settimeout(1)
            for reach in (tried.connect, tried.connect_ex, lambda address: tried.sendto(b"?", address)):
                with pytest.raises(NetworkReachError, match=r"192\.0\.2\.1"):
                    reach(outside)
    with pytest.raises(NetworkReachError, match=r"example\.org"):
        socket.create_connection(("example.org", 443), timeout=1)
    with pytest.raises(NetworkReachError, match=r"example\.org"):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open("http://example.org", timeout=1)


def test_this_machine_can_be_reached() -> None:
    """By its loopback address and by name, as the parts of a Dask cluster do."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            with socket.create_connection((host, port), timeout=9):
                server.accept()[0].close()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets in folders")
def test_a_socket_in_a_folder_can_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named by a path, which a long folder would make too long."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("s")
        server.listen()
        client.connect("s")
        server.accept()[0].close()
