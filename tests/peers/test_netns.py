import socket
import subprocess

from tests.netns import NetworkNamespace


def test_what_runs_inside_reaches_us_from_another_address_and_nothing_is_left() -> None:
    with NetworkNamespace() as namespace:
        with socket.create_server((namespace.near, 0)) as server:
            port = server.getsockname()[1]
            code = f"import socket; socket.create_connection(('{namespace.near}', {port})).close()"
            subprocess.run([*namespace.prefix, "python3", "-c", code], check=True, timeout=20)
            connection, peer = server.accept()
            connection.close()
        assert peer[0] == namespace.far
    links = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True, timeout=20)
    assert namespace.name not in links.stdout
