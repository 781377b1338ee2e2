"""The service's life: crashes, restarts, drains, its database, its temporary files, a full disk."""

import os
import pathlib
import sqlite3
import subprocess
import threading
import time
import unittest

from s3_server import S3Server
from support import BINARY, WAIT_S, FileServer, Service, ServiceTest, main, make_clip


class CrashTest(ServiceTest):
    def test_kill_9_in_the_middle_and_a_restart_finishes_once(self):
        clips = [self.folders.clip("a.mp4", frames=4), self.folders.clip("b.mp4", frames=12)]
        body = {"video_paths": clips, "scale": 2, "task_id": "job"}
        flags = ("--segment-frames", "4")
        with Service(self.folders, *flags, simulate_ms=150) as service:
            service.post_and_forget(body)
            first = self.folders.volume / "a_upscaled_2x.mp4"
            service.wait_until(lambda: service.get("/tasks/job")[0] == 200 and
                               service.get("/tasks/job")[1]["clips"][0]["state"] == "done")
            made = os.stat(first).st_ino
            journal = self.folders.volume / ".octoscale"
            service.wait_until(lambda: any("segment-" in str(p) for p in journal.rglob("*")))
            service.kill()
        with Service(self.folders, *flags) as service:
            answer = service.wait_for_task("job")
            self.assertTrue(answer["success"], answer)
            self.assertEqual(service.post(body), (200, answer))
            self.assertEqual(os.stat(first).st_ino, made, "the finished clip was not made again")
            self.assertIn("going on with it", service.log())
            self.assert_result(answer["output_paths"][0], frames=4)
            self.assert_result(answer["output_paths"][1], frames=12)
            self.assertEqual(self.folders.work(), [])
        with Service(self.folders, *flags) as service:
            self.assertNotIn("going on", service.log())
            self.assertEqual(service.post(body), (200, answer))

    def test_kill_9_during_the_upload_uploads_once_more_and_computes_nothing(self):
        source = make_clip(self.folders.root / "source.mp4", frames=3).read_bytes()
        with S3Server() as s3, FileServer({"/c.mp4": source}) as files:
            allow = ("--allow-host", f"127.0.0.1:{files.port}")
            body = {"video_paths": [files.url + "/c.mp4"], "scale": 2, "task_id": "up"}
            s3.faults = [WAIT_S / 10]
            with Service(self.folders, *allow, env=s3.env()) as service:
                service.post_and_forget(body)
                service.wait_until(lambda: s3.attempts == 1)
                service.kill()
            # A network that would never end: only what is computed already can be sent.
            with Service(self.folders, *allow, env=s3.env(), simulate_ms=3_000_000) as service:
                answer = service.wait_for_task("up")
                self.assertTrue(answer["success"], answer)
            self.assertEqual(files.hits, ["/c.mp4"], "downloaded once")

    def test_a_clip_that_ended_the_process_three_times_is_given_up_alone(self):
        bad, good = self.folders.clip("bad.mp4", frames=2), self.folders.clip("good.mp4", frames=2)
        with S3Server() as s3, FileServer({}) as files:
            flags = ("--allow-host", f"127.0.0.1:{files.port}")
            # A task beside it, whose download stalls.
            beside = {"video_paths": [files.url + "/stall"], "scale": 2, "task_id": "beside"}
            for starts in (1, 2, 3):
                with Service(self.folders, *flags, env=s3.env(), simulate_ms=3_000_000) as service:
                    if starts == 1:
                        service.post_and_forget({"video_paths": [bad, good], "scale": 2, "task_id": "t"})
                        service.post_and_forget(beside)
                    service.wait_until(lambda n=starts: len(files.hits) == n)
                    service.wait_until(lambda: service.clip_states("t") == ["running", "queued"])
                    service.kill()
                # A start that fails changes nothing.
                failed = subprocess.run(
                    [BINARY, "serve", "--listen", f"127.0.0.1:{files.port}", "--older-listen", "none",
                     "--shared-volume", self.folders.volume, "--state-dir", self.folders.state],
                    capture_output=True, timeout=WAIT_S, check=False)
                self.assertIn(b"in use", failed.stderr)
            files.files["/stall"] = pathlib.Path(good).read_bytes()
            with Service(self.folders, *flags, env=s3.env()) as service:
                answer = service.wait_for_task("t")
                self.assertIn("given up: the service ended 3 times", answer["errors"][0])
                self.assertEqual(answer["errors"][1], "")
                answer = service.wait_for_task("beside")
                self.assertTrue(answer["success"], answer)

    def test_ends_that_were_asked_for_do_not_count(self):
        body = {"video_paths": [self.folders.clip(frames=2)], "scale": 2, "task_id": "t"}
        for starts in (1, 2, 3):
            with Service(self.folders, simulate_ms=3_000_000) as service:
                if starts == 1:
                    service.post_and_forget(body)
                service.wait_until(lambda: service.clip_states("t") == ["running"])
                service.terminate()
                service.wait_until(lambda: service.get("/health")[0] == 503)
                service.terminate()
                self.assertEqual(service.wait(), 130)
        with Service(self.folders) as service:
            answer = service.wait_for_task("t")
        self.assertTrue(answer["success"], answer)

    def test_an_input_that_went_away_is_named_after_the_restart(self):
        clip = self.folders.clip(frames=2)
        with Service(self.folders, simulate_ms=3_000_000) as service:
            service.post_and_forget({"video_paths": [clip], "scale": 2, "task_id": "gone"})
            service.wait_until(lambda: service.get("/queue")[1]["active_tasks"] == 1)
            service.kill()
        os.remove(clip)
        with Service(self.folders) as service:
            self.assertIn("not found", service.wait_for_task("gone")["errors"][0])


