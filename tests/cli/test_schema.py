"""vendorfetch vendor schema: what it prints is committed, and says the same as the program itself."""
import json

import jsonschema
import pytest

from cli import CORPUS, CORPUS_ENV, TOP, vendorfetch

COMMITTED = TOP / "etc" / "vendor.schema.json"
SCHEMA = json.loads(COMMITTED.read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
REASONS = json.loads((CORPUS / "beyond_schema.reasons.json").read_text())


def files_of(folder):
    return [pytest.param(path, id=path.stem) for path in sorted((CORPUS / folder).rglob("*.json"))]


def schema_accepts(path):
    """What an editor would say. A file that is no JSON is refused, too."""
    try:
        return VALIDATOR.is_valid(json.loads(path.read_text()))
    except json.JSONDecodeError:
        return False


def lint_accepts(path):
    done = vendorfetch("vendor", "lint", "--strict", path, env=CORPUS_ENV)
    assert done.returncode in (0, 1) and done.stderr == "", done.stderr
    return done.returncode == 0


def test_the_program_prints_what_is_committed():
    done = vendorfetch("vendor", "schema")
    assert (done.returncode, done.stdout, done.stderr) == (0, COMMITTED.read_text(), "")


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def members(schema):
    for member in schema.get("properties", {}).values():
        yield member
        yield from members(member)
        yield from members(member.get("items", {}))


def test_every_member_has_words_for_an_editor():
    assert len(list(members(SCHEMA))) > 40
    for member in members(SCHEMA):
        assert member["title"] and member["description"] and "](" not in member["description"]


def test_every_default_is_valid_itself():
    for member in members(SCHEMA):
        if "default" in member:
            jsonschema.Draft202012Validator(member).validate(member["default"])


@pytest.mark.parametrize("path", files_of("good"))
def test_schema_and_program_agree_on_good_files(path):
    assert [error.message for error in VALIDATOR.iter_errors(json.loads(path.read_text()))] == []
    assert lint_accepts(path)


@pytest.mark.parametrize("path", files_of("bad"))
def test_schema_and_program_agree_on_bad_files(path):
    assert not schema_accepts(path)
    assert not lint_accepts(path)


@pytest.mark.parametrize("name", REASONS)
def test_what_only_the_program_can_refuse(name):
    path = CORPUS / "beyond_schema" / name
    assert not lint_accepts(path)
    assert all(schema_accepts(file) for file in (path.iterdir() if path.is_dir() else [path]))


def test_the_corpus_is_as_large_as_it_says_and_every_exception_has_a_reason():
    assert len(files_of("good")) >= 25 and len(files_of("bad")) >= 60
    assert sorted(REASONS) == sorted(path.name for path in (CORPUS / "beyond_schema").iterdir())
    assert all(REASONS.values())


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in sorted((TOP / "etc/vendors.d").rglob("*.json"))])
def test_the_shipped_files_are_valid(path):
    assert schema_accepts(path)
