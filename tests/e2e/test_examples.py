"""The example vendors of etc/vendors.d/examples, each against a provider that behaves as its documentation says
(tests/support/providers.py). The files are used as they are shipped, but for the host in them."""

import time

import pytest

from conftest import QUICK_SETTINGS, Stack
from providers import EXAMPLES, HUSH, PROVIDERS, all_settings
from waiting import wait_for

COMPANY = {"company_name": "VENDORFETCH TEST LIMITED", "company_number": "00000006", "company_status": "active", "type": "ltd",
           "incorporated_on": "1862-10-25", "registered_office_address": {"address_line_1": "1 High Street", "postal_code": "SW1A 1AA"},
           "sic_codes": ["62012"]}
ADDRESS = {"country": "US", "lines": ["1600 Amphitheatre Pkwy", "Mountain View, CA"]}
REVIEWED = {"levelName": "basic-kyc-level", "createdAtMs": "2026-11-30 16:00:25.032"}

pytestmark = pytest.mark.only("sqlite")   # what vendors are asked, and what their answers mean


class Examples:
    """A stack with the ten vendors, and the providers that they call, by name of the vendor."""

    def __init__(self, store):
        self.providers = {}
        files = {}
        for kind in PROVIDERS:
            provider = kind()
            self.providers[kind.file.removesuffix(".json")] = provider
            files[kind.file] = provider.vendor_text()
        self.stack = Stack(store, files, workers=1, settings={**QUICK_SETTINGS, **all_settings()})
        self.api = self.stack.api
        self.sumsub = self.providers["sumsub-identity"]
        self.sumsub.webhook_url = self.stack.base_url + "/vendor-webhook/sumsub-identity"

    def close(self):
        self.stack.down()
        for provider in self.providers.values():
            provider.server.close()

    def run(self, vendor, payload):
        """A job that has ended, and the calls that came of it."""
        before = len(self.providers[vendor].calls())
        job = self.api.wait(self.api.submit(vendor, payload), 30)
        return job, self.providers[vendor].calls()[before:]


@pytest.fixture(scope="module")
def examples(store):
    examples = Examples(store)
    yield examples
    examples.close()


def test_every_example_has_a_provider():
    assert {path.name for path in EXAMPLES.glob("*.json")} == {provider.file for provider in PROVIDERS} and len(PROVIDERS) == 10


# ---- What there is: the cleaned result, and the last call that was made for it ----

FOUND = {
    "companies-house": ({"company_number": "00000006"}, COMPANY, "GET /company/00000006"),
    "maxmind-geoip": ({"ip": "8.8.8.8"}, {
        "city": {"names": {"en": "Mountain View"}}, "country": {"iso_code": "US"},
        "location": {"latitude": 37.386, "longitude": -122.0838, "time_zone": "America/Los_Angeles"},
        "postal": {"code": "94035"}, "traits": {"network": "8.8.8.0/24"}}, "GET /geoip/v2.1/city/8.8.8.8"),
    "hunter-email-verifier": ({"email": "Ann+1@Example.com"}, {
        "status": "valid", "score": 97, "email": "ann+1@example.com", "disposable": False, "webmail": False, "smtp_check": True},
        f"GET /v2/email-verifier?email=Ann%2B1%40Example.com&api_key={HUSH}hunter"),
    "twelve-data-exchange-rate": ({"from": "EUR", "to": "USD"}, {"symbol": "EUR/USD", "rate": 1.08752, "timestamp": 1602714051},
                                  f"GET /exchange_rate?symbol=EUR%2FUSD&apikey={HUSH}twelve"),
    "google-address-validation": (ADDRESS, {
        "verdict": {"inputGranularity": "PREMISE", "validationGranularity": "PREMISE", "addressComplete": True},
        "address": {"formattedAddress": "1600 Amphitheatre Pkwy, Mountain View, CA, USA",
                    "postalAddress": {"regionCode": "US", "addressLines": ADDRESS["lines"]}},
        "geocode": {"location": {"latitude": 37.4225, "longitude": -122.0847}}}, "POST /v1:validateAddress"),
    "twilio-lookup": ({"phone": "+14159929960"}, {
        "valid": True, "phone_number": "+14159929960", "country_code": "US",
        "line": {"type": "mobile", "carrier_name": "T-Mobile USA, Inc."}},
        "GET /v2/PhoneNumbers/%2B14159929960?Fields=line_type_intelligence"),
    "dnb-company": ({"duns": "804735132"}, {
        "duns": "804735132", "primaryName": "GORMAN MANUFACTURING COMPANY, INC.",
        "primaryAddress": {"addressCountry": {"isoAlpha2Code": "US"}, "postalCode": "94110"},
        "dunsControlStatus": {"operatingStatus": {"description": "Active", "dnbCode": 9074}}},
        "GET /v1/data/duns/804735132?blockIDs=companyinfo_L2_v1&customerReference={request_id}"),
    "vies-vat": ({"country": "CZ", "number": "45274649"}, {
        "valid": True, "countryCode": "CZ", "vatNumber": "45274649", "name": "ČEZ, a. s.", "address": "Duhová 1444/2\nPRAHA 4",
        "requestDate": "2026-11-30T21:02:05.123Z"}, "POST /taxation_customs/vies/rest-api/check-vat-number"),
}


