"""Whole tasks with the real network and encoder: deadlines, TLS. Needs the weights."""

import http.client
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import unittest

from support import BINARY, WAIT_S, Folders, Service, ServiceTest, main

PLAN_S = 1200  # the first plan measures the machine
FRAMES = 10
MINERS_MEMBERS = {"output_paths", "output_urls", "errors", "success", "queue_position",
                  "active_tasks", "queued_tasks"}


def has_weights():
    verify = subprocess.run([BINARY, "models", "verify", "realesr-animevideov3"], check=False,
                            capture_output=True, timeout=WAIT_S)
    if verify.returncode != 0 and os.environ.get("OCTOSCALE_REQUIRE_MODELS") == "1":
        raise AssertionError("models are missing: " + verify.stdout.decode())
    return verify.returncode == 0


class DeadlineTest(ServiceTest):
    @classmethod
    def setUpClass(cls):
        if not has_weights():
            raise unittest.SkipTest("the weights are not installed")
        cls.cache = tempfile.mkdtemp(prefix="octoscale-cache-")
        cls.addClassCleanup(shutil.rmtree, cls.cache)
        folders = Folders()
        cls.addClassCleanup(folders.remove)
        subprocess.run([BINARY, "plan", folders.clip(frames=FRAMES), "--task", "SD2HD"], check=True,
                       stdout=subprocess.DEVNULL, timeout=PLAN_S,
                       env={**os.environ, "XDG_CACHE_HOME": cls.cache})

    def setUp(self):
        super().setUp()
        self.clip = self.folders.clip(frames=FRAMES)

    def service(self, *flags, simulate_ms=None, **options):
        return Service(self.folders, *flags, simulate_ms=simulate_ms,
                       env={"XDG_CACHE_HOME": self.cache}, **options)

    def assert_verified(self, answer):
        verify = subprocess.run(
            [BINARY, "verify", self.clip, answer["output_paths"][0], "--task", "SD2HD"],
            capture_output=True, timeout=WAIT_S, check=False)
        self.assertEqual(verify.returncode, 0, verify.stdout + verify.stderr)

    def late_tasks(self, service):
        text = service.request("GET", "/metrics")[2].decode()
        return int(re.search(r"^octoscale_vidaio_tasks_late_total (\d+)$", text, re.M).group(1))

    def certificate(self):
        cert, key = self.folders.root / "cert.pem", self.folders.root / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", str(key), "-out", str(cert)],
                       check=True, capture_output=True, timeout=WAIT_S)
        return cert, key

    def curl(self, url, *flags, **members):
        body = {"video_paths": [self.clip], "scale": 2, **members}
        out = subprocess.run(
            ["curl", "-sS", "--fail-with-body", "-H", "Content-Type: application/json", "-d",
             json.dumps(body), *map(str, flags), url + "/upscale"],
            check=True, capture_output=True, timeout=2 * WAIT_S).stdout
        return json.loads(out)

    def check_answers(self, service, url, *flags):
        plain = self.curl(url, *flags)
        self.assertTrue(plain["success"], plain)
        self.assertEqual(set(plain), MINERS_MEMBERS)
        self.assert_verified(plain)
        timed = self.curl(url, *flags, deadline_s=600)
        self.assertTrue(timed["success"], timed)
        self.assertEqual(set(timed), MINERS_MEMBERS | {"deadline_s", "seconds", "late"})
        self.assertEqual((timed["deadline_s"], timed["late"]), (600, False))
        self.assertTrue(0 < timed["seconds"] < 600, timed)
        self.assert_verified(timed)
        self.assertRegex(service.log(), r"clip\.mp4: 10 frames, SD2HD, .* ms; "
                                        r"predicted [0-9.]+ s, off by -?[0-9.]+ %")
        self.assertRegex(service.log(), r"in time: .* of 600 s, queue and transfers included")

    def test_curl_gets_answers_that_verify_accepts(self):
        with self.service() as service:
            self.check_answers(service, f"http://127.0.0.1:{service.port}")

    def test_the_same_over_tls(self):
        cert, key = self.certificate()
        with self.service("--tls-cert", cert, "--tls-key", key) as service:
            self.check_answers(service, f"https://localhost:{service.port}", "--cacert", cert,
                               "--resolve", f"localhost:{service.port}:127.0.0.1")

    def test_late_refuse(self):
        with self.service("--deadline", "0.01s", "--late", "refuse") as service:
            code, answer = service.upscale(self.clip, task_id="short")
            self.assertEqual((code, answer["success"], answer["output_paths"]), (200, False, [""]))
            self.assertRegex(answer["errors"][0], "clip.mp4: .*(nothing meets the deadline|passed)")
            self.assertEqual((answer["deadline_s"], answer["late"]), (0.01, True), answer)
            self.assertEqual(service.get("/tasks/short")[1]["answer"], answer)
            self.assertEqual(self.late_tasks(service), 1)
            # The request's deadline wins.
            answer = service.upscale(self.clip, deadline_s=600)[1]
            self.assertEqual((answer["success"], answer["late"]), (True, False), answer)
            self.assertEqual(self.late_tasks(service), 1)

    def test_late_run(self):
        with self.service("--deadline", "0.01", "--late", "run") as service:
            self.assertEqual(self.late_tasks(service), 0)
            code, answer = service.upscale(self.clip)
            self.assertEqual((code, answer["success"], answer["late"]), (200, True, True), answer)
            self.assert_verified(answer)
            self.assertEqual(self.late_tasks(service), 1)
            self.assertIn("going on all the same", service.log())
            self.assertRegex(service.log(), r"late: .* of 0\.0 s, queue and transfers included")

    def test_the_forms_of_a_deadline(self):
        with self.service("--deadline", "10:00") as service:
            answer = service.upscale(self.clip)[1]
            self.assertEqual((answer["deadline_s"], answer["late"]), (600, False), answer)
        for text in ("soon", "0", "-1", "8:00:00:00"):
            with self.subTest(text=text):
                done = subprocess.run(
                    [BINARY, "serve", "--state-dir", str(self.folders.state), "--shared-volume",
                     str(self.folders.volume), f"--deadline={text}"],
                    capture_output=True, timeout=WAIT_S, check=False)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(b"--deadline", done.stderr)

    def stop_with_an_unfinished_task(self, seconds_ago):
        """A task with a deadline of an hour, accepted then; its service was killed."""
        body = {"video_paths": [self.clip], "scale": 2, "task_id": "job", "deadline_s": 3600}

        def post(service):
            try:
                service.post(body)
            except (OSError, ValueError, http.client.HTTPException):
                pass
        with self.service(simulate_ms=3_000_000) as service:
            caller = threading.Thread(target=post, args=(service,))
            caller.start()
            self.addCleanup(caller.join)
            service.wait_until(lambda: service.get("/queue")[1]["active_tasks"] == 1)
            service.kill()
        with sqlite3.connect(self.folders.state / "vidaio.sqlite") as database:
            database.execute("UPDATE jobs SET created_ms = created_ms - ?", (seconds_ago * 1000,))
        database.close()

    def test_a_restart_keeps_what_is_left_of_the_deadline(self):
        self.stop_with_an_unfinished_task(seconds_ago=1000)
        with self.service() as service:
            answer = service.wait_for_task("job")
            log = service.log()
        self.assertTrue(answer["success"], answer)
        self.assertEqual((answer["deadline_s"], answer["late"]), (3600, False))
        self.assertGreater(answer["seconds"], 1000)
        left = int(re.search(r"chosen: .* of (\d+) s", log).group(1))
        self.assertTrue(1600 < left <= 2600, log)

    def test_a_deadline_that_passed_before_the_restart(self):
        self.stop_with_an_unfinished_task(seconds_ago=4000)
        with self.service("--late", "refuse") as service:
            answer = service.wait_for_task("job")
            self.assertEqual((answer["success"], answer["late"]), (False, True), answer)
            self.assertRegex(answer["errors"][0],
                             r"the task's deadline of 3600 s passed \d+ s before this clip")
            self.assertEqual(self.late_tasks(service), 1)

    def test_a_deadline_that_is_none(self):
        with self.service() as service:
            for value in (0, -1, "40s", True, 1e9):
                with self.subTest(value=value):
                    status, problem = service.upscale(self.clip, deadline_s=value)
                    self.assertEqual((status, problem["part"]), (422, "deadline_s"))
                    self.assertIn("number of seconds", problem["detail"])


if __name__ == "__main__":
    main()
