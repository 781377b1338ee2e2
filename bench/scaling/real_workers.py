#!/usr/bin/env python3
"""One process with all cores beside real local workers that share them, in turns on one video.

Usage: bench/scaling/real_workers.py build/bin/octoscale VIDEO [--workers 2] [--frames 416]
           [--rounds 5]

Each round upscales the first frames of VIDEO with one process, then with --spawn-workers, and again
only two batches of it with either; the difference leaves out what starting and ending costs. Prints
the frames per second of each round, and the ratio of the medians.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time

SHORT_FRAMES = 16


def seconds(binary, video, folder, frames, flags):
    command = [binary, "upscale", video, "-o", os.path.join(folder, "out.mp4"), "-y", "--no-journal",
               "--preset", "ultrafast", "--progress", "none", "--frames", str(frames), *flags]
    start = time.monotonic()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("binary")
    parser.add_argument("video")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--frames", type=int, default=416)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    if args.frames <= SHORT_FRAMES:
        parser.error(f"--frames: expected more than {SHORT_FRAMES}")
    kinds = {"one process": [], f"{args.workers} workers": ["--spawn-workers", str(args.workers)]}
    fps = {name: [] for name in kinds}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.rounds):
            for name, flags in kinds.items():
                took = (seconds(args.binary, args.video, folder, args.frames, flags)
                        - seconds(args.binary, args.video, folder, SHORT_FRAMES, flags))
                fps[name].append((args.frames - SHORT_FRAMES) / took)
    for name, rounds in fps.items():
        print(f"{name:12} {' '.join(f'{value:7.2f}' for value in rounds)}   fps, "
              f"median {statistics.median(rounds):.2f}, best {max(rounds):.2f}")
    one, several = fps.values()
    print(f"ratio of the medians {statistics.median(several) / statistics.median(one):.3f}, "
          f"of the best {max(several) / max(one):.3f}")


if __name__ == "__main__":
    main()
