"""Requests with URLs: downloads that go wrong, uploads to a strict S3 server, presigned URLs."""

import subprocess
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request

from s3_server import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, S3Server
from support import WAIT_S, FileServer, Service, ServiceTest, at_once, free_port, main, make_clip

try:
    import boto3
    import botocore.config
    import botocore.exceptions
except ImportError:
    boto3 = None


def fetch(url):
    with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
        return answer.read()


def s3_client(s3, secret=SECRET_KEY):
    return boto3.client(
        "s3", region_name=REGION, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=secret,
        endpoint_url=s3.url, config=botocore.config.Config(
            signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 0}))


class RemoteTest(ServiceTest):
    def setUp(self):
        super().setUp()
        clip = make_clip(self.folders.root / "source.mp4").read_bytes()
        self.files = FileServer({"/clip.mp4": clip, "/a/clip.mp4": clip, "/odd name.mp4": clip,
                                 "/odd%20name.mp4": clip})
        self.s3 = S3Server()
        for server in (self.files, self.s3):
            self.addCleanup(server.__exit__, None, None, None)
        self.allow = ("--allow-host", f"127.0.0.1:{self.files.port}")

    def service(self, *flags, **options):
        return Service(self.folders, *self.allow, *flags, **{"env": self.s3.env(), **options})

    def result_of(self, url):
        path = self.folders.root / "fetched.mp4"
        path.write_bytes(fetch(url))
        return path


