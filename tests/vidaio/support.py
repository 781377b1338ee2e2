"""What the service's tests share: a running service, tiny clips, a file server that misbehaves."""

import concurrent.futures
import http.client
import http.server
import json
import os
import pathlib
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BINARY = os.environ["OCTOSCALE_BINARY"]
WAIT_S = 120  # for anything; generous, because machines are slow and busy
WIDTH, HEIGHT = 64, 48
# Where an MP4 has the type of its first box, it says "free".
DASH_MANIFEST = ("<!--free--><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'"
                 " profiles='urn:mpeg:dash:profile:isoff-on-demand:2011'></MPD>\n")


def make_clip(path, frames=6, size=f"{WIDTH}x{HEIGHT}", source="testsrc2", rate=30):
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"{source}=s={size}:r={rate}",
         "-frames:v", str(frames), "-c:v", "libx264", "-preset", "ultrafast", "-crf", "10",
         "-pix_fmt", "yuv420p", "-threads", "1", str(path)], check=True, timeout=WAIT_S)
    return path


def probe(path):
    """(codec, width, height, frames) of a video."""
    out = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0", "-show_entries",
         "stream=codec_name,width,height,nb_read_frames", "-of", "json", str(path)],
        check=True, capture_output=True, timeout=WAIT_S).stdout
    stream = json.loads(out)["streams"][0]
    return stream["codec_name"], stream["width"], stream["height"], int(stream["nb_read_frames"])


class Folders:
    """A shared volume and a state folder that outlive one service."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="octoscale-vidaio-"))
        self.volume = self.root / "volume"
        self.state = self.root / "state"
        self.volume.mkdir()

    def clip(self, name="clip.mp4", **options):
        return str(make_clip(self.volume / name, **options))

    def work(self):
        """Names in the service's work folder."""
        return sorted(p.name for p in (self.volume / ".octoscale").iterdir())

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)


