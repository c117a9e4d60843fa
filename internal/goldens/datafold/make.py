"""Makes server/datafold/testdata: requests with the answer of the real libraries.

Run it from the repository's root with a Python that has pydantic 2.13:

    python3 internal/goldens/datafold/make.py

It holds the models behind the BI operations of openapi/datafold and behind a
made-up document (shapes.json, written here as well), and as much of FastAPI as
turns a request into the "detail" of a 422. goldens.json gets one entry per
request: what FastAPI on pydantic answers ("detail"; null if it accepts the request
or answers something else) and, where Understudy answers something else on purpose,
the name of the difference and our own items ("difference", "ours").

"mode" says how pydantic judged: lax as FastAPI runs it, or strict where at least
one item is of a value that lax mode would have converted and Understudy refuses.
"""

import base64
import copy
import datetime
import json
import os
import sys
import typing
import uuid
from enum import Enum, IntEnum
from typing import Annotated, Any, Dict, List, Literal, Optional, Set, Tuple, Union

import pydantic
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError
from pydantic.json_schema import models_json_schema

MASK = "*" * 10

# ---------------------------------------------------------------- the BI family


class DataSourceBinding(BaseModel):
    remoteId: str
    boundIds: List[int]


class PowerBIAuthType(str, Enum):
    delegated = "delegated"
    service_principal = "service_principal"


Text = Optional[str]


class DbtDataSourceConfig(BaseModel):
    ci_config_id: int
    indexing_cron: Text = None
    name: Text = None


class HighTouchDataSourceConfig(BaseModel):
    token: SecretStr
    bindings: List[DataSourceBinding]
    workspace: Text = None
    indexing_cron: Text = None
    name: Text = None


class LookerDataSourceConfig(BaseModel):
    base_url: str
    client_id: str
    repo_id: int
    client_secret: SecretStr
    bindings: List[DataSourceBinding] = []
    project_ids: List[str] = []
    indexing_cron: Text = None
    name: Text = None


class ModeDataSourceConfig(BaseModel):
    token: SecretStr
    password: SecretStr
    workspace: str = ""
    indexing_cron: Text = None
    name: Text = None


class PowerBIDataSourceConfig(BaseModel):
    auth_type: Optional[PowerBIAuthType] = None
    client_id: Text = None
    tenant_id: Text = None
    client_secret: Optional[SecretStr] = None
    indexing_cron: Text = None
    name: Text = None


class TableauDataSourceConfig(BaseModel):
    token_name: str
    token_value: SecretStr
    site_id: str
    server_url: str
    indexing_cron: Text = None
    name: Text = None


BI = {
    "dbt": DbtDataSourceConfig,
    "hightouch": HighTouchDataSourceConfig,
    "looker": LookerDataSourceConfig,
    "mode": ModeDataSourceConfig,
    "powerbi": PowerBIDataSourceConfig,
    "tableau": TableauDataSourceConfig,
}
SECRETS = {"token", "password", "client_secret", "token_value"}

# ------------------------------------------------------------ the made-up shapes


class Color(str, Enum):
    red = "red"
    green = "green"
    quote = "it's"


class Level(IntEnum):
    low = 1
    high = 2


class Cat(BaseModel):
    type: Literal["cat"]
    lives: int
    name: str = Field("", min_length=1, max_length=5)


class Dog(BaseModel):
    type: Literal["dog"] = "dog"
    tricks: List[str]
    owner: Optional["Person"] = None


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    age: Annotated[int, Field(ge=0, lt=150)] = 0


Animal = Annotated[Union[Cat, Dog], Field(discriminator="type")]


class Numbers(BaseModel):
    i: int = 0
    f: float = 0
    b: bool = False
    ge: Annotated[int, Field(ge=1, le=10)] = 1
    gt: Annotated[int, Field(gt=1, lt=10)] = 2
    fge: Annotated[float, Field(ge=1.5, le=10)] = 2
    fgt: Annotated[float, Field(gt=0, lt=1e20)] = 2
    five: Annotated[int, Field(multiple_of=5, ge=10)] = 10
    half: Annotated[float, Field(multiple_of=0.5)] = 1
    maybe: Optional[Annotated[int, Field(ge=3)]] = None


class Texts(BaseModel):
    s: str = ""
    short: Annotated[str, Field(min_length=3)] = "abc"
    one: Annotated[str, Field(min_length=1)] = "a"
    long: Annotated[str, Field(max_length=4, pattern="^[a-z]+$")] = "abc"
    pattern: Annotated[str, Field(pattern="^a+$")] = "a"
    color: Color = Color.red
    level: Level = Level.low
    word: Literal["a", "b", "c"] = "a"
    fixed: Literal["only"] = "only"
    number: Literal[1, 2] = 1
    maybe: Optional[Color] = None
    key: Optional[uuid.UUID] = None
    url: Optional[AnyUrl] = None
    at: Optional[datetime.datetime] = None
    day: Optional[datetime.date] = None


