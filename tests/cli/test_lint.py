"""vendorfetch vendor lint: every mistake of every file, with its place."""
import os
import re

import pytest

from cli import CORPUS, CORPUS_ENV, TOP, vendor, vendorfetch, write


EXAMPLES = TOP / "etc" / "vendors.d" / "examples"
# What the examples refer to.
EXAMPLES_ENV = {name: "x" for path in EXAMPLES.glob("*.json") for name in re.findall(r"[$]{env:(\w+)}", path.read_text())}


def lint(*arguments, **more):
    return vendorfetch("vendor", "lint", *arguments, **more)


def expected(name, said):
    """The file of what lint is expected to say; UPDATE_DOCS=1 writes it instead."""
    path = CORPUS / name
    if os.environ.get("UPDATE_DOCS") == "1":
        path.write_text(said)
    return path.read_text()


# ---- the corpus ----

@pytest.mark.parametrize("folders", [["bad"], ["beyond_schema", "beyond_schema/two-vendors",
                                             "beyond_schema/two-of-a-group"]], ids=lambda f: f[0])
def test_of_every_bad_file_place_and_reason_are_named(folders):
    done = lint(*folders, cwd=CORPUS, env=CORPUS_ENV)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == expected(f"{folders[0]}.expected", done.stdout)


def test_every_bad_file_has_one_mistake():
    said = [line.split(":")[0] for line in (CORPUS / "bad.expected").read_text().splitlines()]
    assert said == sorted(f"bad/{path.name}" for path in (CORPUS / "bad").iterdir())


def test_good_files_pass_without_a_word():
    done = lint("--strict", "good", cwd=CORPUS, env=CORPUS_ENV)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_shipped_files_pass_with_the_defaults_of_the_settings():
    done = lint("--strict", TOP / "etc" / "vendors.d")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_examples_pass_with_the_keys_that_they_name():
    done = lint("--strict", EXAMPLES, env=EXAMPLES_ENV)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_example_is_told_of():
    readme = (EXAMPLES / "README.md").read_text()
    for name in [path.name for path in EXAMPLES.glob("*.json")] + list(EXAMPLES_ENV):
        assert f"`{name}`" in readme, name


# ---- what this machine lacks ----

# One member a line.
REFERRING = """{"name": "v", "mode": "async",
 "request": {
  "url": "%(url)s",
  "headers": {
   "X-A": "%(header)s"}},
 "callback": {
  "secret": "%(secret)s"}}
"""

LACKING = [
    pytest.param("${env:NO_SUCH}", "the environment variable NO_SUCH is not set", id="variable"),
    pytest.param("${env:EMPTY}", "the environment variable EMPTY is empty", id="empty-variable"),
    pytest.param("${file:/no/such}", "cannot open /no/such: No such file or directory", id="file"),
    pytest.param("${file:/dev/null}", "/dev/null is empty", id="empty-file"),
]


@pytest.mark.parametrize("member,place", [("url", "3:3: %srequest/url"), ("header", "5:4: %srequest/headers/X-A"),
                                          ("secret", "7:3: %scallback/secret")], ids=["url", "header", "secret"])
@pytest.mark.parametrize("reference,reason", LACKING)
def test_a_reference_to_what_this_machine_lacks_is_a_warning(tmp_path, member, place, reference, reason):
    values = {"url": "http://h/", "header": "h", "secret": "s", member: reference}
    write(tmp_path, "v.json", REFERRING % values)
    done = lint("v.json", cwd=tmp_path, env={"EMPTY": ""})
    assert (done.returncode, done.stdout) == (0, f"v.json:{place % 'warning: '}: {reason}\n")
    done = lint("v.json", "--strict", cwd=tmp_path, env={"EMPTY": ""})
    assert (done.returncode, done.stdout) == (1, f"v.json:{place % ''}: {reason}\n")


