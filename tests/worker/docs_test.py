"""The commands of docs/worker.md, run as they stand there."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from support import WAIT_S, Worker, main, make_png

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class DocsTest(unittest.TestCase):
    def test_every_example_works(self):
        text = (ROOT / "docs" / "worker.md").read_text(encoding="utf-8")
        blocks = BLOCK.findall(text)
        self.assertGreaterEqual(len(blocks), 5)
        with tempfile.TemporaryDirectory() as folder, Worker() as worker:
            for i in range(1, 10):
                with open(os.path.join(folder, f"frame_{i:04}.png"), "wb") as file:
                    file.write(make_png(6, 4, i))
            for block in blocks:
                commands = block.replace("127.0.0.1:8090", f"127.0.0.1:{worker.port}")
                done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=folder,
                                      capture_output=True, timeout=WAIT_S, check=False)
                self.assertEqual(done.returncode, 0, commands + done.stderr.decode())
            self.assertEqual(len(os.listdir(os.path.join(folder, "upscaled"))), 8)
            with open(os.path.join(folder, "answer.bin"), "rb") as file:
                self.assertGreater(len(file.read()), 128 * 128 * 3)

    def test_the_table_of_limits_has_the_flags_and_defaults_of_the_program(self):
        text = (ROOT / "docs" / "worker.md").read_text(encoding="utf-8")
        table = text[text.index("## Limits"):text.index("## Access")]
        help_text = subprocess.run([os.environ["OCTOSCALE_BINARY"], "worker", "--help"],
                                   capture_output=True, check=True).stdout.decode()
        flags = re.findall(r"`(--[a-z-]+)` ([0-9.]+)", table)
        self.assertGreater(len(flags), 15)
        for flag, default in flags:
            found = re.search(re.escape(flag) + r" \w+=([0-9.e+]+)", help_text)
            self.assertIsNotNone(found, flag)
            self.assertAlmostEqual(float(found.group(1)), float(default), delta=0.02 * float(default),
                                   msg=flag)


if __name__ == "__main__":
    main()