class StopTest(ServiceTest):
    def test_sigterm_finishes_what_was_accepted(self):
        clip = self.folders.clip(frames=4)
        answers = []
        with Service(self.folders, simulate_ms=150) as service:
            caller = threading.Thread(target=lambda: answers.append(service.upscale(clip)))
            caller.start()
            service.wait_until(lambda: service.get("/queue")[1]["active_tasks"] == 1)
            service.terminate()
            service.wait_until(lambda: service.get("/health")[0] == 503)
            self.assertEqual(service.upscale(clip)[0], 503)
            caller.join()
            self.assertEqual(service.wait(), 0)
        self.assertTrue(answers[0][1]["success"], answers)

    def test_the_drain_has_an_end_and_the_next_start_goes_on(self):
        clip = self.folders.clip(frames=2)
        answers = []
        body = {"video_paths": [clip], "scale": 2, "task_id": "long"}
        with Service(self.folders, "--drain-timeout", "0.2", simulate_ms=3_000_000) as service:
            caller = threading.Thread(target=lambda: answers.append(service.post(body)))
            caller.start()
            service.wait_until(lambda: service.get("/queue")[1]["active_tasks"] == 1)
            service.terminate()
            self.assertEqual(service.wait(), 0)
            caller.join()
        self.assertEqual(answers[0][0], 503)
        self.assertIn("repeat the request", answers[0][1]["detail"])
        with Service(self.folders) as service:
            self.assertTrue(service.post(body)[1]["success"])