@pytest.mark.parametrize("vendor", FOUND)
def test_what_there_is_comes_cleaned(examples, vendor):
    payload, result, request = FOUND[vendor]
    job, calls = examples.run(vendor, payload)
    assert job["status"] == "complete" and job["result"] == result and job["attempts"] == 1, job
    assert f"{calls[-1].method} {calls[-1].target}" == request.format(request_id=job["request_id"])


def test_a_body_is_made_of_the_payload(examples):
    _, calls = examples.run("google-address-validation", {**ADDRESS, "usps": True, "city": "Mountain View"})
    assert calls[-1].json() == {"address": {"regionCode": "US", "locality": "Mountain View", "addressLines": ADDRESS["lines"]},
                                "enableUspsCass": True}
    _, calls = examples.run("vies-vat", {"country": "CZ", "number": "45274649", "requester": {"country": "CZ", "number": "1"}})
    assert calls[-1].json() == {"countryCode": "CZ", "vatNumber": "45274649", "requesterMemberStateCode": "CZ", "requesterNumber": "1"}


# ---- What there is not ----

NO_DATA = {
    "companies-house": ({"company_number": "99999999"}, None),
    "maxmind-geoip": ({"ip": "203.0.113.9"}, {"country": None}),
    "twelve-data-exchange-rate": ({"from": "EUR", "to": "XXX"}, None),
    "google-address-validation": ({"lines": ["nowhere"]}, {"deliverable": False}),
    "twilio-lookup": ({"phone": "+14159929999"}, None),
    "dnb-company": ({"duns": "000000000"}, None),
}


@pytest.mark.parametrize("vendor", NO_DATA)
def test_what_there_is_not_is_a_result_of_its_own(examples, vendor):
    payload, result = NO_DATA[vendor]
    job, calls = examples.run(vendor, payload)
    assert job["status"] == "complete" and job["result"] == result and len(calls) >= 1, job
    assert job["history"][-1]["outcome"] == "no_data", job


@pytest.mark.parametrize("vendor,payload,result", [
    ("vies-vat", {"country": "CZ", "number": "11111111"}, {"valid": False, "countryCode": "CZ", "vatNumber": "11111111", "name": "---",
                                                           "address": "---", "requestDate": "2026-11-30T21:02:05.123Z"}),
    ("twilio-lookup", {"phone": "+1415"}, {"valid": False, "validation_errors": ["TOO_SHORT"], "phone_number": "+1415"})],
    ids=["vies-vat", "twilio-lookup"])
def test_a_no_is_a_result_like_a_yes(examples, vendor, payload, result):
    job, _ = examples.run(vendor, payload)
    assert job["status"] == "complete" and job["result"] == result, job


# ---- What fails for good ----

FAILS = {
    "companies-house": ({}, "the request cannot be made: its URL: /company_number of the payload is not there", 0),
    "maxmind-geoip": ({"ip": "here"}, "vendor answered 400: The value 'here' is not a valid IP address.", 1),
    "hunter-email-verifier": ({"email": "claimed@example.com"},
                              "vendor answered 451: The person who owns this email address asked us to stop processing it.", 1),
    "twelve-data-exchange-rate": ({"from": "EURO", "to": "USD"},
                                  "vendor answered 200: **symbol** not found: EURO/USD. (response/verdicts/3)", 1),
    "google-address-validation": ({**ADDRESS, "country": "ZZ"}, "vendor answered 400: Unsupported region code: ZZ", 1),
    "sumsub-identity": ({"level": "no-such", "last_name": "Good"}, "vendor answered 404: Level 'no-such' not found", 1),
    "checkr-report": ({"package": "driver_pro", "candidate_id": "nobody"}, "vendor answered 404: Candidate not found", 1),
    "dnb-company": ({"duns": "many"}, "vendor answered 400: The given D-U-N-S Number is invalid.", 1),
    "vies-vat": ({"country": "XX", "number": "1"}, "vendor answered 400: INVALID_INPUT (response/verdicts/2)", 1),
}


