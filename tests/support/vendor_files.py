"""The vendors of the tests, beside those that are shipped. Each name says what it is for."""

import json
import pathlib

TOP = pathlib.Path(__file__).resolve().parents[2]
CALLBACK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNING_SECRET = "hush-hmac-f00d"
API_KEY = "hush-key-f00d"
SYNC_URL = "${env:SYNC_VENDOR_URL}"
ASYNC_URL = "${env:ASYNC_VENDOR_URL}"
NAMED_URL = "http://${payload:/host}:${payload:/port}/fetch"
CALLBACK_HEADERS = {"X-Request-ID": "${job:request_id}", "X-Callback-URL": "${job:callback_url}"}


QUICK_BREAKER = {"open_seconds": 0.5}
NO_BREAKER = {"failure_ratio": 0, "connect_failures": 0}
MIB = 1 << 20


def sync_vendor(name, max_attempts=3, base_ms=50, max_ms=400, timeout_ms=2000, **more):
    return {"name": name, "mode": "sync",
            "request": {"url": SYNC_URL + "/fetch", "timeout_ms": timeout_ms, "connect_timeout_ms": 500},
            "retry": {"max_attempts": max_attempts, "base_ms": base_ms, "max_ms": max_ms},
            "response": {"result": "/data"}, "breaker": QUICK_BREAKER, **more}


def with_request(vendor, **members):
    return {**vendor, "request": {**vendor["request"], **members}}


def with_answers_up_to(max_bytes, vendor):
    return with_request(vendor, max_response_bytes=max_bytes)


def wary(name, make_vendor):
    """Two attempts, whatever happens, and a bound of one MiB."""
    return with_answers_up_to(MIB, make_vendor(name, max_attempts=2, timeout_ms=1500, breaker=NO_BREAKER))


def called_back_by_anybody(callback):
    """Most tests call back themselves, with no more than the id of the job."""
    return callback if "secret" in callback or "auth" in callback else {**callback, "auth": {"type": "none"}}


def async_vendor(name, callback=None, max_attempts=3, base_ms=50, max_ms=400, timeout_ms=2000, **more):
    return {"name": name, "mode": "async",
            "request": {"url": ASYNC_URL + "/fetch", "headers": CALLBACK_HEADERS, "timeout_ms": timeout_ms,
                        "connect_timeout_ms": 500},
            "retry": {"max_attempts": max_attempts, "base_ms": base_ms, "max_ms": max_ms},
            "callback": called_back_by_anybody(callback or {"timeout_seconds": 60}), "breaker": QUICK_BREAKER, **more}


def own_id_vendor(name, timeout_seconds=60):
    vendor = async_vendor(name, callback={"timeout_seconds": timeout_seconds, "job_id": "/job_id"},
                          response={"job_id": "/job_id"}, max_in_flight=20)  # each waits for its own webhooks
    vendor["request"]["headers"] = {**CALLBACK_HEADERS, "X-Callback-URL": "${env:API_BASE_URL}/vendor-webhook/" + name}
    return vendor


def picky(name, per_seconds):
    """Wants a path of its own for each job, and no more than one call."""
    return with_request(sync_vendor(name, limits=[{"calls": 1, "per_seconds": per_seconds}]),
                        url=SYNC_URL + "/people/${payload:/person/id}")


def polled_vendor(name, where=None, timeout_seconds=60, timeout_ms=2000, **more):
    """where: the members of poll that say where to ask."""
    return {"name": name, "mode": "poll",
            "request": {"url": SYNC_URL + "/submit", "timeout_ms": timeout_ms, "connect_timeout_ms": 500},
            "poll": {"done_values": ["done"], "result": "/data", "interval_seconds": 0.1, "factor": 1.2,
                     "max_interval_seconds": 0.5, "timeout_seconds": timeout_seconds,
                     **({"url": SYNC_URL + "/status/${job:vendor_job_id}"} if where is None else where)},
            "retry": {"max_attempts": 3, "base_ms": 50, "max_ms": 400},
            "response": {"job_id": "/job_id", "trim_strings": True, "remove": ["/ssn"]}, "breaker": QUICK_BREAKER, **more}