class Lists(BaseModel):
    ints: List[int] = []
    two: Annotated[List[int], Field(min_length=2)] = [1, 2]
    most: Annotated[List[int], Field(max_length=2)] = []
    pair: Optional[Tuple[str, str]] = None
    pairs: List[Tuple[str, str]] = []
    unique: Set[int] = set()
    nested: List[List[int]] = []
    maybe: List[Optional[int]] = []
    people: List[Person] = []
    map: Dict[str, int] = {}
    small: Annotated[Dict[str, int], Field(min_length=1, max_length=2)] = {"a": 1}
    free: Dict[str, Any] = {}
    anything: Any = None


class Unions(BaseModel):
    a: Union[int, str] = 0
    b: Union[int, List[int], None] = None
    c: Union[Color, bool] = False
    d: Union[Person, List[Person]] = []
    e: Union[datetime.datetime, float] = 0
    f: Union[Annotated[int, Field(ge=3)], Annotated[str, Field(min_length=3)], Dict[str, int]] = 3
    g: Union[Literal["x", "y"], Dict[str, Any]] = "x"
    h: Union[Animal, int] = 1
    i: Union[List[Cat], Dict[str, Color], Tuple[int, int]] = []


class Zoo(BaseModel):
    first: Animal
    rest: List[Animal] = []
    by_name: Dict[str, Animal] = {}
    maybe: Optional[Animal] = None


class Ask(BaseModel):
    who: Optional[Animal] = None
    pets: List[Union[Animal, Person]] = []
    bare: Union[Cat, Dog, int] = 0
    level: Union[Level, Literal["none"]] = "none"
    owner: Union[Tuple[str, str], str, int] = ""
    flags: List[bool] = []
    price: Annotated[float, Field(multiple_of=0.01, ge=0)] = 0
    most: Annotated[int, Field(le=9007199254740991)] = 0
    least: Annotated[int, Field(gt=-9007199254740991)] = 0
    code: Annotated[str, Field(pattern="^(?<n>[a-z]{2})-[0-9]{2}$")] = "aa-00"
    deep: Dict[str, Union[Animal, None]] = {}
    rows: List[Dict[str, Union[int, Color]]] = []
    one: Union[Annotated[List[int], Field(min_length=2)], Annotated[str, Field(max_length=2)], None] = None


class Body_toggle(BaseModel):
    enabled: bool
    note: Optional[str] = None


BODIES = {
    "numbers": Numbers, "texts": Texts, "lists": Lists, "unions": Unions, "zoo": Zoo, "ask": Ask,
    "person": Person, "animal": Animal, "people": List[Person], "map": Dict[str, int],
    "toggle": Body_toggle, "color": Color, "either": Union[Cat, Person],
}

# (in, name, type, required)
PARAMETERS = [
    ("path", "id", int, True),
    ("path", "kind", Color, True),
    ("query", "page", Annotated[int, Field(ge=1)], False),
    ("query", "ratio", float, False),
    ("query", "flag", bool, False),
    ("query", "sort", Literal["asc", "desc"], False),
    ("query", "ids", List[int], False),
    ("query", "since", datetime.datetime, False),
    ("query", "day", datetime.date, False),
    ("query", "key", uuid.UUID, False),
    ("query", "q", Annotated[str, Field(min_length=2, max_length=4)], True),
    ("query", "limit", Optional[int], False),
    ("query", "names", Annotated[List[str], Field(max_length=2)], False),
    ("header", "X-Count", int, False),
    ("header", "X-Mode", Color, True),
    ("cookie", "visits", int, False),
]


def openapi():
    ref = "#/components/schemas/{model}"
    defs, paths = {}, {}

    def schema(t):
        s = TypeAdapter(t).json_schema(ref_template=ref)
        own = s.pop("$defs", {})
        defs.update(own)
        if isinstance(t, type) and issubclass(t, (BaseModel, Enum)):
            defs[t.__name__] = s
            return {"$ref": ref.format(model=t.__name__)}
        s.pop("title", None)
        return s

    ok = {"200": {"description": "ok"}}
    for name, t in BODIES.items():
        paths["/" + name] = {"post": {
            "operationId": name,
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema(t)}}},
            "responses": ok,
        }}
    paths["/parameters/{id}/{kind}"] = {"post": {
        "operationId": "parameters",
        "parameters": [{"name": n, "in": i, "required": r, "schema": schema(t)} for i, n, t, r in PARAMETERS],
        "requestBody": {"content": {"application/json": {"schema": schema(Person)}}},
        "responses": ok,
    }}
    return {
        "openapi": "3.1.0", "info": {"title": "Shapes", "version": "1"},
        "paths": paths, "components": {"schemas": defs},
    }


# ------------------------------------------------------------- FastAPI, in short


def detail(errors):
    out = []
    for e in errors:
        e = {k: copy.deepcopy(e[k]) for k in ("type", "loc", "msg", "input", "ctx") if k in e}
        e["loc"] = list(e["loc"])
        if isinstance(e["input"], bytes):
            e["input"] = e["input"].decode()
        out.append(e)
    return out


