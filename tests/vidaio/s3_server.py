"""A strict S3 server for tests: it computes every signature anew and refuses what is not exactly right.

Path style only. Independent of the service's signer: written after "Authenticating Requests (AWS
Signature Version 4)" of Amazon's S3 API reference; boto3 passes it too.
"""

import calendar
import hashlib
import hmac
import re
import threading
import time
import urllib.parse

from support import WAIT_S, QuietHandler, Server

ACCESS_KEY = "AKIDTEST"
SECRET_KEY = "secret/with+signs"
REGION = "eu-test-1"
BUCKET = "results"
SKEW_S = 900
EXPIRY_MAX_S = 604800


class S3Server(Server):
    """`objects`: key -> bytes. `faults`: what happens to the next PUTs, one each: (status, code),
    "drop", or what to wait for first, a number of seconds or an Event. `puts`: keys of accepted PUTs, in order."""

    def __init__(self, clock_ahead_s=0):
        self.objects = {}
        self.faults = []
        self.puts = []
        self.attempts = 0
        self.clock_ahead_s = clock_ahead_s
        super().__init__(S3Handler)

    def now(self):
        return time.time() + self.clock_ahead_s

    def env(self):
        """The service's environment."""
        return {"MINER_STORAGE_S3_ENDPOINT_URL": self.url, "MINER_STORAGE_S3_REGION": REGION,
                "MINER_STORAGE_S3_BUCKET_NAME": BUCKET,
                "MINER_STORAGE_S3_ACCESS_KEY_ID": ACCESS_KEY,
                "MINER_STORAGE_S3_SECRET_ACCESS_KEY": SECRET_KEY}


class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


def signature(canonical_request, stamp, secret=SECRET_KEY):
    day = stamp[:8]
    scope = f"{day}/{REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope,
                      hashlib.sha256(canonical_request.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in (day, REGION, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-._~")


class S3Handler(QuietHandler):
    def check_time(self, stamp):
        if not re.fullmatch(r"\d{8}T\d{6}Z", stamp):
            raise Refused(403, "AccessDenied")
        signed = calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
        return signed, self.server.owner.now()

    def check_scope(self, credential, stamp):
        key, *scope = credential.split("/")
        if key != ACCESS_KEY:
            raise Refused(403, "InvalidAccessKeyId")
        if scope != [stamp[:8], REGION, "s3", "aws4_request"]:
            raise Refused(400, "AuthorizationHeaderMalformed")

    def canonical(self, query, signed, payload):
        path = quote(urllib.parse.unquote(self.path.split("?")[0]), "/")
        pairs = sorted((quote(k), quote(v)) for k, v in query)
        lines = "".join(f"{name}:{' '.join(self.headers[name].split())}\n" for name in signed)
        return "\n".join([self.command, path, "&".join(f"{k}={v}" for k, v in pairs), lines,
                          ";".join(signed), payload])

    def check_fields(self, body):
        """A request whose header fields are signed."""
        match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?"
                             r"Signature=([0-9a-f]{64})", self.headers.get("Authorization", ""))
        if not match:
            raise Refused(403, "AccessDenied")
        credential, names, found = match.groups()
        stamp = self.headers.get("x-amz-date", "")
        signed, now = self.check_time(stamp)
        self.check_scope(credential, stamp)
        if abs(now - signed) > SKEW_S:
            raise Refused(403, "RequestTimeTooSkewed")
        names = names.split(";")
        must = {"host"} | {k.lower() for k in self.headers if k.lower().startswith("x-amz-")}
        if names != sorted(names) or not must <= set(names) or any(n not in self.headers for n in names):
            raise Refused(403, "AccessDenied")
        payload = self.headers.get("x-amz-content-sha256", "")
        if payload != hashlib.sha256(body).hexdigest():
            raise Refused(400, "XAmzContentSHA256Mismatch")
        query = urllib.parse.parse_qsl(self.path.partition("?")[2], keep_blank_values=True)
        if not hmac.compare_digest(found, signature(self.canonical(query, names, payload), stamp)):
            raise Refused(403, "SignatureDoesNotMatch")

    def check_query(self):
        """A presigned URL."""
        query = urllib.parse.parse_qsl(self.path.partition("?")[2], keep_blank_values=True)
        values = dict(query)
        if len(values) != len(query) or values.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256":
            raise Refused(403, "AccessDenied")
        stamp = values.get("X-Amz-Date", "")
        signed, now = self.check_time(stamp)
        self.check_scope(values.get("X-Amz-Credential", ""), stamp)
        expires = int(values.get("X-Amz-Expires", "0"))
        if not 1 <= expires <= EXPIRY_MAX_S:
            raise Refused(400, "AuthorizationQueryParametersError")
        if now > signed + expires or now < signed - SKEW_S:
            raise Refused(403, "AccessDenied")  # "Request has expired"
        names = values.get("X-Amz-SignedHeaders", "").split(";")
        if "host" not in names or any(n not in self.headers for n in names):
            raise Refused(403, "AccessDenied")
        rest = [(k, v) for k, v in query if k != "X-Amz-Signature"]
        expected = signature(self.canonical(rest, names, "UNSIGNED-PAYLOAD"), stamp)
        if not hmac.compare_digest(values.get("X-Amz-Signature", ""), expected):
            raise Refused(403, "SignatureDoesNotMatch")

    def key(self):
        path = urllib.parse.unquote(self.path.split("?")[0])
        if not path.startswith(f"/{BUCKET}/"):
            raise Refused(404, "NoSuchBucket")
        return path[len(BUCKET) + 2:]

    def refuse(self, refused):
        body = (f"<?xml version=\"1.0\"?><Error><Code>{refused.code}</Code>"
                f"<Message>refused by the test</Message></Error>").encode()
        self.close_connection = True
        self.answer(refused.status, body, [("Content-Type", "application/xml"), ("Connection", "close")])

    def do_PUT(self):
        owner = self.server.owner
        owner.attempts += 1
        fault = owner.faults.pop(0) if owner.faults else None
        try:
            if fault == "drop":
                self.close_connection = True
                self.connection.close()
                return
            if isinstance(fault, tuple):
                raise Refused(*fault)
            if isinstance(fault, (int, float)):
                time.sleep(fault)
            if isinstance(fault, threading.Event):
                fault.wait(WAIT_S)
            if "Content-Length" not in self.headers:
                raise Refused(411, "MissingContentLength")
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.check_fields(body)
            key = self.key()
            if not re.fullmatch(r"[A-Za-z0-9._/-]+", key):
                raise Refused(400, "InvalidArgument")
            owner.objects[key] = body
            owner.puts.append(key)
            self.answer(200, headers=[("ETag", '"' + hashlib.md5(body).hexdigest() + '"')])
        except Refused as refused:
            self.refuse(refused)
        except OSError:
            self.close_connection = True

    def do_GET(self):
        try:
            if "X-Amz-Signature=" in self.path:
                self.check_query()
            else:
                self.check_fields(b"")
            body = self.server.owner.objects.get(self.key())
            if body is None:
                raise Refused(404, "NoSuchKey")
            self.answer(200, body, [("Content-Type", "video/mp4")])
        except Refused as refused:
            self.refuse(refused)
