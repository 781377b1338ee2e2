"""The worker's routes by real clients: curl with the command lines people use, ZIP readers, OpenAPI."""

import io
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import unittest
import warnings
import zipfile

from support import (WAIT_S, Worker, enlarged, form, infer_body, main, make_apng, make_png, read_png,
                     rows_of)


def run(*args, cwd=None, ok=True):
    done = subprocess.run(args, cwd=cwd, capture_output=True, timeout=WAIT_S, check=False)
    if ok and done.returncode != 0:
        raise AssertionError(f"{args}: {done.returncode} {done.stderr.decode()}")
    return done


class CurlTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def test_eight_files_as_the_wrapper_sends_them(self):
        names = [f"frame_{i:04}.png" for i in range(1, 9)]
        for i, name in enumerate(names):
            with open(os.path.join(self.folder, name), "wb") as file:
                file.write(make_png(6, 4, i))
        with Worker() as worker:
            fields = [part for name in names for part in ("-F", f"files=@{name}")]
            run("curl", "-s", "-X", "POST", *fields, f"http://127.0.0.1:{worker.port}/upscale_batch",
                "-o", "batch_0.zip", cwd=self.folder)
        run("unzip", "-j", "batch_0.zip", "-d", "upscaled/", cwd=self.folder)
        self.assertEqual(sorted(os.listdir(os.path.join(self.folder, "upscaled"))), names)
        for i, name in enumerate(names):
            with open(os.path.join(self.folder, "upscaled", name), "rb") as file:
                width, height, rows = read_png(file.read())
            self.assertEqual((width, height), (12, 8))
            self.assertEqual(rows, enlarged(rows_of(6, 4, i), 2))

    def test_a_refusal_before_the_body(self):
        with open(os.path.join(self.folder, "big.png"), "wb") as file:
            file.write(make_png(4, 4) + bytes(3 << 20))
        with Worker("--max-body-mb", "1") as worker:
            # curl announces large bodies with Expect: 100-continue and must get the answer at once.
            done = run("curl", "-s", "-w", "%{http_code} %{size_upload}", "-o", "answer.json",
                       "-F", "files=@big.png", f"http://127.0.0.1:{worker.port}/upscale_batch",
                       cwd=self.folder)
            code, uploaded = done.stdout.decode().split()
            self.assertEqual(code, "413")
            self.assertLess(int(uploaded), 1 << 20)
            with open(os.path.join(self.folder, "answer.json"), "rb") as file:
                self.assertEqual(json.load(file)["status"], 413)


class ApngTest(unittest.TestCase):
    def test_the_default_picture_is_taken(self):
        body, headers = form([("files", "moving.png", make_apng(6, 4, [1, 2, 3])),
                              ("files", "still.png", make_png(6, 4, 1))])
        with Worker() as worker:
            status, _, answer = worker.request("POST", "/upscale_batch", body, headers)
        self.assertEqual(status, 200)
        with zipfile.ZipFile(io.BytesIO(answer)) as archive:
            moving, still = (archive.read(name) for name in ("moving.png", "still.png"))
        self.assertEqual(moving, still)
        self.assertEqual(read_png(moving), (12, 8, enlarged(rows_of(6, 4, 1), 2)))


class ZipReadersTest(unittest.TestCase):
    def test_three_readers_agree(self):
        files = [("a.png", 1), ("../a.png", 2), ("\U0001f419.png", 3)]
        body, headers = form([("files", name, make_png(3, 3, seed)) for name, seed in files])
        with Worker() as worker:
            status, _, answer = worker.request("POST", "/upscale_batch", body, headers)
        self.assertEqual(status, 200)
        expected = ["a.png", "a_2.png", "\U0001f419.png"]
        with zipfile.ZipFile(io.BytesIO(answer)) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(archive.namelist(), expected)
            contents = [archive.read(name) for name in expected]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "answer.zip")
            with open(path, "wb") as file:
                file.write(answer)
            for reader in (["unzip", "-qq", path], ["bsdtar", "-xf", path],
                           # As a stream, without the central directory.
                           ["sh", "-c", f"cat {path} | bsdtar -xf -"]):
                if shutil.which(reader[0]) is None or (reader[0] == "sh" and not shutil.which("bsdtar")):
                    continue
                target = tempfile.mkdtemp(dir=folder)
                subprocess.run(reader, cwd=target, check=True, timeout=WAIT_S,
                               env={**os.environ, "LC_ALL": "C.UTF-8"})
                for name, content in zip(expected, contents):
                    with open(os.path.join(target, name), "rb") as file:
                        self.assertEqual(file.read(), content, (reader[0], name))


