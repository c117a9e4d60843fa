// A server that does nothing but evaluate a decision on the vendor's engine, without
// looking at requests or answers: what a team would write to stand in for the API.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const { ZenEngine } = createRequire(process.argv[2])('@gorules/zen-engine');
const decision = new ZenEngine().createDecision(readFileSync(process.argv[3]));

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', async () => {
    try {
      const { context, trace } = JSON.parse(Buffer.concat(parts).toString());
      const text = JSON.stringify(await decision.evaluate(context, { trace }));
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
      response.end(text);
    } catch (error) {
      const text = JSON.stringify({ message: String(error) });
      response.writeHead(400, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
      response.end(text);
    }
  });
});
server.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
