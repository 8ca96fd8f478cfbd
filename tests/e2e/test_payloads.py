"""JSON comes out as it went in: to the vendor, and in the result that holds an echo of it."""

import json

import pytest

EXACT = {
    "unicode": '{"name":"Žofie Müller 漢字 العربية 🎉","é":"ключ"}',
    "big-integers": '{"a":9007199254740993,"b":9223372036854775807,"c":-9223372036854775808,"d":18446744073709551615}',
    "integers-over-64-bits": '{"a":123456789012345678901234567890,"b":-99999999999999999999}',
    "decimals": '{"a":0.1,"b":1.10,"c":100.0,"d":3.141592653589793238462643383279,"e":-0.0,"f":0.30000000000000004}',
    "exponents": '{"a":1e5,"b":1E+2,"c":-2.5e-10,"d":1e400}',
    "nested": '{"a":{"b":{"c":[[[{"d":[]}]],{}]}},"e":null,"f":[true,false,null]}',
    "escapes": '{"a":"\\"\\\\","b":"line\\nbreak\\ttab","c":"\\b\\f\\r"}',
    "odd-names": '{"":1,"a.b":2,"$set":3,"$where":{"$gt":1},"_id":4,"a b":5,"/~":6}',
    "mongo-extended": '{"when":{"$date":"2026-11-22T00:00:00Z"},"id":{"$oid":"5f0000000000000000000000"}}',
    "order-of-members": '{"z":1,"a":2,"m":3,"A":4,"10":5,"9":6}',
    "empty-things": '{"a":{},"b":[],"c":"","d":null}',
    "numbers-as-text": '{"a":"0123","b":"1e5","c":"true","d":"null"}',
    "long-list": '{"a":[' + ",".join(str(n) for n in range(500)) + "]}",
    "sixty-levels": '{"a":' * 60 + "1" + "}" * 60,
    "a-hundred-levels": '{"a":' * 100 + "1" + "}" * 100,
}
NO_ECHO = ("a-hundred-levels",)  # deeper than the mock's own reader goes


@pytest.mark.parametrize("name", EXACT)
def test_arrives_to_the_byte(stack, name):
    text = EXACT[name]
    response = stack.api.post("/jobs", '{"vendor":"quick","payload":' + text + "}")
    assert response.status_code == 202, response.text
    request_id = response.json()["request_id"]
    stack.api.wait(request_id, status="complete")
    assert stack.sync_mock.calls(request_id)[0]["body"] == text
    if name not in NO_ECHO:
        assert f'"received":{text}' in stack.api.get("/jobs/" + request_id).text


# Numbers as they are written, so that nothing is lost in comparing them.
def read(text):
    return json.loads(text, parse_float=lambda number: ("number", number), parse_int=lambda number: ("number", number))


SAME_VALUE = {
    "white-space": ' {\r\n\t"a" : [ 1 , 2.50 ] , "b" : { } } ',
    "escaped-letters": '{"\\u00e9":"\\u00fc\\ud83c\\udf89","slash":"a\\/b"}',
    "escaped-controls": '{"a":"\\u0001\\u001f\\u007f","b":"\\u2028"}',
    "nul-in-a-string": '{"a":"x\\u0000y"}',
}


@pytest.mark.parametrize("name", SAME_VALUE)
def test_arrives_with_the_same_value(stack, name):
    text = SAME_VALUE[name]
    request_id = stack.api.post_job('{"vendor":"quick","payload":' + text + "}")
    stack.api.wait(request_id, status="complete")
    assert read(stack.sync_mock.calls(request_id)[0]["body"]) == read(text)
    assert read(stack.api.get("/jobs/" + request_id).text)["result"]["received"] == read(text)


@pytest.mark.parametrize("name", ["unicode", "integers-over-64-bits", "decimals", "odd-names", "nested"])
def test_comes_back_from_a_webhook_too(stack, name):
    text = EXACT[name]
    request_id = stack.api.post_job('{"vendor":"callback","payload":' + text + "}")
    stack.api.wait(request_id, status="complete")
    assert f'"received":{text}' in stack.api.get("/jobs/" + request_id).text


@pytest.mark.parametrize("payload", ["[1,2,3]", '"text"', "42", "null", "true"])
def test_a_payload_that_is_no_object(stack, payload):
    """Whatever the rule, it is a clear one: taken exactly, or refused with the place."""
    response = stack.api.post("/jobs", '{"vendor":"quick","payload":' + payload + "}")
    if response.status_code == 422:
        assert response.json()["errors"][0]["pointer"].lstrip("#") == "/payload", response.text
        return
    assert response.status_code == 202, response.text
    request_id = response.json()["request_id"]
    stack.api.wait(request_id, status="complete")
    assert stack.sync_mock.calls(request_id)[0]["body"] == payload


def test_the_body_without_payload_keeps_its_numbers(stack):
    request_id = stack.api.post_job('{"a":1.10,"vendor":"quick","b":12345678901234567890123}')
    stack.api.wait(request_id, status="complete")
    assert stack.sync_mock.calls(request_id)[0]["body"] == '{"a":1.10,"b":12345678901234567890123}'


def test_a_big_result_comes_whole(stack):
    payload = {"a": "x" * 60000}
    request_id = stack.api.submit("quick", payload)
    stack.api.wait(request_id, status="complete")
    for _ in range(2):  # from the store, and then from wherever it is kept
        assert stack.api.job(request_id)["result"]["received"] == payload
