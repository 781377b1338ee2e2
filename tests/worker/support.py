"""What the worker's tests share: a running worker, PNG files, forms. Standard library only."""

import http.client
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest
import zlib

BINARY = os.environ["OCTOSCALE_BINARY"]
WAIT_S = 60  # for anything; generous, because machines are slow and busy


class Worker:
    """`octoscale worker` on a free loopback port, simulated unless told otherwise. Ends with `with`."""

    def __init__(self, *flags, simulate_ms=0, ready=True, env=None, port=0):
        args = [BINARY, "worker", "--listen", f"127.0.0.1:{port}", *map(str, flags)]
        if simulate_ms is not None:
            args += ["--simulate-ms-per-frame", str(simulate_ms)]
        self.process = subprocess.Popen(
            args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **(env or {})},
            bufsize=0)  # select() sees nothing that a buffer has read already
        try:
            self.port = self.event("listening")["port"]
            if ready:
                self.event("ready")
        except BaseException:
            self.close()
            raise

    def event(self, name):
        """The next line of the worker's stdout, which must be this event."""
        if not select.select([self.process.stdout], [], [], WAIT_S)[0]:
            raise AssertionError(f"no {name} event in time")
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the worker ended: " + self.process.stderr.read().decode())
        event = json.loads(line)
        assert event["event"] == name, event
        return event

    def request(self, method, path, body=None, headers=None, connection=None):
        """(status, headers, body) of one request."""
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            own.request(method, path, body=body, headers=headers or {})
            answer = own.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            if connection is None:
                own.close()

    def raw(self, text=b"", timeout=WAIT_S):
        """A socket to the worker on which `text` was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        connection.sendall(text)
        return connection

    def get_json(self, path):
        return json.loads(self.request("GET", path)[2])

    def metric(self, name):
        for line in self.request("GET", "/metrics")[2].decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        return None

    def wait_until(self, condition):
        deadline = time.monotonic() + WAIT_S
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError("waited in vain")
            time.sleep(0.01)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        """Exit code, and all of stderr."""
        _, errors = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, errors.decode()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def read_all(connection):
    """Everything until the peer closes; (bytes, whether it broke off)."""
    data = bytearray()
    try:
        while some := connection.recv(1 << 20):
            data += some
        return bytes(data), False
    except ConnectionResetError:
        return bytes(data), True


def rows_of(width, height, seed=0):
    return [bytes((x * 7 + y * 13 + c * 50 + seed * 31) % 256 for x in range(width) for c in range(3))
            for y in range(height)]


def png_of(width, height, *chunks):
    """An 8-bit RGB PNG of (kind, data) chunks, between the head and the end."""
    head = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (head, *chunks, (b"IEND", b"")))


def packed_rows(width, height, seed=0):
    return zlib.compress(b"".join(b"\0" + row for row in rows_of(width, height, seed)), 1)


def make_png(width, height, seed=0):
    return png_of(width, height, (b"IDAT", packed_rows(width, height, seed)))


def make_apng(width, height, seeds):
    """An animation; the default picture is its first frame (APNG 1.0)."""
    chunks, number = [(b"acTL", struct.pack(">II", len(seeds), 0))], 0
    for i, seed in enumerate(seeds):
        control = struct.pack(">IIIIIHHBB", number, width, height, 0, 0, 1, 25, 0, 0)
        number += 1
        chunks.append((b"fcTL", control))
        if i == 0:
            chunks.append((b"IDAT", packed_rows(width, height, seed)))
        else:
            chunks.append((b"fdAT", struct.pack(">I", number) + packed_rows(width, height, seed)))
            number += 1
    return png_of(width, height, *chunks)


def read_png(data):
    """(width, height, rows) of an 8-bit RGB PNG with any filters."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
            assert (depth, color) == (8, 2)
        if kind == b"IDAT":
            packed += body
        at += size + 12
    raw = zlib.decompress(packed)
    rows, above = [], bytes(3 * width)
    for y in range(height):
        kind, line = raw[y * (3 * width + 1)], raw[y * (3 * width + 1) + 1:(y + 1) * (3 * width + 1)]
        row = bytearray(line)
        for i in range(3 * width):
            left, up = (row[i - 3] if i >= 3 else 0), above[i]
            corner = above[i - 3] if i >= 3 else 0
            if kind == 4:
                p = left + up - corner
                distances = (abs(p - left), abs(p - up), abs(p - corner))
                guess = (left, up, corner)[distances.index(min(distances))]
            else:
                guess = (0, left, up, (left + up) // 2)[kind]
            row[i] = (row[i] + guess) & 255
        above = bytes(row)
        rows.append(above)
    return width, height, rows


def enlarged(rows, scale):
    """What the simulated engine makes of rows of RGB pixels."""
    out = []
    for row in rows:
        wide = b"".join(row[i:i + 3] * scale for i in range(0, len(row), 3))
        out += [wide] * scale
    return out


def form(parts):
    """(body, headers) of a form; parts are (field, file name or None, content)."""
    body = b""
    for field, name, content in parts:
        disposition = f'form-data; name="{field}"' + (f'; filename="{name}"' if name is not None else "")
        body += (f"--frontier\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n")
    return body + b"--frontier--\r\n", {"Content-Type": "multipart/form-data; boundary=frontier"}


def infer_body(frames, width, height, tensor, scale=2, datatype="UINT8"):
    """(body, headers) of an inference request on raw frames."""
    head = json.dumps({
        "inputs": [{"name": "frames", "datatype": datatype, "shape": [frames, height, width, 3],
                    "parameters": {"binary_data_size": len(tensor)}}],
        "parameters": {"scale": scale}}).encode()
    return head + tensor, {"Inference-Header-Content-Length": str(len(head)),
                           "Content-Type": "application/octet-stream"}


def main():
    unittest.main(verbosity=1, argv=[sys.argv[0], *sys.argv[1:]])
