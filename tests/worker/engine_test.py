"""The worker with the real engine and real weights: its pictures are those of `octoscale upscale`."""

import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import zipfile

from support import BINARY, WAIT_S, Worker, form, infer_body, main, make_png, read_png, rows_of


def model_missing():
    done = subprocess.run([BINARY, "models", "list"], capture_output=True, timeout=WAIT_S, check=False)
    # The default model is the first; its third line says what is installed.
    return done.returncode != 0 or b"not installed" in b"".join(done.stdout.splitlines()[:3])


@unittest.skipIf(model_missing(), "the models are not installed: make models")
class EngineTest(unittest.TestCase):
    WIDTH, HEIGHT = 20, 12

    def test_same_pixels_as_the_command_for_1_7_9_and_64_files(self):
        with tempfile.TemporaryDirectory() as folder:
            source, target = os.path.join(folder, "in"), os.path.join(folder, "out")
            os.mkdir(source)
            pictures = []
            for i in range(64):
                pictures.append(make_png(self.WIDTH, self.HEIGHT, i))
                with open(os.path.join(source, f"frame_{i:04}.png"), "wb") as file:
                    file.write(pictures[-1])
            done = subprocess.run([BINARY, "upscale", source, "-o", target, "--progress", "none"],
                                  capture_output=True, timeout=WAIT_S * 4, check=False)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            expected = []
            for i in range(64):
                with open(os.path.join(target, f"frame_{i:04}.png"), "rb") as file:
                    expected.append(read_png(file.read()))
            self.assertEqual(expected[0][:2], (2 * self.WIDTH, 2 * self.HEIGHT))
            with Worker(simulate_ms=None) as worker:
                for count in (1, 7, 9, 64):
                    body, headers = form([("files", f"frame_{i:04}.png", pictures[i])
                                          for i in range(count)])
                    status, _, answer = worker.request("POST", "/upscale_batch", body, headers)
                    self.assertEqual(status, 200)
                    with zipfile.ZipFile(io.BytesIO(answer)) as archive:
                        self.assertIsNone(archive.testzip())
                        self.assertEqual(archive.namelist(),
                                         [f"frame_{i:04}.png" for i in range(count)])
                        for i, name in enumerate(archive.namelist()):
                            self.assertEqual(read_png(archive.read(name)), expected[i], name)
                self.check_raw_frames(worker, expected)

    def check_raw_frames(self, worker, expected):
        tensor = b"".join(b"".join(rows_of(self.WIDTH, self.HEIGHT, i)) for i in range(8))
        body, headers = infer_body(8, self.WIDTH, self.HEIGHT, tensor)
        model = worker.get_json("/health")["model"]
        status, answer_headers, answer = worker.request("POST", f"/v2/models/{model}/infer", body, headers)
        self.assertEqual(status, 200)
        head = int(answer_headers["Inference-Header-Content-Length"])
        fingerprint = json.loads(answer[:head])["parameters"]["fingerprint"]
        about = worker.get_json(f"/v2/models/{model}?scale=2")
        self.assertEqual(about["parameters"]["fingerprints"]["2"], fingerprint)
        self.assertEqual(answer[head:], b"".join(b"".join(rows) for _, _, rows in expected[:8]))

    def test_weights_that_are_damaged_or_gone_are_our_failure(self):
        source = self.models_folder()
        with tempfile.TemporaryDirectory() as folder:
            for scale in (3, 4):
                for kind in ("param", "bin"):
                    name = f"realesr-animevideov3-x{scale}.{kind}"
                    shutil.copyfile(os.path.join(source, name), os.path.join(folder, name))
            with Worker("--models-dir", folder, "--quiet", simulate_ms=None) as worker:
                os.truncate(os.path.join(folder, "realesr-animevideov3-x3.bin"), 1000)
                os.remove(os.path.join(folder, "realesr-animevideov3-x4.bin"))
                for scale in (3, 4):
                    for method, path, body in (("POST", f"/upscale?scale={scale}", make_png(4, 4)),
                                               ("GET", f"/v2/models/realesr-animevideov3?scale={scale}", None)):
                        status, _, answer = worker.request(method, path, body)
                        self.assertEqual(status, 500, answer)
                        self.assertIn(f"realesr-animevideov3 x{scale}", json.loads(answer)["detail"])
                        self.assertNotIn(folder.encode(), answer)
                worker.terminate()
                code, errors = worker.wait()
            self.assertEqual(code, 0)
            for scale in (3, 4):
                self.assertIn(os.path.join(folder, f"realesr-animevideov3-x{scale}.bin"), errors)

    def models_folder(self):
        done = subprocess.run([BINARY, "models", "list"], capture_output=True, timeout=WAIT_S, check=True)
        return re.search(r"installed: [0-9, ]+ in (.*)", done.stdout.decode()).group(1)


if __name__ == "__main__":
    main()