# Each: members beside a reference to what is not there, and the mistake in them.
BESIDE = [
    pytest.param({"retry": {"base_ms": 2, "max_ms": 1}}, "retry/max_ms: is less than retry/base_ms", id="between-members"),
    pytest.param({"timeout_ms": 0}, "request/timeout_ms: 0 is not between 1 and 600000", id="other-member"),
    pytest.param({"headers": {"X-A": "${env:NO_SUCH}", "X B": "1"}}, "request/headers/X B: is not a header name", id="other-header"),
]


@pytest.mark.parametrize("members,mistake", BESIDE)
def test_a_warning_hides_no_mistake_beside_it(tmp_path, members, mistake):
    request = {"url": "${env:NO_SUCH}"}
    if "retry" not in members:
        request, members = request | members, {}
    write(tmp_path, "v.json", vendor("v", request=request, **members))
    done = lint("v.json", cwd=tmp_path)
    said = [line.split(": ", 1)[1] for line in done.stdout.splitlines()]
    assert done.returncode == 1 and said[-1] == mistake
    assert said[0] == "warning: request/url: the environment variable NO_SUCH is not set"


# Each: members of a vendor, and the places that are named because NO_SUCH is not set.
PLACES = [
    pytest.param({"request": {"url": "http://h/", "query": {"a": "${env:NO_SUCH}", "b": "x${env:NO_SUCH}"}}},
                 ["request/query/a", "request/query/b"], id="query"),
    pytest.param({"request": {"url": "http://h/", "body": {"a": ["${env:NO_SUCH}"]}}}, ["request/body"], id="body"),
    pytest.param({"request": {"url": "http://h/", "body_format": "form", "body": {"a": "${env:NO_SUCH}", "b/c": "${env:NO_SUCH}"}}},
                 ["request/body/a", "request/body/b~1c"], id="form"),
    pytest.param({"auth": {"type": "bearer", "token": "${env:NO_SUCH}"}}, ["auth/token"], id="bearer"),
    pytest.param({"auth": {"type": "basic", "user": "${env:NO_SUCH}", "password": "${env:NO_SUCH}"}}, ["auth/user", "auth/password"],
                 id="basic"),
    pytest.param({"auth": {"type": "api_key", "name": "X-Key", "value": "${env:NO_SUCH}"}}, ["auth/value"], id="api-key"),
    pytest.param({"auth": {"type": "api_key", "in": "query", "name": "key", "value": "${env:NO_SUCH}"}}, ["auth/value"],
                 id="api-key-in-query"),
    pytest.param({"auth": {"type": "hmac", "name": "X-S", "secret": "${env:NO_SUCH}", "secret_encoding": "hex",
                           "message": "${env:NO_SUCH}", "value": "${env:NO_SUCH}${request:signature}"}},
                 ["auth/secret", "auth/message", "auth/value"], id="hmac"),
    pytest.param({"auth": {"type": "oauth2", "token_url": "${env:NO_SUCH}", "client_id": "${env:NO_SUCH}",
                           "client_secret": "${env:NO_SUCH}", "scope": "${env:NO_SUCH}",
                           "parameters": {"resource": "${env:NO_SUCH}"}, "value": "${env:NO_SUCH}${auth:access_token}"}},
                 ["auth/token_url", "auth/parameters/resource", "auth/client_id", "auth/client_secret", "auth/scope", "auth/value"],
                 id="oauth2"),
    pytest.param({"auth": {"type": "oauth2", "token_url": "http://t/", "client_id": "${env:NO_SUCH}",
                           "client_secret": "${env:NO_SUCH}", "client_auth": "body"}},
                 ["auth/client_id", "auth/client_secret"], id="oauth2-in-body"),
]


@pytest.mark.parametrize("members,places", PLACES)
def test_every_place_of_a_request_that_refers_to_what_is_not_there_is_named(tmp_path, members, places):
    write(tmp_path, "v.json", vendor("v", **members))
    done = lint("v.json", cwd=tmp_path)
    assert done.returncode == 0
    assert [line.split(": ", 1)[1] for line in done.stdout.splitlines()] == [
        f"warning: {place}: the environment variable NO_SUCH is not set" for place in places]


