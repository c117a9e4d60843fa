"""A FastAPI on the real pydantic, to be asked at random (make oracle).

Reads the document named on the command line, then requests as lines of JSON from
stdin, and answers each with a line: {"real": ..., "strict": ...}, two answers of
{"status", "headers", "body"} (base64). "real" is FastAPI's. In "strict" values and
parameters that lax mode would convert are refused (the rows strict-mode,
converted-parameters, enum-conversions and one-answer of docs/fidelity.md).

The models are made of the document, not by hand. What an accepted request is
answered comes with the request: the value that an answer model serialises, or the
status and detail of what only state can tell.
"""

import base64
import datetime
import json
import re
import sys
import typing
import urllib.parse
import uuid
from enum import Enum, IntEnum
from typing import Annotated, Any, Dict, List, Literal, Optional, Set, Tuple, Union

from pydantic import AnyUrl, BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, create_model

from make import CONVERTED, detail, judge, missing, run

with open(sys.argv[1]) as f:
    DOCUMENT = json.load(f)
MADE = {}


def resolve(node):
    while "$ref" in node:
        found = DOCUMENT
        for step in node["$ref"][2:].split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


def limits(s, names):
    known = {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt", "multipleOf": "multiple_of",
             "minLength": "min_length", "maxLength": "max_length", "pattern": "pattern", "minItems": "min_length",
             "maxItems": "max_length", "minProperties": "min_length", "maxProperties": "max_length"}
    found = {known[n]: s[n] for n in names if n in s}
    return Field(**found) if found else None


def constrained(t, s, *names):
    field = limits(s, names)
    return Annotated[t, field] if field is not None else t


def build(s, name="Model"):
    """The Python type behind a schema."""
    if "$ref" in s:
        component = s["$ref"].rsplit("/", 1)[1]
        if component not in MADE:
            MADE[component] = build(resolve(s), component)
        return MADE[component]
    for union in ("anyOf", "oneOf"):
        if union in s:
            branches = [b for b in s[union] if b.get("type") != "null"]
            t = Union[tuple(build(b) for b in branches)]
            if "discriminator" in s:
                t = Annotated[t, Field(discriminator=s["discriminator"]["propertyName"])]
            return Optional[t] if len(branches) < len(s[union]) else t
    if "enum" in s:
        if name == "Model":
            return Literal[tuple(s["enum"])]
        base = (IntEnum,) if s.get("type") == "integer" else (str, Enum)
        return Enum(name, {"v%d" % i: v for i, v in enumerate(s["enum"])}, type=base[0]) if len(base) > 1 else IntEnum(
            name, {"v%d" % i: v for i, v in enumerate(s["enum"])})
    if "const" in s:
        return Literal[s["const"]]
    kind = s.get("type")
    if kind == "string":
        formats = {"password": SecretStr, "date-time": datetime.datetime, "date": datetime.date, "time": datetime.time,
                   "uuid": uuid.UUID, "uri": AnyUrl}
        return formats.get(s.get("format")) or constrained(str, s, "minLength", "maxLength", "pattern")
    bounds = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
    if kind == "integer":
        return constrained(int, s, *bounds)
    if kind == "number":
        return constrained(float, s, *bounds)
    if kind == "boolean":
        return bool
    if kind == "array":
        if "prefixItems" in s:
            return Tuple[tuple(build(i) for i in s["prefixItems"])]
        item = build(s.get("items", {}))
        return constrained(Set[item] if s.get("uniqueItems") else List[item], s, "minItems", "maxItems")
    if kind == "object" or "properties" in s:
        extra = s.get("additionalProperties")
        if not s.get("properties") and name == "Model":
            return constrained(Dict[str, build(extra) if isinstance(extra, dict) else Any], s, "minProperties", "maxProperties")
        fields = {}
        for n, p in s.get("properties", {}).items():
            t = build(p)
            default = resolve(p).get("default")
            fields[n] = (t, ...) if n in s.get("required", []) else (Optional[t] if default is None and not optional(t) else t, default)
        return create_model(name, __config__=ConfigDict(extra="forbid" if extra is False else "ignore"), **fields)
    return Any


def optional(t):
    return typing.get_origin(t) is Union and type(None) in typing.get_args(t)


class Route:
    def __init__(self, path, method, item, operation):
        self.method = method.upper()
        self.regex = re.compile("^" + re.sub(r"\\\{[^}]+\\\}", "([^/]+)", re.escape(path)) + "$")
        self.names = re.findall(r"\{([^}]+)\}", path)
        self.parameters = [resolve(p) for p in item.get("parameters", []) + operation.get("parameters", [])]
        self.types = [build(p["schema"]) for p in self.parameters]
        body = operation.get("requestBody")
        json_body = resolve(body)["content"].get("application/json") if body else None
        self.body = build(json_body["schema"]) if json_body else None
        self.needed = bool(body and resolve(body).get("required"))
        self.embedded = bool(json_body) and json_body["schema"].get("$ref", "").rsplit("/", 1)[-1].startswith("Body_")
        answer = resolve(operation["responses"].get("200", {})).get("content", {}).get("application/json")
        self.answer = TypeAdapter(build(answer["schema"]) if answer and "schema" in answer else Any)
        self.secured = bool(operation.get("security", DOCUMENT.get("security")))


ROUTES = [Route(p, m, item, o) for p, item in DOCUMENT["paths"].items() for m, o in item.items() if m in ("get", "put", "post", "delete", "patch")]
# A text goes before a parameter, as whoever registers the routes has to take care of.
ROUTES.sort(key=lambda r: len(r.names))


