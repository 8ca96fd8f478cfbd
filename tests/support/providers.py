"""The providers after which etc/vendors.d/examples is modelled, as their public documentation says that they behave:
paths, parameters, who is let in, errors, rate limits, signatures. They share no code with the service.

Each is a class with `file` (the example), `real` (the origin in it, for which the test puts ours) and answer(). What
a call asks for decides what comes: a company that does not exist, an address that takes its time. Every secret begins
with HUSH, so that a test can look whether one got out.
"""

import hashlib
import hmac
import json
import pathlib
import threading
import time

import requests

from provider_server import Server

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "etc/vendors.d/examples"
HUSH = "hush-"
WEBHOOK_SECONDS = 10
WEBHOOK_TRIES = 100


class Provider:
    file = real = None
    settings = {}           # what its file refers to
    not_let_in = None       # (status, body) for whoever does not show the right key

    def __init__(self):
        self.server = Server(self._guarded)
        self.locked = False     # a test may change the locks
        self.seen = {}

    def _guarded(self, call):
        if self.not_let_in and (self.locked or not self.lets_in(call)):
            return self.not_let_in
        return self.answer(call)

    def lets_in(self, call):
        raise NotImplementedError

    def answer(self, call):
        raise NotImplementedError

    def first_time(self, what):
        self.seen[what] = self.seen.get(what, 0) + 1
        return self.seen[what] == 1

    def calls(self):
        return self.server.calls

    def vendor_text(self):
        """Its example, with our origin for the real one: nothing else is changed."""
        text = (EXAMPLES / self.file).read_text()
        assert self.real in text
        return text.replace(self.real, self.server.origin)


class CompaniesHouse(Provider):
    """developer.company-information.service.gov.uk: the key is the user of basic authentication."""
    file, real = "companies-house.json", "https://api.company-information.service.gov.uk"
    settings = {"COMPANIES_HOUSE_KEY": HUSH + "companies"}
    not_let_in = 401, {"error": "Invalid Authorization", "type": "ch:service"}
    profile = {
        "company_name": "VENDORFETCH TEST LIMITED ", "company_number": "00000006", "company_status": "active", "type": "ltd",
        "date_of_creation": "1862-10-25", "etag": "6dd2261e61776d79c2c50685145fac364e75e24e", "jurisdiction": "england-wales",
        "registered_office_address": {"address_line_1": "1 High Street", "address_line_2": "", "postal_code": "SW1A 1AA"},
        "sic_codes": ["62012"], "links": {"self": "/company/00000006"}, "has_charges": False,
    }

    def lets_in(self, call):
        return call.basic() == (self.settings["COMPANIES_HOUSE_KEY"], "")

    def answer(self, call):
        left = 600 - len(self.calls())
        headers = {"X-Ratelimit-Limit": 600, "X-Ratelimit-Remain": left, "X-Ratelimit-Reset": int(time.time()) + 300,
                   "X-Ratelimit-Window": "5m"}
        if call.segments == ["company", "00000006"]:
            return 200, self.profile, headers
        return 404, {"errors": [{"error": "company-profile-not-found", "type": "ch:service"}]}, headers


class MaxMind(Provider):
    """dev.maxmind.com/geoip/docs/web-services: account and license key; errors have a code."""
    file, real = "maxmind-geoip.json", "https://geoip.maxmind.com"
    settings = {"MAXMIND_ACCOUNT_ID": "42", "MAXMIND_LICENSE_KEY": HUSH + "maxmind"}
    not_let_in = 401, {"code": "AUTHORIZATION_INVALID", "error": "Your account ID or license key could not be authenticated."}
    errors = {
        "10.0.0.1": (400, "IP_ADDRESS_RESERVED", "The IP address '10.0.0.1' is a reserved IP address."),
        "203.0.113.9": (404, "IP_ADDRESS_NOT_FOUND", "The address 203.0.113.9 is not in our database."),
        "192.0.2.1": (402, "INSUFFICIENT_FUNDS", "The license key you have provided is out of queries."),
    }
    city = {
        "city": {"geoname_id": 5375480, "names": {"de": "Mountain View", "en": "Mountain View"}},
        "country": {"geoname_id": 6252001, "iso_code": "US", "names": {"en": "United States"}},
        "location": {"accuracy_radius": 1000, "latitude": 37.386, "longitude": -122.0838, "time_zone": "America/Los_Angeles"},
        "postal": {"code": "94035"}, "traits": {"ip_address": "8.8.8.8", "network": "8.8.8.0/24"},
        "maxmind": {"queries_remaining": 54321},
    }

    def lets_in(self, call):
        return call.basic() == (self.settings["MAXMIND_ACCOUNT_ID"], self.settings["MAXMIND_LICENSE_KEY"])

    def answer(self, call):
        address = call.segments[-1]
        if call.segments[:-1] != ["geoip", "v2.1", "city"] or address not in (*self.errors, "8.8.8.8"):
            return 400, {"code": "IP_ADDRESS_INVALID", "error": f"The value '{address}' is not a valid IP address."}
        if address in self.errors:
            status, code, error = self.errors[address]
            return status, {"code": code, "error": error}
        return 200, self.city


