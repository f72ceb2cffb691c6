"""Debian's chromium with the page in it, and what it complains of."""
import importlib.util, os, pathlib, shutil
from playwright.sync_api import sync_playwright
from report import Skip, eventually

# What the browser itself says of an answer that is no success, or of none: checks provoke those.
EXPECTED = "Failed to load resource"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
# Each page keeps what its policy has kept it from.
WATCH = "window.reports = []; addEventListener('securitypolicyviolation', (each) => " \
        "reports.push(`${each.violatedDirective} ${each.blockedURI}`))"


def axe_script():
    for package in ["axe_playwright_python", "axe_core_python", "axe_selenium_python"]:
        if found := importlib.util.find_spec(package):
            if script := next(pathlib.Path(found.origin).parent.rglob("axe.min.js"), None):
                return script.read_text()
    return None


class Browser:
    """Windows on the page. Complaints of all of them are kept."""

    def __init__(self, url):
        self.url, self.complaints, self.foreign, self.pages = url, [], [], []
        self.axe = axe_script()

    def __enter__(self):
        self.playwright = sync_playwright().start()
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        self.chromium = self.playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        return self

    def __exit__(self, *_):
        self.chromium.close()
        self.playwright.stop()

    def open(self, width=1280, height=800, scheme="light", motion="no-preference", url=None):
        context = self.chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion=motion)
        context.set_default_timeout(15000)
        context.add_init_script(WATCH)
        page = context.new_page()
        page.on("console", lambda each: self.complain(each.type, each.text))
        page.on("pageerror", lambda each: self.complain("error", str(each)))
        page.on("request", lambda each: None if each.url.startswith((self.url, "data:")) else self.foreign.append(each.url))
        page.goto(url or self.url)
        page.wait_for_selector("table.backends tbody tr")
        self.pages.append(page)
        return page

    def complain(self, kind, text):
        if kind in ("error", "warning") and EXPECTED not in text:
            self.complaints.append(text)

    def reports(self):
        return [each for page in self.pages if not page.is_closed() for each in page.evaluate("reports")]

    def violations(self, page):
        """What axe finds in the page as it is now, a line each."""
        if not self.axe:
            raise Skip("no PyPI package with axe is installed")
        page.evaluate(self.axe)
        found = page.evaluate("(tags) => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", RULES)
        return [f"{each['id']}: {node['target']}" for each in found["violations"] for node in each["nodes"]]


class Page:
    """What an operator finds on the page."""

    def __init__(self, page, pool):
        self.page, self.pool = page, pool

    def row(self, name):
        return self.page.locator(f'article[aria-label="Pool {self.pool}"] tbody tr').filter(
            has=self.page.get_by_role("button", name=f"Drain {self.pool}/{name}", exact=True))

    def cell(self, name, title):
        return self.row(name).locator(f'td[data-title="{title}"]').inner_text()

    def button(self, name, title):
        return self.page.get_by_role("button", name=f"{title} {self.pool}/{name}", exact=True)

    def shows(self, name, title, text):
        return eventually(lambda: f"{name} has {title} {self.cell(name, title)!r}, not {text!r}",
                          lambda: text in self.cell(name, title))

    def text(self, selector):
        return self.page.locator(selector).inner_text()

    def says(self, selector, text):
        return eventually(lambda: f"{selector} says {self.text(selector)!r}, not {text!r}",
                          lambda: text.lower() in self.text(selector).lower())

    def focused(self):
        return self.page.evaluate("(() => { const one = document.activeElement;"
                                  " return one?.getAttribute('aria-label') ?? one?.textContent.trim().slice(0, 80); })()")

    def uptime(self):
        return self.page.evaluate("import(new URL('series.js', document.baseURI)).then((series) => series.now.time)")

    def updates(self, count):
        """Waits for so many further updates."""
        for _ in range(count):
            before = self.uptime()
            eventually("no update", lambda: self.uptime() != before)

    def press(self, *keys):
        for each in keys:
            self.page.keyboard.press(each)
