// The client with a mistake, which its fallback hides from every test of its own.
import * as fees from "./fees.js";

/** Sends the context as JSON within JSON, which no service takes. */
export class Client extends fees.Client {
  protected override evaluation(total: number): unknown {
    return { context: JSON.stringify({ total }) };
  }
}
