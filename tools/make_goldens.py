#!/usr/bin/python3
"""Makes the golden pictures of tests/golden/ with PyTorch, independently of the C++ code.

Needs Debian's python3-torch, python3-numpy and python3-pil, and the model files (octoscale models
install). The pictures come from Debian's python3-skimage, fetched with apt-get download.

    tools/make_goldens.py            write tests/golden/ anew
    tools/make_goldens.py --check    compare with what is there: at most one level apart

Every network is computed twice in fp32: by the modules below, written after the published
networks, and by a small interpreter of the .param file's layers. Both must agree.
"""

import argparse
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden"
PICTURES_PACKAGE = "python3-skimage"
PICTURES_FOLDER = "usr/lib/python3/dist-packages/skimage/data"

# name: picture, x, y, width, height
CROPS = {
    "suit_33x21": ("astronaut.png", 120, 330, 33, 21),
    "face_48x48": ("astronaut.png", 200, 100, 48, 48),
    "spoon_65x37": ("coffee.png", 330, 200, 65, 37),
    "eye_101x66": ("chelsea.png", 110, 80, 101, 66),
    "logo_47x58": ("logo.png", 190, 120, 47, 58),
    "cup_1x1": ("coffee.png", 300, 150, 1, 1),
    "whisker_3x2": ("chelsea.png", 60, 230, 3, 2),
    "eye_24x17": ("chelsea.png", 132, 100, 24, 17),
    "badge_32x32": ("astronaut.png", 150, 370, 32, 32),
    "line_1x19": ("logo.png", 230, 120, 1, 19),
}

# model: (network, blocks, scale -> file stem, crops, crop of the float golden)
SRVGG_CROPS = ["suit_33x21", "face_48x48", "spoon_65x37", "eye_101x66", "logo_47x58", "cup_1x1",
               "whisker_3x2"]
RRDB_CROPS = ["eye_24x17", "badge_32x32", "cup_1x1", "line_1x19"]
MODELS = {
    "realesr-animevideov3": (
        "srvgg", 16, {s: f"realesr-animevideov3-x{s}" for s in (2, 3, 4)}, SRVGG_CROPS,
        "suit_33x21"),
    "realesr-general-x4v3": (
        "srvgg", 32, {4: "realesr-general-x4v3"}, SRVGG_CROPS[:4] + ["cup_1x1"], "suit_33x21"),
    "realesrgan-x4plus-anime": (
        "rrdb", 6, {4: "realesrgan-x4plus-anime"}, RRDB_CROPS, "eye_24x17"),
    "realesrgan-x4plus": ("rrdb", 23, {4: "realesrgan-x4plus"}, RRDB_CROPS, "eye_24x17"),
}


class SrvggCompact(nn.Module):
    """SRVGGNetCompact of Real-ESRGAN, upscale 4."""

    def __init__(self, blocks):
        super().__init__()
        self.convs = nn.ModuleList(
            [nn.Conv2d(3, 64, 3, 1, 1)]
            + [nn.Conv2d(64, 64, 3, 1, 1) for _ in range(blocks)]
            + [nn.Conv2d(64, 48, 3, 1, 1)])
        self.prelus = nn.ModuleList([nn.PReLU(64) for _ in range(blocks + 1)])

    def forward(self, picture):
        x = picture
        for conv, prelu in zip(self.convs, self.prelus):
            x = prelu(conv(x))
        return F.pixel_shuffle(self.convs[-1](x), 4) + F.interpolate(picture, scale_factor=4)

    def conv_modules(self):
        return list(self.convs)

    def prelu_modules(self):
        return list(self.prelus)


class DenseBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(
            [nn.Conv2d(64 + 32 * i, 32 if i < 4 else 64, 3, 1, 1) for i in range(5)])

    def forward(self, x):
        features = [x]
        for conv in self.convs[:4]:
            features.append(F.leaky_relu(conv(torch.cat(features, 1)), 0.2))
        return x + 0.2 * self.convs[4](torch.cat(features, 1))


