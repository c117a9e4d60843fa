// The part of a script's world that is JavaScript: the body of a function that is
// called in a new engine before the script. It takes what it needs of the language
// for itself (a script may change the rest) and is reached by nobody else.
const host = globalThis.__host;
const boot = globalThis.__boot;
delete globalThis.__host;
delete globalThis.__boot;

const { keys, defineProperty, getOwnPropertyDescriptor } = Object;
const { isArray } = Array;
const { stringify, parse } = JSON;
const { asIntN } = BigInt;
const { construct, apply } = Reflect;
const { isInteger } = Number;
const RealDate = Date, RealError = Error, RealPromise = Promise, RealMap = Map;
const split = String.prototype.split, includes = String.prototype.includes;
const mapGet = Map.prototype.get, mapSet = Map.prototype.set, mapHas = Map.prototype.has;
const setting = parse(host("setting"));

// An array of the engine's own, which a script cannot reach through Array.prototype.
const list = () => ({ __proto__: null, length: 0 });
const add = (l, v) => { l[l.length++] = v; };

// failure makes an error as the engine's own functions throw it, without frames.
const failure = (message) => {
  const e = new RealError(message);
  defineProperty(e, "stack", { value: "", writable: true, configurable: true });
  return e;
};

// visible leaves out the frames of this code, as far as their names tell: a script
// of version 1 has the same.
const visible = (stack) => {
  if (typeof stack !== "string") return stack === undefined || stack === null ? "" : `${stack}`;
  if (stack === "" || setting.version === 1) return stack;
  const lines = apply(split, stack, ["\n"]);
  let text = "";
  for (let i = 0; i < lines.length; i++) {
    const line = i + 1 < lines.length ? lines[i] + "\n" : lines[i];
    if (!apply(includes, line, [setting.frames]) && !apply(includes, line, ["at __host (native)"])) text += line;
  }
  return text;
};

// thrown makes an error that points at the caller of one of our functions.
const thrown = (message) => {
  const e = new RealError(message);
  defineProperty(e, "stack", { value: visible(e.stack), writable: true, configurable: true });
  return e;
};

const isError = (v) => v instanceof RealError;
const describe = (e) => {
  const message = e.message;
  return { message: message === undefined ? "" : `${message}`, stack: visible(e.stack) };
};

const isConstructor = (f) => {
  try {
    construct(RealMap, [], f);
    return true;
  } catch {
    return false;
  }
};

const MAX_DEPTH = 500;

// encode writes a value as the host reads it: JSON whose numbers keep what kind
// they were (a float that is not whole as it is, NaN by name).
const encode = (value, settled, pending) => {
  let count = 0;
  const write = (v, depth) => {
    if (++count > setting.maxValues) throw failure(`the result has more than ${setting.maxValues} values`);
    switch (typeof v) {
      case "undefined":
        return "null";
      case "boolean":
        return v ? "true" : "false";
      case "number":
        return `${v}`;
      case "bigint":
        return `${asIntN(64, v)}n`;
      case "string":
        return stringify(v);
      case "symbol":
        return '"[Symbol]"';
      case "function":
        return isConstructor(v) ? '"[Constructor]"' : '"[Function]"';
    }
    if (v === null) return "null";
    if (depth > MAX_DEPTH) throw failure(`a value nested deeper than ${MAX_DEPTH} levels, or within itself, cannot be converted`);
    if (isArray(v)) {
      let text = "[";
      for (let i = 0; i < v.length; i++) {
        if (i > 0) text += ",";
        text += write(v[i], depth + 1);
      }
      return text + "]";
    }
    if (isError(v)) {
      const { message, stack } = describe(v);
      return `{"message":${stringify(message)},"description":${stringify(`Error: ${message}\n${stack}`)}}`;
    }
    if (v instanceof RealPromise) {
      if (apply(mapHas, settled, [v])) return write(apply(mapGet, settled, [v]), depth + 1);
      add(pending, v);
      return "null";
    }
    const names = keys(v);
    let text = "{";
    for (let i = 0; i < names.length; i++) {
      if (i > 0) text += ",";
      text += stringify(names[i]) + ":" + write(v[names[i]], depth + 1);
    }
    return text + "}";
  };
  return write(value, 0);
};

// encodeSettled encodes a value once the promises within it are settled.
const encodeSettled = async (value) => {
  const settled = new RealMap();
  for (;;) {
    const pending = list();
    const text = encode(value, settled, pending);
    if (pending.length === 0) return text;
    for (let i = 0; i < pending.length; i++) apply(mapSet, settled, [pending[i], await pending[i]]);
  }
};

