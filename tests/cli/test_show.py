"""vendorfetch vendor show: a vendor's file with every default filled in, and without secrets."""
import json

import pytest

from cli import CORPUS, CORPUS_ENV, TOP, vendor, vendorfetch, write

SCHEMA = json.loads((TOP / "etc" / "vendor.schema.json").read_text())
GOOD = [pytest.param(path, id=path.stem) for path in sorted((CORPUS / "good").iterdir())]


# What auth and callback/auth have defaults for, but not with each type.
HMAC = {"secret_encoding", "algorithm", "encoding", "message", "prefix", "timestamp_prefix"}
OAUTH2 = {"client_auth", "expires_seconds"}
OTHER_AUTH = {"bearer": {"password", "in"} | HMAC | OAUTH2, "basic": {"in"} | HMAC | OAUTH2,
              "api_key": {"password"} | HMAC | OAUTH2, "hmac": {"password"} | OAUTH2, "oauth2": {"password"} | HMAC,
              "token": HMAC, "none": HMAC, "standard_webhooks": HMAC}


def show(folder, name, *arguments, env=None):
    return vendorfetch("vendor", "show", name, "--vendors-dir", folder, *arguments, env=env)


def shown(folder, name, **more):
    done = show(folder, name, **more)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def filled_in(schema, members):
    """The members in the schema's order, and its defaults where there are none."""
    result = {}
    for name, member in schema["properties"].items():
        if name not in members and ("default" not in member or name in OTHER_AUTH.get(members.get("type"), ())):
            continue
        value = members.get(name, member.get("default"))
        if "properties" in member:
            value = filled_in(member, value)
        elif "properties" in member.get("items", {}):
            value = [filled_in(member["items"], entry) for entry in value]
        result[name] = value
    return result


def hidden(secret):
    if isinstance(secret, list):
        return [hidden(one) for one in secret]
    return secret if secret.startswith("${") else "***"


@pytest.mark.parametrize("path", GOOD)
def test_what_is_shown_is_the_file_with_all_defaults_and_a_file_again(tmp_path, path):
    members = json.loads(path.read_text())
    write(tmp_path, "v.json", path.read_text())
    text = shown(tmp_path, members["name"], env=CORPUS_ENV)
    expected = filled_in(SCHEMA, members)
    for secrets, name in ((expected["callback"], "secret"), (expected["callback"].get("auth", {}), "secrets")):
        if name in secrets:
            secrets[name] = hidden(secrets[name])
    if "@" in expected["request"]["url"]:
        expected["request"]["url"] = expected["request"]["url"].replace("user@", "***@")
    assert json.loads(text) == expected
    assert list(json.loads(text)) == list(expected)

    write(tmp_path, "v.json", text)
    done = vendorfetch("vendor", "lint", "--strict", tmp_path, env=CORPUS_ENV)
    assert (done.returncode, done.stdout) == (0, "")
    assert shown(tmp_path, members["name"], env=CORPUS_ENV) == text


# Each: the members of request, or the secret, and what is shown.
HIDDEN = [
    pytest.param({"headers": {"Authorization": "Basic dXNlcg=="}}, {"headers": {"Authorization": "***"}}, id="authorization"),
    pytest.param({"headers": {"x-api-key": "12345"}}, {"headers": {"x-api-key": "***"}}, id="key"),
    pytest.param({"headers": {"Authorization": "Bearer ${env:TOKEN}"}}, {"headers": {"Authorization": "Bearer ${env:TOKEN}"}},
                 id="authorization-by-reference"),
    pytest.param({"headers": {"Accept": "text/json"}}, {"headers": {"Accept": "text/json"}}, id="other-header"),
    pytest.param({"query": {"apikey": "12345", "q": "x"}}, {"query": {"apikey": "***", "q": "x"}}, id="query"),
    pytest.param({"body": {"a": [{"password": "12345", "n": 5}, None]}}, {"body": {"a": [{"password": "***", "n": 5}, None]}}, id="body"),
    pytest.param({"body": {"secrets": {"a": "${payload:/token}"}}}, {"body": {"secrets": {"a": "${payload:/token}"}}}, id="body-by-reference"),
    pytest.param({"url": "http://u:p@h/@x"}, {"url": "http://***@h/@x"}, id="password-in-url"),
    pytest.param({"url": "http://u:${env:TOKEN}@h/"}, {"url": "http://***${env:TOKEN}@h/"}, id="password-by-reference"),
    pytest.param({"url": "http://h/?mail=a@b"}, {"url": "http://h/?mail=a@b"}, id="no-password-in-url"),
    pytest.param({"url": "${env:URL}/a@b"}, {"url": "${env:URL}/a@b"}, id="url-by-reference"),
    pytest.param("sesame", "***", id="secret"),
    pytest.param("${env:TOKEN}", "${env:TOKEN}", id="secret-by-reference"),
    pytest.param("${env:TOKEN}${env:TOKEN}", "${env:TOKEN}${env:TOKEN}", id="secret-by-two-references"),
    pytest.param("a${env:TOKEN}b", "***${env:TOKEN}***", id="secret-in-part"),
]