# Asked at a URL that is made of the payload, too, with a body. What is asked echoes: the job names its own vendor's id.
ASKED_BY_POST = {"method": "POST", "url": SYNC_URL + "/reports/${payload:/region}/${job:vendor_job_id}",
                 "query": {"ref": "${job:vendor_job_id}"}, "headers": {"X-Request-ID": "${job:request_id}"},
                 "body": {"state": "done", "id": "${job:vendor_job_id}", "n": "${payload:/n}"},
                 "state": "/data/received/state", "result": "/data/received"}


def fifty_a_second(name):
    return sync_vendor(name, max_attempts=20, limits=[{"calls": 50, "per_seconds": 1}])


def of_account(group, name, **more):
    return sync_vendor(name, group=group, max_attempts=20, **more)


def told(name, headers, **more):
    """Knows no limits but those that the vendor tells of, a call at a time."""
    return sync_vendor(name, max_attempts=1, max_in_flight=1, limits_from=headers, **more)


X_HEADERS = {"remaining": "X-RateLimit-Remaining", "reset": "X-RateLimit-Reset"}

# By what the payload says, which the mock echoes.
JUDGED = {"result": "/data/received/data", "error": "/data/received/message", "no_data_result": {"found": False},
          "verdicts": [{"where": "/data/received/status", "equals": "busy", "verdict": "retry"},
                       {"where": "/data/received/status", "equals": "error", "verdict": "fail"},
                       {"where": "/data/received/status", "equals": "none", "verdict": "no_data"}]}

# How vendors show that a callback is theirs. tests/e2e/test_webhook_auth.py has the other side.
HOOK_SECRETS = ["the new secret", "the old secret"]
HOOK_AUTHS = {
    "token": {"type": "token"},
    "rotated": {"type": "standard_webhooks", "secrets": HOOK_SECRETS},
    "hex": {"type": "hmac", "name": "X-Hub-Signature-256", "prefix": "sha256=", "secrets": HOOK_SECRETS},
    "base64": {"type": "hmac", "name": "X-Signature", "encoding": "base64", "algorithm": "sha512", "secrets": HOOK_SECRETS[0],
               "timestamp_header": "X-Timestamp", "message": "v0:${callback:timestamp}:${callback:body}"},
    "parts": {"type": "hmac", "name": "X-Bureau-Signature", "prefix": "v1=", "secrets": "00ff00ff", "secret_encoding": "hex",
              "timestamp_header": "X-Bureau-Signature", "timestamp_prefix": "t="},
    "bearer": {"type": "bearer", "secrets": HOOK_SECRETS},
    "basic": {"type": "basic", "user": "bureau", "secrets": HOOK_SECRETS},
    "key": {"type": "api_key", "name": "X-Api-Key", "secrets": HOOK_SECRETS},
}

NOBODY_THERE = "http://127.0.0.1:1/"


def then(vendor, *others, **more):
    """Jobs that it cannot do go on to these."""
    return {**vendor, "fallback": {"vendors": list(others), **more}}