const encodeNow = (value) => {
  const pending = list();
  const text = encode(value, new RealMap(), pending);
  if (pending.length > 0) throw thrown("a promise cannot be a part of a context: await it");
  return text;
};

// What the vendor's engine calls the types of the language.
const typeName = (v) => {
  switch (typeof v) {
    case "boolean": return "bool";
    case "number": return isInteger(v) && v <= 2147483647 && v >= -2147483648 ? "int" : "f64";
    case "bigint": return "big_int";
    case "object": return v === null ? "null" : isArray(v) ? "array" : "object";
    default: return typeof v;
  }
};
const arity = (args, n) => {
  if (args.length < n) throw thrown(`Error calling function with ${args.length} argument(s) while ${n} where expected`);
};
const wantString = (v) => {
  if (typeof v !== "string") throw thrown(`Error converting from js '${typeName(v)}' into type 'string'`);
  return v;
};

// Asynchronous work of the host, by number, until it calls settle.
let operations = 0;
const waiting = new RealMap();
const start = (kind, payload) =>
  new RealPromise((resolve, reject) => {
    const id = ++operations;
    apply(mapSet, waiting, [id, { resolve, reject }]);
    host("start", id, kind, payload);
  });
const settle = (id, ok, text) => {
  const w = apply(mapGet, waiting, [id]);
  apply(RealMap.prototype.delete, waiting, [id]);
  if (!ok) return w.reject(failure(text));
  let v;
  try {
    v = text === "" ? undefined : parse(text);
  } catch (e) {
    return w.reject(failure(`${e.message}`));
  }
  w.resolve(v);
};

// --- the modules of the engine ---

const answer = (text) => {
  if (text[0] === "!") throw thrown(apply(String.prototype.slice, text, [1]));
  return parse(text);
};
const zen = {
  evaluateExpression(...args) {
    arity(args, 2);
    return answer(host("expression", wantString(args[0]), encodeNow(args[1])));
  },
  evaluateUnaryExpression(...args) {
    arity(args, 2);
    return answer(host("unary", wantString(args[0]), encodeNow(args[1])));
  },
  evaluate(...args) {
    arity(args, 2);
    const options = args[2];
    const trace = options !== null && typeof options === "object" && options.trace === true;
    return start("evaluate", `[${stringify(wantString(args[0]))},${trace},${encodeNow(args[1])}]`);
  },
};

const texts = (o) => {
  const out = { __proto__: null };
  if (o === undefined || o === null) return out;
  const names = keys(o);
  for (let i = 0; i < names.length; i++) {
    const v = o[names[i]];
    if (typeof v !== "string" && typeof v !== "number" && typeof v !== "boolean") {
      throw thrown("Error converting from js 'serde_json::Value' into type 'rust type': Value is not a string");
    }
    out[names[i]] = `${v}`;
  }
  return out;
};
const request = (method, withData) => (...args) => {
  arity(args, withData ? 2 : 1);
  const config = args[withData ? 2 : 1] ?? {};
  const body = withData ? args[1] : config.data;
  return start("http", stringify({
    __proto__: null,
    method,
    url: wantString(args[0]),
    headers: texts(config.headers),
    params: texts(config.params),
    auth: config.auth !== undefined && config.auth !== null,
    body: body === undefined ? "" : stringify(body) ?? "",
  }));
};
const http = {
  get: request("GET", false),
  head: request("HEAD", false),
  post: request("POST", true),
  patch: request("PATCH", true),
  put: request("PUT", true),
  delete: request("DELETE", false),
};

// The modules take them from here: a name that nobody meets by chance.
defineProperty(globalThis, Symbol.for("understudy.modules"), { value: { zen, http } });

// --- globals ---

const lines = (args, absent) => {
  let text = "[";
  for (let i = 0; i < args.length; i++) text += (i > 0 ? "," : "") + (stringify(stringify(args[i])) ?? absent);
  return text + "]";
};
class Console {
  log(...args) {
    if (setting.version === 1) host("log", lines(args, "null"));
    else if (setting.trace) host("log", lines(args, '""'));
  }
}
if (setting.version === 2) {
  defineProperty(Console.prototype, "sleep", {
    configurable: true,
    writable: true,
    value: function sleep(...args) {
      arity(args, 1);
      const ms = args[0];
      if (typeof ms !== "number") throw thrown(`Error converting from js '${typeName(ms)}' into type 'f64'`);
      if (ms < 0) throw thrown("Error converting from js 'f64' into type 'u64': Underflow");
      return start("sleep", `${ms}`);
    },
  });
}
const global = (name, value) => defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
global("console", new Console());
if (setting.version === 2) global("config", { iteration: setting.iteration, maxDepth: setting.maxDepth, trace: setting.trace });
if (typeof queueMicrotask === "undefined") {
  const then = Promise.prototype.then;
  global("queueMicrotask", function queueMicrotask(callback) { apply(then, RealPromise.resolve(), [() => { callback(); }]); });
}