class Hunter(Provider):
    """hunter.io/api-documentation/v2: 202 while it is at work, 222 if a mail server was odd, 403 for too many."""
    file, real = "hunter-email-verifier.json", "https://api.hunter.io"
    settings = {"HUNTER_API_KEY": HUSH + "hunter"}
    not_let_in = 401, {"errors": [{"id": "authentication_failed", "code": 401,
                                   "details": "No user found for the API key supplied"}]}

    def lets_in(self, call):
        return call.query.get("api_key") == self.settings["HUNTER_API_KEY"]

    @staticmethod
    def error(code, name, details):
        return code, {"errors": [{"id": name, "code": code, "details": details}]}

    def answer(self, call):
        email = call.query.get("email", "")
        if call.path != "/v2/email-verifier" or "@" not in email:
            return self.error(400, "wrong_params", "The email is not valid")
        if email.startswith("claimed"):
            return self.error(451, "claimed_email", "The person who owns this email address asked us to stop processing it.")
        if email.startswith("slow") and self.first_time(email):
            return 202, {"meta": {"params": {"email": email}}}
        if email.startswith("odd") and self.first_time(email):
            return 222, {"meta": {"params": {"email": email}}}
        if email.startswith("crowd") and self.first_time(email):
            return self.error(403, "rate_limit", "You have reached the rate limit")
        return 200, {"data": {"status": "valid", "score": 97, "email": email, "disposable": False, "webmail": False,
                              "smtp_check": True, "_deprecation_notice": "Using result is deprecated, use status instead",
                              "sources": [{"domain": "example.com", "uri": "http://example.com/team"}]},
                     "meta": {"params": {"email": email}}}


class TwelveData(Provider):
    """twelvedata.com/docs: answers 200 with a code of its own, also when the credits of the minute are used up."""
    file, real = "twelve-data-exchange-rate.json", "https://api.twelvedata.com"
    settings = {"TWELVE_DATA_KEY": HUSH + "twelve"}
    not_let_in = 401, {"code": 401, "status": "error", "message": "**apikey** parameter is incorrect or not specified."}

    def lets_in(self, call):
        return call.query.get("apikey") == self.settings["TWELVE_DATA_KEY"]

    def answer(self, call):
        symbol = call.query.get("symbol", "")
        headers = {"api-credits-used": 1, "api-credits-left": 7}
        if symbol == "GBP/USD":
            message = "You have run out of API credits for the current minute. 9 API credits were used, with the current limit being 8."
            return 200, {"code": 429, "status": "error", "message": message}, headers
        if symbol == "EUR/USD":
            return 200, {"symbol": symbol, "rate": 1.08752, "timestamp": 1602714051}, headers
        code = 404 if "/" in symbol and len(symbol) == 7 else 400
        return 200, {"code": code, "status": "error", "message": f"**symbol** not found: {symbol}."}, headers


