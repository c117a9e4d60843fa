"""The client with a mistake, which its fallback hides from every test of its own."""

import json

import fees


class Client(fees.Client):
    """Sends the context as JSON within JSON, which no service takes."""

    def evaluation(self, total):
        return {"context": json.dumps({"total": total})}