class StateTest(ServiceTest):
    def refused(self, *flags, env=None):
        """The one line of a service that doesn't start."""
        options = {"--listen": "127.0.0.1:0", "--older-listen": "none",
                   "--state-dir": self.folders.state, "--shared-volume": self.folders.volume}
        options.update(zip(flags[0::2], flags[1::2]))
        done = subprocess.run(
            [BINARY, "serve", *[str(word) for pair in options.items() for word in pair]],
            capture_output=True, timeout=WAIT_S, check=False, env={**os.environ, **(env or {})})
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(len(done.stderr.decode().strip().splitlines()), 1, done.stderr)
        return done.stderr.decode()

    def test_a_second_service_on_the_same_state(self):
        with Service(self.folders):
            self.assertIn("used by another service", self.refused())

    def test_databases_that_are_not_ours(self):
        self.folders.state.mkdir()
        path = self.folders.state / "vidaio.sqlite"
        path.write_bytes(b"garbage" * 1000)
        self.assertIn("move the file away", self.refused())
        path.unlink()
        with Service(self.folders):
            pass
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
        self.assertIn("newer octoscale", self.refused())

    def test_each_mistake_is_named(self):
        for flags, env, words in [
                (("--api", "nothing"), {}, "--api"),
                (("--listen", "0.0.0.0:0"), {}, "--token-file"),
                (("--allow-host", "a b"), {}, "expected HOST"),
                (("--shared-volume", "/"), {}, "whole disk"),
                (("--s3-secret-file", "/nonexistent"), {}, "/nonexistent"),
                (("--precision", "x"), {}, "--precision"),
                ((), {"MAX_CONCURRENT_UPSCALING": "many"}, "max-concurrent"),
                ((), {"MAX_QUEUE_SIZE_UPSCALING": "-1"}, "max-queue"),
                (("--s3-bucket", "results", "--s3-access-key-id", "k", "--s3-endpoint", "ftp://x"),
                 {"MINER_STORAGE_S3_SECRET_ACCESS_KEY": "s"}, "S3 endpoint")]:
            with self.subTest(flags=flags, env=env):
                self.assertIn(words, self.refused(*flags, env=env))

    def test_weights_that_are_missing_or_damaged(self):
        models = self.folders.root / "models"
        models.mkdir()
        (models / "realesr-animevideov3-x2.param").write_bytes(b"x")
        for flags, words in [((), "models install realesr-animevideov3"),
                             (("--model", "nonsense"), "nonsense")]:
            self.assertIn(words, self.refused("--models-dir", models, *flags))
        (models / "realesr-animevideov3-x2.bin").write_bytes(b"x")
        self.assertIn("x2.param", self.refused("--models-dir", models))

    def test_a_taken_older_port_that_was_asked_for(self):
        with Service(self.folders, older="127.0.0.1:0") as service:
            taken = f"127.0.0.1:{service.older_port}"
            self.assertIn("in use", self.refused("--older-listen", taken, "--state-dir",
                                                 self.folders.root / "other"))


