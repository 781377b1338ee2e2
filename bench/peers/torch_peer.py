#!/usr/bin/python3
"""PyTorch as a peer (README.md). MODEL: path of the .param file.

VARIANT: nchw or channels_last, with -bf16 behind it for autocast to bf16.
"""

import pathlib
import sys
import time

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tools"))
import make_goldens  # noqa: E402  (the networks, and the reader of ncnn's files)


def load(param):
    name = param.stem
    layers = make_goldens.read_param(param)
    weights = make_goldens.read_bin(param.with_suffix(".bin"), layers)
    for model, (network, blocks, stems, _, _) in make_goldens.MODELS.items():
        if name in stems.values():
            return make_goldens.build(network, blocks, layers, weights)
    raise SystemExit(f"torch_peer.py: error: {name} is not a model of make_goldens.py")


def main():
    model, width, height, frames, batch, threads, variant, source, target = sys.argv[1:]
    width, height, frames, batch = int(width), int(height), int(frames), int(batch)
    torch.set_num_threads(int(threads))
    layout = (torch.channels_last if variant.startswith("channels_last")
              else torch.contiguous_format)
    network = load(pathlib.Path(model)).to(memory_format=layout)
    samples = np.fromfile(source, np.uint8, count=frames * 3 * height * width)
    pixels = torch.from_numpy(samples.reshape(frames, 3, height, width))

    def upscale_all():
        results = []
        with torch.inference_mode(), torch.autocast("cpu", enabled=variant.endswith("-bf16")):
            for first in range(0, frames, batch):
                pictures = (pixels[first:first + batch].float() / 255).contiguous(
                    memory_format=layout)
                output = network(pictures).float()
                results.append((output * 255 + 0.5).clamp_(0, 255).to(torch.uint8))
        return results

    upscale_all()[0][0].contiguous().numpy().tofile(target)
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        upscale_all()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
