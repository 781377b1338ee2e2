"""systemd's units, its user and its folder, as an installation leaves them."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

WAIT_S = 120
UNITS = ("octoscale-vidaio.service", "octoscale-worker@.service")


def needs(program):
    return unittest.skipIf(shutil.which(program) is None, f"{program} is not installed")


class ServicesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="octoscale-packaging-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_tool(self, *args, **options):
        return subprocess.run([str(a) for a in args], capture_output=True, timeout=WAIT_S, **options)

    def install(self, prefix, **environment):
        self.run_tool(os.environ["CMAKE"], "--install", os.environ["BUILD_DIR"], "--component", "services",
                      "--prefix", prefix, check=True, env={**os.environ, **environment})

    def test_units_start_the_program_of_their_prefix(self):
        for prefix in ("/usr", "/usr/local"):
            staged = self.folder / "staged"
            self.install(prefix, DESTDIR=str(staged))
            for unit in UNITS:
                text = (staged / prefix[1:] / "lib/systemd/system" / unit).read_text(encoding="utf-8")
                self.assertIn(f"\nExecStart={prefix}/bin/octoscale ", text)
                self.assertIn(f"\nDocumentation=file:{prefix}/share/doc/octoscale/docs/", text)
                self.assertNotIn("@OCTOSCALE", text)

    @needs("systemd-analyze")
    def test_the_units_are_well_formed(self):
        self.install(self.folder)
        (self.folder / "bin").mkdir()
        (self.folder / "bin/octoscale").symlink_to("/bin/true")
        units = self.folder / "lib/systemd/system"
        shutil.copy(units / "octoscale-worker@.service", units / "octoscale-worker@8090.service")
        for unit in ("octoscale-vidaio.service", "octoscale-worker@8090.service"):
            done = self.run_tool("systemd-analyze", "verify", units / unit, check=False)
            # Outside a booted system other units are missing; only complaints about ours count.
            complaints = [line for line in done.stderr.decode().splitlines()
                          if "octoscale-" in line and "Failed to" not in line]
            self.assertEqual(complaints, [])

    @needs("systemd-sysusers")
    @needs("systemd-tmpfiles")
    @unittest.skipIf(os.getuid() != 0, "only root makes users and gives folders away")
    def test_the_user_and_the_shared_volume_are_made(self):
        self.install("/usr/local", DESTDIR=str(self.folder))
        (self.folder / "etc").mkdir()
        self.run_tool("systemd-sysusers", f"--root={self.folder}", check=True)
        users = dict(line.split(":")[0:3:2]
                     for line in (self.folder / "etc/passwd").read_text(encoding="utf-8").splitlines())
        self.assertIn("octoscale", users)
        self.run_tool("systemd-tmpfiles", f"--root={self.folder}", "--create", check=False)
        volume = (self.folder / "srv/vidaio").stat()
        self.assertEqual((volume.st_uid, volume.st_mode & 0o7777), (int(users["octoscale"]), 0o2775))


if __name__ == "__main__":
    unittest.main()
