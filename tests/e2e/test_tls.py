"""Vendors behind TLS: their certificates are checked, by whom they are signed and for which host."""

import pytest

from stack import QUICK_SETTINGS, Stack
from tls_vendor import TlsVendor, make_certificate
from vendor_files import NO_BREAKER, as_files, sync_vendor, with_request

pytestmark = pytest.mark.only("sqlite")


def vendors(server, own, other):
    def vendor(name, host="localhost", path="/fetch", **members):
        return with_request(sync_vendor(name, max_attempts=1, timeout_ms=10000, breaker=NO_BREAKER), url=server.url(host, path),
                            connect_timeout_ms=10000, **members)

    return [vendor("known", ca_file=str(own)), vendor("unknown"), vendor("of-others", ca_file=str(other)),
            vendor("other-name", host="127.0.0.1", ca_file=str(own)), vendor("moved", path="/moved", ca_file=str(own))]


class Party:
    def __init__(self, store, folder):
        self.own, other = make_certificate(folder, "own"), make_certificate(folder, "other")
        self.server = TlsVendor(self.own)
        self.stack = Stack(store, as_files(vendors(self.server, self.own, other)), settings=QUICK_SETTINGS)

    def job(self, vendor):
        return self.stack.api.wait(self.stack.api.submit(vendor))

    def assert_refused(self, vendor, words):
        requests = len(self.server.paths)
        job = self.job(vendor)
        assert job["status"] == "failed" and "cannot connect to the vendor" in job["error"] and words in job["error"], job
        assert len(self.server.paths) == requests

    def assert_answered(self, vendor):
        job = self.job(vendor)
        assert job["status"] == "complete" and job["result"] == "over TLS", job


@pytest.fixture(scope="module", name="party")
def make_party(store, tmp_path_factory):
    party = Party(store, tmp_path_factory.mktemp("tls"))
    yield party
    party.stack.down()
    party.server.stop()


def test_a_certificate_that_the_vendor_file_knows_is_good(party):
    party.assert_answered("known")


def test_no_other_is(party):
    party.assert_refused("unknown", "certificate")
    party.assert_refused("of-others", "certificate")


def test_it_has_to_be_for_the_host_that_is_called(party):
    party.assert_refused("other-name", "127.0.0.1")


def test_a_redirect_is_an_answer_and_not_followed(party):
    before = len(party.server.paths)
    job = party.job("moved")
    assert job["status"] == "failed" and "vendor answered 302" in job["error"], job
    assert party.server.paths[before:] == ["/moved"]


def test_all_vendors_may_have_a_file_in_common(party):
    party.stack.restart("worker-1", settings={**QUICK_SETTINGS, "VENDORFETCH_CA_FILE": str(party.own)})
    party.assert_answered("unknown")
    party.assert_refused("of-others", "certificate")
