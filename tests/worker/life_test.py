"""The worker's life: start, drain, second signal, restart under load, what it tells systemd."""

import itertools
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from support import BINARY, WAIT_S, Worker, form, main, make_png, read_all


class LifeTest(unittest.TestCase):
    def test_drains_on_sigterm_and_exits_0(self):
        body, headers = form([("files", f"{i}.png", make_png(4, 4, i)) for i in range(16)])
        with Worker(simulate_ms=30) as worker:
            answers = []
            caller = threading.Thread(
                target=lambda: answers.append(worker.request("POST", "/upscale_batch", body, headers)))
            caller.start()
            worker.wait_until(lambda: worker.get_json("/status")["current_batch"])
            worker.terminate()
            worker.wait_until(lambda: worker.request("GET", "/v2/health/ready")[0] == 503)
            self.assertEqual(worker.request("POST", "/upscale", make_png(4, 4))[0], 503)
            caller.join()
            self.assertEqual(answers[0][0], 200)
            self.assertEqual(answers[0][2][-22:-18], b"PK\5\6", "a whole archive")
            code, errors = worker.wait()
            self.assertEqual(code, 0, errors)

    def start_long_request(self, worker):
        """A connection whose request takes many seconds and has begun."""
        body, headers = form([("files", f"{i}.png", make_png(4, 4, i)) for i in range(64)])
        head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        connection = worker.raw(f"POST /upscale_batch HTTP/1.1\r\nHost: h\r\n{head}"
                                f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        worker.wait_until(lambda: worker.get_json("/status")["current_batch"])
        return connection

    def test_a_second_signal_exits_at_once(self):
        with Worker(simulate_ms=1000) as worker, self.start_long_request(worker):
            worker.terminate()
            worker.wait_until(lambda: worker.get_json("/status")["stage"] == "draining")
            worker.terminate()
            self.assertEqual(worker.wait()[0], 130)

    def test_the_drain_has_an_end(self):
        with Worker("--drain-timeout", "0.2", simulate_ms=1000) as worker:
            with self.start_long_request(worker):
                worker.terminate()
                code, errors = worker.wait()
        self.assertEqual(code, 1)
        self.assertIn("--drain-timeout", errors)

    @staticmethod
    def ask_once(port, request):
        """The bytes of the answer, as far as they came; None when nobody listened."""
        with socket.socket() as connection:
            connection.settimeout(WAIT_S)
            try:
                connection.connect(("127.0.0.1", port))
            except ConnectionRefusedError:
                return None
            try:
                connection.sendall(request)
            except ConnectionError:
                pass
            return read_all(connection)[0]

    @staticmethod
    def status_if_whole(answer):
        """The status of a whole answer, else None."""
        head, _, body = answer.partition(b"\r\n\r\n")
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        whole = len(body) == int(length[1]) if length else body.endswith(b"0\r\n\r\n")
        return head.split()[1].decode() if whole else None

    def test_restart_under_load_cuts_no_accepted_request(self):
        """Callers go on while one worker after another takes over the same port.

        Every request is answered whole with 200 or 503, unless nobody listened or the worker ended
        before it had read the request: then no log knows it.
        """
        body, headers = form([("files", "a.png", make_png(8, 8))])
        head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        answers, done, stop, numbers = {}, [], threading.Event(), itertools.count(1)

        def call(port):
            while not stop.is_set():
                trace = f"00-{next(numbers):032x}-0000000000000001-01"
                answers[trace] = answer = self.ask_once(
                    port, f"POST /upscale_batch HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{head}"
                    f"traceparent: {trace}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                if answer and answer.startswith(b"HTTP/1.1 200"):
                    done.append(trace)
                else:
                    time.sleep(0.005)

        callers, port, log = [], 0, ""
        for _ in range(3):
            before = len(done)
            with Worker(port=port, simulate_ms=1) as worker:
                port = worker.port
                if not callers:
                    callers = [threading.Thread(target=call, args=(port,)) for _ in range(4)]
                    for caller in callers:
                        caller.start()
                worker.wait_until(lambda: len(done) >= before + 20)
                worker.terminate()
                code, errors = worker.wait()
                self.assertEqual(code, 0, errors)
                log += errors
        stop.set()
        for caller in callers:
            caller.join()
        logged = {trace: (status, complete) for status, complete, trace in
                  re.findall(r"status=(\d+) complete=(\w+) .*traceparent=(\S+)", log)}
        for trace, answer in answers.items():
            if answer:
                status = self.status_if_whole(answer)
                self.assertIn(status, ("200", "503"), answer)
                self.assertEqual(logged[trace], (status, "yes"))
            else:
                self.assertNotIn(trace, logged, "the worker began it and gave no answer")

    def test_tells_systemd(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "notify")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.bind(path)
                notify.settimeout(WAIT_S)
                with Worker(env={"NOTIFY_SOCKET": path}) as worker:
                    self.assertEqual(notify.recv(100), b"READY=1")
                    worker.terminate()
                    self.assertEqual(notify.recv(100), b"STOPPING=1")
                    self.assertEqual(worker.wait()[0], 0)

    def test_sigint_drains_too(self):
        with Worker() as worker:
            worker.process.send_signal(signal.SIGINT)
            self.assertEqual(worker.wait()[0], 0)

    def test_logs_one_line_a_request_with_its_trace(self):
        trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
        with Worker() as worker:
            worker.request("POST", "/upscale?scale=3", make_png(4, 4),
                           {"traceparent": trace, "Authorization": "Bearer very-secret-token"})
            worker.request("GET", "/%0aforged")
            worker.terminate()
            _, errors = worker.wait()
        lines = [line for line in errors.splitlines() if "request " in line]
        self.assertEqual(len(lines), 2, errors)
        self.assertIn('method="POST" target="/upscale?scale=3" status=200', lines[0])
        self.assertIn(f"traceparent={trace}", lines[0])
        self.assertNotIn("very-secret-token", errors)


class WrongUsageTest(unittest.TestCase):
    def start(self, *flags, models=None):
        env = {**os.environ, "XDG_DATA_HOME": "/nonexistent", "OCTOSCALE_MODELS": models or ""}
        done = subprocess.run([BINARY, "worker", *flags], capture_output=True, timeout=WAIT_S,
                              env=env, check=False)
        return done.returncode, done.stderr.decode()

    def test_each_mistake_is_named(self):
        simulated = ("--simulate-ms-per-frame", "0", "--listen", "127.0.0.1:0")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            for flags, code, words in [
                    ((*simulated, "-m", "nothing"), 2, "nothing"),
                    ((*simulated, "-s", "9"), 2, "scale"),
                    ((*simulated, "--max-frames", "0"), 2, "max-frames"),
                    ((*simulated, "--max-queue-frames", "1"), 2, "queue"),
                    ((*simulated, "--token-file", "/nonexistent"), 1, "/nonexistent"),
                    ((*simulated, "--tls-cert", "/nonexistent"), 2, "TLS"),
                    (("--simulate-ms-per-frame", "0", "--listen", "0.0.0.0:0"), 2, "--token-file"),
                    (("--simulate-ms-per-frame", "0", "--listen", "nowhere"), 2, "nowhere"),
                    (("--simulate-ms-per-frame", "0", "--listen", f"127.0.0.1:{port}"), 1, "in use"),
                    (("--wings",), 2, "--wings")]:
                with self.subTest(flags=flags):
                    found, errors = self.start(*flags)
                    self.assertEqual(found, code, errors)
                    self.assertIn(words, errors)
                    self.assertLessEqual(len(errors.strip().splitlines()), 1, errors)

    def test_missing_models_say_how_to_get_them(self):
        code, errors = self.start("--listen", "127.0.0.1:0", models="/nonexistent")
        self.assertEqual(code, 1)
        self.assertIn("octoscale models install", errors)

    def test_every_limit_is_in_the_help(self):
        text = subprocess.run([BINARY, "worker", "--help"], capture_output=True, check=True).stdout.decode()
        for flag in ("--max-frames", "--max-body-mb", "--max-file-mb", "--max-side", "--max-mpx",
                     "--max-output-mpx", "--max-decoded-mb", "--max-queue-frames", "--max-queue-mb",
                     "--max-output-mb", "--max-caller-frames", "--drain-timeout", "--max-connections",
                     "--max-connections-per-address", "--max-requests-per-connection",
                     "--max-header-kb", "--max-header-fields", "--header-timeout", "--idle-timeout",
                     "--request-timeout", "--min-rate", "--rate-window", "--token-file", "--tls-cert"):
            self.assertIn(flag + " ", text)
        self.assertNotIn("simulate", text)


if __name__ == "__main__":
    main()