class Service:
    """`octoscale serve` on a free loopback port with enlarged pixels. Ends with `with`."""

    def __init__(self, folders, *flags, simulate_ms=0, env=None, older="none", wrapper=(),
                 **popen):
        clean = {k: v for k, v in os.environ.items()
                 if not k.startswith("MINER_STORAGE_") and k not in ("DISABLE_REMOTE_IO",)}
        args = [BINARY, "serve", "--api", "vidaio", "--listen", "127.0.0.1:0",
                "--older-listen", older, "--shared-volume", folders.volume,
                "--state-dir", folders.state, *flags]
        if simulate_ms is not None:
            args += ["--simulate-ms-per-frame", simulate_ms]
        self.log_path = folders.root / f"log-{time.monotonic_ns()}"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([str(a) for a in (*wrapper, *args)], bufsize=0,
                                            stdout=subprocess.PIPE, stderr=log,
                                            env={**clean, **(env or {})}, **popen)
        if not select.select([self.process.stdout], [], [], WAIT_S)[0]:
            raise AssertionError("the service doesn't start")
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise AssertionError("the service ended: " + self.log())
        event = json.loads(line)
        self.port, self.older_port = event["port"], event["older_port"]
        self.forgotten = []

    def log(self):
        return self.log_path.read_text(errors="replace")

    def request(self, method, path, body=None, headers=None, port=None):
        """(status, headers, body) of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=WAIT_S)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
                headers = {"Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def post(self, body, path="/upscale", **options):
        """(status, JSON) of a POST."""
        status, _, text = self.request("POST", path, body, **options)
        return status, json.loads(text)

    def post_and_leave(self, body):
        """A request whose connection ends before the answer."""
        text = json.dumps(body).encode()
        head = ("POST /upscale HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(text)}\r\n\r\n").encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S) as connection:
            connection.sendall(head + text)

    def post_and_forget(self, body):
        """A request whose connection will break, at the latest when the service ends."""
        def call():
            try:
                self.post(body)
            except (OSError, ValueError, http.client.HTTPException):
                pass
        self.forgotten.append(threading.Thread(target=call))
        self.forgotten[-1].start()

    def upscale(self, *paths, scale=2, **members):
        return self.post({"video_paths": [str(p) for p in paths], "scale": scale, **members})

    def get(self, path):
        status, _, text = self.request("GET", path)
        return status, json.loads(text)

    def wait_until(self, condition):
        deadline = time.monotonic() + WAIT_S
        while not condition():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError("waited in vain: " + self.log())
            time.sleep(0.02)

    def wait_for_task(self, task_id):
        """The answer of a task that nobody waits for."""
        self.wait_until(lambda: self.get("/tasks/" + task_id)[1]["answer"] is not None)
        return self.get("/tasks/" + task_id)[1]["answer"]

    def limit_files(self, bytes_max):
        """Writes beyond this size fail from now on; None: no limit. restore_signals must be False,
        else SIGXFSZ ends the service."""
        soft = resource.RLIM_INFINITY if bytes_max is None else bytes_max
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))

    def clip_states(self, task_id):
        return [clip["state"] for clip in self.get("/tasks/" + task_id)[1].get("clips", [])]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        return self.process.wait(timeout=WAIT_S)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        for thread in self.forgotten:
            thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class ServiceTest(unittest.TestCase):
    def setUp(self):
        self.folders = Folders()
        self.addCleanup(self.folders.remove)

    def assert_result(self, path, scale=2, frames=6):
        self.assertEqual(probe(path), ("hevc", WIDTH * scale, HEIGHT * scale, frames))


class QuietHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server:
    """A threaded HTTP server on a free loopback port. Ends with `with`."""

    def __init__(self, handler):
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.http.owner = self
        self.port = self.http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


class FileServer(Server):
    """Serves `files` (path -> bytes) and, under fixed names, everything that goes wrong."""

    def __init__(self, files):
        self.files = files
        self.hits = []
        self.released = threading.Event()
        super().__init__(FileHandler)

    def __exit__(self, *args):
        self.released.set()
        super().__exit__(*args)


class FileHandler(QuietHandler):
    def do_GET(self):
        owner = self.server.owner
        path = self.path.split("?")[0]
        owner.hits.append(path)
        if path in owner.files:
            return self.answer(200, owner.files[path], [("Content-Type", "video/mp4")])
        if path == "/html":
            return self.answer(200, b"<!DOCTYPE html><title>x</title>", [("Content-Type", "text/html")])
        if path == "/html.mp4":
            return self.answer(200, b"  <html>" + b"x" * 600, [("Content-Type", "video/mp4")])
        if path == "/playlist.mp4":
            return self.answer(200, b"#EXTM3U\nfile:///etc/passwd\n" + b"#" * 600)
        if path == "/dash.mp4":
            return self.answer(200, DASH_MANIFEST.encode() + b" " * 2000, [("Content-Type", "video/mp4")])
        if path == "/empty":
            return self.answer(200)
        if path.startswith("/redirect/"):
            return self.answer(302, headers=[("Location", path[len("/redirect/"):])])
        if path == "/loop":
            return self.answer(302, headers=[("Location", "/loop")])
        if path in ("/huge", "/stall", "/short"):
            self.send_response(200)
            self.send_header("Content-Length", str(20 << 30) if path == "/huge" else "100000")
            self.end_headers()
            self.wfile.write(b"\0\0\0\x20ftypisom" + b"\0" * 500)
            self.wfile.flush()
            if path == "/stall":
                owner.released.wait(WAIT_S)
            self.close_connection = True
            return None
        if path == "/endless":
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            try:
                self.wfile.write(b"\0\0\0\x20ftypisom")
                while not owner.released.is_set():
                    self.wfile.write(b"\0" * 65536)
            except OSError:
                pass
            return None
        return self.answer(404)


def at_once(*calls):
    """The results of calls made at the same time, in order."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [f.result() for f in [pool.submit(call) for call in calls]]


def free_port():
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return probe_socket.getsockname()[1]


def main():
    unittest.main(verbosity=1, argv=[sys.argv[0], *sys.argv[1:]])