@pytest.mark.parametrize("given,expected", HIDDEN)
def test_secrets_and_what_references_stand_for_are_hidden(tmp_path, given, expected):
    request = {"url": "http://h/"}
    members = vendor("v", callback={"secret": given}) if isinstance(given, str) else vendor("v", request=request | given)
    write(tmp_path, "v.json", members)
    text = shown(tmp_path, "v", env={"TOKEN": "t0ken", "URL": "http://resolved.example"})
    assert "t0ken" not in text and "resolved" not in text
    if isinstance(given, str):
        assert json.loads(text)["callback"]["secret"] == expected
    else:
        assert {name: json.loads(text)["request"][name] for name in expected} == expected


# Each: auth, and what is shown of it beside its defaults.
HIDDEN_AUTH = [
    pytest.param({"type": "bearer", "token": "12345"}, {"token": "***"}, id="bearer"),
    pytest.param({"type": "bearer", "token": "${env:TOKEN}"}, {"token": "${env:TOKEN}"}, id="bearer-by-reference"),
    pytest.param({"type": "basic", "user": "12345", "password": "12345"}, {"user": "***", "password": "***"}, id="basic"),
    pytest.param({"type": "basic", "user": "${env:TOKEN}"}, {"user": "${env:TOKEN}", "password": ""}, id="no-password"),
    pytest.param({"type": "api_key", "name": "X-Key", "value": "12345"}, {"name": "X-Key", "value": "***"}, id="api-key"),
    pytest.param({"type": "hmac", "name": "X-S", "secret": "12345", "value": "12345 ${request:signature}"},
                 {"name": "X-S", "secret": "***", "value": "***${request:signature}"}, id="hmac"),
    pytest.param({"type": "hmac", "name": "X-S", "secret": "${env:TOKEN}", "message": "a.${request:body}"},
                 {"secret": "${env:TOKEN}", "message": "a.${request:body}"}, id="hmac-by-reference"),
    pytest.param({"type": "oauth2", "token_url": "http://u:12345@h/t", "client_id": "me", "client_secret": "12345",
                  "scope": "a b", "parameters": {"apikey": "12345", "resource": "x"}},
                 {"token_url": "http://***@h/t", "client_id": "me", "client_secret": "***", "scope": "a b",
                  "parameters": {"apikey": "***", "resource": "x"}}, id="oauth2"),
    pytest.param({"type": "oauth2", "token_url": "http://h/${env:TOKEN}", "client_id": "${env:TOKEN}", "client_secret": "${env:TOKEN}"},
                 {"token_url": "http://h/${env:TOKEN}", "client_id": "${env:TOKEN}", "client_secret": "${env:TOKEN}"},
                 id="oauth2-by-reference"),
]


@pytest.mark.parametrize("given,expected", HIDDEN_AUTH)
def test_secrets_of_auth_are_hidden(tmp_path, given, expected):
    write(tmp_path, "v.json", vendor("v", auth=given))
    text = shown(tmp_path, "v", env={"TOKEN": "t0ken"})
    assert "t0ken" not in text and "12345" not in text
    auth = json.loads(text)["auth"]
    assert {name: auth.get(name) for name in expected} == expected
    assert auth["type"] == given["type"] and not auth.keys() & OTHER_AUTH[given["type"]]


def test_no_variable_has_to_be_set(tmp_path):
    write(tmp_path, "v.json", vendor("v", request={"url": "${env:NO_SUCH}"}))
    done = show(tmp_path, "v")
    assert done.returncode == 0 and json.loads(done.stdout)["request"]["url"] == "${env:NO_SUCH}"
    assert "warning: request/url: the environment variable NO_SUCH is not set" in done.stderr


def test_an_alias_is_a_name(tmp_path):
    write(tmp_path, "a.json", vendor("a"))
    write(tmp_path, "b.json", vendor("b", aliases=["x", "other"]))
    assert json.loads(shown(tmp_path, "other"))["name"] == "b"


def test_a_name_that_no_file_has(tmp_path):
    write(tmp_path, "a.json", vendor("a"))
    done = show(tmp_path, "A")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"vendorfetch: A: no file in {tmp_path} has a vendor of this name\n"


def test_nothing_is_in_force_while_a_file_is_bad(tmp_path):
    write(tmp_path, "a.json", vendor("a"))
    write(tmp_path, "b.json", vendor("b", retry=1))
    done = show(tmp_path, "a")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{tmp_path}/b.json:7:3: retry: must be an object\n")


def test_the_folder_is_that_of_the_settings(tmp_path):
    for name in ("flag", "environment", "file"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "v.json", vendor("v", max_in_flight=len(name)))
    settings = write(tmp_path, "settings", f"VENDORFETCH_VENDORS_DIR={tmp_path}/file\n")
    environment = {"VENDORFETCH_VENDORS_DIR": str(tmp_path / "environment")}
    calls = [(["--config", settings], {}, "file"), (["--config", settings], environment, "environment"),
             ([f"--vendors-dir={tmp_path}/flag", "--config", settings], environment, "flag")]
    for arguments, env, winner in calls:
        done = vendorfetch("vendor", "show", "v", *arguments, env=env)
        assert json.loads(done.stdout)["max_in_flight"] == len(winner)
