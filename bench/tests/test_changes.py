"""What the verdicts of `bench/propagation` rest on: percentiles, goals, metrics, the page. Run: `bench/test`."""

import unittest

from changes import api, page, score, site


def change(routes: int, milliseconds: list[float], **more) -> dict:
    return {"routes": routes, "milliseconds": milliseconds, "sent_resources": len(milliseconds), "planes": 1,
            "stages_milliseconds": {"control plane, translate": 1.0, "data plane, bind": 0.0}, "controlplane_mib": 40.0, "dataplane_mib": 50.0, **more}


RESULTS = {
    "one_change": [change(50, [10.0] * 9 + [20.0]), change(2000, [14.0] * 99 + [200.0])],
    "at_once": {"routes": 2000, "accepting_seconds": 5.0, "served_after_seconds": 0.5, "status_after_seconds": 9.0},
    "endpoints": {
        "planes": 3, "seconds": 60.0, "changes_per_second": 100.0, "caught_up_after_seconds": 0.1, "nacks": 0.0,
        "gauge_milliseconds": [1.0, 2.0],
        "lags": [{"at_seconds": at, "milliseconds": [1.0, 20.0, 2.0]} for at in range(60)],
    },
    "idle": {"seconds": 600, "objects": 2002, "status_writes": 0, "status_calls_at_the_api_server": 0, "objects_changed": 0},
    "machine": {"CPU": "one"}, "commit": "c", "date": "d", "load_average": "0",
}


class Score(unittest.TestCase):
    def test_a_percentile_is_a_value_that_was_measured(self):
        values = [float(value) for value in range(1, 101)]
        self.assertEqual(score.spread(values), {"p50": 50.0, "p90": 90.0, "p99": 99.0, "max": 100.0})
        self.assertEqual(score.percentile([3.0], 0.01), 3.0)

    def test_goals_are_met_missed_or_not_measured(self):
        passed = {one["name"]: one["passed"] for one in score.verdicts(RESULTS)}
        missed = {name for name, verdict in passed.items() if verdict is False}
        self.assertEqual(missed, {"status"})
        self.assertNotIn(None, passed.values(), "every goal has a figure")
        self.assertEqual({one["passed"] for one in score.verdicts({})}, {None})

    def test_the_ratio_needs_both_ends_and_resources_are_for_each_plane(self):
        self.assertAlmostEqual(score.figures(RESULTS)["ratio"], 1.4)
        only = {"one_change": [change(2000, [14.0], sent_resources=3, planes=3)]}
        self.assertNotIn("ratio", score.figures(only))
        self.assertEqual(score.figures(only)["resources"], 1)

    def test_a_backlog_shows_in_the_last_third(self):
        growing = {**RESULTS["endpoints"], "lags": [{"at_seconds": at, "milliseconds": [10.0 + at]} for at in range(60)]}
        self.assertGreater(score.figures({"endpoints": growing})["backlog"], 2)
        self.assertEqual(score.figures(RESULTS)["backlog"], 1)

    def test_anything_that_is_written_while_idle_is_seen(self):
        for key in ("status_writes", "status_calls_at_the_api_server", "objects_changed"):
            self.assertEqual(score.figures({"idle": {**RESULTS["idle"], key: 2}})["writes"], 2)


class Metrics(unittest.TestCase):
    TEXT = 'a_total{x="1",y="2"} 3\na_total{x="2",y="2"} 4 # {trace_id="f"} 1\nb 5\n# HELP a_total 7\na_total_more 9\n'

    def test_series_are_summed_by_their_labels(self):
        self.assertEqual(api.total(self.TEXT, "a_total"), 7)
        self.assertEqual(api.total(self.TEXT, "a_total", x="2"), 4)
        self.assertEqual((api.total(self.TEXT, "b"), api.total(self.TEXT, "c")), (5, 0))


class Site(unittest.TestCase):
    def test_a_status_counts_when_it_is_that_of_the_newest_generation(self):
        def route(generation: int, observed: int, status: str = "True") -> dict:
            accepted = {"type": "Accepted", "status": status, "observedGeneration": observed}
            return {"metadata": {"generation": generation}, "status": {"parents": [{"conditions": [accepted]}]}}

        self.assertTrue(site.is_settled(route(2, 2)))
        self.assertFalse(site.is_settled(route(2, 1)))
        self.assertFalse(site.is_settled(route(2, 2, "False")))
        self.assertFalse(site.is_settled({"metadata": {"generation": 1}}))


class Page(unittest.TestCase):
    def test_the_page_tells_what_was_measured_from_what_the_issue_says(self):
        text = page.page(RESULTS)
        self.assertIn("| Clearway, 2,000 routes | 14.0 | 14.0 | 14.0 | 200.0 |", text)
        self.assertIn("| Envoy Gateway 1.9.1, 2,000 routes (issue 4) | 595 | 715 |  | 1,115 |", text)
        self.assertIn("| control plane, translate | 1.00 | 1.00 |", text)
        self.assertNotIn("bind", text)
        self.assertIn("9 s | <= 8 s | **missed** |", text)

    def test_a_page_of_one_part_says_that_the_rest_is_not_measured(self):
        part = {key: RESULTS[key] for key in ("idle", "machine", "commit", "date", "load_average")}
        self.assertIn("not measured", page.page(part))


if __name__ == "__main__":
    unittest.main()