class TemporaryFilesTest(ServiceTest):
    def test_old_files_of_ours_go_and_others_stay(self):
        clip = self.folders.clip(frames=2)
        mine = self.folders.volume / "mine_upscaled_2x.mp4"
        mine.write_bytes(b"x")
        os.utime(mine, (1, 1))
        os.utime(clip, (1, 1))
        with Service(self.folders, "--temp-age", "100000") as service:
            result = service.upscale(clip, task_id="t")[1]["output_paths"][0]
        leftover = self.folders.volume / ".octoscale/0123456789abcdef"
        leftover.mkdir()
        (leftover / "0.mp4").write_bytes(b"x" * 1000)
        for path in (leftover / "0.mp4", leftover, result):
            os.utime(path, (1, 1))
        with Service(self.folders, "--temp-age", "100000", "--temp-interval", "0.1") as service:
            service.wait_until(lambda: not leftover.exists() and not os.path.exists(result))
            self.assertTrue(mine.exists())
            self.assertTrue(os.path.exists(clip))
            service.wait_until(lambda: "old temporary files" in service.log())
            code, answer = service.upscale(clip, task_id="t")
            self.assertEqual((code, answer["success"], answer["output_paths"]), (200, False, [""]))
            self.assertRegex(answer["errors"][0], f"^{clip}: its result {result} was an old temporary "
                                                  r"file and was removed at 20\d\d-\d\d-\d\dT[\d:]{8}Z")
            self.assertEqual(service.get("/tasks/t")[1]["answer"], answer)
            again = service.upscale(clip, task_id="t2")[1]
            self.assertEqual((again["success"], again["output_paths"]), (True, [result]))

    def test_a_result_that_somebody_took_is_not_answered_as_if_it_were_there(self):
        clip = self.folders.clip(frames=2)
        with Service(self.folders) as service:
            result = service.upscale(clip, task_id="t")[1]["output_paths"][0]
            os.remove(result)
            answer = service.upscale(clip, task_id="t")[1]
            self.assertEqual((answer["success"], answer["output_paths"]), (False, [""]))
            self.assertIn(f"{result} was removed, moved or replaced", answer["errors"][0])

    def test_a_replaced_result_is_no_longer_ours(self):
        clip = self.folders.clip(frames=2)
        with Service(self.folders) as service:
            result = service.upscale(clip)[1]["output_paths"][0]
        with open(result, "wb") as file:
            file.write(b"somebody else's")
        os.utime(result, (1, 1))
        with Service(self.folders, "--temp-age", "1", "--temp-interval", "0.05"):
            time.sleep(0.3)
        self.assertTrue(os.path.exists(result))

    def test_above_the_cap_the_oldest_go(self):
        clips = [self.folders.clip(f"{i}.mp4", frames=2) for i in range(3)]
        with Service(self.folders) as service:
            results = [service.upscale(c)[1]["output_paths"][0] for c in clips]
        now = time.time()
        for age, result in zip((300, 200, 100), results):
            os.utime(result, (now - age, now - age))
        total = sum(os.path.getsize(r) for r in results)
        cap = (total - 1) / 1e6
        with Service(self.folders, "--max-temp-mb", f"{cap:.6f}", "--temp-interval", "0.1") as service:
            service.wait_until(lambda: not os.path.exists(results[0]))
            time.sleep(0.3)
            self.assertTrue(os.path.exists(results[1]) and os.path.exists(results[2]))

    def test_files_of_tasks_in_progress_stay(self):
        clips = [self.folders.clip(f"{i}.mp4", frames=2) for i in range(2)]
        with Service(self.folders) as service:
            used, unused = [service.upscale(c)[1]["output_paths"][0] for c in clips]
        with Service(self.folders, simulate_ms=3_000_000) as service:
            service.post_and_forget({"video_paths": [used, clips[0]], "scale": 2, "task_id": "t"})
            service.wait_until(lambda: service.clip_states("t") == ["running", "queued"])
            service.kill()
        work, = (self.folders.volume / ".octoscale").iterdir()
        for path in (work, *work.rglob("*"), used, unused):
            os.utime(path, (1, 1))
        # Old, and above the cap. One result is the input of a task, which is gone on with.
        with Service(self.folders, "--temp-age", "1000", "--max-temp-mb", "0.000001",
                     "--temp-interval", "0.1", simulate_ms=3_000_000) as service:
            service.wait_until(lambda: not os.path.exists(unused))
            service.wait_until(lambda: "removed 1 old temporary files" in service.log())
            self.assertTrue(os.path.exists(used))
            self.assertTrue(work.exists())
            service.kill()
        os.utime(used, (1, 1))
        with Service(self.folders, "--temp-age", "1000", "--temp-interval", "0.1") as service:
            self.assertTrue(service.wait_for_task("t")["success"])
            service.wait_until(lambda: not os.path.exists(used))


IN_A_NAMESPACE = ("unshare", "--map-root-user", "--mount")


