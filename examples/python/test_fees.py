"""Run as: understudy run --seed ../world.yaml -- python3 -m unittest"""

import importlib
import os
import unittest

fees = importlib.import_module(os.environ.get("FEES_CLIENT", "fees"))


class FeesTest(unittest.TestCase):
    def setUp(self):
        self.client = fees.Client(
            os.environ["GORULES_URL"], os.environ["GORULES_TOKEN"],
            os.environ["DATAFOLD_HOST"], os.environ["DATAFOLD_API_KEY"], pause=0.05)

    def test_small_orders_pay_for_shipping(self):
        self.assertEqual(4.90, self.client.fee(50))

    def test_migration_keeps_orders(self):
        self.assertTrue(self.client.same(1, "orders", "orders_migrated"))


if __name__ == "__main__":
    unittest.main()
