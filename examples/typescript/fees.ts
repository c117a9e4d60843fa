// What shipping costs, by GoRules, and whether a migration kept the orders, by Datafold.

/** What shipping costs where no decision can be had. */
const fallback = 4.9;

export interface Services {
  gorules: string;
  gorulesToken: string;
  datafold: string;
  datafoldKey: string;
  /** Milliseconds between two looks at a diff. */
  pause?: number;
}

interface Summary {
  status: string;
  values?: { rows_with_differences: number };
  pks?: { exclusives: number[] };
}

/** Asks both services. */
export class Client {
  constructor(private readonly services: Services) {}

  /** What shipping an order costs. */
  async fee(total: number): Promise<number> {
    const url = `${this.services.gorules}/api/projects/pricing/evaluate/fees.json`;
    try {
      const answer = await call<{ result: { fee: number } }>("POST", url, `Bearer ${this.services.gorulesToken}`, this.evaluation(total));
      return answer.result.fee;
    } catch {
      return fallback;
    }
  }

  /** What a decision is asked with. */
  protected evaluation(total: number): unknown {
    return { context: { total } };
  }

  /** Whether two tables of a source hold the same rows by their ids. */
  async same(source: number, before: string, after: string): Promise<boolean> {
    const { datafold, datafoldKey, pause = 5000 } = this.services;
    const key = `Key ${datafoldKey}`;
    const diff = await call<{ id: number }>("POST", `${datafold}/api/v1/datadiffs`, key, {
      data_source1_id: source, data_source2_id: source,
      table1: [before], table2: [after], pk_columns: ["id"],
    });
    for (;;) {
      const summary = await call<Summary>("GET", `${datafold}/api/v1/datadiffs/${diff.id}/summary_results`, key);
      if (summary.status === "success") {
        return summary.values?.rows_with_differences === 0 && (summary.pks?.exclusives ?? []).every((n) => n === 0);
      }
      if (summary.status === "failed") {
        throw new Error(`the diff ${diff.id} failed`);
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

async function call<T>(method: string, url: string, credential: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Authorization: credential };
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
  }
  const answer = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (!answer.ok) {
    throw new Error(`${method} ${url}: ${answer.status}`);
  }
  return (await answer.json()) as T;
}