def may_mount():
    return subprocess.run([*IN_A_NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"], check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class UnstoredTest(ServiceTest):
    """The state folder takes nothing more while a result is uploaded."""

    def setUp(self):
        super().setUp()
        source = make_clip(self.folders.root / "source.mp4", frames=3).read_bytes()
        self.files = FileServer({"/c.mp4": source})
        self.s3 = S3Server()
        for server in (self.files, self.s3):
            self.addCleanup(server.__exit__, None, None, None)
        self.body = {"video_paths": [self.files.url + "/c.mp4"], "scale": 2, "task_id": "t"}

    def service(self, **options):
        return Service(self.folders, "--allow-host", f"127.0.0.1:{self.files.port}",
                       "--temp-interval", "0.1", env=self.s3.env(), **options)

    def answer_while_full(self, service, make_full):
        answers = []
        uploaded = threading.Event()
        self.addCleanup(uploaded.set)
        self.s3.faults = [uploaded]
        caller = threading.Thread(target=lambda: answers.append(service.post(self.body)))
        caller.start()
        service.wait_until(lambda: self.s3.attempts == 1 and
                           service.get("/tasks/t")[1]["state"] == "uploading")
        make_full()
        uploaded.set()
        caller.join()
        self.assertEqual((answers[0][0], answers[0][1]["success"]), (200, True), answers)
        self.assertEqual(service.post(self.body), answers[0])
        self.assertEqual(service.get("/tasks/t")[1]["answer"], answers[0][1])
        self.assertEqual(service.get("/queue")[1]["total_pending"], 0)
        self.assertEqual(len(self.folders.work()), 1, "its files stay as long as it is not stored")
        service.wait_until(lambda: "can't be stored" in service.log())
        return answers[0]

    def test_the_end_of_a_task_is_stored_when_writing_works_again(self):
        with self.service(restore_signals=False) as service:
            log = self.folders.state / "vidaio.sqlite-wal"
            answer = self.answer_while_full(service, lambda: service.limit_files(log.stat().st_size))
            service.limit_files(None)
            service.wait_until(lambda: self.folders.work() == [])
            self.assertEqual(service.post(self.body), answer)
            service.kill()
        with self.service(simulate_ms=3_000_000) as service:
            self.assertEqual(service.post(self.body), answer)
            self.assertNotIn("going on", service.log())
        self.assertEqual(self.s3.attempts, 1, "done once")

    @unittest.skipUnless(may_mount(), "no file systems may be mounted here")
    def test_the_end_of_a_task_is_stored_when_a_full_disk_has_room_again(self):
        state = self.folders.state
        state.mkdir()
        mount = 'mount -t tmpfs -o size=1m none "$0" && exec "$@"'
        with self.service(wrapper=(*IN_A_NAMESPACE, "sh", "-c", mount, state)) as service:
            filler = f"/proc/{service.process.pid}/root{state}/filler"

            def fill():
                with self.assertRaisesRegex(OSError, "No space left"), open(filler, "wb", 0) as file:
                    while True:
                        file.write(b"x" * 4096)

            answer = self.answer_while_full(service, fill)
            self.assertEqual(service.upscale(self.folders.clip(), task_id="new")[0], 503)
            os.remove(filler)
            service.wait_until(lambda: self.folders.work() == [])
            self.assertEqual(service.post(self.body), answer)

    def test_a_result_that_is_gone_is_made_again(self):
        with self.service() as service:
            self.s3.faults = [threading.Event()]
            self.addCleanup(self.s3.faults[0].set)
            service.post_and_forget(self.body)
            service.wait_until(lambda: self.s3.attempts == 1)
            service.kill()
        for result in (self.folders.volume / ".octoscale").glob("*/*.mp4"):
            result.unlink()
        with self.service() as service:
            answer = service.wait_for_task("t")
        self.assertTrue(answer["success"], answer)
        self.assertEqual(len(self.s3.puts), 1)


class FullDiskTest(ServiceTest):
    def test_a_full_disk_leaves_nothing_half_written(self):
        clip = self.folders.clip(frames=2)
        with Service(self.folders, env={"LD_PRELOAD": os.environ["FULL_DISK_LIBRARY"]}) as service:
            code, answer = service.upscale(clip)
        self.assertEqual((code, answer["success"]), (200, False), answer)
        self.assertIn("No space left", answer["errors"][0])
        self.assertEqual(sorted(p.name for p in self.folders.volume.iterdir()), [".octoscale", "clip.mp4"])
        self.assertEqual(self.folders.work(), [])


if __name__ == "__main__":
    main()
