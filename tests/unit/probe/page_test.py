# SPDX-License-Identifier: Apache-2.0
"""Goal: the page says what status.json says, to whoever has no JavaScript, too, and nothing of what
it is given is taken for markup."""
import unittest
from html.parser import HTMLParser

from probe.core import history, page, rules
from stories import LOST, NONE, OK, SLOW, START, told

VOID = {"meta", "link", "rect", "path", "br"}
DAY = history.DAYS_STEP_S


class Reader(HTMLParser):
    """Its text, and whether each element is closed where it should be."""

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.addresses = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for name, value in attrs if name in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def render(status):
    reader = Reader(page.render(status, "Status of Meet", 60, 180))
    assert reader.open == [], reader.open
    return reader


class Page(unittest.TestCase):
    def test_three_states(self):
        for verdict, words in ((OK, "Europe Operational"), (SLOW, "Europe Degraded"),
                               (LOST, "Europe Down")):
            self.assertIn(words, render(told([OK, verdict])).text)

    def test_headline(self):
        for verdicts, words in (
                ((OK, OK, OK), "All regions are operational"),
                ((OK, OK, SLOW), "c is degraded"),
                ((OK, LOST, SLOW), "b is down"),
                ((LOST, LOST, SLOW), "2 of 3 regions are down"),
                ((OK, OK, NONE), "2 of 3 regions are operational, nothing is known of the other"),
                ((NONE, NONE, NONE), "Nothing is known yet")):
            status = history.new()
            history.add(status, START, dict(zip("abc", verdicts)))
            self.assertEqual(page.headline(status), words)
            self.assertIn(words, render(status).text)

    def test_figures_reasons_incidents(self):
        text = render(told([OK, SLOW, LOST, LOST])).text
        self.assertIn("Join – 24 h mean 2.1 s", text)
        self.assertIn("First frame – 24 h mean 410 ms", text)
        self.assertIn(f"{rules.FAILURES['media']} Since 21 Sep 2026, 14:16 UTC", text)
        self.assertIn("Europe is down", text)
        self.assertIn("21 Sep 2026, 14:15 UTC and goes on · 2 minutes", text)
        self.assertIn("50 % uptime", text)
        self.assertIn("None in the last 90 days.", render(told([OK])).text)

    def test_nothing_from_elsewhere(self):
        self.assertEqual({each.split(",")[0] for each in render(told([OK])).addresses},
                         {"status.css", "status.js", "status.json", "data:image/svg+xml"})

    def test_no_markup_out_of_what_is_said(self):
        sharp = "<script>alert(1)</script>\"'&"
        status = told([rules.Verdict(rules.DOWN, "media", sharp)])
        history.add(status, START + 60, {"eu": rules.Verdict(rules.DOWN, "media", sharp)},
                    {"eu": sharp})
        text = page.render(status, sharp, 60, 180)
        self.assertNotIn("<script>", text)
        self.assertIn(sharp, Reader(text).text)


class Drawings(unittest.TestCase):
    def test_days(self):
        def row(rounds, degraded, down):
            return [0, rounds, degraded, down, 0, 0, 0, 0]
        for values, state in (((1440, 0, 0), rules.OPERATIONAL), ((1440, 14, 0), rules.OPERATIONAL),
                              ((1440, 15, 0), rules.DEGRADED), ((1440, 0, 1), rules.DEGRADED),
                              ((1440, 0, 15), rules.DOWN), ((1, 0, 1), rules.DOWN),
                              ((1, 0, 0), rules.OPERATIONAL)):
            self.assertEqual(page.day_state(row(*values)), state, values)
        self.assertEqual(page.day_state(None), rules.UNKNOWN)

    def test_a_bar_for_each_day(self):
        status = told([OK], start=START - 2 * DAY)
        told([LOST], start=START, status=status)
        text = page.bars(status["regions"][0], START)
        self.assertEqual(text.count("<rect"), 90)
        for state, count in ((rules.UNKNOWN, 88), (rules.OPERATIONAL, 1), (rules.DOWN, 1)):
            self.assertEqual(text.count(f'class="{state}"'), count)
        self.assertIn("of which 1 had an outage", text)
        self.assertLess(text.index('class="operational"'), text.index('class="down"'))
        self.assertIn("21 Sep: 0 % uptime", text)

    def test_a_line_breaks_where_nothing_was_measured(self):
        status = told([OK, OK, LOST, OK], step_s=history.MINUTES_STEP_S)
        text = page.sparkline(status["regions"][0], "join_ms", START + 3 * history.MINUTES_STEP_S)
        self.assertEqual((text.count("M"), text.count("L")), (2, 1))


class Words(unittest.TestCase):
    def test_percent_is_never_rounded_up(self):
        for share, words in ((1, "100 %"), (0.999999, "99.99 %"), (0.5, "50 %"), (0, "0 %"),
                             (0.9999, "99.99 %"), (0.29, "29 %")):
            self.assertEqual(page.percent(share), words)

    def test_span(self):
        for seconds, words in ((0, "1 minute"), (60, "1 minute"), (150, "2 minutes"),
                               (3600, "1 hour"), (7500, "2 hours 5 minutes"),
                               (90_000, "1 day 1 hour")):
            self.assertEqual(page.span(seconds), words)


if __name__ == "__main__":
    unittest.main()
