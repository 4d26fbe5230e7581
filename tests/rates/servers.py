"""The Redis of these tests: Debian's own, on a free port of the loopback."""

import signal
import socket
import subprocess
from pathlib import Path


class Redis:
    """A process that remembers nothing over its death."""

    def __init__(self, path: str, certificate: Path | None = None) -> None:
        self._path = path
        self._certificate = certificate
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        if certificate is not None:
            self.url = f"rediss://127.0.0.1:{self.port}/0?ssl_ca_certs={certificate}"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when it accepts connections."""
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]
        command = [self._path, *self._listening(), *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        said: list[str] = []
        for line in self._process.stdout:
            said.append(line)
            if "Ready to accept connections" in line:
                return
        raise AssertionError("".join(said))

    def _listening(self) -> list[str]:
        if self._certificate is None:
            return ["--port", str(self.port)]
        kinds = ("--tls-cert-file", "--tls-key-file", "--tls-ca-cert-file")
        files = [word for kind in kinds for word in (kind, str(self._certificate))]
        return ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no", *files]

    def kill(self) -> None:
        """End it at once, in whatever state it is. Returns when it is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