def check_schema(value, schema, description, where="answer"):
    """The part of JSON Schema that our description uses."""
    if "$ref" in schema:
        node = description
        for key in schema["$ref"].removeprefix("#/").split("/"):
            node = node[key]
        return check_schema(value, node, description, where)
    if "oneOf" in schema:
        fits = 0
        for option in schema["oneOf"]:
            try:
                check_schema(value, option, description, where)
                fits += 1
            except AssertionError:
                pass
        assert fits == 1, f"{where}: fits {fits} of the alternatives"
        return None
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
             "boolean": bool, "null": type(None)}
    kind = schema.get("type")
    assert kind is None or isinstance(value, kinds[kind]), f"{where}: {value!r} is no {kind}"
    assert kind != "integer" or not isinstance(value, bool), where
    assert "enum" not in schema or value in schema["enum"], f"{where}: {value!r}"
    if kind == "object":
        properties = schema.get("properties", {})
        for name in schema.get("required", []):
            assert name in value, f"{where}: {name} is missing"
        for name, item in value.items():
            if name in properties:
                check_schema(item, properties[name], description, f"{where}.{name}")
            elif "additionalProperties" in schema:
                check_schema(item, schema["additionalProperties"], description, f"{where}.{name}")
            else:
                assert not properties, f"{where}: {name} is not described"
    if kind == "array":
        for i, item in enumerate(value):
            check_schema(item, schema.get("items", {}), description, f"{where}[{i}]")
    return None


class OpenApiTest(unittest.TestCase):
    """Every route and every kind of answer is what /openapi.json says."""

    def check(self, worker, method, path, template, body=None, headers=None):
        status, answer_headers, answer = worker.request(method, path, body, headers)
        operation = self.description["paths"][template][method.lower()]
        responses = operation["responses"]
        self.assertIn(str(status), responses, (method, path))
        response = responses[str(status)]
        if "$ref" in response:
            response = self.description["components"]["responses"][response["$ref"].split("/")[-1]]
        kind = answer_headers["Content-Type"].split(";")[0]
        self.assertIn(kind, response["content"], (method, path, status))
        if kind.endswith("json"):
            check_schema(json.loads(answer), response["content"][kind]["schema"], self.description, path)
        return status, answer_headers, answer

    def test_every_answer_is_described(self):
        png = make_png(4, 4)
        one, form_headers = form([("files", "a.png", png)])
        single, _ = form([("file", "a.png", png)])
        none, _ = form([])
        with Worker("--max-body-mb", "1", simulate_ms=1) as worker:
            self.description = worker.get_json("/openapi.json")
            seen = set()
            model = "/v2/models/{model}"
            for method, path, template, body, headers, expected in [
                    ("GET", "/v2/health/live", None, None, None, 200),
                    ("GET", "/v2/health/ready", None, None, None, 200),
                    ("GET", "/health", None, None, None, 200),
                    ("GET", "/v2", None, None, None, 200),
                    ("GET", "/v2/models", None, None, None, 200),
                    ("GET", "/v2/models/simulated", model, None, None, 200),
                    ("GET", "/v2/models/simulated?scale=3", model, None, None, 200),
                    ("GET", "/v2/models/simulated?scale=9", model, None, None, 422),
                    ("GET", "/v2/models/none", model, None, None, 404),
                    ("GET", "/v2/models/simulated/ready", model + "/ready", None, None, 200),
                    ("GET", "/v2/models/none/ready", model + "/ready", None, None, 404),
                    ("GET", "/status", None, None, None, 200),
                    ("GET", "/metrics", None, None, None, 200),
                    ("GET", "/openapi.json", None, None, None, 200),
                    ("POST", "/upscale_batch", None, one, form_headers, 200),
                    ("POST", "/upscale_batch", None, none, form_headers, 400),
                    ("POST", "/upscale_batch", None, png, {"Content-Type": "image/png"}, 415),
                    ("POST", "/upscale_batch", None, bytes(2 << 20), form_headers, 413),
                    ("POST", "/upscale_batch?scale=9", None, one, form_headers, 422),
                    ("POST", "/upscale_batch", None, one, {**form_headers, "X-Deadline-Ms": "0"}, 504),
                    ("POST", "/upscale_batch", None, one, {**form_headers, "Expect": "cake"}, 417),
                    ("POST", "/upscale", None, png, {"Content-Type": "image/png"}, 200),
                    ("POST", "/upscale", None, single, form_headers, 200),
                    ("POST", "/upscale", None, b"text", {}, 415),
                    ("POST", "/upscale", None, png[:50], {}, 422),
                    ("POST", "/v2/models/simulated/infer", model + "/infer",
                     *infer_body(1, 2, 2, bytes(12)), 200),
                    ("POST", "/v2/models/simulated/infer", model + "/infer", b"x", {}, 400),
                    ("POST", "/v2/models/none/infer", model + "/infer", b"x", {}, 404)]:
                with self.subTest(path=path, expected=expected):
                    template = template or path.split("?")[0]
                    status, _, _ = self.check(worker, method, path, template, body, headers)
                    self.assertEqual(status, expected)
                    seen.add((template, method.lower()))
            described = {(path, method) for path, item in self.description["paths"].items()
                         for method in item}
            self.assertEqual(seen, described, "a described route that this test doesn't ask")

    def test_heads_of_raw_frames_are_described_for_each_type_of_sample(self):
        with Worker() as worker:
            self.description = worker.get_json("/openapi.json")
            schemas = self.description["components"]["schemas"]
            offered = worker.get_json("/v2/models/simulated")["parameters"]["datatypes"]
            self.assertEqual(offered, ["UINT8", "UINT16"])
            for datatype in offered:
                sample = b"\x12" if datatype == "UINT8" else b"\x12\x34"
                body, headers = infer_body(2, 4, 3, sample * (2 * 4 * 3 * 3), datatype=datatype)
                head = int(headers["Inference-Header-Content-Length"])
                check_schema(json.loads(body[:head]), schemas["InferHead"], self.description)
                status, fields, answer = worker.request("POST", "/v2/models/simulated/infer", body, headers)
                self.assertEqual(status, 200)
                head = int(fields["Inference-Header-Content-Length"])
                described = json.loads(answer[:head])
                check_schema(described, schemas["InferAnswerHead"], self.description)
                self.assertEqual(described["outputs"][0]["datatype"], datatype)
                self.assertEqual(answer[head:], sample * (4 * 2 * 4 * 3 * 3))

    def test_answers_while_starting_and_with_tokens(self):
        with tempfile.NamedTemporaryFile("w") as tokens:
            tokens.write("correct-horse-battery\n")
            tokens.flush()
            with Worker("--token-file", tokens.name, simulate_ms=600_000, ready=False) as worker:
                token = {"Authorization": "Bearer correct-horse-battery"}
                self.description = json.loads(
                    worker.request("GET", "/openapi.json", headers=token)[2])
                for path, headers, expected in [
                        ("/v2/health/live", {}, 200), ("/v2/health/ready", {}, 503),
                        ("/health", {}, 503), ("/status", {}, 401), ("/status", token, 200),
                        ("/status", {"Authorization": "Bearer wrong-horse-battery!"}, 401)]:
                    status, answer_headers, _ = self.check(worker, "GET", path, path, None, headers)
                    self.assertEqual(status, expected, path)
                    self.assertEqual("WWW-Authenticate" in answer_headers, expected == 401)
                status, answer_headers, _ = self.check(worker, "POST", "/upscale", "/upscale",
                                                       make_png(2, 2), token)
                self.assertEqual(status, 503)
                self.assertIn("Retry-After", answer_headers)