class Answer(Exception):
    def __init__(self, status, value=None, headers=None):
        self.status, self.headers = status, dict(headers or {})
        self.body = b"" if value is None and status == 307 else json.dumps(
            value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        self.headers["content-length"] = str(len(self.body))
        if status != 307:
            self.headers["content-type"] = "application/json"


def header(request, name):
    for n, v in request["headers"]:
        if n.lower() == name:
            return v.strip(" \t")
    return None


def parameter(t, text, loc, strict):
    """The items of a parameter. Strict texts are plain ones."""
    items = run(t, text, loc)
    plain = {int: r"[+-]?[0-9]+", bool: "[01tTfF]|true|True|TRUE|false|False|FALSE"}
    base = next((a for a in (t, *typing.get_args(t)) if a in plain), None)
    if strict and not items and base and not re.fullmatch(plain[base], text):
        items = run(base, "x", loc)
        items[0]["input"] = text
    return items


def body_items(t, value, loc, strict):
    if strict:
        try:
            return judge(t, value, loc)[0]
        except AssertionError:  # strict mode does not look into the list of a tuple
            items = run(t, value, loc)
            places = {tuple(i["loc"]) for i in items}
            items += [i for i in run(t, value, loc, strict=True) if i["type"] in CONVERTED and i["loc"] not in places
                      and not (i["type"] == "int_type" and isinstance(i["input"], float) and i["input"].is_integer())]
            fields = list(getattr(t, "model_fields", ()))
            return sorted(items, key=lambda i: fields.index(i["loc"][len(loc)]) if fields else 0)
    return run(t, value, loc)


def serve(request, strict):
    path, _, query = request["target"].partition("?")
    path = urllib.parse.unquote(path)
    partial = None
    for route in ROUTES:
        m = route.regex.match(path)
        if m and route.method == request["method"]:
            return handle(route, dict(zip(route.names, m.groups())), query, request, strict)
        partial = partial or (m and route)
    if partial:
        return Answer(405, {"detail": "Method Not Allowed"}, {"allow": partial.method})
    other = path.rstrip("/") if path.endswith("/") else path + "/"
    if path != "/" and any(r.regex.match(other) for r in ROUTES):
        url = "http://" + header(request, "host") + other + ("?" + query if query else "")
        return Answer(307, None, {"location": urllib.parse.quote(url, safe=":/%#?=@[]!$&'()*+,;")})
    return Answer(404, {"detail": "Not Found"})


def handle(route, path, query, request, strict):
    value, malformed = None, []
    if route.body is not None:
        body = base64.b64decode(request["body"])
        kind = header(request, "content-type")
        subtype = (kind or "").split(";")[0].strip().lower()
        if body == b"":
            value = None
        elif not kind or subtype == "application/json" or not strict and subtype.startswith("application/") and subtype.endswith("+json"):
            try:
                value = json.loads(body)
            except json.JSONDecodeError as e:
                malformed = [{"type": "json_invalid", "loc": ("body", e.pos), "msg": "JSON decode error",
                              "input": {}, "ctx": {"error": e.msg}}]
                if not strict:
                    return Answer(422, {"detail": detail(malformed)})
            except (UnicodeDecodeError, RecursionError, ValueError):
                return Answer(400, {"detail": "There was an error parsing the body"})
        else:
            value = body
    if route.secured and not re.fullmatch(r"key +[!#-+\--~]+", header(request, "authorization") or "", re.I):
        return Answer(401, {"detail": "Not authenticated"}, {"www-authenticate": "APIKey"})
    items = list(malformed)
    texts = {}
    for name, text in urllib.parse.parse_qsl(query, keep_blank_values=True):
        texts[name] = text
    for place in ("path", "query", "header"):
        for p, t in zip(route.parameters, route.types):
            if p["in"] != place:
                continue
            text = {"path": path, "query": texts}.get(place, {}).get(p["name"]) if place != "header" else header(request, p["name"].lower())
            if text is not None:
                items += parameter(t, text, (place, p["name"]), strict)
            elif p.get("required"):
                items.append(missing((place, p["name"])))
    if route.body is not None and not malformed:
        if strict and value is None and body and not route.needed:
            items.append(missing(("body",)))  # it is sent, and is no object
        elif route.embedded:
            for name, field in route.body.model_fields.items():
                # What has no fields lacks all of them, also those that it need not have.
                got = value.get(name) if isinstance(value, dict) else None
                if got is not None:
                    items += body_items(field.annotation, got, ("body", name), strict)
                elif field.is_required() or not isinstance(value, (dict, type(None))):
                    items.append(missing(("body", name)))
        elif value is not None:
            items += body_items(route.body, value, ("body",), strict)
        elif route.needed:
            items.append(missing(("body",)))
    if items:
        try:
            return Answer(422, {"detail": detail(items)})
        except (ValueError, UnicodeError):
            return Answer(500, "Internal Server Error")
    given = request["answer"]
    if "detail" in given:
        return Answer(given["status"], {"detail": given["detail"]})
    if given["body"] is None:  # we refuse it
        return Answer(200, None)
    return Answer(200, route.answer.dump_python(route.answer.validate_python(given["body"]), mode="json"))


def main():
    for line in sys.stdin:
        request = json.loads(line)
        answers = {}
        for name in ("real", "strict"):
            try:
                a = serve(request, name == "strict")
            except Exception as e:  # the asker shows it
                a = Answer(599, repr(e))
            answers[name] = {"status": a.status, "headers": a.headers, "body": base64.b64encode(a.body).decode()}
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    print("{}", flush=True)
    main()
