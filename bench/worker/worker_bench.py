#!/usr/bin/env python3
"""How much of the engine's speed the worker hands on, and how it stands load.

Usage: worker_bench.py OCTOSCALE_BINARY [--seconds S] [--model M] [--only raw,png,overload,singles]

Prints one line a measurement: what, the two figures, their ratio. Engine and worker run one after
the other on the same machine, in turns, and the best of each is taken: other load only ever slows
a run down. Standard library only.
"""

import argparse
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
import zlib

WIDTH, HEIGHT, SCALE, BATCH = 640, 360, 4, 8


def picture(width, height, seed=0):
    """Rows of RGB: gradients, edges and a little noise, so that PNG has work to do."""
    state = seed * 7919 + 1
    rows = []
    for y in range(height):
        row = bytearray(3 * width)
        for x in range(width):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            edge = 60 if (x // 40 + y // 40) % 2 else 0
            noise = state >> 28
            row[3 * x] = (x * 255 // width + noise) & 255
            row[3 * x + 1] = (y * 195 // height + edge) & 255
            row[3 * x + 2] = ((x + y) // 4 + edge + noise) & 255
        rows.append(bytes(row))
    return rows


def png(rows, width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    raw = b"".join(b"\0" + row for row in rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(raw, 6)) + chunk(b"IEND", b""))


def raw_request(model, frames, width, height, scale, seed=0):
    tensor = b"".join(picture(width, height, seed)) * frames
    head = json.dumps({"inputs": [{"name": "frames", "datatype": "UINT8",
                                   "shape": [frames, height, width, 3],
                                   "parameters": {"binary_data_size": len(tensor)}}],
                       "parameters": {"scale": scale}}).encode()
    return (f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: h\r\n"
            f"Inference-Header-Content-Length: {len(head)}\r\n"
            f"Content-Length: {len(head) + len(tensor)}\r\n\r\n").encode() + head + tensor


def form_request(pictures, scale):
    body = b"".join(
        f'--b\r\nContent-Disposition: form-data; name="files"; filename="{i}.png"\r\n\r\n'.encode()
        + data + b"\r\n" for i, data in enumerate(pictures)) + b"--b--\r\n"
    return (f"POST /upscale_batch?scale={scale} HTTP/1.1\r\nHost: h\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


class Client:
    """One connection that reads answers without looking at their bytes."""

    def __init__(self, port):
        self.port = port
        self.buffer = bytearray(1 << 20)
        self.connect()

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def receive(self, most):
        """The size of what came into the buffer: at least 1."""
        size = self.socket.recv_into(self.buffer, min(most, len(self.buffer)))
        if size == 0:
            raise ConnectionResetError("the answer was broken off")
        return size

    def read_answer(self):
        """Its status, and whether the connection ends with it."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.buffer[:self.receive(4096)]
        head, _, rest = head.partition(b"\r\n\r\n")
        fields = head.decode().lower()
        if "content-length: " in fields:
            left = int(fields.split("content-length: ")[1].split("\r\n")[0]) - len(rest)
            while left > 0:
                left -= self.receive(left)
        else:
            tail = rest[-16:]
            while not tail.endswith(b"\r\n0\r\n\r\n"):
                size = self.receive(len(self.buffer))
                tail = (tail + bytes(self.buffer[max(0, size - 16):size]))[-16:]
        return int(head.split()[1]), "connection: close" in fields

    def ask(self, request):
        """The status of the answer, 0 when it was broken off."""
        try:
            self.socket.sendall(request)
            status, close = self.read_answer()
        except ConnectionError:
            status, close = 0, True
        if close:
            self.socket.close()
            self.connect()
        return status

    def close(self):
        self.socket.close()


class Worker:
    def __init__(self, binary, *flags):
        self.process = subprocess.Popen([binary, "worker", "--listen", "127.0.0.1:0", "--quiet", *flags],
                                        stdout=subprocess.PIPE)
        self.port = json.loads(self.process.stdout.readline())["port"]
        assert b"ready" in self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def closed_loop(port, request, callers, seconds, warm=1):
    """Answers with 200 per second when `callers` ask again and again."""
    counts, start, end = [0] * callers, [0.0], [0.0]
    barrier = threading.Barrier(callers, action=lambda: start.__setitem__(0, time.monotonic()))

    def call(index):
        client = Client(port)
        for _ in range(warm):
            client.ask(request)
        barrier.wait()
        while time.monotonic() < start[0] + seconds:
            if client.ask(request) == 200:
                counts[index] += 1
                end[0] = max(end[0], time.monotonic())
        client.close()

    threads = [threading.Thread(target=call, args=(i,)) for i in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (end[0] - start[0]) if end[0] > start[0] else 0.0


def open_loop(port, request, rate, callers, seconds):
    """(answers with 200 per second, seconds that each refusal took, other answers) at `rate` requests
    per second."""
    served, refused, other, lock, next_at = [], [], [], threading.Lock(), [time.monotonic()]
    end = next_at[0] + seconds

    def call():
        client = Client(port)
        while True:
            with lock:
                at = next_at[0] = max(next_at[0] + 1 / rate, time.monotonic() - 0.2)
            if at > end:
                break
            time.sleep(max(0.0, at - time.monotonic()))
            start = time.monotonic()
            status = client.ask(request)
            {200: served, 503: refused}.get(status, other).append(time.monotonic() - start)
        client.close()

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(served) / (time.monotonic() - (end - seconds)), refused, len(other)


def engine_fps(binary, model, seconds):
    text = subprocess.run([binary, "bench", "engine", "-m", model, "-s", str(SCALE), "--width", str(WIDTH),
                           "--height", str(HEIGHT), "-b", str(BATCH), "--seconds", str(seconds), "--json"],
                          capture_output=True, check=True).stdout
    return json.loads(text)["fps"]


def report(what, found, base, target):
    ratio = found / base if base else 0.0
    print(f"{what}: {found:.2f} of {base:.2f}, {100 * ratio:.1f} % (wanted: {target})", flush=True)


def metrics_of(port):
    """Name -> value of the worker's metrics that have no labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in
            (line.split(" ", 1) for line in lines if not line.startswith("#") and "{" not in line)}


def bench_throughput(args, what, request, target):
    engine, worker = 0.0, 0.0
    with Worker(args.binary, "-s", str(SCALE), "-m", args.model) as server:
        for _ in range(args.rounds):
            before, start = metrics_of(server.port), time.monotonic()
            worker = max(worker, BATCH * closed_loop(server.port, request, 3, args.seconds))
            spent, wall = metrics_of(server.port), time.monotonic() - start
            spent = {name: value - before.get(name, 0.0) for name, value in spent.items()}
            engine = max(engine, engine_fps(args.binary, args.model, args.seconds))
            # Of the time that all cores have in the time of a batch.
            share = spent["octoscale_codec_cpu_seconds_total"] / os.cpu_count() / wall
            busy = spent["octoscale_inference_seconds_sum"] / wall
            print(f"{what}: decoding and encoding take {100 * share:.1f} % of a batch's time (wanted: "
                  f"<= 15 %); a batch is computed {100 * busy:.1f} % of the time", flush=True)
    report(what + ", frames/s of worker and engine", worker, engine, target)


def bench_overload(args):
    request = raw_request(args.model, BATCH, 128, 96, SCALE)
    with Worker(args.binary, "-s", str(SCALE), "-m", args.model, "--max-frames", "8",
                "--max-queue-frames", "32") as server:
        peak = closed_loop(server.port, request, 3, args.seconds)
        goodput, refused, other = open_loop(server.port, request, 3 * peak, 24, args.seconds)
    report("goodput at 3x the load, requests/s", goodput, peak, ">= 90 %")
    if other:
        print(f"neither served nor refused: {other} requests (wanted: none)", flush=True)
    refused.sort()
    if refused:
        print(f"refusals: {len(refused)}, median {1000 * refused[len(refused) // 2]:.1f} ms, "
              f"99th percentile {1000 * refused[int(len(refused) * 0.99)]:.1f} ms (wanted: <= 50 ms)",
              flush=True)


def bench_singles(args):
    data = png(picture(64, 64), 64, 64)
    request = (f"POST /upscale?scale={SCALE} HTTP/1.1\r\nHost: h\r\nContent-Type: image/png\r\n"
               f"Content-Length: {len(data)}\r\n\r\n").encode() + data
    rates = {}
    for batch in (8, 1, 8, 1):
        with Worker(args.binary, "-s", str(SCALE), "-m", args.model, "-b", str(batch),
                    "--max-queue-frames", "256") as server:
            rate = closed_loop(server.port, request, 64, args.seconds)
            rates[batch] = max(rates.get(batch, 0.0), rate)
    report("64 callers of single 64x64 pictures, batching on and off, pictures/s", rates[8], rates[1],
           ">= 300 %, or why not")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default="realesr-animevideov3")
    parser.add_argument("--only", default="raw,png,overload,singles")
    args = parser.parse_args()
    chosen = args.only.split(",")
    if "raw" in chosen:
        bench_throughput(args, "raw batches of 8 at 640x360",
                         raw_request(args.model, BATCH, WIDTH, HEIGHT, SCALE), ">= 95 %")
    if "png" in chosen:
        pictures = [png(picture(WIDTH, HEIGHT), WIDTH, HEIGHT)] * BATCH
        bench_throughput(args, "PNG batches of 8 at 640x360", form_request(pictures, SCALE), ">= 80 %")
    if "overload" in chosen:
        bench_overload(args)
    if "singles" in chosen:
        bench_singles(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
