"""Pages in a real browser."""

import json
import re
import shutil
import subprocess
from pathlib import Path

BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
# What the page looks like once it is laid out; the report itself has no script.
MEASURE = """<script>
const meet = (a, b) => {
  const [one, two] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
  return one.left < two.right && two.left < one.right
    && one.top < two.bottom && two.top < one.bottom;
};
const charts = [...document.querySelectorAll("svg.chart")].map(chart => {
  const frame = chart.getBoundingClientRect();
  const inside = box => box.left >= frame.left - 1 && box.right <= frame.right + 1
    && box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
  const shown = [...chart.querySelectorAll("text, .line, .dot, .cross")];
  return {
    title: chart.getAttribute("aria-label"), width: frame.width, height: frame.height,
    lines: [...chart.querySelectorAll(":scope > .line")].map(line => line.getTotalLength()),
    texts: [...chart.querySelectorAll("text")].map(text => text.textContent),
    overlapping: [...chart.querySelectorAll(".note")].filter((note, at, all) =>
      all.slice(0, at).some(other => meet(note, other))).map(note => note.textContent),
    outside: shown.filter(each => !inside(each.getBoundingClientRect())).map(e => e.outerHTML),
    colours: new Set([...chart.querySelectorAll(".line")].map(
      line => getComputedStyle(line).stroke + getComputedStyle(line).strokeDasharray)).size,
  };
});
const told = document.createElement("pre");
told.id = "measured";
told.textContent = JSON.stringify({charts, wider: document.documentElement.scrollWidth});
document.body.append(told);
</script>"""


def browse(page: Path, *options: str) -> str:
    """Open a page in a browser that cannot reach any network; what it printed."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert browser, "no chromium here: run scripts/install-system"
    command = [
        *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *("--proxy-server=127.0.0.1:9", f"--user-data-dir={page.parent / 'browser'}"),
        *options,
        page.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def measured(html: str, folder: Path, width: int = 1240) -> dict[str, object]:
    """How the page is laid out in a window of ``width`` pixels."""
    page = folder / "measured.html"
    page.write_text(html.replace("</body>", f"{MEASURE}</body>"))
    dom = browse(page, "--dump-dom", f"--window-size={width},2400")
    found = re.search(r'<pre id="measured">(.*?)</pre>', dom, re.DOTALL)
    assert found, dom[-500:]
    told: dict[str, object] = json.loads(
        found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    )
    return told