// The present is the caller's.
const now = () => host("now");
const ownDate = new Proxy(RealDate, {
  construct(target, args, newTarget) {
    return construct(target, args.length === 0 ? [now()] : args, newTarget === ownDate ? target : newTarget);
  },
  apply: () => `${new RealDate(now())}`,
});
RealDate.now = function () { return now(); };
RealDate.prototype.constructor = ownDate;
global("Date", ownDate);
const started = now();
global("performance", { timeOrigin: started, now() { return now() - started; } });

// --- running a script ---

const rust = (s) => stringify(s);
const fail = (e) => {
  let kind = "other", message = "", stack = "";
  try {
    switch (typeof e) {
      case "string": message = `String(Ok(${rust(e)}))`; break;
      case "number": message = isInteger(e) ? `Int(${e})` : `Float(${e})`; break;
      case "boolean": message = `Bool(${e})`; break;
      case "undefined": message = 'Undefined"undefined"'; break;
      case "bigint": message = 'BigInt"BigInt"'; break;
      case "symbol": message = `Symbol(${rust(`${e.description}`)})`; break;
      case "function": message = isConstructor(e) ? "Constructor" : "Function"; break;
      default:
        if (e === null) kind = "null";
        else if (isError(e)) {
          kind = "error";
          ({ message, stack } = describe(e));
        } else {
          let text = "";
          try { text = encodeNow(e); } catch { text = "..."; }
          message = `${isArray(e) ? "Array" : "Object"}(${text})`;
        }
    }
    if (setting.version === 1 && kind === "other") {
      kind = "value";
      message = encodeNow(e);
    }
  } catch (inner) {
    kind = inner === null ? "null" : "error";
    message = "the thrown value cannot be told";
  }
  host("fail", kind, message, stack);
};

const withNodes = (input) => {
  if (input === null || typeof input !== "object") return input;
  let inner;
  const data = () => inner ??= parse(host("nodes"));
  const nodes = new Proxy({}, {
    get: (_, name) => data()[name],
    has: (_, name) => name in data(),
    ownKeys: () => keys(data()),
    getOwnPropertyDescriptor: (_, name) => getOwnPropertyDescriptor(data(), name),
  });
  defineProperty(input, "$nodes", { value: nodes, enumerable: true, configurable: true, writable: true });
  return input;
};

// runModule runs a script of version 2.
const runModule = async () => {
  try {
    const { handler } = await import(setting.name);
    if (typeof handler !== "function") {
      return host("fail", "plain", `Error converting from js '${typeName(handler)}' into type 'function'`, "");
    }
    const result = await handler(withNodes(parse(host("input"))), 5);
    host("done", await encodeSettled(result));
  } catch (e) {
    fail(e);
  }
};

// prepareScript gives a script of version 1, which the host runs, the main that ends it.
const helpers = { moment: undefined, dayjs: undefined, Big: undefined, env: {} };
const prepareScript = () => {
  global("now", now());
  const input = parse(host("input"));
  if (input !== null && typeof input === "object" && !isArray(input)) {
    defineProperty(input, "$nodes", { value: parse(host("nodes")), enumerable: true, configurable: true, writable: true });
  }
  global("main", () => {
    try {
      host("done", stringify(handler(input, helpers)) ?? "");
    } catch (e) {
      fail(e);
    }
  });
};

// absent stands for a library that is not there until it is used.
const absent = (message) => {
  const refuse = () => { throw thrown(message); };
  return new Proxy(function () {}, { get: refuse, apply: refuse, construct: refuse });
};
const library = async (name, use) => {
  try {
    use((await import(name)).default);
  } catch (e) {
    use(absent(host("absent", name, `${e.message}`)));
  }
};
const loadLibraries = async () => {
  if (setting.dayjs) await library("dayjs", (m) => { helpers.dayjs = helpers.moment = m; });
  if (setting.big) await library("big.js", (m) => { helpers.Big = m; });
  global("dayjs", helpers.dayjs);
  global("Big", helpers.Big);
  host("ready");
};

boot(settle, setting.version === 1 ? prepareScript : runModule, loadLibraries);
