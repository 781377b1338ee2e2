"""The worker behind nginx, with the configuration that docs/worker.md recommends."""

import io
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import zipfile

from support import WAIT_S, Worker, enlarged, main, make_png, read_png, rows_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


@unittest.skipIf(NGINX is None, "nginx is not installed")
class NginxTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(dir="/tmp")  # short: the name of a socket is limited
        self.addCleanup(shutil.rmtree, self.folder)
        self.socket = self.path("nginx.sock")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                        self.path("key.pem"), "-out", self.path("cert.pem")],
                       check=True, capture_output=True, timeout=WAIT_S)

    def path(self, name):
        return os.path.join(self.folder, name)

    def configuration(self, port):
        """The documented block; only addresses and the certificate are filled in."""
        text = (ROOT / "docs" / "worker.md").read_text(encoding="utf-8")
        block = re.search(r"```nginx\n(.*?)```", text, re.DOTALL).group(1)
        self.assertIn("listen 443 ssl;", block)
        block = block.replace("127.0.0.1:8090", f"127.0.0.1:{port}").replace(
            "listen 443 ssl;", f"listen unix:{self.socket} ssl;\n"
            f"ssl_certificate {self.path('cert.pem')};\nssl_certificate_key {self.path('key.pem')};")
        temporary = "".join(f"{name}_temp_path {self.path(name)};\n"
                            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;\n" if os.geteuid() == 0 else ""
        return (f"{user}daemon off;\nworker_processes 1;\npid {self.path('pid')};\n"
                f"error_log {self.path('error.log')};\nevents {{}}\n"
                f"http {{\naccess_log off;\n{temporary}{block}}}\n")

    def start_nginx(self, port):
        with open(self.path("nginx.conf"), "w", encoding="utf-8") as file:
            file.write(self.configuration(port))
        # Its modules' list may be the machine's; ours needs none.
        nginx = subprocess.Popen([NGINX, "-c", self.path("nginx.conf"), "-e", self.path("error.log")],
                                 stderr=subprocess.PIPE)
        deadline = time.monotonic() + WAIT_S
        while not os.path.exists(self.socket):
            if nginx.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("nginx did not start: " + nginx.communicate()[1].decode())
            time.sleep(0.02)
        return nginx

    def curl(self, *args):
        done = subprocess.run(["curl", "-sS", "--unix-socket", self.socket, "--cacert",
                               self.path("cert.pem"), *args], cwd=self.folder, capture_output=True,
                              timeout=WAIT_S, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout

    def test_requests_go_through_and_answers_come_back_whole(self):
        for i in range(9):
            with open(self.path(f"{i}.png"), "wb") as file:
                file.write(make_png(120, 80, i))
        with Worker("--caller-header", "X-Real-IP") as worker:
            nginx = self.start_nginx(worker.port)
            try:
                fields = [part for i in range(9) for part in ("-F", f"files=@{i}.png")]
                answer = self.curl(*fields, "https://localhost/upscale_batch")
                with zipfile.ZipFile(io.BytesIO(answer)) as archive:
                    self.assertIsNone(archive.testzip())
                    self.assertEqual(len(archive.namelist()), 9)
                    for i in range(9):
                        _, _, rows = read_png(archive.read(f"{i}.png"))
                        self.assertEqual(rows, enlarged(rows_of(120, 80, i), 2))
                # Larger than nginx's own default of 1 MiB for a body.
                with open(self.path("large.png"), "wb") as file:
                    file.write(make_png(4, 4) + bytes(3 << 20))
                code = self.curl("-o", "large.out", "-w", "%{http_code}", "--data-binary", "@large.png",
                                 "-H", "Content-Type: image/png", "https://localhost/upscale")
                self.assertEqual(code, b"200")
                code = self.curl("-o", "none.out", "-w", "%{http_code}", "https://localhost/nothing")
                self.assertEqual(code, b"404")
                self.assertEqual(self.curl("https://localhost/v2/health/ready"), b'{"ready":true}\n')
            finally:
                nginx.send_signal(signal.SIGTERM)
                nginx.communicate(timeout=WAIT_S)


if __name__ == "__main__":
    main()
