# SPDX-License-Identifier: Apache-2.0
"""status.json as a page: HTML that is whole without JavaScript. Pure. What is shown of time is that
of UTC; page/status.js puts it into the reader's, finds out whether it is old, and fetches the next
one. All styles are in page/status.css: the page's policy allows none inside it.
"""
import time
from html import escape

from probe.core import history, rules

DAY_RATIO = 0.01  # a quarter of an hour: from there on a day counts as one of an outage
INCIDENTS_SHOWN = 20

WORDS = {rules.OPERATIONAL: "Operational", rules.DEGRADED: "Degraded", rules.DOWN: "Down",
         rules.UNKNOWN: "Unknown"}
FIGURES = {"join_ms": "Join", "first_frame_ms": "First frame", "round_trip_ms": "Round trip"}
COLOURS = {rules.OPERATIONAL: "#15803d", rules.DEGRADED: "#d97706", rules.DOWN: "#dc2626",
           rules.UNKNOWN: "#64748b"}
BAR_WIDTH, BAR_STEP, BAR_HEIGHT = 4, 6, 32
SPARK_WIDTH, SPARK_HEIGHT = 288, 32

# Nothing but what lies beside the page.
POLICY = ("default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
          "img-src 'self' data:; base-uri 'none'; form-action 'none'")


# ---- Words ---------------------------------------------------------------------------------------


def moment(at, form="%-d %b %Y, %H:%M UTC"):
    machine = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    return f'<time datetime="{machine}">{time.strftime(form, time.gmtime(at))}</time>'


def span(seconds):
    """3 minutes, 2 hours 5 minutes, 1 day 3 hours."""
    minutes = max(1, round(seconds / 60))
    parts = []
    for size, name in ((1440, "day"), (60, "hour"), (1, "minute")):
        count, minutes = divmod(minutes, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts[:2])


def percent(share):
    """Never rounded up to what was not reached."""
    hundredths = int(share * 10000 + 1e-6)
    return f"{hundredths / 100:.2f}".rstrip("0").rstrip(".") + " %"


def headline(status):
    regions, state = status["regions"], history.worst(status)
    titles = [each["title"] for each in regions if each["state"] == state]
    if state == rules.UNKNOWN:
        return "Nothing is known yet"
    if state == rules.OPERATIONAL:
        unknown = len(regions) - len(titles)
        return "All regions are operational" if not unknown else (
            f"{len(titles)} of {len(regions)} regions are operational, nothing is known of "
            f"{'the other' if unknown == 1 else 'the others'}")
    if len(titles) == 1:
        return f"{titles[0]} is {state}"
    return f"{len(titles)} of {len(regions)} regions are {state}"


# ---- Drawings ------------------------------------------------------------------------------------


def day_state(row):
    """Of one day as a whole."""
    if row is None:
        return rules.UNKNOWN
    enough = DAY_RATIO * row[history.ROUNDS]
    if row[history.DOWN] >= enough:
        return rules.DOWN
    if row[history.DOWN] or row[history.DEGRADED] >= enough:
        return rules.DEGRADED
    return rules.OPERATIONAL


def _day_words(at, row):
    day = time.strftime("%-d %b", time.gmtime(at))
    if row is None:
        return f"{day}: no data"
    words = f"{day}: {percent(history.uptime([row]))} uptime"
    if row[history.DEGRADED]:
        share = row[history.DEGRADED] / row[history.ROUNDS]
        words += f", degraded for {percent(max(share, 0.0001))}"
    return words


def bars(region, at):
    """One bar a day, today's last."""
    step = history.DAYS_STEP_S
    rows = {row[history.AT]: row for row in region["days"]}
    first = at - at % step - (history.DAYS_KEPT - 1) * step
    drawn, bad = [], 0
    for i in range(history.DAYS_KEPT):
        row = rows.get(first + i * step)
        state = day_state(row)
        bad += state == rules.DOWN
        drawn.append(f'<rect class="{state}" x="{i * BAR_STEP}" width="{BAR_WIDTH}" '
                     f'height="{BAR_HEIGHT}" rx="1.5"><title>'
                     f"{escape(_day_words(first + i * step, row))}</title></rect>")
    label = f"The last {history.DAYS_KEPT} days, of which {bad or 'none'} had an outage"
    width = (history.DAYS_KEPT - 1) * BAR_STEP + BAR_WIDTH
    return (f'<svg class="bars" role="img" aria-label="{label}" preserveAspectRatio="none" '
            f'viewBox="0 0 {width} {BAR_HEIGHT}">{"".join(drawn)}</svg>')