class GoogleAddresses(Provider):
    """developers.google.com/maps/documentation/address-validation: google.rpc.Status as errors, a verdict as result."""
    file, real = "google-address-validation.json", "https://addressvalidation.googleapis.com"
    settings = {"GOOGLE_MAPS_KEY": HUSH + "google"}
    not_let_in = 400, {"error": {"code": 400, "status": "INVALID_ARGUMENT",
                                 "message": "API key not valid. Please pass a valid API key."}}

    def lets_in(self, call):
        return call.headers.get("x-goog-api-key") == self.settings["GOOGLE_MAPS_KEY"]

    def answer(self, call):
        address = call.json()["address"]
        if call.method != "POST" or call.target != "/v1:validateAddress":
            return 404, {"error": {"code": 404, "status": "NOT_FOUND", "message": "not found"}}
        if address.get("regionCode") == "ZZ":
            return 400, {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "Unsupported region code: ZZ"}}
        lines = address["addressLines"]
        granularity = "OTHER" if lines == ["nowhere"] else "PREMISE"
        return 200, {"result": {
            "verdict": {"inputGranularity": granularity, "validationGranularity": granularity, "addressComplete": True},
            "address": {"formattedAddress": ", ".join(lines) + ", USA", "postalAddress": {"regionCode": "US", "addressLines": lines},
                        "addressComponents": [{"componentName": {"text": "1600"}, "componentType": "street_number"}]},
            "geocode": {"location": {"latitude": 37.4225, "longitude": -122.0847}, "placeId": "ChIJF4Yf2Ry7j4AR__1AkytDyAE"},
            "uspsData": {"dpvConfirmation": "Y"}}, "responseId": "de22bed8-7f52-44cb-8526-faceac57150a"}


class TwilioLookup(Provider):
    """twilio.com/docs/lookup/v2-api: a number that cannot be is a result, {"valid": false}."""
    file, real = "twilio-lookup.json", "https://lookups.twilio.com"
    settings = {"TWILIO_API_KEY": "SK0123", "TWILIO_API_SECRET": HUSH + "twilio"}
    not_let_in = 401, {"code": 20003, "message": "Authenticate", "more_info": "https://www.twilio.com/docs/errors/20003",
                       "status": 401}

    def lets_in(self, call):
        return call.basic() == (self.settings["TWILIO_API_KEY"], self.settings["TWILIO_API_SECRET"])

    def answer(self, call):
        number = call.segments[-1]
        if call.segments[:-1] != ["v2", "PhoneNumbers"] or number == "+14159929999":
            return 404, {"code": 20404, "message": f"The requested resource {call.path} was not found",
                         "more_info": "https://www.twilio.com/docs/errors/20404", "status": 404}
        if call.query.get("Fields") != "line_type_intelligence":
            return 400, {"code": 60616, "message": "Invalid Fields", "status": 400}
        common = {"call_forwarding": None, "caller_name": None, "sim_swap": None, "phone_number": number,
                  "url": "https://lookups.twilio.com" + call.path}
        if len(number) < 8:
            return 200, {**common, "valid": False, "validation_errors": ["TOO_SHORT"], "country_code": None,
                         "line_type_intelligence": None}
        return 200, {**common, "valid": True, "validation_errors": [], "country_code": "US", "calling_country_code": "1",
                     "national_format": "(415) 992-9960",
                     "line_type_intelligence": {"type": "mobile", "carrier_name": "T-Mobile USA, Inc.", "error_code": None,
                                                "mobile_country_code": "310", "mobile_network_code": "160"}}


