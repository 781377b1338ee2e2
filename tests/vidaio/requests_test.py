"""Requests with local clips: schemas, codes, queue, repeated tasks."""

import json
import os
import pathlib
import subprocess

from support import (BINARY, DASH_MANIFEST, HEIGHT, WAIT_S, WIDTH, Service, ServiceTest, at_once, main,
                     make_clip, probe)


class LocalClipTest(ServiceTest):
    def test_curl_gets_an_answer_that_verify_accepts(self):
        clip = self.folders.clip("my clip.mp4")
        with Service(self.folders, "--check-answers") as service:
            out = subprocess.run(
                ["curl", "-sS", "--fail-with-body", "-H", "Content-Type: application/json", "-d",
                 json.dumps({"video_paths": [clip], "scale": 2, "task_id": "t-1"}),
                 f"http://127.0.0.1:{service.port}/upscale"],
                check=True, capture_output=True, timeout=WAIT_S).stdout
        answer = json.loads(out)
        result = str(self.folders.volume / "my clip_upscaled_2x.mp4")
        self.assertEqual(answer, {"output_paths": [result], "output_urls": [""], "errors": [""],
                                  "success": True, "queue_position": 0, "active_tasks": 0,
                                  "queued_tasks": 0})
        self.assert_result(result)
        verify = subprocess.run([BINARY, "verify", clip, result, "--task", "SD2HD"],
                                capture_output=True, timeout=WAIT_S, check=False)
        self.assertEqual(verify.returncode, 0, verify.stdout + verify.stderr)
        self.assertEqual(self.folders.work(), [])

    def test_an_answer_that_would_score_nothing_is_refused(self):
        # The answer to an RGB clip is YUV, with another matrix tag.
        clip = self.folders.volume / "rgb.mp4"
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=s={WIDTH}x{HEIGHT}:r=30",
                        "-frames:v", "2", "-c:v", "libx264rgb", str(clip)], check=True, timeout=WAIT_S)
        with Service(self.folders, "--check-answers") as service:
            code, answer = service.upscale(clip)
        self.assertEqual((code, answer["success"], answer["output_paths"]), (200, False, [""]))
        self.assertRegex(answer["errors"][0], f"^{clip}: the result would not be accepted: .*colour_matrix")
        self.assertEqual(sorted(p.name for p in self.folders.volume.iterdir()), [".octoscale", "rgb.mp4"])
        self.assertEqual(self.folders.work(), [])

    def test_one_bad_clip_among_several(self):
        good = [self.folders.clip("a.mp4"), self.folders.clip("b.mp4", source="smptebars")]
        bad = self.folders.volume / "bad.mp4"
        bad.write_bytes(b"not a video at all" * 100)
        with Service(self.folders) as service:
            status, answer = service.upscale(good[0], bad, good[1], scale=4)
        self.assertEqual(status, 200)
        self.assertFalse(answer["success"])
        self.assertEqual([e != "" for e in answer["errors"]], [False, True, False])
        self.assertIn("bad.mp4", answer["errors"][1])
        self.assertEqual(answer["output_paths"][1], "")
        for path in answer["output_paths"][0::2]:
            self.assert_result(path, scale=4)

    def test_playlists_are_no_clips_and_open_nothing(self):
        make_clip(self.folders.volume / "segment.ts")
        (self.folders.volume / "hls.mp4").write_text(
            "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:1,\nsegment.ts\n#EXT-X-ENDLIST\n")
        (self.folders.volume / "dash.mp4").write_text(DASH_MANIFEST)
        with Service(self.folders) as service:
            status, answer = service.upscale("hls.mp4", "dash.mp4", "segment.ts")
        self.assertEqual((status, answer["success"]), (200, False))
        self.assertIn("hls.mp4: the file is no video but text, such as a playlist; expected MP4",
                      answer["errors"][0])
        self.assertIn("dash.mp4: the file is a web page or XML; expected MP4", answer["errors"][1])
        self.assertEqual(answer["errors"][2], "")

    def test_clips_that_ask_for_too_much_are_named(self):
        good = self.folders.clip("good.mp4", frames=6)
        large = self.folders.clip("large.mp4", frames=1, size="68x48")
        many = self.folders.clip("many.mp4", frames=7)
        long = self.folders.clip("long.mp4", frames=4, rate=2)
        # A stream that was never finished has no number of frames and no duration.
        streamed = self.folders.volume / "streamed.mkv"
        with open(streamed, "wb") as file:
            subprocess.run(["ffmpeg", "-v", "error", "-i", many, "-c", "copy", "-f", "matroska", "-"],
                           check=True, stdout=file, timeout=WAIT_S)
        limits = ("--max-clip-pixels", WIDTH * HEIGHT, "--max-clip-frames", 6, "--max-clip-seconds", 1)
        with Service(self.folders, *limits) as service:
            status, answer = service.upscale(large, many, long, streamed, good)
            scale_4 = service.upscale(good, scale=4)[1]
        self.assertEqual((status, answer["success"]), (200, False))
        for error, words in zip(answer["errors"], (
                "large.mp4: its frames of 68x48 have 3264 pixels; at scale 2 at most 3072 are taken",
                "many.mp4: it has 7 frames; at most 6 are taken (--max-clip-frames)",
                "long.mp4: it lasts 2 s; at most 1 s are taken (--max-clip-seconds)",
                "streamed.mkv: it has more than 6 frames")):
            self.assertIn(words, error)
        self.assertEqual(answer["output_paths"][:4], [""] * 4)
        self.assert_result(answer["output_paths"][4], frames=6)
        self.assertIn("at scale 4 at most 768 are taken (--max-clip-pixels)", scale_4["errors"][0])
        self.assertEqual(self.folders.work(), [])

    def test_the_limits_of_clips_have_defaults(self):
        large = self.folders.clip("large.mp4", frames=1, size="4096x2306")
        long = self.folders.clip("long.mp4", frames=61, rate=1)
        with Service(self.folders) as service:
            answer = service.upscale(large, long)[1]
        self.assertIn("4096x2306", answer["errors"][0])
        self.assertIn("lasts 61 s; at most 60 s", answer["errors"][1])

    def test_answers_never_have_the_same_size(self):
        clips = [self.folders.clip("a.mp4"), self.folders.clip("b.mp4")]
        with Service(self.folders) as service:
            paths = service.upscale(*clips)[1]["output_paths"]
            paths += service.upscale(clips[0], task_id="again")[1]["output_paths"]
            sizes = {json.dumps([p, os.path.getsize(p)]) for p in paths}
        # The third took the place of the first.
        self.assertEqual(len({os.path.getsize(p) for p in set(paths)}), 2, sizes)

    def test_two_clips_of_one_name_and_a_clip_asked_for_twice(self):
        (self.folders.volume / "sub").mkdir()
        make_clip(self.folders.volume / "sub/clip.mp4")
        clip = self.folders.clip()
        with Service(self.folders) as service:
            answer = service.upscale(clip, "sub/clip.mp4", clip)[1]
        self.assertTrue(answer["success"], answer)
        self.assertEqual([os.path.basename(p) for p in answer["output_paths"]],
                         ["clip_upscaled_2x.mp4", "clip_upscaled_2x_2.mp4", "clip_upscaled_2x_3.mp4"])

    def test_five_requests_at_once(self):
        clips = [self.folders.clip(f"{i}.mp4", frames=3) for i in range(5)]
        with Service(self.folders) as service:
            answers = at_once(*[lambda c=c: service.upscale(c) for c in clips])
            status, health = service.get("/health")
            metrics = service.request("GET", "/metrics")[2].decode()
        for i, (code, answer) in enumerate(answers):
            self.assertEqual((code, answer["success"]), (200, True), answer)
            self.assert_result(self.folders.volume / f"{i}_upscaled_2x.mp4", frames=3)
        self.assertLessEqual({a["queue_position"] for _, a in answers}, {0, 1, 2, 3})
        self.assertEqual((status, health["status"], health["active_tasks"]), (200, "ok", 0))
        self.assertIn('octoscale_vidaio_tasks_total{result="done"} 5', metrics)

    def test_the_same_task_twice(self):
        clip = self.folders.clip()
        with Service(self.folders, simulate_ms=20) as service:
            first, second = at_once(*[lambda: service.upscale(clip, task_id="same")] * 2)
            self.assertEqual(first, second)
            self.assertEqual(first[0], 200)
            made = os.stat(first[1]["output_paths"][0]).st_ino
            self.assertEqual(service.upscale(clip, task_id="same"), first)
            self.assertEqual(os.stat(first[1]["output_paths"][0]).st_ino, made, "made only once")
            code, problem = service.upscale(clip, task_id="same", scale=4)
            self.assertEqual(code, 409, problem)
            status, task = service.get("/tasks/same")
            self.assertEqual((status, task["state"], task["answer"]), (200, "done", first[1]))
            self.assertEqual(service.get("/tasks/other")[0], 404)

    def test_queue_full(self):
        clip = self.folders.clip(frames=2)
        with Service(self.folders, env={"MAX_CONCURRENT_UPSCALING": "1", "MAX_QUEUE_SIZE_UPSCALING": "1"},
                     simulate_ms=1500) as service:
            self.assertEqual(service.get("/queue"),
                             (200, {"max_concurrent": 1, "max_queue_size": 1, "active_tasks": 0,
                                    "queued_tasks": 0, "total_pending": 0,
                                    "queue_capacity_remaining": 2}))
            answers = at_once(*[lambda: service.upscale(clip)] * 3)
            self.assertEqual(sorted(code for code, _ in answers), [200, 200, 429])
            positions = {a["queue_position"] for code, a in answers if code == 200}
            self.assertEqual(positions, {0, 1})
            problem = next(a for code, a in answers if code == 429)
            self.assertIn("1/1 queued", problem["detail"])
            # A known task is answered even then.
            self.assertEqual(service.get("/queue")[1]["queue_capacity_remaining"], 2)

    def test_output_paths_need_local_only(self):
        clip = self.folders.clip()
        (self.folders.volume / "out").mkdir()
        wanted = str(self.folders.volume / "out/x.mp4")
        with Service(self.folders) as service:
            self.assertEqual(service.upscale(clip, output_paths=[wanted])[0], 503)
        with Service(self.folders, env={"DISABLE_REMOTE_IO": "true"}) as service:
            code, answer = service.upscale(clip, output_paths=[wanted])
            self.assertEqual((code, answer["output_paths"]), (200, [wanted]))
            self.assert_result(wanted)
            for bad in (clip, str(self.folders.root / "x.mp4"), "../x.mp4", "out/x.avi", "nowhere/x.mp4"):
                self.assertEqual(service.upscale(clip, output_paths=[bad])[0], 400, bad)
            code, answer = service.upscale("http://127.0.0.1:1/x.mp4")
            self.assertEqual((code, answer["success"]), (200, False))
            self.assertIn("disabled", answer["errors"][0])

    def test_a_result_never_replaces_an_input(self):
        first = self.folders.clip("a.mp4")
        second = self.folders.clip("a_upscaled_2x.mp4", source="smptebars")
        before = pathlib.Path(second).read_bytes()
        with Service(self.folders) as service:
            code, answer = service.upscale(first, second)
        self.assertEqual((code, answer["success"]), (200, True), answer)
        self.assertEqual([os.path.basename(p) for p in answer["output_paths"]],
                         ["a_upscaled_2x_2.mp4", "a_upscaled_2x_upscaled_2x.mp4"])
        for path in answer["output_paths"]:
            self.assert_result(path)
        self.assertEqual(pathlib.Path(second).read_bytes(), before)

    def test_files_that_tasks_in_progress_use(self):
        clip = self.folders.clip("a.mp4")
        other = self.folders.clip("a_upscaled_2x.mp4")
        with Service(self.folders, env={"DISABLE_REMOTE_IO": "true"}, simulate_ms=3_000_000) as service:
            service.post_and_forget({"video_paths": [clip], "scale": 2, "task_id": "first"})
            service.wait_until(lambda: service.clip_states("first") == ["running"])
            code, problem = service.upscale(other)
            self.assertEqual(code, 400, problem)
            self.assertIn(f"{other} will be replaced by the result {other} of the task first",
                          problem["detail"])
            os.symlink(".", self.folders.volume / "here")
            for wanted, use in [("a.mp4", f"the input {clip} of the task first"),
                                ("here/a.mp4", f"the input {clip} of the task first"),
                                (".//a_upscaled_2x.mp4", f"the result {other} of the task first")]:
                with self.subTest(wanted=wanted):
                    code, problem = service.upscale(self.folders.clip("b.mp4"), output_paths=[wanted])
                    self.assertEqual(code, 400, problem)
                    self.assertIn(f"{wanted} is the same file as {use}", problem["detail"])

    def test_one_file_for_two_results(self):
        clips = [self.folders.clip("a.mp4"), self.folders.clip("b.mp4")]
        (self.folders.volume / "out").mkdir()
        os.symlink("out", self.folders.volume / "link")
        with Service(self.folders, env={"DISABLE_REMOTE_IO": "true"}) as service:
            for outputs in (["out/x.mp4", "out/x.mp4"], ["out/x.mp4", "out//x.mp4"],
                            ["out/x.mp4", "link/x.mp4"],
                            [str(self.folders.volume / "out/x.mp4"), "./out/x.mp4"]):
                with self.subTest(outputs=outputs):
                    code, problem = service.upscale(*clips, output_paths=outputs)
                    self.assertEqual(code, 400, problem)
                    self.assertIn(f"{outputs[1]} is the same file as the result {outputs[0]} of {clips[0]}",
                                  problem["detail"])
            code, problem = service.upscale(*clips, output_paths=["b.mp4", "out/x.mp4"])
            self.assertEqual(code, 400, problem)
            self.assertIn(f"b.mp4 is the same file as the input {clips[1]}", problem["detail"])
            self.assertEqual(service.get("/queue")[1]["total_pending"], 0)

    def test_a_pipe_of_models_and_codecs_is_taken(self):
        clip = self.folders.clip()
        with Service(self.folders) as service:
            code, answer = service.upscale(clip, model="realesr-animevideov3", codec="av1_nvenc", cq=30)
            self.assertEqual((code, answer["success"]), (200, True), answer)
            self.assertEqual(probe(answer["output_paths"][0]), ("av1", 2 * WIDTH, 2 * HEIGHT, 6))


