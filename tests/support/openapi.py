"""The OpenAPI document, as a contract: what it knows of, and what is not as it says.

An answer has to be in it: its status, its type, its body and its headers. Objects are held to the members that are named,
though the document leaves them open for clients of later versions.
"""

import copy
import json
import pathlib
import urllib.parse

import jsonschema

FILE = pathlib.Path(__file__).resolve().parents[2] / "fcgi/openapi.json"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# Of HTTP itself, and as lighttpd sends them.
PLAIN_HEADERS = {"connection", "content-length", "content-type", "date"}


class NotInDocument(AssertionError):
    """An answer that the document knows nothing of, or something else of."""


def close(schema):
    """Objects have no members but the named ones, unless the document says that they may."""
    if isinstance(schema, dict):
        if "properties" in schema and not isinstance(schema["properties"], str):
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            close(value)
    elif isinstance(schema, list):
        for value in schema:
            close(value)


class Operation:
    def __init__(self, document, path, method, item, operation):
        self.path, self.method, self.said = path, method.upper(), operation
        self.name = f"{self.method} {path}"
        parameters = [document.resolve(one) for one in item.get("parameters", []) + operation.get("parameters", [])]
        self.parameters = list({(one["in"], one["name"]): one for one in parameters}.values())    # its own count
        body = operation.get("requestBody")
        self.body_schema = document.resolve(body)["content"]["application/json"]["schema"] if body else None


class Document:
    def __init__(self, said=None):
        self.said = said or json.loads(FILE.read_text(encoding="utf-8"))
        self.closed = copy.deepcopy(self.said)
        close(self.closed["components"]["schemas"])
        self.operations = [Operation(self, path, method, item, item[method]) for path, item in self.said["paths"].items()
                           for method in METHODS if method in item]

    # ---- Looking up ----

    def resolve(self, value):
        """What a $ref stands for."""
        while isinstance(value, dict) and "$ref" in value:
            value = self.at(value["$ref"])
        return value

    def at(self, pointer):
        found = self.said
        for part in pointer.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return found

    def operation(self, method, target):
        """Of a request, or None: paths with fewer parameters first, as OpenAPI has it."""
        parts = urllib.parse.urlsplit(target).path.split("/")
        for one in sorted(self.operations, key=lambda one: one.path.count("{")):
            pattern = one.path.split("/")
            if one.method == method and len(pattern) == len(parts) and all(
                    want == have or (want.startswith("{") and have) for want, have in zip(pattern, parts)):
                return one
        return None

    # ---- Judging ----

    def breaches(self, schema, value):
        """What a value has against a schema of the document: [text]."""
        root = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "components": self.closed["components"]}
        return [f"{error.json_path}: {error.message[:300]}" for error in jsonschema.Draft202012Validator(root).iter_errors(value)]

    def mistakes(self, operation, status, headers, body):
        """What in an answer is not as the document says: [text]. headers: {name in small letters: value}."""
        if str(status) not in operation.said["responses"]:
            return [f"status {status} is not in the document"]
        response = self.resolve(operation.said["responses"][str(status)])
        wrong = self._header_mistakes(response.get("headers", {}), headers)
        if "content" in response:
            return wrong + self._body_mistakes(response["content"], status, headers.get("content-type"), body)
        return wrong + ([f"a body, and none is in the document: {body[:200]!r}"] if body else [])

    def _header_mistakes(self, documented, headers):
        documented = {name.lower(): self.resolve(header) for name, header in documented.items()}
        wrong = [f"the header {name} is missing" for name, header in documented.items()
                 if header.get("required") and name not in headers]
        for name, value in headers.items():
            if name in PLAIN_HEADERS:
                continue
            if name not in documented:
                wrong.append(f"the header {name} is not in the document")
                continue
            schema = self.resolve(documented[name]["schema"])
            typed = int(value) if schema.get("type") == "integer" and value.isdigit() else value
            wrong += [f"header {name}: {text}" for text in self.breaches(schema, typed)]
        return wrong

    def _body_mistakes(self, content, status, content_type, body):
        media = content.get(content_type) or content.get("*/*")
        if media is None:
            return [f"Content-Type {content_type} is not in the document"]
        if "schema" not in media:
            return []
        try:
            value = json.loads(body)
        except ValueError as error:
            return [f"the body is no JSON: {error}"]
        wrong = [] if content_type != "application/problem+json" or value.get("status") == status else ["the status in it is another"]
        return wrong + self.breaches(media["schema"], value)

    def check(self, operation, status, headers, body, about):
        wrong = self.mistakes(operation, status, headers, body)
        if wrong:
            raise NotInDocument(f"{operation.name}: {about} -> {status} {headers}: {body[:600]!r}\n  " + "\n  ".join(wrong))