ADAPTERS = {}  # with their types by identity: some have no hash


def adapter(t):
    if id(t) not in ADAPTERS:
        ADAPTERS[id(t)] = t, TypeAdapter(t)
    return ADAPTERS[id(t)][1]


def run(t, value, loc, strict=False):
    try:
        adapter(t).validate_python(value, from_attributes=True, strict=strict or None)
        return []
    except ValidationError as e:
        return [dict(x, loc=loc + tuple(x["loc"])) for x in e.errors(include_url=False)]


CONVERTED = {"int_type", "float_type", "bool_type"}


def judge(t, value, loc):
    """Lax items, plus the strict ones of the values that lax mode converts."""
    lax = run(t, value, loc)
    by_place = {(e["loc"], e["type"]) for e in lax}
    places = {e["loc"] for e in lax}
    out, mode = [], "lax"
    strict_items = run(t, value, loc, strict=True)
    for e in strict_items:
        if e["loc"] in places:
            out += [x for x in lax if x["loc"] == e["loc"] and x not in out]
        elif e["type"] in CONVERTED and not (e["type"] == "int_type" and isinstance(e["input"], float) and e["input"].is_integer()):
            # With a branch of a union all say what they want.
            out += [x for x in strict_items if x not in out and (x is e or x["loc"][:-1] == e["loc"][:-1] and x["input"] is e["input"] and x["loc"] not in places)]
            mode = "strict"
    if mode == "lax":
        out = lax
    assert by_place <= {(e["loc"], e["type"]) for e in out}, (value, lax, out)
    return out, mode


def missing(loc):
    return {"type": "missing", "loc": loc, "msg": "Field required", "input": None}


def body_items(t, body, content_type):
    """What FastAPI says of a body: (items, mode), or None for another answer."""
    subtype = (content_type or "").split(";")[0].strip().lower()
    if body == b"":
        value = None
    elif content_type is None or subtype == "application/json" or subtype.endswith("+json"):
        try:
            value = json.loads(body)
        except json.JSONDecodeError as e:
            return [{"type": "json_invalid", "loc": ("body", e.pos), "msg": "JSON decode error",
                     "input": {}, "ctx": {"error": e.msg}}], "lax"
        except (UnicodeDecodeError, RecursionError, ValueError):
            return None, "lax"  # 400 There was an error parsing the body
    else:
        value = body
    embedded = isinstance(t, type) and t.__name__.startswith("Body_")
    if embedded:
        out, mode = [], "lax"
        for name, f in t.model_fields.items():
            got = value.get(name) if isinstance(value, dict) else None
            if got is None:
                if f.is_required() or not isinstance(value, (dict, type(None))):
                    out.append(missing(("body", name)))
                continue
            o, m = judge(f.annotation, got, ("body", name))
            out, mode = out + o, m if m == "strict" else mode
        return out, mode
    if value is None:
        return [missing(("body",))], "lax"
    return judge(t, value, ("body",))


# --------------------------------------------------------------------- the cases

cases = []


def masked(v, name=None):
    if name in SECRETS and v is not None:
        return MASK
    if isinstance(v, dict):
        return {k: masked(x, k) for k, x in v.items()}
    if isinstance(v, list):
        return [masked(x) for x in v]
    return v


def case(name, doc, method, path, url, items, mode, body=None, content_type=None, headers=None, difference=None, ours=None):
    c = {"name": name, "doc": doc, "method": method, "path": path, "url": url, "mode": mode}
    if headers:
        c["headers"] = headers
    if content_type is not None:
        c["contentType"] = content_type
    if body is not None:
        try:
            c["body"] = body.decode()
        except UnicodeDecodeError:
            c["body64"] = base64.b64encode(body).decode()
    c["detail"] = None if items is None else detail(items)
    if difference:
        c["difference"] = difference
        c["ours"] = [] if ours is None else ours
    cases.append(c)


def finite(v):
    if isinstance(v, float):
        return v == v and abs(v) != float("inf")
    if isinstance(v, dict):
        return all(map(finite, v.values()))
    if isinstance(v, (list, tuple)):
        return all(map(finite, v))
    return True


def body(kind, value, difference=None, ours=None, content_type="application/json"):
    """A body for a BI operation or a made-up one; value is text or a JSON value."""
    raw = value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else json.dumps(value).encode()
    if kind in BI:
        t, doc, path = BI[kind], "datafold", "/api/v1/lineage/bi/%s/" % kind
    else:
        t, doc, path = BODIES[kind], "shapes", "/" + kind
    items, mode = body_items(t, raw, content_type)
    if difference is None and items is not None:
        if not items:
            raise SystemExit("accepted: %s %s" % (kind, raw))
        plain = detail(items)
        if doc == "datafold":
            ours = []
            for e in plain:
                e = dict(e, input=masked(e["input"], None if e["type"] == "missing" else e["loc"][-1]))
                if isinstance(e["input"], str) and e["loc"] == ["body"] and t is not DbtDataSourceConfig:
                    e["input"] = MASK
                ours.append(e)
            difference = "secrets" if ours != plain else None
    if difference and items == []:
        items = None
    if items is not None and not finite(detail(items)):
        items = None
    label = raw[:40].decode(errors="replace")
    case("%s %s" % (kind, label), doc, "POST", path, path, items, mode, raw, content_type, None, difference, ours)