class TlsTest(unittest.TestCase):
    def test_tls_1_2_and_newer(self):
        with tempfile.TemporaryDirectory() as folder:
            cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
            run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert)
            with Worker("--tls-cert", cert, "--tls-key", key) as worker:
                url = f"https://127.0.0.1:{worker.port}"
                with open(os.path.join(folder, "a.png"), "wb") as file:
                    file.write(make_png(100, 80))
                for version in ("--tlsv1.2", "--tlsv1.3"):
                    done = run("curl", "-sS", "--cacert", cert, version, "-F", "files=@a.png",
                               "-F", "files=@a.png", url + "/upscale_batch", cwd=folder)
                    with zipfile.ZipFile(io.BytesIO(done.stdout)) as archive:
                        self.assertIsNone(archive.testzip())
                        self.assertEqual(archive.namelist(), ["a.png", "a_2.png"])
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.load_verify_locations(cert)
                context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
                with warnings.catch_warnings(), worker.raw() as old:
                    warnings.simplefilter("ignore", DeprecationWarning)
                    context.maximum_version = ssl.TLSVersion.TLSv1_1
                    context.set_ciphers("ALL:@SECLEVEL=0")
                    with self.assertRaises((ssl.SSLError, ConnectionError)):
                        context.wrap_socket(old, server_hostname="127.0.0.1")
                with worker.raw(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n") as plain:
                    self.assertNotIn(b"200 OK", plain.recv(1000))
                # The worker is well after all that.
                run("curl", "-sSf", "--cacert", cert, url + "/v2/health/ready")


if __name__ == "__main__":
    main()