@pytest.mark.parametrize("vendor", FAILS)
def test_what_never_will_be_fails_at_once_with_the_vendors_words(examples, vendor):
    payload, error, attempts = FAILS[vendor]
    job, calls = examples.run(vendor, payload)
    assert job["status"] == "failed" and job["error"] == error and job["attempts"] == attempts, job
    assert len([call for call in calls if call.path != "/v3/token"]) == attempts


def test_an_account_without_money_fails(examples):
    job, _ = examples.run("maxmind-geoip", {"ip": "192.0.2.1"})
    assert job["error"] == "vendor answered 402: The license key you have provided is out of queries."


# ---- What will be later ----

@pytest.mark.parametrize("vendor,payload", [
    ("hunter-email-verifier", {"email": "slow@example.com"}), ("hunter-email-verifier", {"email": "odd@example.com"}),
    ("vies-vat", {"country": "DE", "number": "811115368"})], ids=["202", "222", "a-member-state-is-away"])
def test_what_is_not_ready_is_asked_for_again(examples, vendor, payload):
    job, calls = examples.run(vendor, payload)
    assert job["status"] == "complete" and job["attempts"] == 2 and len(calls) == 2, job


def test_a_limit_that_is_no_429_costs_no_attempt(examples):
    began = time.monotonic()
    job, calls = examples.run("hunter-email-verifier", {"email": "crowd@example.com"})
    assert job["status"] == "complete" and job["attempts"] == 1 and len(calls) == 2, job
    assert time.monotonic() - began >= 1


def test_no_call_is_made_while_the_credits_are_used_up(examples):
    """The vendor is held for 15 s, longer than this test looks. Others go on meanwhile."""
    provider = examples.providers["twelve-data-exchange-rate"]
    limited = examples.api.submit("twelve-data-exchange-rate", {"from": "GBP", "to": "USD"})
    wait_for(lambda: "out of API credits" in examples.api.job(limited).get("last_error", ""), 20, "the vendor says that it is too much")
    seen = len(provider.calls())
    later = examples.api.submit("twelve-data-exchange-rate", {"from": "EUR", "to": "USD"})
    for _ in range(5):
        assert examples.run("maxmind-geoip", {"ip": "8.8.8.8"})[0]["status"] == "complete"
    assert len(provider.calls()) == seen
    assert [examples.api.job(job)["status"] for job in (limited, later)] == ["processing", "pending"]
    assert examples.api.job(limited)["attempts"] == 0


def test_no_call_is_made_when_the_headers_say_that_none_is_left(examples):
    provider = examples.providers["checkr-report"]
    provider.left = 0
    job, calls = examples.run("checkr-report", {"package": "driver_pro", "candidate_id": "nobody"})
    assert job["error"] == "vendor answered 404: Candidate not found" and len(calls) == 1, job
    seen = len(provider.calls())
    later = examples.api.submit("checkr-report", {"package": "driver_pro", "candidate_id": "nobody"})
    for _ in range(5):
        assert examples.run("maxmind-geoip", {"ip": "8.8.8.8"})[0]["status"] == "complete"
    assert len(provider.calls()) == seen and examples.api.job(later)["status"] == "pending"
    provider.left = 1200    # a window later
    assert examples.api.wait(later, 30)["status"] == "failed" and len(provider.calls()) == seen + 1


# ---- Identity: signed requests, signed webhooks of every step ----

@pytest.mark.parametrize("name,review", [("Good", {"reviewAnswer": "GREEN"}), ("Blurred", {"reviewAnswer": "GREEN"}),
                                         ("Fraud", {"reviewAnswer": "RED", "rejectLabels": ["FORGERY"], "reviewRejectType": "FINAL"})])
def test_only_the_last_word_of_a_review_is_the_result(examples, name, review):
    job, calls = examples.run("sumsub-identity", {"first_name": "Ann", "last_name": name, "date_of_birth": "1990-01-31"})
    assert job["status"] == "complete" and job["attempts"] == 1, job
    assert job["result"].pop("applicantId") and job["result"] == {**REVIEWED, "reviewResult": review}
    assert calls[-1].json() == {"externalUserId": job["request_id"],
                                "fixedInfo": {"firstName": "Ann", "lastName": name, "dob": "1990-01-31"}}
    steps = examples.sumsub.steps[name]
    hooks = wait_for(lambda: len(told(examples, job)) == len(steps) and told(examples, job), 10, "all webhooks are answered")
    assert hooks == ["ignored"] * (len(steps) - 1) + ["accepted"]


