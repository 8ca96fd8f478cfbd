"""Where calls go: a job that names the host reaches nothing of this machine or its networks, unless the vendor's file lets it."""

from urllib.parse import urlsplit

import pytest


def at(stack, host):
    return {"host": host, "port": urlsplit(stack.sync_mock.url).port}


@pytest.mark.parametrize("host, address", [
    ("localhost", "127.0.0.1 (loopback)"), ("127.0.0.1", "127.0.0.1 (loopback)"), ("2130706433", "127.0.0.1 (loopback)"),
    ("0", "0.0.0.0 (unspecified)"), ("10.0.0.1", "10.0.0.1 (a private network)"),
    ("169.254.169.254", "169.254.169.254 (metadata of a cloud)")])
def test_a_host_of_the_job_is_public_or_the_job_fails(stack, host, address):
    request_id = stack.api.submit("host-named", at(stack, host))
    job = stack.api.wait(request_id)
    assert job["status"] == "failed" and job["attempts"] == 0, job
    assert job["error"].startswith("the request cannot be made: its host has the address "), job
    assert host == "localhost" or address in job["error"], job
    assert "history" not in job, job
    assert stack.sync_mock.calls(request_id) == []


@pytest.mark.parametrize("host", ["127.0.0.1/x?", "me@127.0.0.1", "[::1]", "127.0.0.1#", "127.0.0.1%00.example", "fe80::1%lo"])
def test_what_is_no_host_is_none(stack, host):
    job = stack.api.wait(stack.api.submit("host-named-near", at(stack, host)))
    assert job["status"] == "failed" and job["attempts"] == 0, job
    assert job["error"] == "the request cannot be made: its URL: has a host that is no name, address or port", job


@pytest.mark.parametrize("port", [65536, 0, "http", 1.5])
def test_what_is_no_port_is_none(stack, port):
    job = stack.api.wait(stack.api.submit("host-named-near", {"host": "127.0.0.1", "port": port}))
    assert job["status"] == "failed" and job["attempts"] == 0, job
    assert job["error"] == "the request cannot be made: its URL: has a host that is no name, address or port", job


def test_the_file_may_allow_it(stack):
    request_id = stack.api.submit("host-named-near", at(stack, "127.0.0.1"))
    stack.api.wait(request_id, status="complete")
    assert len(stack.sync_mock.calls(request_id)) == 1
    job = stack.api.wait(stack.api.submit("host-named-near", at(stack, "10.0.0.1")))
    assert job["status"] == "failed" and "10.0.0.1 (a private network)" in job["error"], job