def sparkline(region, name, at):
    """A figure over the last 24 hours; it breaks where nothing could be measured."""
    column = history.ROW.index(name)
    step = history.MINUTES_STEP_S
    first = at - at % step - (history.MINUTES_KEPT - 1) * step
    points = [((row[history.AT] - first) // step, row[column]) for row in region["minutes"]
              if row[history.MEASURED] and row[history.AT] >= first]
    top = max((value for _, value in points), default=0) or 1
    path, previous = [], None
    for x, value in points:
        y = SPARK_HEIGHT - 2 - round(value / top * (SPARK_HEIGHT - 4), 1)
        path.append(f"{'L' if previous == x - 1 else 'M'}{x} {y:g}")
        if previous != x - 1:
            path.append("h.1")  # a lone point is seen, too
        previous = x
    return (f'<svg class="spark" aria-hidden="true" preserveAspectRatio="none" '
            f'viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}"><path d="{"".join(path)}"/></svg>')


def icon(state):
    svg = ("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>"
           f"<circle cx='8' cy='8' r='7' fill='{COLOURS[state]}'/></svg>")
    return "data:image/svg+xml," + svg.replace("#", "%23").replace("<", "%3C").replace(">", "%3E")


# ---- Parts ---------------------------------------------------------------------------------------


def _mean(region, name):
    """Of the last 24 hours; None without any."""
    rows = region["minutes"]
    count = sum(row[history.MEASURED] for row in rows)
    column = history.ROW.index(name)
    return sum(row[column] * row[history.MEASURED] for row in rows) / count if count else None


def _figure(region, name, label, at):
    def words(value):
        return "–" if value is None else rules.duration(value).replace(" ", "\N{NO-BREAK SPACE}")

    return (f"<div><dt>{label}</dt><dd><b>{words(region[name])}</b>"
            f"{sparkline(region, name, at)}<small>24 h mean {words(_mean(region, name))}</small>"
            f"</dd></div>")


def _state(state):
    return f'<span class="state {state}">{WORDS[state]}</span>'


def _region(region, at):
    share = history.uptime(region["days"])
    uptime = "no data yet" if share is None else f"{percent(share)} uptime"
    why = ""
    if region["reason"]:
        why = f'<p class="why">{escape(region["reason"])} Since {moment(region["since"])}.</p>'
    figures = "".join(_figure(region, name, label, at) for name, label in FIGURES.items())
    return f"""
<article class="region">
<h3>{escape(region["title"])} {_state(region["state"])}</h3>
{why}{bars(region, at)}
<p class="scale"><span>{history.DAYS_KEPT} days ago</span><b>{uptime}</b><span>Today</span></p>
<dl>{figures}</dl>
</article>"""


def _incident(incident, titles, at):
    end = incident["end"]
    lasted = span((at if end is None else end) - incident["begin"])
    until = "and goes on" if end is None else f"to {moment(end)}"
    return f"""
<li class="{incident["state"]}">
<h3>{escape(titles[incident["region"]])} {"is" if end is None else "was"} {incident["state"]}</h3>
<p>{escape(incident["reason"])}</p>
<p class="when">{moment(incident["begin"])} {until} · {lasted}</p>
</li>"""


def _incidents(status, at):
    titles = {region["name"]: region["title"] for region in status["regions"]}
    shown = status["incidents"][:INCIDENTS_SHOWN]
    if not shown:
        return f"<p>None in the last {history.DAYS_KEPT} days.</p>"
    more = len(status["incidents"]) - len(shown)
    rest = f'<p>{more} more are in <a href="status.json">status.json</a>.</p>' if more else ""
    return f"<ol>{''.join(_incident(each, titles, at) for each in shown)}</ol>{rest}"


ABOUT = """
<details>
<summary>How this is measured</summary>
<p>A test call is made in every region, by somebody who is not part of it: one participant sends a
picture, another one receives it, both through that region's servers.</p>
<ul>
<li><b>Join</b>: from the request to a working media path.</li>
<li><b>First frame</b>: from a viewer's request to the first picture he sees.</li>
<li><b>Round trip</b>: to the server that carries media, and back.</li>
</ul>
<p>A region is <b>down</b> if a call and its repetition fail. It is <b>degraded</b> if one of them
fails, if a figure is above its limit, or if servers are missing. Uptime is the share of rounds that
did not find the region down. A day is drawn as an outage from 1 % of it on.</p>
</details>"""


def render(status, title, interval_s, stale_after_s):
    """The page of a status that has rounds; stale_after_s: age from which on it is called old."""
    at, state = status["generated_at"], history.worst(status)
    every = span(interval_s).removeprefix("1 ")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{escape(title)}: {escape(headline(status))}</title>
<link rel="icon" href="{icon(state)}">
<link rel="stylesheet" href="status.css">
<script src="status.js" defer></script>
</head>
<body>
<header><h1>{escape(title)}</h1></header>
<main data-generated="{at}" data-stale-after="{stale_after_s}">
<section class="overall {state}" aria-labelledby="overall">
<h2 id="overall">{escape(headline(status))}</h2>
<p>As of {moment(at)}, by a test call in each region every {every}.</p>
</section>
<p class="stale" role="alert" hidden>Nothing was reported since {moment(at)}, <b></b> ago: the probe
has stopped, or cannot publish. What follows is how things were then.</p>
<noscript><p class="stale">Without JavaScript this page cannot tell its age. If {moment(at)} was
more than {span(stale_after_s)} ago, what follows is old.</p></noscript>
<section aria-labelledby="regions">
<h2 id="regions">Regions</h2>{"".join(_region(region, at) for region in status["regions"])}
</section>
<section class="incidents" aria-labelledby="incidents">
<h2 id="incidents">Incidents</h2>
{_incidents(status, at)}
</section>
</main>
<footer>{ABOUT}
<p><a href="status.json">All of this as JSON</a></p>
</footer>
</body>
</html>
"""
