"""What shipping costs, by GoRules, and whether a migration kept the orders, by Datafold."""

import json
import time
import urllib.error
import urllib.request

FALLBACK = 4.90  # what shipping costs where no decision can be had


class Client:
    """Asks both services."""

    def __init__(self, gorules, gorules_token, datafold, datafold_key, pause=5.0):
        self.gorules, self.gorules_token = gorules, gorules_token
        self.datafold, self.datafold_key = datafold, datafold_key
        self.pause = pause  # seconds between two looks at a diff

    def fee(self, total):
        """What shipping an order costs."""
        url = self.gorules + "/api/projects/pricing/evaluate/fees.json"
        try:
            answer = self._call("POST", url, "Bearer " + self.gorules_token, self.evaluation(total))
        except urllib.error.URLError:
            return FALLBACK
        return answer["result"]["fee"]

    def evaluation(self, total):
        """What a decision is asked with."""
        return {"context": {"total": total}}

    def same(self, source, before, after):
        """Whether two tables of a source hold the same rows by their ids."""
        key = "Key " + self.datafold_key
        diff = self._call("POST", self.datafold + "/api/v1/datadiffs", key, {
            "data_source1_id": source, "data_source2_id": source,
            "table1": [before], "table2": [after], "pk_columns": ["id"],
        })
        while True:
            url = "%s/api/v1/datadiffs/%d/summary_results" % (self.datafold, diff["id"])
            summary = self._call("GET", url, key)
            if summary["status"] == "success":
                return summary["values"]["rows_with_differences"] == 0 and not any(summary["pks"]["exclusives"])
            if summary["status"] == "failed":
                raise RuntimeError("the diff %d failed" % diff["id"])
            time.sleep(self.pause)

    @staticmethod
    def _call(method, url, credential, body=None):
        request = urllib.request.Request(url, method=method, headers={"Authorization": credential})
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