class UploadTest(RemoteTest):
    def test_a_url_comes_back_as_a_presigned_url(self):
        with self.service() as service:
            code, answer = service.upscale(self.files.url + "/clip.mp4?X-Signature=abc",
                                           self.files.url + "/a/clip.mp4", task_id="task 1/x")
            self.assertEqual((code, answer["success"]), (200, True), answer)
            self.assertEqual(answer["output_paths"], ["", ""])
            keys = sorted(self.s3.objects)
            self.assertEqual(len(keys), 2)
            for key, name in zip(keys, ("clip_upscaled_2x.mp4", "clip_upscaled_2x_2.mp4")):
                self.assertRegex(key, r"^processing/task-1-x-[0-9a-f]{16}/" + name + "$")
            for url in answer["output_urls"]:
                self.assert_result(self.result_of(url))
                self.assertIn("X-Amz-Expires=3600&", url)
            self.assertEqual(service.upscale(self.files.url + "/clip.mp4?X-Signature=other",
                                             self.files.url + "/a/clip.mp4", task_id="task 1/x"),
                             (code, answer))
            self.assertEqual(self.s3.attempts, 2, "uploaded only once")
            self.assertEqual(self.folders.work(), [])
            self.assertNotIn("X-Signature", service.log())
            self.assertNotIn(SECRET_KEY, service.log())

    @unittest.skipIf(boto3 is None, "python3-boto3 is not installed")
    def test_boto3_and_the_service_understand_each_other(self):
        client = s3_client(self.s3)
        client.put_object(Bucket=BUCKET, Key="by/boto3.mp4", Body=b"x")
        self.assertEqual(self.s3.objects["by/boto3.mp4"], b"x", "the server takes boto3's signature")
        with self.assertRaises(botocore.exceptions.ClientError):
            s3_client(self.s3, "wrong").put_object(Bucket=BUCKET, Key="by/boto3.mp4", Body=b"y")
        with self.service() as service:
            url = service.upscale(self.files.url + "/clip.mp4", task_id="t1")[1]["output_urls"][0]
        uploaded = client.get_object(Bucket=BUCKET, Key="processing/t1/clip_upscaled_2x.mp4")
        # boto3's own HTTP session, with a URL that our side signed.
        session = botocore.httpsession.URLLib3Session()
        request = botocore.awsrequest.AWSRequest(method="GET", url=url).prepare()
        answer = session.send(request)
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(answer.content, uploaded["Body"].read())
        theirs = client.generate_presigned_url(
            "get_object", Params={"Bucket": BUCKET, "Key": "processing/t1/clip_upscaled_2x.mp4"})
        names = [sorted(urllib.parse.parse_qs(u.partition("?")[2])) for u in (url, theirs)]
        self.assertEqual(names[0], names[1])

    def test_presigned_urls_end_and_cannot_be_changed(self):
        with self.service(env={**self.s3.env(), "MINER_STORAGE_S3_PRESIGNED_EXPIRY": "99999999"}) as service:
            url = service.upscale(self.files.url + "/clip.mp4")[1]["output_urls"][0]
        self.assertIn("X-Amz-Expires=604800&", url)
        fetch(url)
        for changed in (url.replace("X-Amz-Expires=604800", "X-Amz-Expires=604799"),
                        url.replace("clip_upscaled", "clip_Upscaled"), url[:-1] + "0",
                        url[:-1] + "1"):
            if changed == url:
                continue
            with self.assertRaises(urllib.error.HTTPError) as caught:
                fetch(changed)
            self.assertEqual(caught.exception.code, 403)
            caught.exception.close()
        self.s3.clock_ahead_s = 604801
        with self.assertRaises(urllib.error.HTTPError) as caught:
            fetch(url)
        caught.exception.close()

    def test_callers_that_left_make_room_for_others(self):
        body = {"video_paths": [self.files.url + "/clip.mp4"], "scale": 2, "task_id": "t"}
        uploaded = threading.Event()
        self.addCleanup(uploaded.set)
        self.s3.faults = [uploaded]
        with self.service() as service:
            for _ in range(64):
                service.post_and_leave(body)
            left = 'octoscale_requests_total{route="/upscale",code="0"} 64\n'
            service.wait_until(lambda: left in service.request("GET", "/metrics")[2].decode())
            answers = []
            caller = threading.Thread(target=lambda: answers.append(service.post(body)))
            caller.start()
            uploaded.set()
            caller.join()
        self.assertEqual(answers[0][0], 200, answers)
        self.assertTrue(answers[0][1]["success"], answers)

    def test_s3_that_stumbles_is_tried_again(self):
        self.s3.faults = [(503, "SlowDown"), "drop", (500, "InternalError")]
        with self.service() as service:
            code, answer = service.upscale(self.files.url + "/clip.mp4")
        self.assertEqual((code, answer["success"]), (200, True), answer)
        self.assertEqual((self.s3.attempts, len(self.s3.puts)), (4, 1))

    def test_s3_that_is_too_slow(self):
        self.s3.faults = [30] * 4
        with self.service("--upload-timeout", "0.3") as service:
            answer = service.upscale(self.files.url + "/clip.mp4")[1]
        self.assertIn("after 4 attempts: too slow", answer["errors"][0])

    def test_s3_that_refuses_is_quoted(self):
        for fault, words in [((403, "AccessDenied"), "may not write to the bucket"),
                             ((400, "ExpiredToken"), "check MINER_STORAGE_S3_ACCESS_KEY_ID"),
                             ((404, "NoSuchBucket"), "check MINER_STORAGE_S3_BUCKET_NAME")]:
            with self.subTest(fault=fault), self.service() as service:
                self.s3.faults = [fault]
                before = self.s3.attempts
                code, answer = service.upscale(self.files.url + "/clip.mp4")
                self.assertEqual((code, answer["success"], answer["output_urls"]), (200, False, [""]))
                self.assertIn(fault[1], answer["errors"][0])
                self.assertIn(words, answer["errors"][0])
                self.assertEqual(self.s3.attempts, before + 1, "no second try")

    def test_wrong_credentials_and_clocks(self):
        with self.service(env={**self.s3.env(), "MINER_STORAGE_S3_SECRET_ACCESS_KEY": "wrong"}) as service:
            self.assertIn("SignatureDoesNotMatch", service.upscale(self.files.url + "/clip.mp4")[1]["errors"][0])
        self.s3.clock_ahead_s = 3600
        with self.service() as service:
            self.assertIn("set this machine's clock",
                          service.upscale(self.files.url + "/clip.mp4")[1]["errors"][0])

    def test_no_storage_is_said_before_anything_is_fetched(self):
        with self.service(env={}) as service:
            code, answer = service.upscale(self.files.url + "/clip.mp4")
            self.assertEqual((code, answer["success"]), (200, False))
            self.assertIn("MINER_STORAGE_S3_BUCKET_NAME", answer["errors"][0])
            self.assertFalse(service.get("/health")[1]["storage_ready"])
        self.assertEqual(self.files.hits, [])

    def test_the_older_form(self):
        with self.service(older="127.0.0.1:0") as service:
            for port in (service.port, service.older_port):
                status, answer = service.post(
                    {"payload_url": self.files.url + "/clip.mp4", "task_type": "SD24K"},
                    "/upscale-video", port=port)
                self.assertEqual((status, list(answer)), (200, ["uploaded_video_url"]))
                self.assert_result(self.result_of(answer["uploaded_video_url"]), scale=4)
            status, answer = service.post(
                {"payload_url": self.files.url + "/empty", "task_type": "SD2HD"}, "/upscale-video")
            self.assertEqual((status, answer), (200, {"uploaded_video_url": None}))
            self.assertEqual(service.post({"payload_url": "x", "task_type": "8K"}, "/upscale-video")[0], 422)