# Each: members of a vendor, and all that is wrong with them.
MISTAKES = [
    pytest.param({"auth": {"type": "hmac", "token": "x", "user": "y"}},
                 ["auth/name: is missing, type hmac needs it", "auth/secret: is missing, type hmac needs it",
                  "auth/token: type hmac has no use for it", "auth/user: type hmac has no use for it"], id="other-type"),
    pytest.param({"auth": {"type": "digest", "token": ""}},
                 ['auth/type: must be "bearer", "basic", "api_key", "hmac" or "oauth2"', "auth/token: is empty"], id="members"),
    pytest.param({"auth": {"type": "hmac", "name": "X S", "secret": "!", "secret_encoding": "hex", "message": "${request:signature}"}},
                 ["auth/secret: is not hex", "auth/message: ${request:signature} is not known here",
                  "auth/name: is not a header name"], id="values"),
    pytest.param({"auth": {"type": "oauth2", "token_url": "ftp://t", "client_auth": "jwt", "parameters": {"scope": "x", "a": 5}}},
                 ["auth/token_url: must begin with http:// or https://", 'auth/client_auth: must be "basic" or "body"',
                  "auth/parameters/scope: has a place of its own, or is always the same",
                  "auth/parameters/a: must be a string"], id="oauth2"),
    pytest.param({"auth": {"type": "oauth2", "client_secret": "x"}},
                 ["auth/token_url: is missing, type oauth2 needs it", "auth/client_id: is missing, type oauth2 needs it"],
                 id="oauth2-without"),
    pytest.param({"auth": {"type": "basic", "user": "a:b", "password": "${payload:/p}"}},
                 ["auth/user: holds a ':', which ends the name", "auth/password: ${payload:/p} is not known here"], id="basic"),
    pytest.param({"request": {"url": "http://h/", "method": "HEAD", "query": {"a": 1, "b": "${x}"}, "body": "${y}"}},
                 ['request/method: must be "POST", "PUT", "PATCH", "GET" or "DELETE"', "request/query/a: must be a string",
                  "request/query/b: ${x} is not known here", "request/body: ${y} is not known here"], id="request"),
]


@pytest.mark.parametrize("members,mistakes", MISTAKES)
def test_mistakes_in_request_and_auth_hide_none_beside_them(tmp_path, members, mistakes):
    write(tmp_path, "v.json", vendor("v", **members))
    done = lint("v.json", cwd=tmp_path)
    assert done.returncode == 1
    assert [line.split(": ", 1)[1] for line in done.stdout.splitlines()] == mistakes


def test_what_is_there_is_checked_and_not_told(tmp_path):
    write(tmp_path, "v.json", REFERRING % {"url": "http://h/", "header": "${env:TOKEN}", "secret": "s"})
    done = lint("v.json", cwd=tmp_path, env={"TOKEN": "s3cret\x01"})
    assert (done.returncode, done.stdout) == (1, "v.json:5:4: request/headers/X-A: holds a control character\n")