def item(type, loc, msg, input=None, **ctx):
    e = {"type": type, "loc": list(loc), "msg": msg, "input": input}
    if ctx:
        e["ctx"] = ctx
    return e


def bad_json(text, error, offset, kind="dbt", difference=None):
    body(kind, text, difference, [item("json_invalid", ["body", offset], "JSON decode error", {}, error=error)])


def bodies():
    J = json.dumps
    binding = {"remoteId": "w", "boundIds": [1]}
    looker = {"base_url": "u", "client_id": "c", "client_secret": "s", "repo_id": 7}
    valid = {
        "dbt": {"ci_config_id": 1}, "hightouch": {"token": "t", "bindings": [binding]}, "looker": looker,
        "mode": {"token": "t", "password": "p"}, "powerbi": {},
        "tableau": {"token_name": "n", "token_value": "v", "site_id": "s", "server_url": "u"},
    }
    junk = [5, 1.5, True, None, [], {}, "x", [1], {"a": 1}]
    for kind, good in valid.items():
        model = BI[kind]
        if kind != "powerbi":
            body(kind, "{}")
        body(kind, b"")
        for v in ("null", "[]", '"x"', "5", "true"):
            body(kind, v)
        body(kind, J(good), content_type="text/plain")
        body(kind, "a=b&token=c", content_type="application/x-www-form-urlencoded")
        for name, f in model.model_fields.items():
            if f.is_required():
                body(kind, J({k: v for k, v in good.items() if k != name}))
            for v in junk:
                b = dict(good, **{name: v})
                if judge(model, b, ("body",))[0]:
                    body(kind, J(b))
    body("dbt", {"ci_config_id": "12"})
    body("dbt", {"ci_config_id": "x"})
    body("dbt", {"ci_config_id": " 1_000.0 "})
    body("dbt", {"ci_config_id": "9" * 4301})
    body("dbt", {"ci_config_id": 1e20})
    body("looker", dict(looker, bindings=[{}, binding, {"remoteId": 5, "boundIds": ["1", 2.5, "x", None, 3]}, 7]))
    body("looker", {"repo_id": "x", "bindings": {}, "project_ids": [1, "a", None], "name": 5, "indexing_cron": []})
    body("looker", dict(looker, client_secret=["s"], repo_id=None, bindings=[[binding]]))
    body("hightouch", {"bindings": [{"boundIds": [[1]]}, {"remoteId": "x"}], "workspace": 5})
    body("powerbi", {"auth_type": "x", "client_secret": 5, "client_id": 5, "tenant_id": {}, "name": []})

    # numbers
    for field, values in {
        "i": ["x", "", "12", " 12", "+5", "12.0", "12.5", "1_0", "_1", "1e3", "--1", 1.5, -0.5, True, None, [], {}, 9.3e18, -1e30],
        "f": ["x", "", "1.5", "1e5", "nan", ".", True, None, [], {}],
        "b": ["x", "", "true", "YES", " on", "2", 0, 1, 2, -1, 1.0, 1.5, None, [], {}],
        "ge": [0, 11, -5, 1.5, "x"], "gt": [1, 10], "fge": [1, 10.5, "x"], "fgt": [0, 1e21],
        "five": [12, 7, 5], "half": [0.3], "maybe": [1, "x", 2.5],
    }.items():
        for v in values:
            body("numbers", {field: v})
    body("numbers", {"maybe": 1, "i": "x", "half": 0.2, "b": 7, "f": [], "ge": 99})

    # texts
    bad_dates = ["", "x", "2024-13-01T00:00:00Z", "2024-02-30T00:00:00Z", "2024-01-01T25:00:00Z", "2024-01-01T",
                 "2024/01/01 00:00", "xxxx-01-01", "2024-x1-01", "2024-01-x1", "2023-02-29", "2024-01-32", "2024-1-01",
                 "2024-01-01x", "yesterday at noon", "2024-01-01T00:00:00 Z", "2024-01-01T00:00:00+25:00", "2024-01-01T12",
                 "2024-01-01T00:0x:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:60Z", "2024-01-01T00:00:x0Z",
                 "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00Zx", "2024-01-01T00-00", "2024-01-01T00:00-00",
                 "2024-01-01T00:00:00+1", "2024-01-01T00:00:00+01:x", "2024-01-01T00:00:00+01:99", "10000-01-01T00:00:00Z", "1e9", "-"]
    for field, values in {
        "s": [5, None, True, 1.5, [], {}], "short": ["", "ab", "\u00e9\u00e9", 5], "one": [""],
        "long": ["abcde", "\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600", "A", "ABCDE"], "pattern": ["b", "", 5, None],
        "color": ["blue", 5, None, [], {}, ""], "level": [3, "x", None], "word": ["d", 1, None, {}], "fixed": ["x", None],
        "number": [3, "x", None], "maybe": ["x", 5],
        "key": ["", "x", "not-a-uuid", "123e4567-e89b-12d3-a456-42661417400", "123e4567-e89b-12d3-a456-42661417400g", "1-2-3",
                 "a-b-c-d-e", "123e4567e89b12d3a45642661417400", "a\u00e9b", "{x}", "urn:uuid:x", "abc", 5, [], True],
        "url": ["", "x", "/x", "//x", "http://", "http://a:99999", "http://[::", "http://a b", "1http://x", "x y", 5, [], "http://a:b"],
        "at": bad_dates + [True, [], {}, 1e30], "day": bad_dates + [5, 1.5, True, [], "2024-01-01T10:00:00Z", "1700000000", "2024"],
    }.items():
        for v in values:
            body("texts", {field: v})
    body("texts", {"at": "x", "s": 5, "fixed": "f", "color": "blue", "short": "", "key": "zz"})

    # lists
    for field, values in {
        "ints": ["x", {}, 5, None, ["x"], [1, None, 2.5], [[]]], "two": [[], [1], ["x"], ["x", 1, []]],
        "most": [[1, 2, 3], ["x", "y", "z"], ["x"]],
        "pair": [[], ["a"], ["a", 1], [1], ["a", "b", "c"], [1, 2, 3], "x", {}], "pairs": [[["a"], ["a", "b"], [5]], [5], ["ab"]],
        "unique": [["x"], {}, "x"], "nested": [[["x"], 5, [1, []]]], "maybe": [["x", None, 1]],
        "people": [[{}], [5], [{"name": "a", "age": 150, "x": 1}, {"age": -1}], {}],
        "map": [[], {"a": "x"}, {"b": None, "a": []}, 5], "small": [{}, {"a": 1, "b": 2, "c": 3}, {"a": "x"}, {"a": 1, "b": 2, "c": "x"}],
        "free": [[], "x", None],
    }.items():
        for v in values:
            body("lists", {field: v})

    # objects and unions
    body("person", {})
    body("person", {"z": 1, "name": 5, "a": 2, "age": 200})
    body("person", {"name": "a", "Name": "b"})
    body("person", '{"name":"a","zeta":{"a":[1]},"alpha":null,"mid":"x"}')
    for v in ("{}", "[]", "null", '"x"', "5", "[{}]", '[{"name":"a"},{"name":1},7]', '[[]]'):
        if v != "[]":
            body("people", v)
    for v in ('[]', '5', '{"b":"x","a":null}', "null"):
        body("map", v)
    for v in ('{}', '[]', '{"enabled":"x"}', '{"enabled":true,"note":5}', '5', 'null', '{"note":1}', '{"enabled":null}'):
        body("toggle", v)
    for v in ('"blue"', "5", "null"):
        body("color", v)
    body("toggle", "enabled", content_type="text/plain")
    body("people", "x", content_type="text/plain")
    body("map", "x", content_type="text/csv")
    body("person", '{"name":"a"}', content_type="text/plain")
    for v in ({}, {"type": "bird"}, {"type": 5}, {"type": None}, {"type": True}, {"type": 1.5}, {"type": ["x"]}, {"type": {"a": "b"}},
              [], 5, {"type": "cat"}, {"type": "cat", "lives": "x", "name": ""}, {"type": "dog"}, {"type": "dog", "tricks": [1, "a"], "owner": {}},
              {"lives": 1}, {"type": "dog", "tricks": 5, "owner": 5}, {"type": "cat", "name": "toolong", "lives": 1.5}):
        body("animal", v)
    for v in ({}, {"first": {}}, {"first": 5, "rest": [{"type": "x"}, {"type": "cat"}, 5], "maybe": {"type": "dog"}},
              {"first": {"type": "cat", "lives": 1}, "by_name": {"b": {"type": "dog", "tricks": {}}, "a": {}}, "maybe": 5},
              {"first": {"type": "dog", "tricks": [], "owner": {"name": "a", "age": "x", "extra": 1}}}):
        body("zoo", v)
    for v in ({}, 5, {"type": "cat"}, {"name": 5}, {"type": "dog", "lives": "x", "name": "ab"}):
        body("either", v)
    for field, values in {
        "a": [[], None, {}], "b": ["x", ["x"], {}], "c": ["x", []], "d": [5, {}, [{}], {"name": 1, "x": 2}], "e": ["x", [], None],
        "f": [[], 1, "a", {"a": "x"}, None], "g": ["z", 5, []], "h": ["x", {}, {"type": "x"}, {"type": "cat"}, None],
        "i": ["x", {"a": "x"}, [1, "x", 3], [{}]],
    }.items():
        for v in values:
            body("unions", {field: v})
    body("unions", {"i": "x", "a": [], "d": 5})

    # malformed texts
    for text in ["{", "[", "}", "]", "{]", "[}", "x", "nul", "nulll", "tru", "True", "None", "undefined", "'a'", "{'a':1}", "{a:1}",
                 '{"a"}', '{"a" 1}', '{"a":}', '{"a":1', '{"a":1,', '{"a":1,}', '{"a":1 "b":2}', '{,}', '{"a":1,,"b":2}', '[1,]', "[,1]", "[1,,2]",
                 "[1 2]", "[1", "[1,", "1 2", "{} {}", "{}x", "01", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "--1", "-x", "0x10",
                 '"a', '"a\nb"', '"a\tb"', '"\\x"', '"\\', '"\\u', '"\\u1', '"\\u12"', '"\\u123"', '"\\u12g4"', '"\\u1234', '"\\ud83d\\u12x4"', '"\\ud83d\\u1',
                 '{"\u00e9\u00e9": tru}', '{"\U0001F600":"\U0001F600" 5}', '["\U0001F600", "\\q"]', '\n\n  {"a": \n 1 ; }', "  ", "\n", "\u00a0{}", "/* c */ {}",
                 '{"a":1}//', '{"ci_config_id": 1,\n "name": "x",\n}', '[NaN, x]', '{"a": -Infinit}', '{"a":"\x00"}', "\x00", '"\u00e9\\"', '[1,2', '{"a":[1,{"b":[}]}']:
        body("dbt", text)
    body("looker", '{"client_secret":"hush" "x":1}')

    # what CPython takes for JSON, or answers with a 400
    bad_json('{"ci_config_id":1,"ci_config_id":2}', "A member name occurs twice in one object", 18, difference="duplicate-members")
    bad_json('{"\u00e9":1,"a":{"b":1,"b":2}}', "A member name occurs twice in one object", 18, difference="duplicate-members")
    for text, at in (("NaN", 0), ('{"ci_config_id": NaN}', 17), ('[Infinity]', 1), ('{"a": -Infinity}', 6)):
        bad_json(text, "NaN and Infinity are not JSON", at, difference="nan")
    bad_json(b'\xef\xbb\xbf{"ci_config_id":1}', "Unexpected UTF-8 BOM (decode using utf-8-sig)", 0, difference="encoding")
    bad_json(b'{"name":"\xff"}', "Invalid UTF-8", 9, difference="encoding")
    bad_json(b'{"\xc3\xa9":"\xc3"}', "Invalid UTF-8", 6, difference="encoding")
    bad_json('{"ci_config_id":1}'.encode("utf-16"), "Invalid UTF-8", 0, difference="encoding")
    bad_json('{"name":"\\ud800"}', "Half of a surrogate pair", 9, difference="lone-surrogates")
    bad_json("[" * 201 + "]" * 201, "Arrays and objects nest too deeply", 200, difference="depth")

    # unions in unions, exact bounds, patterns with named groups
    for v in (
        {"who": 5}, {"who": {}}, {"who": {"type": "bird"}}, {"who": {"type": None}}, {"who": {"type": "cat"}}, {"who": {"type": "cat", "lives": "x", "name": ""}}, {"who": []},
        {"pets": 5}, {"pets": [5]}, {"pets": [{}]}, {"pets": [{"type": "cat"}]}, {"pets": [{"name": 1}, {"type": "dog", "tricks": [1]}]}, {"pets": [{"type": "bird", "name": "a", "age": -1}]}, {"pets": [None]},
        {"bare": "x"}, {"bare": {}}, {"bare": {"type": "cat"}}, {"bare": {"type": "bird", "lives": 1}}, {"bare": 1.5}, {"bare": None}, {"bare": []},
        {"level": 3}, {"level": "some"}, {"level": None}, {"level": 1.5}, {"level": []},
        {"owner": None}, {"owner": ["a"]}, {"owner": ["a", "b", "c"]}, {"owner": [1, "b"]}, {"owner": {}}, {"owner": 1.5},
        {"flags": [1, 2]}, {"flags": ["maybe"]}, {"flags": [None, True]}, {"flags": [1.5]}, {"flags": {}},
        {"price": 0.015}, {"price": -0.01}, {"price": "x"}, {"price": -0.015}, {"price": None},
        {"code": "aa-0"}, {"code": "AA-00"}, {"code": "aa-00\n"}, {"code": 5},
        {"deep": {"a": 5, "b/c": {"type": "bird"}}}, {"deep": {"": {"type": "dog", "tricks": "x"}}}, {"deep": [None]},
        {"rows": [{"a": "blue"}]}, {"rows": [{"a": 1.5, "b": None}, 5]}, {"rows": {}}, {"one": [1]}, {"one": ["x", 2]}, {"one": "abc"}, {"one": 5}, {"one": {}},
        {"who": 5, "pets": [5], "price": -1, "code": "", "one": [], "flags": "x"},
    ):
        body("ask", v)
    for text in ('{"most":9007199254740992}', '{"most":9007199254740993}', '{"least":-9007199254740991}', '{"least":-9007199254740993}'):
        body("ask", text)

    # numbers beyond what we hold
    size = "Unable to parse input string as an integer, exceeded maximum size"
    body("dbt", '{"ci_config_id":9223372036854775808}', "big-integers",
         [item("int_parsing_size", ["body", "ci_config_id"], size, 9223372036854775808)])
    body("dbt", '{"ci_config_id":%d}' % 2**70, "big-integers", [item("int_parsing_size", ["body", "ci_config_id"], size, 2**70)])
    body("numbers", '{"ge":%d}' % 2**70)
    for kind, field in (("dbt", "ci_config_id"), ("numbers", "f")):
        for text in ("1e400", "-1e400", "9" * 5000):
            body(kind, '{"%s":%s}' % (field, text), "infinite-numbers",
                 [item("finite_number", ["body", field], "Input should be a finite number", text)])
    body("dbt", '{"name":1e400}', "infinite-numbers", [
        item("missing", ["body", "ci_config_id"], "Field required", {"name": "1e400"}),
        item("string_type", ["body", "name"], "Input should be a valid string", "1e400")])
    body("dbt", '{"ci_config_id":9007199254740993.5}', "exact-fractions", [
        item("int_from_float", ["body", "ci_config_id"], "Input should be a valid integer, got a number with a fractional part", 9007199254740993.5)])
    body("dbt", '{"ci_config_id":1e-500}', "exact-fractions", [
        item("int_from_float", ["body", "ci_config_id"], "Input should be a valid integer, got a number with a fractional part", 0.0)])

    # stricter formats
    body("texts", {"at": "2024-01-01T00:00:00"}, "date-times", [item("timezone_aware", ["body", "at"], "Input should have timezone info", "2024-01-01T00:00:00")])
    for v in ("2024-01-01", "1700000000", 5, "2024-01-01 00:00:00Z", "2024-01-01T00:00Z"):
        body("texts", {"at": v}, "date-times", [item("datetime_type", ["body", "at"], "Input should be a valid datetime", v)])
    for v in ("2024-01-01T00:00:00Z", 86400):
        body("texts", {"day": v}, "date-times", [item("date_type", ["body", "day"], "Input should be a valid date", v)])
    for v in ("{123e4567-e89b-12d3-a456-426614174000}", "123e4567e89b12d3a456426614174000", "urn:uuid:123e4567-e89b-12d3-a456-426614174000"):
        e = {k: x for k, x in run(uuid.UUID, v, ("body", "key"), strict=True)[0].items() if k != "url"}
        body("texts", {"key": v}, "uuid-forms", [item(e["type"], e["loc"], e["msg"], v, **e["ctx"])])
    body("lists", {"unique": [1, 1]}, "duplicate-items",
         [item("value_error", ["body", "unique"], "Value error, the list has duplicated items", [1, 1], error={})])
    body("texts", {"level": "1"}, "enum-conversions", [item("enum", ["body", "level"], "Input should be 1 or 2", "1", expected="1 or 2")])
    body("dbt", '{"ci_config_id":1}', "json-suffix", [
        item("model_attributes_type", ["body"], "Input should be a valid dictionary or object to extract fields from", '{"ci_config_id":1}')],
        content_type="application/vnd.api+json")