class Sumsub(Provider):
    """docs.sumsub.com: requests are signed, and webhooks; they tell of every step, and of more than one review."""
    file, real = "sumsub-identity.json", "https://api.sumsub.com"
    settings = {"SUMSUB_APP_TOKEN": HUSH + "sumsub-token", "SUMSUB_SECRET_KEY": HUSH + "sumsub-key",
                "SUMSUB_WEBHOOK_SECRET": HUSH + "sumsub-hook"}
    not_let_in = 401, {"description": "Request signature mismatch", "code": 401, "correlationId": "req-1", "errorCode": 4003,
                       "errorName": "app-token-signature-mismatch"}
    green = {"reviewAnswer": "GREEN"}
    red = {"reviewAnswer": "RED", "rejectLabels": ["FORGERY"], "reviewRejectType": "FINAL", "clientComment": "private"}
    again = {"reviewAnswer": "RED", "rejectLabels": ["BAD_SELFIE"], "reviewRejectType": "RETRY"}
    steps = {       # by last name: the webhooks that come of it
        "Good": [("applicantCreated", None), ("applicantPending", None), ("applicantReviewed", green)],
        "Fraud": [("applicantReviewed", red)],
        "Blurred": [("applicantReviewed", again), ("applicantPending", None), ("applicantReviewed", green)],
        "Gone": [("applicantCreated", None), ("applicantDeleted", None)],
    }

    def __init__(self):
        super().__init__()
        self.webhook_url = None     # as its dashboard has it; a test says it
        self.webhooks = []          # (type, status and body of what was answered)

    def lets_in(self, call):
        ts = call.headers.get("x-app-access-ts", "")
        signed = ts.encode() + call.method.encode() + call.target.encode() + call.body
        expected = hmac.new(self.settings["SUMSUB_SECRET_KEY"].encode(), signed, hashlib.sha256).hexdigest()
        return (call.headers.get("x-app-token") == self.settings["SUMSUB_APP_TOKEN"] and abs(int(ts or 0) - time.time()) < 60 and
                hmac.compare_digest(call.headers.get("x-app-access-sig", ""), expected))

    def answer(self, call):
        body = call.json()
        user, level = body["externalUserId"], call.query.get("levelName")
        if call.method != "POST" or call.path != "/resources/applicants" or level != "basic-kyc-level":
            return 404, {"description": f"Level '{level}' not found", "code": 404, "correlationId": "req-2"}
        applicant = hashlib.sha1(user.encode()).hexdigest()[:24]
        name, known = body["fixedInfo"].get("lastName"), not self.first_time(user)
        if name == "Lost" and not known:    # it was received, which nobody will know
            return 502, {"description": "Bad gateway", "code": 502, "correlationId": "req-4"}
        if name == "Lost" or not known:
            steps = self.steps.get(name, self.steps["Good"])
            threading.Thread(target=self.tell, args=(user, applicant, steps), daemon=True).start()
        if known:
            return 409, {"description": f"Applicant with external user id '{user}' already exists: {applicant}", "code": 409,
                         "correlationId": "req-3"}
        return 201, {"id": applicant, "externalUserId": user, "inspectionId": applicant[::-1], "review": {"reviewStatus": "init"}}

    def tell(self, user, applicant, steps):
        for kind, review in steps:
            hook = {"applicantId": applicant, "inspectionId": applicant[::-1], "correlationId": "req-5", "externalUserId": user,
                    "levelName": "basic-kyc-level", "type": kind, "reviewStatus": "completed" if review else "pending",
                    "createdAtMs": "2026-11-30 16:00:25.032"}
            self.webhooks.append((kind, user, self.deliver({**hook, "reviewResult": review} if review else hook)))

    def deliver(self, hook):
        """It comes again when it was not taken; after five minutes in real life."""
        for _ in range(WEBHOOK_TRIES):
            answer = self.post(hook)
            if answer[0] < 500:
                break
            time.sleep(0.1)
        return answer

    def post(self, hook, secret=None):
        content = json.dumps(hook).encode()
        digest = hmac.new((secret or self.settings["SUMSUB_WEBHOOK_SECRET"]).encode(), content, hashlib.sha256).hexdigest()
        response = requests.post(self.webhook_url, data=content, timeout=WEBHOOK_SECONDS, headers={
            "Content-Type": "application/json", "X-Payload-Digest-Alg": "HMAC_SHA256_HEX", "X-Payload-Digest": digest})
        return response.status_code, response.json().get("status")


class Checkr(Provider):
    """docs.checkr.com: a report is ordered, and asked for until it is complete."""
    file, real = "checkr-report.json", "https://api.checkr.com"
    settings = {"CHECKR_API_KEY": HUSH + "checkr"}
    not_let_in = 401, {"error": "Bad authentication error"}
    ends = {"canceled": {"status": "canceled", "result": None},
            "good": {"status": "complete", "result": "clear", "completed_at": "2026-11-30T16:00:00Z", "turnaround_time": 4096}}

    def __init__(self):
        super().__init__()
        self.candidates = {}    # of the reports
        self.left = 1200        # of the limit; a window of it is as short here as the header has it

    def lets_in(self, call):
        return call.basic() == (self.settings["CHECKR_API_KEY"], "")

    def answer(self, call):
        headers = {"X-Ratelimit-Limit": 1200, "X-Ratelimit-Remaining": self.left, "X-Ratelimit-Reset": int(time.time()) + 3}
        if call.method == "POST" and call.path == "/v1/reports":
            order = call.json()
            if order.get("candidate_id") not in self.ends:
                return 404, {"error": "Candidate not found"}, headers
            report = f"rep{len(self.candidates):021d}"
            self.candidates[report] = order["candidate_id"]
            return 201, self.report(report, {"status": "pending", "result": None}), headers
        report = call.segments[-1]
        if call.segments[:-1] != ["v1", "reports"] or report not in self.candidates:
            return 404, {"error": "Report not found"}, headers
        if self.first_time(report):
            return 200, self.report(report, {"status": "pending", "result": None}), headers
        return 200, self.report(report, self.ends[self.candidates[report]]), headers

    def report(self, report, state):
        return {"id": report, "object": "report", "uri": "/v1/reports/" + report, "package": "driver_pro", "assessment": None,
                "candidate_id": self.candidates[report], "ssn_trace_id": "539fd88c101897f7cd000001", **state}


