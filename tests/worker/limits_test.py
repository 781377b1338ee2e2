"""Every limit of `octoscale worker --help` is hit over a real socket, with the flag that sets it."""

import http.client
import re
import struct
import subprocess
import unittest
import zlib

from support import BINARY, WAIT_S, Worker, form, infer_body, main, make_png, read_all


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_without_pixels(width, height):
    """A PNG of this size with hardly any rows, which is all that a limit on the size needs."""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))


def raw_request(path, body, headers):
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (f"POST {path} HTTP/1.1\r\nHost: h\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode()
            + body)


class LimitsTest(unittest.TestCase):
    INFER = "/v2/models/simulated/infer"

    def batch(self, worker, pictures, headers=None):
        """Status, and the problem's text, of a form with these pictures."""
        body, form_headers = form([("files", f"{i}.png", png) for i, png in enumerate(pictures)])
        status, _, answer = worker.request("POST", "/upscale_batch", body,
                                           {**form_headers, **(headers or {})})
        return status, answer.decode("utf-8", "replace") if status != 200 else ""

    def hold(self, worker, frames=1, size=4, headers=None):
        """A connection whose request has been admitted and is being computed."""
        body, infer_headers = infer_body(frames, size, size, bytes(frames * size * size * 3))
        held = worker.raw(raw_request(self.INFER, body, {**infer_headers, **(headers or {})}))
        worker.wait_until(lambda: worker.get_json("/status")["current_batch"])
        return held

    def check_requests(self, worker, cases):
        for pictures, status, words in cases:
            with self.subTest(words=words):
                found, text = self.batch(worker, pictures)
                self.assertEqual(found, status, text)
                self.assertIn(words, text)

    def test_max_frames__max_body_mb__max_file_mb__max_decoded_mb(self):
        flags = ("--max-frames", 3, "--max-body-mb", 0.1, "--max-file-mb", 0.01, "--max-decoded-mb", 0.01)
        small, medium = make_png(4, 4), make_png(35, 35)
        with Worker(*flags) as worker:
            self.check_requests(worker, [
                ([small] * 4, 413, "3 files"),
                ([bytes(110_000)], 413, ""),
                ([small + bytes(12_000)], 413, "10485"),
                ([medium] * 3, 413, "decoded")])
            self.assertEqual(self.batch(worker, [small] * 3)[0], 200)

    def test_max_side__max_mpx__max_output_mpx(self):
        flags = ("--max-side", 100, "--max-mpx", 0.002, "--max-output-mpx", 0.005)
        with Worker(*flags) as worker:
            self.check_requests(worker, [
                ([make_png(101, 1)], 422, "101x1"),
                ([make_png(50, 50)], 422, "50x50"),
                ([make_png(40, 40)], 422, "40x40")])
            self.assertEqual(self.batch(worker, [make_png(20, 20)])[0], 200)

    def test_max_mpx_and_max_side_at_their_defaults(self):
        with Worker() as worker:
            for width, height, too_large in [(5793, 5793, True), (60000, 60000, True),
                                             (16385, 1, True), (5792, 5792, False)]:
                with self.subTest(width=width, height=height):
                    status, text = self.batch(worker, [png_without_pixels(width, height)])
                    self.assertEqual(status, 422)
                    # The one within the limits is refused for its missing pixels instead.
                    self.assertEqual(f"{width}x{height}" in text, too_large, text)
            self.assertEqual(self.batch(worker, [make_png(1, 1)] * 65)[0], 413)

    def test_max_queue_frames(self):
        with Worker("--max-frames", 4, "--max-queue-frames", 4, simulate_ms=500) as worker:
            with self.hold(worker, frames=4) as held:
                status, headers, _ = worker.request("POST", "/upscale", make_png(2, 2))
                self.assertEqual(status, 503)
                self.assertGreaterEqual(int(headers["Retry-After"]), 1)
                self.assertEqual(worker.metric('octoscale_rejected_total{reason="queue_full"}'), 1)
                held.close()

    def test_max_queue_mb(self):
        with Worker("--max-body-mb", 0.1, "--max-queue-mb", 0.12, simulate_ms=2000) as worker:
            with self.hold(worker, frames=1, size=170) as held:  # 86 700 bytes
                body, headers = infer_body(1, 170, 170, bytes(170 * 170 * 3))
                status, fields, _ = worker.request("POST", self.INFER, body, headers)
                self.assertEqual(status, 503)
                self.assertIn("Retry-After", fields)
                self.assertEqual(worker.metric('octoscale_rejected_total{reason="memory"}'), 1)
                held.close()

    def test_max_output_mb(self):
        """Who does not read holds up half the room for results, and nobody else; nothing is lost."""
        frames, result = 20, 960 * 960 * 3
        tensor = bytes(240 * 240 * 3)
        body, headers = infer_body(frames, 240, 240, frames * tensor, scale=4)
        headers.update({"Connection": "close", "X-Caller": "slow"})
        with Worker("--max-output-mb", 10.6, "--min-rate", 0, "--caller-header", "X-Caller") as worker:
            with worker.raw(raw_request(self.INFER, body, headers)) as slow:
                worker.wait_until(lambda: worker.metric("octoscale_output_bytes") > result)
                for _ in range(3):
                    status, _, answer = worker.request("POST", self.INFER,
                                                       *infer_body(1, 240, 240, tensor, scale=4))
                    self.assertEqual(status, 200)
                    self.assertGreater(len(answer), result)
                    self.assertLessEqual(worker.metric("octoscale_output_bytes"), 10.6 * (1 << 20))
                self.assertLess(worker.metric("octoscale_frames_total"), frames)
                answer, broken = read_all(slow)
            self.assertFalse(broken)
            self.assertGreater(len(answer), frames * result)

    def test_two_batches_are_computed_ahead(self):
        """Of a slow reader's request, with one thread that encodes and an engine that takes no time."""
        frames = 32
        body, headers = form([("files", f"{i}.png", make_png(100, 100, i)) for i in range(frames)])
        request = raw_request("/upscale_batch?scale=4", body, {**headers, "Connection": "close"})
        with Worker("--codec-threads", 1, "--min-rate", 0) as worker:
            def all_computed():
                computed = worker.metric("octoscale_frames_total")
                encoded = worker.metric("octoscale_encode_seconds_count")
                self.assertLessEqual(computed - encoded, 16)
                return computed == frames
            with worker.raw(request) as slow:
                worker.wait_until(all_computed)
                answer, broken = read_all(slow)
            self.assertFalse(broken)
            self.assertTrue(answer.endswith(b"0\r\n\r\n"))

    def test_max_caller_frames(self):
        with Worker("--max-frames", 2, "--max-caller-frames", 2, "--caller-header", "X-Caller", simulate_ms=500) as worker:
            with self.hold(worker, frames=2, headers={"X-Caller": "a"}) as held:
                status, fields, _ = worker.request("POST", "/upscale", make_png(2, 2), {"X-Caller": "a"})
                self.assertEqual(status, 429)
                self.assertIn("Retry-After", fields)
                self.assertEqual(
                    worker.request("POST", "/upscale", make_png(2, 2), {"X-Caller": "b"})[0], 200)
                held.close()

    def test_drain_timeout(self):
        with Worker("--drain-timeout", 0.1, simulate_ms=600) as worker:
            with self.hold(worker, frames=8):
                worker.terminate()
                self.assertEqual(worker.wait()[0], 1)

    def check_connections_are_capped(self, flag):
        ask = b"GET /v2 HTTP/1.1\r\nHost: h\r\n\r\n"
        with Worker(flag, 2) as worker:
            held = [worker.raw(ask) for _ in range(2)]
            for connection in held:
                self.assertIn(b" 200 ", connection.recv(100))
            with worker.raw() as refused:
                self.assertIn(b" 503 ", read_all(refused)[0])
            for connection in held:
                connection.close()

    def test_max_connections(self):
        self.check_connections_are_capped("--max-connections")

    def test_max_connections_per_address(self):
        self.check_connections_are_capped("--max-connections-per-address")

    def test_max_requests_per_connection(self):
        with Worker("--max-requests-per-connection", 3) as worker:
            connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=WAIT_S)
            for expected in ("keep-alive", "keep-alive", "close"):
                status, headers, _ = worker.request("GET", "/v2", connection=connection)
                self.assertEqual((status, headers["Connection"]), (200, expected))
            connection.close()
            many = worker.raw(b"GET /v2 HTTP/1.1\r\nHost: h\r\n\r\n" * 5)
            answers, _ = read_all(many)
            many.close()
            self.assertEqual(answers.count(b"HTTP/1.1 200"), 3)

    def test_max_header_kb__max_header_fields(self):
        with Worker("--max-header-kb", 1, "--max-header-fields", 10) as worker:
            for fields in ({"X-Long": "x" * 1100}, {f"X-{i}": "x" for i in range(11)}):
                self.assertEqual(worker.request("GET", "/v2", headers=fields)[0], 431)
            self.assertEqual(worker.request("GET", "/v2", headers={"X-Long": "x" * 500})[0], 200)

    def test_header_timeout__idle_timeout(self):
        with Worker("--header-timeout", 0.2, "--idle-timeout", 0.2) as worker:
            with worker.raw(b"GET /v2 HT") as slow:
                self.assertIn(b" 408 ", read_all(slow)[0])
            with worker.raw(b"GET /v2 HTTP/1.1\r\nHost: h\r\n\r\n") as idle:
                answer, _ = read_all(idle)  # ends: the worker closes
                self.assertIn(b" 200 ", answer)

    def test_request_timeout(self):
        with Worker("--request-timeout", 0.3, simulate_ms=1000) as worker:
            self.assertEqual(self.batch(worker, [make_png(2, 2)] * 8)[0], 504)
            with worker.raw(raw_request("/upscale", b"", {})[:-5] + b"9\r\n\r\n") as body:
                self.assertIn(b" 408 ", read_all(body)[0])

    def test_min_rate__rate_window(self):
        with Worker("--min-rate", 1000, "--rate-window", 0.2) as worker:
            with worker.raw(raw_request("/upscale", bytes(9), {})[:-1]) as slow:
                self.assertIn(b" 408 ", read_all(slow)[0])

    def test_every_limit_of_the_help_is_hit_here(self):
        text = subprocess.run([BINARY, "worker", "--help"], capture_output=True, check=True,
                              timeout=WAIT_S).stdout.decode()
        limits = text[text.index("Limits of a request:"):]
        flags = set(re.findall(r"^  --([a-z-]+) ", limits, re.MULTILINE))
        self.assertGreater(len(flags), 20)
        tested = set()
        for name in dir(self):
            if name.startswith("test_"):
                tested.update(part.replace("_", "-") for part in name[len("test_"):].split("__"))
        self.assertEqual(flags - tested, set(), "limits without a test")


if __name__ == "__main__":
    main()