VENDORS = [
    sync_vendor("quick"),                                            # no limit, three attempts
    sync_vendor("sturdy", max_attempts=50, timeout_ms=1000, breaker=NO_BREAKER),  # outlives whatever a test does
    sync_vendor("brief", max_attempts=50, deadline_seconds=5),  # a short life, but no pause of the disk must use it up
    sync_vendor("narrow", max_in_flight=4),
    sync_vendor("bucket", limits=[{"calls": 20, "per_seconds": 1, "burst": 5}]),
    sync_vendor("two-limits", limits=[{"calls": 10, "per_seconds": 1}, {"calls": 15, "per_seconds": 3}]),
    sync_vendor("slow-lane", limits=[{"calls": 1, "per_seconds": 1}]),
    fifty_a_second("limited-1"),                                     # one for each test: limits are remembered
    fifty_a_second("limited-3"),
    fifty_a_second("limited-restart"),
    fifty_a_second("limited-flush"),
    of_account("busy", "busy-a", limits=[{"calls": 40, "per_seconds": 1}]),   # two vendors of one account
    of_account("busy", "busy-b", limits=[{"calls": 40, "per_seconds": 1}]),
    of_account("narrow", "narrow-a", max_in_flight=4),
    of_account("narrow", "narrow-b", max_in_flight=4),
    told("told-draft", {"remaining": "RateLimit-Remaining", "reset": "RateLimit-Reset"}),
    told("told-structured", {"header": "RateLimit"}),
    told("told-a", X_HEADERS, group="told"),
    told("told-b", {**X_HEADERS, "reset_is": "epoch"}, group="told"),
    sync_vendor("breaking", max_attempts=50, timeout_ms=1000,        # its breaker opens soon, and tries again soon
                breaker={"min_calls": 10, "window_seconds": 10, "open_seconds": 1, "probes": 2}),
    wary("wary", sync_vendor),
    wary("wary-callback", async_vendor),
    with_answers_up_to(15 * MIB, sync_vendor("huge", response={"result": ""})),   # the largest that may be allowed
    sync_vendor("doomed", max_attempts=50, deadline_seconds=2,       # its breaker stays open until its jobs are over
                breaker={"min_calls": 5, "open_seconds": 5}),
    sync_vendor("shy", deadline_seconds=2,                           # may hold its jobs back until they are over
                retry={"max_attempts": 3, "base_ms": 50, "max_ms": 400, "max_hold_seconds": 5}),
    sync_vendor("judged", response=JUDGED, breaker=NO_BREAKER),
    sync_vendor("judged-breaking", max_attempts=50, response=JUDGED, deadline_seconds=3,
                breaker={"min_calls": 5, "open_seconds": 5}),
    async_vendor("callback"),
    async_vendor("header-id", callback={
        "timeout_seconds": 60, "job_id_header": "X-Job-Ref", "result": "/out",
        "verdicts": [{"where": "/state", "equals": "KO", "verdict": "fail"},
                     {"where": "/state", "equals": "EMPTY", "verdict": "no_data"},
                     {"where": "/state", "equals": "OK", "verdict": "success"}]}),
    async_vendor("impatient", callback={"timeout_seconds": 2}),
    async_vendor("signed", callback={"timeout_seconds": 60, "secret": CALLBACK_SECRET}),
    *(async_vendor(f"hook-{name}", callback={"timeout_seconds": 60, "auth": auth}) for name, auth in HOOK_AUTHS.items()),
    async_vendor("hook-far", callback={"timeout_seconds": 60, "auth": {"type": "none"}, "allow_from": ["192.0.2.0/24"]}),
    async_vendor("hook-near", callback={"timeout_seconds": 60, "auth": {"type": "token"}, "allow_from": ["10.0.0.0/8", "127.0.0.0/8"]}),
    async_vendor("ownid", callback={"timeout_seconds": 60, "job_id": "/job_id"}, response={"job_id": "/job_id"}),
    # These know only their own ids: the callback URL that they were told once names no job.
    own_id_vendor("early"),
    own_id_vendor("early-brief", timeout_seconds=2),
    polled_vendor("polled"),                                         # asked at a URL made of its own id,
    polled_vendor("polled-at", where={"url_at": "/status_url"}),     # at one that it names in the body,
    polled_vendor("polled-location", where={}),                      # and in a header
    polled_vendor("polled-by-post", where=ASKED_BY_POST, auth={"type": "bearer", "token": API_KEY}) |
    {"request": {"url": SYNC_URL + "/fetch"}, "response": {"job_id": "/data/received/ref"}},
    polled_vendor("polled-changed", limits=[{"calls": 3, "per_seconds": 60}],   # a test changes its file, and needs the time
                  where={"url": SYNC_URL + "/status/${job:vendor_job_id}", "interval_seconds": 3, "max_interval_seconds": 5}),
    polled_vendor("polled-brief", timeout_seconds=2, timeout_ms=500),
    polled_vendor("polled-limited", limits=[{"calls": 10, "per_seconds": 1}]),
    # Requests that are made of their jobs. The first is the example of docs/vendors.md.
    with_request(sync_vendor("mapped"), method="PUT", url=SYNC_URL + "/v2/${payload:/country|GB}/people/${payload:/person/id}",
                 query={"lang": "${payload:/lang|}", "source": "vendorfetch"},
                 headers={"X-Reference": "${job:request_id}"},
                 body={"id": "${payload:/person/id}", "name": "${payload:/person/first} ${payload:/person/last}",
                       "note": "${payload:/note|}", "sent_at": "${time:rfc3339}"}),
    with_request(sync_vendor("form"), body_format="form",
                 body={"number": "${payload:/number}", "country": "${payload:/country|}"}),
    with_request(sync_vendor("signing", auth={
        "type": "hmac", "secret": SIGNING_SECRET, "name": "X-Signature", "value": "v1=${request:signature}",
        "message": "${request:method}\n${request:path}\n${request:query}\n${time:s}\n${request:body}"}),
        query={"q": "${payload:/q}"}, headers={"X-Timestamp": "${time:s}"}),
    sync_vendor("keyed", auth={"type": "api_key", "in": "query", "name": "key", "value": API_KEY}),
    sync_vendor("keyed-unreachable", max_attempts=1, auth={"type": "basic", "user": "acme", "password": API_KEY}) |
    {"request": {"url": "http://127.0.0.1:1/fetch?key=" + API_KEY, "connect_timeout_ms": 500}, "breaker": NO_BREAKER},
    with_request(sync_vendor("host-named"), url=NAMED_URL),          # by the job
    with_request(sync_vendor("host-named-near"), url=NAMED_URL, allow_networks=["127.0.0.0/8"]),
    picky("picky-window", 60),
    picky("picky-quota", 3600),
    # One after the other.
    then(sync_vendor("refusing", breaker=NO_BREAKER), "away", "last"),
    then(with_request(sync_vendor("away", max_attempts=1, breaker=NO_BREAKER), url=NOBODY_THERE), "quick"),
    async_vendor("last"),                                            # the list of "away" is not for jobs of "refusing"
    then(with_request(sync_vendor("opening", max_attempts=50, breaker={"connect_failures": 1, "open_seconds": 600}),
                      url=NOBODY_THERE), "last"),
    then(sync_vendor("used-up", limits=[{"calls": 1, "per_seconds": 3600}]), "last"),
    then(sync_vendor("held", retry={"max_attempts": 3, "base_ms": 50, "max_ms": 400, "max_hold_seconds": 600}), "last"),
    then(sync_vendor("hanging", max_attempts=1, timeout_ms=400, breaker=NO_BREAKER), "last"),
    then(sync_vendor("hanging-anyway", max_attempts=1, timeout_ms=400, breaker=NO_BREAKER), "last",
         on=["failed", "unknown"]),
    then(sync_vendor("knowing-nothing", response={"result": "/data", "verdicts": [{"statuses": [404], "verdict": "no_data"}]}),
         "last"),
    then(async_vendor("never-back", callback={"timeout_seconds": 1}), "quick", on=["unknown"]),
    then(async_vendor("calling-back"), "quick"),
    then(polled_vendor("asked"), "last"),
    async_vendor("again", callback={"timeout_seconds": 60, "verdicts": [
        {"where": "/status", "equals": "later", "verdict": "retry"}]}),
    async_vendor("sturdy-callback", callback={"timeout_seconds": 8}, max_attempts=50, timeout_ms=1000),
]


def as_files(vendors):
    return {f"{vendor['name']}.json": json.dumps(vendor, indent=1) for vendor in vendors}


def own_vendor_files():
    """{file name: text} of VENDORS. No call of theirs takes long, so leases are short."""
    return as_files(VENDORS)


def all_vendor_files():
    """The same, and the shipped ones."""
    shipped = {path.name: path.read_text() for path in sorted((TOP / "etc/vendors.d").glob("*.json"))}
    return {**shipped, **own_vendor_files()}