def test_references_are_looked_up_in_the_settings_file_too(tmp_path):
    write(tmp_path, "v.json", vendor("v", request={"url": "${env:BUREAU_URL}/v1"}))
    write(tmp_path, "settings", "BUREAU_URL=http://bureau.example\n")
    done = lint("--strict", "--config", "settings", "v.json", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# ---- more than one mistake, more than one file ----

def test_all_mistakes_of_a_file_are_told(tmp_path):
    write(tmp_path, "v.json", vendor("v", retry={"max_attempts": 0, "nonsense": 1}, colour=1, limits=[{"calls": 0}, 5, {}],
                                     request={"url": "http://h/", "headers": {"A B": "", "C": 1, "D": "", "d": ""}}))
    done = lint("v.json", cwd=tmp_path)
    assert done.returncode == 1
    assert sorted(line.split(": ", 1)[1] for line in done.stdout.splitlines()) == [
        "colour: unknown member", "limits/0/calls: 0 is not between 1 and 1000000000", "limits/0/per_seconds: is missing",
        "limits/1: must be an object", "limits/2/calls: is missing", "limits/2/per_seconds: is missing",
        "request/headers/A B: is not a header name", "request/headers/C: must be a string", "request/headers/d: d is there twice",
        "retry/max_attempts: 0 is not between 1 and 100",
        "retry/nonsense: unknown member"]


def test_a_file_of_mistakes_is_cut(tmp_path):
    write(tmp_path, "v.json", vendor("v", **{f"x{i:030}": 1 for i in range(20000)}))
    done = lint("v.json", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines), lines[-1]) == (1, 51, "v.json: there are more mistakes")


def test_all_files_are_looked_at(tmp_path):
    write(tmp_path, "a.json", vendor("a", retry=1))
    write(tmp_path, "b.json", vendor("b"))
    write(tmp_path, "c.json", vendor("c", breaker=1))
    write(tmp_path, "big.json", vendor("big", limits=[]) | {"x": "x" * (1 << 20)})
    done = lint("a.json", "b.json", "no-such.json", "big.json", "c.json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "a.json:7:3: retry: must be an object",
        "no-such.json: cannot open no-such.json: No such file or directory",
        "big.json: big.json has more than 1048576 bytes",
        "c.json:7:3: breaker: must be an object"]


def test_a_folder_stands_for_its_vendor_files(tmp_path):
    folder = tmp_path / "vendors.d"
    folder.mkdir()
    write(folder, "b.json", vendor("b", retry=1))
    write(folder, "a.json", vendor("a", retry=1))
    write(folder, ".hidden.json", "nonsense")
    write(folder, "README", "nonsense")
    for arguments in (["vendors.d"], ["vendors.d/a.json", "vendors.d"], ["vendors.d", "vendors.d", "vendors.d/b.json"]):
        assert lint(*arguments, cwd=tmp_path).stdout.splitlines() == [
            "vendors.d/a.json:7:3: retry: must be an object", "vendors.d/b.json:7:3: retry: must be an object"]


def test_a_folder_without_vendor_files_is_a_mistake(tmp_path):
    done = lint(".", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, ".: .: there is no vendor file (*.json) in it\n")


def test_a_name_is_claimed_once_even_where_files_are_bad_otherwise(tmp_path):
    write(tmp_path, "a.json", vendor("one", retry=1))
    write(tmp_path, "b.json", vendor("two", aliases=["x", "one"]))
    write(tmp_path, "c.json", vendor("one"))
    done = lint("a.json", "b.json", "c.json", cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()) == (1, [
        "a.json:7:3: retry: must be an object",
        'b.json:9:5: aliases: a.json claims the name "one", too',
        'c.json:2:3: name: b.json claims the name "one", too'])


def of_group(name, **more):
    return vendor(name, group="acme", limits=[{"calls": 5, "per_seconds": 1}], **more)


def test_files_of_a_group_are_compared_unless_they_are_bad_alone(tmp_path):
    write(tmp_path, "a.json", of_group("a"))
    write(tmp_path, "b.json", of_group("b", max_in_flight=3))
    write(tmp_path, "c.json", of_group("c", max_in_flight=-1))
    write(tmp_path, "d.json", of_group("d") | {"group": "other", "limits": []})
    done = lint("a.json", "b.json", "c.json", "d.json", cwd=tmp_path)
    assert done.returncode == 1
    assert [line.split(": ", 1) for line in done.stdout.splitlines()] == [
        [place(tmp_path / "c.json", '"max_in_flight"', "c.json"), "max_in_flight: -1 is not between 0 and 100000"],
        [place(tmp_path / "b.json", '"max_in_flight"', "b.json"),
         'max_in_flight: not the same as in a.json, which is in the group "acme", too']]


