// Evaluates decisions on the vendor's engine. Reads one JSON object per line from
// standard input and answers each with one line.
//
//   {"graph": ..., "input": ..., "trace": bool}      -> {"data": ...} or {"error": text}
//   {"expression": text, "unary": bool, "input": ...}  -> {"data": ...} or {"error": text}
//   {"graph": ..., "text": input as text, "ms": n}   -> {"nanos": per evaluation, "cpu": likewise}
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';

const { ZenEngine, evaluateExpressionSync, evaluateUnaryExpressionSync } = createRequire(process.argv[2])('@gorules/zen-engine');
const engine = new ZenEngine();
const decisions = new Map();

function decision(graph) {
  if (!decisions.has(graph)) {
    if (decisions.size > 20) decisions.clear();
    decisions.set(graph, engine.createDecision(Buffer.from(graph)));
  }
  return decisions.get(graph);
}

async function answer(request) {
  if (request.expression !== undefined) {
    const evaluate = request.unary ? evaluateUnaryExpressionSync : evaluateExpressionSync;
    return { data: evaluate(request.expression, request.input) ?? null };
  }
  const compiled = decision(request.graph);
  if (!request.ms) {
    const result = await compiled.safeEvaluate(request.input, { trace: request.trace });
    return result.success ? { data: result.data } : { error: String(result.error?.message ?? result.error).split('\n')[0] };
  }
  // As a service does: the input arrives as text, the answer leaves as text.
  const once = async () => JSON.stringify(await compiled.evaluate(JSON.parse(request.text)));
  await once();
  const used = process.cpuUsage();
  const begin = process.hrtime.bigint();
  const end = begin + BigInt(request.ms) * 1000000n;
  let count = 0;
  let now = begin;
  while (now < end) {
    await once();
    count++;
    now = process.hrtime.bigint();
  }
  const { user, system } = process.cpuUsage(used);
  return { nanos: Number(now - begin) / count, cpu: ((user + system) * 1000) / count };
}

for await (const line of createInterface({ input: process.stdin })) {
  let reply;
  try {
    reply = await answer(JSON.parse(line));
  } catch (error) {
    reply = { error: String(error?.message ?? error).split('\n')[0] };
  }
  process.stdout.write(JSON.stringify(reply) + '\n');
}