class Rrdb(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.ModuleList([DenseBlock() for _ in range(3)])

    def forward(self, x):
        y = x
        for block in self.dense:
            y = block(y)
        return x + 0.2 * y


class RrdbNet(nn.Module):
    """RRDBNet of ESRGAN, 64 features, growth 32, upscale 4."""

    def __init__(self, blocks):
        super().__init__()
        self.first = nn.Conv2d(3, 64, 3, 1, 1)
        self.blocks = nn.ModuleList([Rrdb() for _ in range(blocks)])
        self.body, self.up1, self.up2, self.hr = (nn.Conv2d(64, 64, 3, 1, 1) for _ in range(4))
        self.last = nn.Conv2d(64, 3, 3, 1, 1)

    def forward(self, picture):
        x = first = self.first(picture)
        for block in self.blocks:
            x = block(x)
        x = first + self.body(x)
        for conv in (self.up1, self.up2):
            x = F.leaky_relu(conv(F.interpolate(x, scale_factor=2)), 0.2)
        return self.last(F.leaky_relu(self.hr(x), 0.2))

    def conv_modules(self):
        dense = [conv for block in self.blocks for d in block.dense for conv in d.convs]
        return [self.first] + dense + [self.body, self.up1, self.up2, self.hr, self.last]

    def prelu_modules(self):
        return []


def read_param(path):
    """The layers of an ncnn .param file as (type, inputs, outputs, parameters)."""
    lines = path.read_text().split("\n")
    assert lines[0].strip() == "7767517", path
    layers = []
    for line in lines[2:2 + int(lines[1].split()[0])]:
        words = line.split()
        inputs, outputs = int(words[2]), int(words[3])
        blobs = words[4:4 + inputs + outputs]
        params = dict(word.split("=") for word in words[4 + inputs + outputs:])
        layers.append((words[0], blobs[:inputs], blobs[inputs:], params))
    return layers


def read_bin(path, layers):
    """The weights of each layer, in layer order: (weight, bias), slopes or None."""
    data = path.read_bytes()
    offset = 0

    def take(dtype, count):
        nonlocal offset
        values = np.frombuffer(data, dtype, count, offset).astype(np.float32)
        offset += count * np.dtype(dtype).itemsize
        return torch.from_numpy(values)

    weights = []
    for kind, _, _, params in layers:
        if kind == "Convolution":
            outputs, count = int(params["0"]), int(params["6"])
            tag, = struct.unpack_from("<I", data, offset)
            offset += 4
            assert tag in (0, 0x01306B47), hex(tag)
            weight = take("<f2" if tag else "<f4", count).reshape(outputs, -1, 3, 3)
            offset = (offset + 3) // 4 * 4
            weights.append((weight, take("<f4", outputs)))
        elif kind == "PReLU":
            weights.append(take("<f4", int(params["0"])))
        else:
            weights.append(None)
    assert offset == len(data), (path, offset, len(data))
    return weights


def run_graph(layers, weights, picture):
    """Runs the file's own layers one after the other."""
    blobs = {"data": picture}
    for (kind, inputs, outputs, params), weight in zip(layers, weights):
        x = [blobs[name] for name in inputs]
        if kind == "Input":
            continue
        if kind == "Split":
            y = x[0]
        elif kind == "Convolution":
            y = F.conv2d(x[0], weight[0], weight[1], padding=1)
            if "9" in params:
                assert params["9"] == "2", params
                y = F.leaky_relu(y, float(params["-23310"].split(",")[1]))
        elif kind == "PReLU":
            y = F.prelu(x[0], weight)
        elif kind == "PixelShuffle":
            y = F.pixel_shuffle(x[0], int(params["0"]))
        elif kind == "Concat":
            y = torch.cat(x, 1)
        elif kind == "BinaryOp":
            y = x[0] + x[1]
        elif kind == "Eltwise":
            scales = [float(s) for s in params["-23301"].split(",")[1:]]
            y = scales[0] * x[0] + scales[1] * x[1]
        elif kind == "Interp":
            scale = float(params["1"])
            assert scale == float(params["2"])
            y = F.interpolate(x[0], scale_factor=scale) if params["0"] == "1" else bicubic(
                x[0], scale)
        else:
            raise ValueError(kind)
        for name in outputs:
            blobs[name] = y
    return blobs["output"]


def bicubic(x, scale):
    """ncnn's Interp type 3: a = -0.75, half-pixel centres, no antialias, edges replicated."""
    size = [round(length * scale) for length in x.shape[2:]]
    return F.interpolate(x, size=size, mode="bicubic", align_corners=False)


def check_bicubic():
    """Compares torch's bicubic with taps worked out by hand."""

    def cubic(t):  # Keys 1981 with a = -0.75
        a, t = -0.75, abs(t)
        if t <= 1:
            return (a + 2) * t**3 - (a + 3) * t**2 + 1
        return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0

    def along_rows(x, scale):
        rows, columns = x.shape
        out = np.zeros((rows, round(columns * scale)))
        for o in range(out.shape[1]):
            centre = (o + 0.5) / scale - 0.5
            left = int(np.floor(centre))
            taps = [cubic(centre - (left + k)) for k in range(-1, 3)]
            if scale == 0.5:
                assert np.allclose(taps, np.array([-3, 19, 19, -3]) / 32)
            for k, tap in zip(range(-1, 3), taps):
                out[:, o] += tap * x[:, min(max(left + k, 0), columns - 1)]
        return out

    x = np.random.default_rng(1).random((20, 12))
    for scale in (0.5, 0.75):
        by_hand = along_rows(along_rows(x, scale).T, scale).T
        by_torch = bicubic(torch.from_numpy(x)[None, None], scale)[0, 0].numpy()
        difference = np.abs(by_hand - by_torch).max()
        assert difference < 1e-12, difference
        print(f"bicubic x{scale}: by hand and torch differ by {difference:.1e}")


def build(network, blocks, layers, weights):
    module = (SrvggCompact if network == "srvgg" else RrdbNet)(blocks)
    convs = [w for (kind, *_), w in zip(layers, weights) if kind == "Convolution"]
    slopes = [w for (kind, *_), w in zip(layers, weights) if kind == "PReLU"]
    assert len(convs) == len(module.conv_modules())
    assert len(slopes) == len(module.prelu_modules())
    with torch.no_grad():
        for conv, (weight, bias) in zip(module.conv_modules(), convs):
            assert conv.weight.shape == weight.shape
            conv.weight.copy_(weight)
            conv.bias.copy_(bias)
        for prelu, slope in zip(module.prelu_modules(), slopes):
            prelu.weight.copy_(slope)
    return module.eval()


def find_models(option):
    home = pathlib.Path.home() / ".local/share/octoscale/models"
    return pathlib.Path(option) if option else home


def fetch_pictures(folder):
    """Unpacks the Debian package that carries the pictures; returns their folder."""
    subprocess.run(["apt-get", "download", PICTURES_PACKAGE], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    package, = folder.glob(f"{PICTURES_PACKAGE}_*.deb")
    subprocess.run(["dpkg", "-x", str(package), str(folder / "files")], check=True)
    return folder / "files" / PICTURES_FOLDER


def load_crop(pictures, name):
    picture, x, y, width, height = CROPS[name]
    image = Image.open(pictures / picture)
    if image.mode == "RGBA":  # the logo, on white
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    image = image.convert("RGB").crop((x, y, x + width, y + height))
    image = Image.fromarray(np.asarray(image))  # without colour profiles and comments
    assert image.size == (width, height)
    return image


def upscale(module, layers, weights, scale, image):
    """Interleaved float32 [height][width][3], not clamped."""
    picture = torch.from_numpy(np.asarray(image, np.float32) / np.float32(255))
    picture = picture.permute(2, 0, 1)[None].contiguous()
    with torch.no_grad():
        output = module(picture)
        if scale != 4:
            output = bicubic(output, scale / 4)
        difference = (output - run_graph(layers, weights, picture)).abs().max().item()
    assert difference < 1e-5, difference
    return output[0].permute(1, 2, 0).contiguous().numpy(), difference


def to_bytes(output):
    return np.floor(np.clip(output, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def compare(path, found, bound):
    expected = (np.fromfile(path, "<f4").reshape(found.shape) if path.suffix == ".f32" else
                np.asarray(Image.open(path).convert("RGB")).astype(np.int32))
    difference = np.abs(expected - found).max()
    assert difference <= bound, (path, difference)


def make_model(name, models, pictures, check):
    network, blocks, stems, crops, float_crop = MODELS[name]
    lines = []
    for scale, stem in stems.items():
        layers = read_param(models / f"{stem}.param")
        weights = read_bin(models / f"{stem}.bin", layers)
        module = build(network, blocks, layers, weights)
        worst = 0.0
        for crop in crops:
            image = load_crop(pictures, crop)
            output, difference = upscale(module, layers, weights, scale, image)
            worst = max(worst, difference)
            png = GOLDEN / f"{name}-x{scale}-{crop}.png"
            raw = GOLDEN / f"{name}-x{scale}-{crop}.f32" if crop == float_crop else None
            if check:
                compare(png, to_bytes(output).astype(np.int32), 1)
                if raw:
                    compare(raw, output, 1e-4)
            else:
                image.save(GOLDEN / f"{crop}.png", optimize=True)
                Image.fromarray(to_bytes(output)).save(png, optimize=True)
                if raw:
                    output.astype("<f4").tofile(raw)
            lines.append(f"{name} {scale} {crop}.png {png.name} {raw.name if raw else '-'}")
        print(f"{name} x{scale}: {len(crops)} crops; module and graph differ by {worst:.1e}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models-dir", help="default: ~/.local/share/octoscale/models")
    parser.add_argument("--pictures", help="folder with the pictures; default: fetch the package")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    check_bicubic()
    index = ["# model scale input output float-output (see README.md)"]
    with tempfile.TemporaryDirectory() as folder:
        pictures = (pathlib.Path(options.pictures) if options.pictures else
                    fetch_pictures(pathlib.Path(folder)))
        for name in MODELS:
            index += make_model(name, find_models(options.models_dir), pictures, options.check)
    text = "\n".join(index) + "\n"
    if options.check:
        assert (GOLDEN / "index.txt").read_text() == text, "index.txt differs"
    else:
        (GOLDEN / "index.txt").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