def place(path, text, name):
    lines = path.read_text().splitlines()
    line = next(i for i, words in enumerate(lines) if text in words)
    return f"{name}:{line + 1}:{lines[line].index(text) + 1}"


# ---- how it is called ----

WRONG_CALLS = [
    pytest.param([], "vendorfetch: it needs a command (--help lists the commands)", id="nothing"),
    pytest.param(["vendor"], "vendorfetch: no such command: vendor (--help lists the commands)", id="half-a-command"),
    pytest.param(["vendorlint", "x"], "vendorfetch: no such command: vendorlint (--help lists the commands)", id="no-command"),
    pytest.param(["vendor", "lint"], "usage: vendorfetch vendor lint [--strict] FILE... [--SETTING VALUE]...", id="no-file"),
    pytest.param(["vendor", "show"], "usage: vendorfetch vendor show NAME [--SETTING VALUE]...", id="no-name"),
    pytest.param(["vendor", "show", "a", "b"], "usage: vendorfetch vendor show NAME [--SETTING VALUE]...", id="two-names"),
    pytest.param(["vendor", "schema", "x"], "usage: vendorfetch vendor schema [--SETTING VALUE]...", id="schema-of-what"),
    pytest.param(["vendor", "show", "a", "--strict"], "vendorfetch: unknown option --strict (--help lists them)", id="other-option"),
    pytest.param(["vendor", "show", "a", "--vendors-dir"], "vendorfetch: --vendors-dir needs a value", id="no-value"),
    pytest.param(["vendor", "schema", "--api-threads=0"],
                 "vendorfetch: VENDORFETCH_API_THREADS: 0 is not between 1 and 1024 (from command line)", id="bad-setting"),
]


@pytest.mark.parametrize("arguments,said", WRONG_CALLS)
def test_a_wrong_call_ends_with_status_2_and_one_line(arguments, said):
    done = vendorfetch(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said + "\n")


def test_help_names_every_command_and_option():
    for arguments in (["--help"], ["vendor", "lint", "--help"]):
        done = vendorfetch(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        for word in ("vendor lint [--strict] FILE...", "vendor show NAME", "vendor schema"):
            assert word in done.stdout


def test_version_is_printed():
    done = vendorfetch("--version")
    assert done.returncode == 0 and done.stdout.startswith("vendorfetch ")


def test_behind_two_dashes_everything_is_a_file(tmp_path):
    write(tmp_path, "--strict", vendor("v", retry=1))
    done = lint("--", "--strict", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "--strict:7:3: retry: must be an object\n")


def test_output_that_cannot_be_written_is_an_error(tmp_path):
    with open("/dev/full", "w") as full:
        done = vendorfetch("vendor", "schema", stdout=full)
    assert (done.returncode, done.stderr) == (1, "vendorfetch: cannot write: No space left on device\n")


# ---- vendors to go on to ----

GOING_ON = """{"name": "a", "mode": "sync",
 "request": {"url": "http://h/"},
 "fallback": {"vendors": ["b",
  "%s"]}}
"""


def test_a_vendor_to_go_on_to_that_is_not_among_the_files_may_be_elsewhere(tmp_path):
    write(tmp_path, "a.json", GOING_ON % "nobody")
    write(tmp_path, "b.json", vendor("b"))
    done = lint("a.json", "b.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, 'a.json:4:3: warning: fallback/vendors: there is no vendor "nobody"\n')
    done = lint(".", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, './a.json:4:3: fallback/vendors: there is no vendor "nobody"\n')


def test_a_way_that_comes_back_is_named(tmp_path):
    write(tmp_path, "a.json", GOING_ON % "a")
    write(tmp_path, "b.json", vendor("b"))
    done = lint("a.json", "b.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (
        1, 'a.json:4:3: fallback/vendors: a job would come to "a" twice: a -> b -> a\n')
