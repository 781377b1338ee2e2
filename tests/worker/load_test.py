"""The worker under more load than it can take, and with peers that are slow, broken or hostile."""

import http.client
import io
import socket
import threading
import time
import unittest
import zipfile

from support import WAIT_S, Worker, form, infer_body, main, make_png, read_all


class OverloadTest(unittest.TestCase):
    def test_what_the_queue_cannot_hold_is_refused_and_the_rest_served(self):
        """16 callers of 8 frames for a queue of 24: whole ZIPs, or 503 with a time to come back."""
        body, headers = form([("files", f"{i}.png", make_png(8, 8, i)) for i in range(8)])
        with Worker("--max-frames", "8", "--max-queue-frames", "24", simulate_ms=2) as worker:
            asked, served, refused, strange = [], [], [], []
            deadline = time.monotonic() + WAIT_S

            def call():
                connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=WAIT_S)
                requests = 0
                while requests < 6 or (not refused and time.monotonic() < deadline):
                    requests += 1
                    asked.append(requests)
                    status, fields, answer = worker.request("POST", "/upscale_batch", body, headers,
                                                            connection)
                    if status == 200:
                        with zipfile.ZipFile(io.BytesIO(answer)) as archive:
                            served.append(len(archive.namelist()))
                    elif status == 503 and int(fields["Retry-After"]) >= 1:
                        refused.append(status)
                        time.sleep(0.01)
                    else:
                        strange.append((status, fields, answer))
                connection.close()

            callers = [threading.Thread(target=call) for _ in range(16)]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join()
            self.assertEqual(strange, [])
            self.assertEqual(len(served) + len(refused), len(asked), "none without an answer")
            self.assertEqual(set(served), {8})
            self.assertGreater(len(refused), 0)
            self.assertEqual(worker.metric("octoscale_frames_total"), 8 * len(served))
            self.assertEqual(worker.metric('octoscale_rejected_total{reason="queue_full"}'), len(refused))
            self.assertEqual(worker.metric("octoscale_queue_frames"), 0)

    def test_a_modest_caller_is_not_behind_a_greedy_one(self):
        eight, headers = form([("files", f"{i}.png", make_png(8, 8, i)) for i in range(8)])
        one = make_png(8, 8)
        with Worker("--caller-header", "X-Caller", simulate_ms=5) as worker:
            finished = []

            def greedy():
                worker.request("POST", "/upscale_batch", eight, {**headers, "X-Caller": "greedy"})
                finished.append("greedy")

            callers = [threading.Thread(target=greedy) for _ in range(10)]
            for caller in callers:
                caller.start()
            worker.wait_until(lambda: worker.get_json("/status")["queue"]["frames_admitted"] >= 64
                              or len(finished) == 10)
            before = len(finished)
            status, _, _ = worker.request("POST", "/upscale", one, {"X-Caller": "modest"})
            after = len(finished)
            for caller in callers:
                caller.join()
            self.assertEqual(status, 200)
            if before < 5:
                self.assertLess(after, 10, "waited for the whole queue of the other")


class BadPeersTest(unittest.TestCase):
    HEAD = b"POST /upscale_batch HTTP/1.1\r\nHost: h\r\n"

    def test_slow_and_endless_senders_are_cut_off(self):
        flags = ("--header-timeout", "0.3", "--rate-window", "0.3", "--min-rate", "1000",
                 "--max-header-kb", "4", "--max-body-mb", "1", "--idle-timeout", "0.3")
        with Worker(*flags) as worker:
            for text, expected in [
                    (b"GET /v2 HTTP/1.1\r\nHo", b" 408 "),
                    (self.HEAD + b"Content-Type: multipart/form-data; boundary=b\r\n"
                     b"Content-Length: 5000\r\n\r\n--b", b" 408 "),
                    (b"GET /v2 HTTP/1.1\r\nHost: h\r\nX: " + bytes([120]) * (1 << 20), b" 431 "),
                    (self.HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", b" 400 "),
                    (self.HEAD + b"Content-Type: multipart/form-data; boundary=b\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + bytes(65536) + b"\r\n") * 20,
                     b" 400 "),  # a preamble without end
                    (b"POST /upscale HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                     + (b"10000\r\n" + bytes(65536) + b"\r\n") * 20, b" 413 ")]:
                connection = worker.raw()
                try:
                    connection.sendall(text)
                except (ConnectionResetError, BrokenPipeError):
                    pass
                answer, _ = read_all(connection)
                connection.close()
                self.assertIn(expected, answer[:20], text[:100])
            # A body that trickles for ever, each byte in time for a naive timer.
            trickle = worker.raw(self.HEAD + b"Content-Type: multipart/form-data; boundary=b\r\n"
                                 b"Content-Length: 100000\r\n\r\n")
            trickle.settimeout(0.02)
            answer = b""
            deadline = time.monotonic() + WAIT_S
            while not answer and time.monotonic() < deadline:
                try:
                    trickle.send(b"x")
                    answer = trickle.recv(100)
                except socket.timeout:
                    pass
                except OSError:
                    break
            trickle.close()
            self.assertIn(b" 408 ", answer)
            self.assertEqual(worker.request("GET", "/v2/health/ready")[0], 200)

    def test_a_reader_that_never_reads_is_cut_off_and_holds_nothing(self):
        tensor = bytes(8 * 400 * 400 * 3)
        body, headers = infer_body(8, 400, 400, tensor, scale=4)
        head = "".join(f"{k}: {v}\r\n" for k, v in headers.items()).encode()
        with Worker("--rate-window", "0.5", "--min-rate", "100000") as worker:
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(WAIT_S)
            connection.connect(("127.0.0.1", worker.port))
            connection.sendall(b"POST /v2/models/simulated/infer HTTP/1.1\r\nHost: h\r\n" + head
                               + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            worker.wait_until(
                lambda: worker.metric("octoscale_requests_broken_off_total"
                                      '{route="/v2/models/{model}/infer"}') == 1)
            worker.wait_until(lambda: worker.metric("octoscale_output_bytes") == 0)
            connection.close()

    def test_connections_are_capped(self):
        with Worker("--max-connections-per-address", "5") as worker:
            held = [worker.raw() for _ in range(5)]
            worker.wait_until(lambda: self.answer(worker).startswith(b"HTTP/1.1 503"))
            for connection in held:
                connection.close()
            worker.wait_until(lambda: self.answer(worker).startswith(b"HTTP/1.1 200"))
            self.assertGreaterEqual(
                worker.metric('octoscale_rejected_total{reason="connections"}'), 1)

    @staticmethod
    def answer(worker):
        try:
            with worker.raw(b"GET /v2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n") as connection:
                return read_all(connection)[0]
        except OSError:
            return b""

    def test_hundreds_of_disconnects_leave_nothing_behind(self):
        body, headers = form([("files", f"{i}.png", make_png(16, 16, i)) for i in range(9)])
        head = "".join(f"{k}: {v}\r\n" for k, v in headers.items()).encode()
        request = self.HEAD + head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
        with Worker(simulate_ms=1) as worker:
            for i in range(300):
                connection = worker.raw(request[:1 + i * (len(request) - 1) // 299])
                if i % 3 == 0:  # leave with a reset
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                connection.close()
            for name in ("octoscale_queue_frames", "octoscale_queue_bytes", "octoscale_output_bytes"):
                worker.wait_until(lambda name=name: worker.metric(name) == 0)
            self.assertEqual(worker.request("POST", "/upscale_batch", body, headers)[0], 200)


if __name__ == "__main__":
    main()