def told(examples, job):
    hooks = [answer for _, user, answer in examples.sumsub.webhooks if user == job["request_id"]]
    assert all(status == 200 for status, _ in hooks), hooks
    return [said for _, said in hooks]


def test_an_applicant_that_was_deleted_fails(examples):
    job, _ = examples.run("sumsub-identity", {"last_name": "Gone"})
    assert job["error"] == "vendor called back with a failure (callback/verdicts/2)", job


def test_a_second_call_for_what_was_received_is_no_failure(examples):
    job, calls = examples.run("sumsub-identity", {"last_name": "Lost"})
    assert job["status"] == "complete" and job["attempts"] == 2 and len(calls) == 2, job
    # The webhook may be there before the 409 is written.
    assert [entry["http_status"] for entry in job["history"] if "http_status" in entry] in ([502, 409], [502]), job


def test_nobody_else_can_tell_a_result(examples):
    job = examples.api.submit("sumsub-identity", {"last_name": "Good", "level": "basic-kyc-level"})
    hook = {"externalUserId": job, "type": "applicantReviewed", "reviewResult": {"reviewAnswer": "GREEN"}, "forged": True}
    assert examples.sumsub.post(hook, secret="guessed") == (401, 401)
    plain = examples.api.post("/vendor-webhook/sumsub-identity", hook)
    assert plain.status_code == 401 and "the header X-Payload-Digest has no matching signature" in plain.json()["detail"]
    examples.api.wait(job, status="complete")


# ---- Reports that take their time ----

def test_a_report_is_asked_for_until_it_is_complete(examples):
    job, calls = examples.run("checkr-report", {"package": "driver_pro", "candidate_id": "good", "work_locations": [{"country": "US"}]})
    assert job["status"] == "complete" and job["attempts"] == 1 and job["history"][-1]["polls"] == 2, job
    report = job["result"]["id"]
    assert job["result"] == {"id": report, "status": "complete", "result": "clear", "assessment": None, "package": "driver_pro",
                             "candidate_id": "good", "completed_at": "2026-11-30T16:00:00Z", "turnaround_time": 4096}
    assert [f"{call.method} {call.path}" for call in calls] == ["POST /v1/reports"] + [f"GET /v1/reports/{report}"] * 2
    assert calls[0].json()["work_locations"] == [{"country": "US"}] and calls[0].headers["idempotency-key"] == job["request_id"]


def test_a_report_that_is_canceled_fails(examples):
    job, _ = examples.run("checkr-report", {"package": "driver_pro", "candidate_id": "canceled"})
    assert job["error"] == 'vendor answered that the job is "canceled"', job


# ---- Who we are ----

def test_one_token_serves_until_it_is_refused(examples):
    provider = examples.providers["dnb-company"]
    for _ in range(3):
        examples.run("dnb-company", {"duns": "804735132"})
    assert provider.tokens == 1
    provider.tokens += 1    # what was given is good no more
    job, calls = examples.run("dnb-company", {"duns": "804735132"})
    assert job["status"] == "complete" and job["attempts"] == 1, job
    assert [call.path for call in calls].count("/v3/token") == 1 and provider.tokens == 3


REFUSED = {
    "companies-house": ({"company_number": "1"}, "vendor answered 401: Invalid Authorization"),
    "maxmind-geoip": ({"ip": "8.8.8.8"}, "vendor answered 401: Your account ID or license key could not be authenticated."),
    "hunter-email-verifier": ({"email": "a@b.example"}, "vendor answered 401: No user found for the API key supplied"),
    "google-address-validation": (ADDRESS, "vendor answered 400: API key not valid. Please pass a valid API key."),
    "twilio-lookup": ({"phone": "+14159929960"}, "vendor answered 401: Authenticate"),
    "sumsub-identity": ({"last_name": "Good"}, "vendor answered 401: Request signature mismatch"),
    "checkr-report": ({"candidate_id": "good"}, "vendor answered 401: Bad authentication error"),
}


@pytest.mark.parametrize("vendor", REFUSED)
def test_a_key_that_is_refused_fails_the_job_and_is_not_told(examples, vendor):
    payload, error = REFUSED[vendor]
    provider = examples.providers[vendor]
    provider.locked = True
    try:
        job, _ = examples.run(vendor, payload)
    finally:
        provider.locked = False
    assert job["status"] == "failed" and job["error"] == error and job["attempts"] == 1, job


def test_no_secret_is_told(examples):
    """After all of the above."""
    logs = examples.stack.log("worker-1") + examples.stack.log("api")
    assert "sumsub-identity" in logs and HUSH not in logs