class DunBradstreet(Provider):
    """directplus.documentation.dnb.com: OAuth 2 client credentials; errors have a code of five digits."""
    file, real = "dnb-company.json", "https://plus.dnb.com"
    settings = {"DNB_KEY": "dnb-key", "DNB_SECRET": HUSH + "dnb"}
    company = {"duns": "804735132", "primaryName": "GORMAN MANUFACTURING COMPANY, INC.",
               "primaryAddress": {"addressCountry": {"isoAlpha2Code": "US"}, "postalCode": "94110"},
               "dunsControlStatus": {"operatingStatus": {"description": "Active", "dnbCode": 9074}, "isMarketable": True},
               "telephone": [{"telephoneNumber": "6505550000", "isdCode": "1"}]}

    def __init__(self):
        super().__init__()
        self.tokens = 0         # so many were given; the last one is good

    @staticmethod
    def error(status, code, message):
        return status, {"error": {"errorMessage": message, "errorCode": code}}

    def token(self):
        return f"{HUSH}token-{self.tokens}"

    def answer(self, call):
        if call.method == "POST" and call.path == "/v3/token":
            if call.basic() != (self.settings["DNB_KEY"], self.settings["DNB_SECRET"]) or self.locked:
                return self.error(401, "00041", "You are not currently authorised to access this product.")
            assert call.form() == {"grant_type": "client_credentials"}, call.body
            self.tokens += 1
            return 200, {"access_token": self.token(), "expires_in": 86400, "token_type": "Bearer"}
        if call.bearer() != self.token():
            return self.error(401, "00040", "The token has expired.")
        if call.segments[:-1] != ["v1", "data", "duns"] or call.query.get("blockIDs") != "companyinfo_L2_v1":
            return self.error(400, "00003", "One or more parameters are invalid or missing.")
        if call.segments[-1] == "804735132":
            return 200, {"transactionDetail": {"transactionID": "rlh"}, "organization": self.company}
        if call.segments[-1].isdigit():
            return self.error(404, "10500", "DUNS not found")
        return self.error(400, "10003", "The given D-U-N-S Number is invalid.")


class Vies(Provider):
    """ec.europa.eu/taxation_customs/vies: open to all; a number that is not registered is a result, and each member state
    may be away on its own."""
    file, real = "vies-vat.json", "https://ec.europa.eu"

    @staticmethod
    def error(status, code):
        return status, {"actionSucceed": False, "errorWrappers": [{"error": code}]}

    def answer(self, call):
        if call.method != "POST" or call.path != "/taxation_customs/vies/rest-api/check-vat-number":
            return self.error(404, "NOT_FOUND")
        asked = call.json()
        if asked["countryCode"] == "XX":
            return self.error(400, "INVALID_INPUT")
        if asked["countryCode"] == "DE" and self.first_time(asked["vatNumber"]):
            return self.error(200, "MS_UNAVAILABLE")
        valid = asked["vatNumber"] != "11111111"
        return 200, {"countryCode": asked["countryCode"], "vatNumber": asked["vatNumber"], "valid": valid,
                     "requestDate": "2026-11-30T21:02:05.123Z", "requestIdentifier": "",
                     "name": " ČEZ, a. s. " if valid else "---", "address": "Duhová 1444/2\nPRAHA 4" if valid else "---",
                     "traderName": "---", "traderNameMatch": "NOT_PROCESSED"}


PROVIDERS = (CompaniesHouse, MaxMind, Hunter, TwelveData, GoogleAddresses, TwilioLookup, Sumsub, Checkr, DunBradstreet, Vies)


def all_settings():
    return {name: value for provider in PROVIDERS for name, value in provider.settings.items()}