def parameters():
    path = "/parameters/{id}/{kind}"
    base = {"id": "1", "kind": "red"}

    def add(vars={}, query="q=abc", headers=None, difference=None, ours=None, body=None):
        v = dict(base, **vars)
        h = {"X-Mode": "red"} if headers is None else headers
        multi = {}
        import urllib.parse
        for k, x in urllib.parse.parse_qsl(query, keep_blank_values=True):
            multi.setdefault(k, []).append(x)
        cookies = dict(c.split("=", 1) for c in h.get("Cookie", "").split("; ") if c)
        items = []
        for part in ("path", "query", "header", "cookie"):
            for i, n, t, required in PARAMETERS:
                if i != part:
                    continue
                if i == "path":
                    got = v[n]
                elif i == "query":
                    got = multi.get(n)
                    if got and typing.get_origin(t) is not list and "List" not in str(t):
                        got = got[-1]
                elif i == "header":
                    got = h.get(n)
                else:
                    got = cookies.get(n)
                if got is None:
                    if required:
                        items.append(missing((i, n)))
                    continue
                items += run(t, got, (i, n))
        if body is not None:
            found = body_items(Person, body.encode(), "application/json")[0]
            if found and found[0]["type"] == "json_invalid":
                ours = detail(found + items)
                items, difference = found, "one-answer"
            else:
                items += found
        if not items and not difference:
            raise SystemExit("accepted: %s %s %s" % (vars, query, headers))
        import urllib.parse as up
        url = "/parameters/%s/%s" % (up.quote(v["id"], safe=""), up.quote(v["kind"], safe="")) + ("?" + query if query else "")
        case("parameters %s %s %s %s" % (vars, query[:60], headers or "", body or ""), "shapes", "POST", path, url, items or None, "lax",
             body.encode() if body is not None else None, "application/json" if body is not None else None, h, difference, ours)

    for v in ("abc", "1.5", "-", "1e3", "9" * 4301, "\u00e9", "0x1", "1__0"):
        add({"id": v})
    for v in ("9223372036854775808", "1" + "0" * 30):
        add({"id": v}, difference="big-integers", ours=[
            item("int_parsing_size", ["path", "id"], "Unable to parse input string as an integer, exceeded maximum size", v)])
    for v in ("1.0", " 1", "1_000"):
        add({"id": v}, difference="converted-parameters", ours=[
            item("int_parsing", ["path", "id"], "Input should be a valid integer, unable to parse string as an integer", v)])
    add({"kind": "blue"})
    add({"kind": "RED", "id": "x"})
    for q in ("", "q=a", "q=abcde", "q=", "q=abc&page=x", "q=abc&page=0", "q=abc&page=", "q=abc&page=1.5", "q=abc&ratio=x", "q=abc&ratio=",
              "q=abc&flag=x", "q=abc&flag=2", "q=abc&flag=", "q=abc&sort=up", "q=abc&sort=", "q=abc&sort=ASC", "q=abc&ids=x", "q=abc&ids=1&ids=x&ids=2",
              "q=abc&ids=", "q=abc&since=x", "q=abc&since=", "q=abc&since=2024-13-01T00:00:00Z", "q=abc&day=x", "q=abc&day=2024-02-30", "q=abc&key=x",
              "q=abc&key=1-2", "q=abc&limit=x", "q=abc&limit=", "q=abc&limit=null", "q=abc&names=a&names=b&names=c",
              "page=x&sort=up&ids=x&flag=maybe&key=no&ratio=much"):
        add(query=q)
    for v in ("yes", "on", "n"):
        add(query="q=abc&flag=" + v, difference="converted-parameters", ours=[
            item("bool_parsing", ["query", "flag"], "Input should be a valid boolean, unable to interpret input", v)])
    for v in ("1e400", "inf", "nan"):
        add(query="q=abc&ratio=" + v, difference="infinite-numbers", ours=[
            item("finite_number", ["query", "ratio"], "Input should be a finite number", v)])
    add(headers={})
    add(headers={"X-Mode": "blue", "X-Count": "many"})
    add(headers={"X-Mode": "red", "X-Count": "1.5"})
    add(headers={"X-Mode": "red", "Cookie": "visits=often"})
    add({"id": "x", "kind": "y"}, "page=0&q=a", {"X-Mode": "z", "Cookie": "visits=often"}, body='{"age":-1,"x":1}')
    add({"id": "x"}, body='{"name":')
    for kind in BI:
        t = "/api/v1/lineage/bi/%s/{bi_datasource_id}/" % kind
        for v in ("abc", "1.5"):
            items = run(int, v, ("path", "bi_datasource_id"))
            found, mode = body_items(BI[kind], b"[]", "application/json")
            case("%s %s" % (kind, v), "datafold", "PUT", t, t.replace("{bi_datasource_id}", v), items + found, mode, b"[]", "application/json")
    for method, t in (("GET", "/api/v1/lineage/bi/{bi_datasource_id}/"), ("DELETE", "/api/v1/lineage/bi/{bi_datasource_id}/"),
                      ("GET", "/api/v1/lineage/bi/{bi_datasource_id}/sync/")):
        for v in ("abc", "1.5", "-"):
            case("%s %s" % (method, v), "datafold", method, t, t.replace("{bi_datasource_id}", v), run(int, v, ("path", "bi_datasource_id")), "lax")


def check_models(document):
    """The models above are those of the served document."""
    for model in [DataSourceBinding, *BI.values()]:
        want = document["components"]["schemas"][model.__name__]
        got = model.model_json_schema()
        assert list(want["properties"]) == list(got["properties"]), model
        assert want.get("required", []) == got.get("required", []), model


def main():
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
    with open(os.path.join(root, "gen", "datafold", "document.json")) as f:
        check_models(json.load(f))
    bodies()
    parameters()
    seen = {}
    for c in cases:
        seen[c["name"]] = seen.get(c["name"], 0) + 1
        if seen[c["name"]] > 1:
            c["name"] += " #%d" % seen[c["name"]]
    out = os.path.join(root, "server", "datafold", "testdata")
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "shapes.json"), "w") as f:
        json.dump(openapi(), f, indent=1, ensure_ascii=False)
        f.write("\n")
    head = {"pydantic": pydantic.VERSION, "python": "%d.%d" % sys.version_info[:2]}
    with open(os.path.join(out, "goldens.json"), "w") as f:
        f.write(json.dumps(head)[:-1] + ', "cases": [\n')
        f.write(",\n".join(json.dumps(c, allow_nan=False) for c in cases))
        f.write("\n]}\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