class BadRequestTest(ServiceTest):
    def test_every_mistake_has_its_code(self):
        clip = self.folders.clip(frames=1)
        outside = make_clip(self.folders.root / "outside.mp4", frames=1)
        os.symlink(outside, self.folders.volume / "link.mp4")
        os.symlink("..", self.folders.volume / "up")
        (self.folders.volume / "folder").mkdir()
        with Service(self.folders) as service:
            for code, words, body in [
                    (400, "scale must be 2 or 4", {"video_paths": [clip], "scale": 3}),
                    (400, "empty", {"video_paths": [""], "scale": 2}),
                    (400, "not found", {"video_paths": ["missing.mp4"], "scale": 2}),
                    (400, "outside", {"video_paths": [str(outside)], "scale": 2}),
                    (400, "outside", {"video_paths": ["/etc/passwd"], "scale": 2}),
                    (400, "..", {"video_paths": ["../outside.mp4"], "scale": 2}),
                    (400, "outside", {"video_paths": ["link.mp4"], "scale": 2}),
                    (400, "outside", {"video_paths": ["up/outside.mp4"], "scale": 2}),
                    (400, "regular", {"video_paths": ["folder"], "scale": 2}),
                    (422, "1 to 5", {"video_paths": [clip] * 6, "scale": 2}),
                    (422, "1 to 5", {"video_paths": [], "scale": 2}),
                    (422, "missing", {"video_paths": [clip]}),
                    (422, "integer", {"video_paths": [clip], "scale": "x"}),
                    (422, "JSON object", [])]:
                with self.subTest(body=body):
                    status, problem = service.post(body)
                    self.assertEqual(status, code, problem)
                    self.assertIn(words, problem["detail"])
            self.assertEqual(service.request("POST", "/upscale", "{}", {"Content-Type": "text/plain"})[0], 415)
            self.assertEqual(service.request("POST", "/upscale", "{", {"Content-Type": "application/json"})[0], 422)
            self.assertEqual(service.request("POST", "/upscale", "x" * 300_000,
                                             {"Content-Type": "application/json"})[0], 413)
            self.assertEqual(service.request("GET", "/upscale")[0], 405)
            self.assertEqual(service.request("GET", "/")[0], 404)
            self.assertEqual(service.get("/queue")[1]["total_pending"], 0)

    def test_a_token_guards_all_but_health(self):
        token = self.folders.root / "token"
        token.write_text("0123456789abcdef\n")
        with Service(self.folders, "--token-file", token) as service:
            self.assertEqual(service.request("GET", "/queue")[0], 401)
            self.assertEqual(service.request("GET", "/health")[0], 200)
            self.assertEqual(service.request("GET", "/queue", headers={
                "Authorization": "Bearer 0123456789abcdef"})[0], 200)


if __name__ == "__main__":
    main()