class DownloadTest(RemoteTest):
    def error_of(self, service, path):
        url = path if path.startswith("http") else self.files.url + path
        code, answer = service.upscale(url)
        self.assertEqual((code, answer["success"]), (200, False), answer)
        return answer["errors"][0]

    def test_what_is_no_clip_is_named(self):
        with self.service("--max-download-mb", "1") as service:
            for path, words in [("/empty", "0 bytes"), ("/html", "web page"), ("/html.mp4", "web page"),
                                ("/playlist.mp4", "a playlist"), ("/dash.mp4", "web page or XML"), ("/missing", "404"), ("/loop", "redirects"),
                                ("/huge", "20480 MiB"), ("/endless", "limit of 1 MiB"),
                                ("/short", "connection broke"),
                                (f"http://127.0.0.1:{free_port()}/x", "loopback")]:
                with self.subTest(path=path):
                    error = self.error_of(service, path)
                    self.assertIn(words, error)
                    self.assertIn("http://127.0.0.1", error, "names the clip")
        self.assertEqual(self.s3.attempts, 0)
        self.assertEqual(self.folders.work(), [])

    def test_one_bad_url_among_five(self):
        good = self.files.url + "/clip.mp4"
        with self.service() as service:
            code, answer = service.upscale(good, good, self.files.url + "/html", good, good)
        self.assertEqual([e != "" for e in answer["errors"]], [False, False, True, False, False], answer)
        self.assertEqual([u != "" for u in answer["output_urls"]], [True, True, False, True, True])
        sizes = {len(body) for body in self.s3.objects.values()}
        self.assertEqual(len(sizes), 4, "no two of one size")

    def test_a_url_that_stalls(self):
        with self.service("--min-download-rate", "1000", "--rate-window", "1") as service:
            self.assertIn("too slow", self.error_of(service, "/stall"))
        with self.service("--download-timeout", "0.5") as service:
            self.assertIn("too slow", self.error_of(service, "/stall"))

    def test_redirects_are_checked_each(self):
        inner = FileServer({"/clip.mp4": self.files.files["/clip.mp4"]})
        with inner, self.service() as service:
            for target in (f"http://127.0.0.1:{inner.port}/clip.mp4", f"http://localhost:{inner.port}/clip.mp4",
                           f"http://[::1]:{inner.port}/clip.mp4", f"http://0x7f.1:{inner.port}/clip.mp4",
                           f"http://2130706433:{inner.port}/clip.mp4"):
                with self.subTest(target=target):
                    self.assertRegex(self.error_of(service, "/redirect/" + target),
                                     "loopback|nobody answers|unknown")
            for target, words in [("http://169.254.169.254/latest/meta-data", "link-local"),
                                  ("http://10.0.0.1/x", "private"), ("http://[fd00::1]/x", "unique local|nobody"),
                                  ("http://0.0.0.0/x", "this network"), ("file:///etc/passwd", "scheme"),
                                  ("gopher://x/", "scheme"), ("http://user:pw@10.0.0.1/", "user name")]:
                with self.subTest(target=target):
                    self.assertRegex(self.error_of(service, "/redirect/" + target), words)
            self.assertEqual(inner.hits, [])
            code, answer = service.upscale(self.files.url + "/redirect//clip.mp4")
            self.assertTrue(answer["success"], answer)

    def test_addresses_and_hosts_that_are_refused(self):
        with Service(self.folders, env=self.s3.env()) as service:
            for url in (self.files.url + "/clip.mp4", f"http://localhost:{self.files.port}/clip.mp4",
                        f"http://[::ffff:127.0.0.1]:{self.files.port}/clip.mp4"):
                with self.subTest(url=url):
                    self.assertRegex(self.error_of(service, url), "loopback|nobody answers")
        self.assertEqual(self.files.hits, [])
        with self.service("--download-host", "*.example.org") as service:
            self.assertIn("not on the list", self.error_of(service, "http://example.com/x"))
            self.assertTrue(service.upscale(self.files.url + "/clip.mp4")[1]["success"])

    def test_curl_fetches_the_presigned_url(self):
        with self.service() as service:
            first, second = at_once(*[
                lambda p=p: service.upscale(self.files.url + p)[1] for p in ("/clip.mp4", "/odd%20name.mp4")])
        self.assertTrue(first["success"] and second["success"], (first, second))
        path = self.folders.root / "curl.mp4"
        subprocess.run(["curl", "-sSf", "-o", str(path), second["output_urls"][0]], check=True, timeout=WAIT_S)
        self.assert_result(path)
        self.assertTrue(any(k.endswith("/odd-20name_upscaled_2x.mp4") for k in self.s3.objects))


if __name__ == "__main__":
    main()
