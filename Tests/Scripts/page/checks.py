"""What must be so on the page."""
from browser import Page
from lively import Lively
from report import Skip, check, eventually
from scene import Traffic

WRONG = "not-the-token"


class Checks:
    def __init__(self, scene, browser, screenshots):
        self.scene, self.browser, self.screenshots = scene, browser, screenshots
        if screenshots:
            screenshots.mkdir(parents=True, exist_ok=True)

    def run(self):
        self.page = self.browser.open()
        self.at = Page(self.page, self.scene.pool)
        self.first, self.second = self.scene.names
        for title, body in [
                ("state, pool, backends, listener and loops are shown", self.begins),
                ("a session appears by itself, and goes", self.session_appears),
                ("curves move", self.curves_move),
                ("an update keeps the focus, the selection and each row", self.keeps_focus),
                ("a backend that goes down shows so, with its cause, and comes back", self.goes_down),
                ("without a token the dialog asks for it", self.asks_token),
                ("a wrong token is told in words and not kept", self.wrong_token),
                ("drain says how many sessions there are, and cuts none", self.drains),
                ("the token is held, and ready needs it no more", self.ready),
                ("drain for a time says when it goes back", self.drains_for_a_time),
                ("the token can be forgotten", self.forgets),
                ("by keys only: skip link, drain, ready, Escape", self.keys_only),
                ("sessions of a backend, by its number of sessions", self.sessions_of_backend),
                ("sessions by network, and a wrong duration in words", self.sessions_by_network),
                ("why of a session: sentences first, Escape goes back", self.why),
                ("an unknown session is told in words", self.unknown_session),
                ("a restart: grey since when, and back by itself", self.restarts),
                ("a hidden tab gives its connection back, and goes on when it is shown", self.hides),
                ("from 320 to 1920 px wide nothing is to be scrolled sideways", self.fits),
                ("dark and light differ, and reduced motion moves nothing", self.schemes),
                ("axe: light", lambda: self.accessible({})),
                ("axe: dark", lambda: self.accessible({"scheme": "dark"})),
                ("axe: a phone", lambda: self.accessible({"width": 390, "height": 844, "scheme": "dark"})),
                ("the console has no complaint", lambda: self.none(self.browser.complaints)),
                ("the content security policy has kept nothing back", lambda: self.none(self.browser.reports())),
                ("nothing is asked from elsewhere", lambda: self.none(self.browser.foreign))]:
            check(title, body)
            self.clean()
        if self.screenshots:
            check("screenshots", self.take_screenshots)

    def clean(self):
        """No check leaves a dialog, a search or clients to the next one."""
        self.page.evaluate("document.querySelectorAll('dialog[open]').forEach((each) => each.close())")
        self.page.evaluate("document.getElementById('search').reset()")
        self.scene.disconnect()

    @staticmethod
    def none(list):
        assert not list, f"{len(list)}: {'; '.join(dict.fromkeys(list))[:400]}"

    # Live figures

    def begins(self):
        self.at.says("#figures .state", self.scene.status()["state"])
        for name in self.scene.names:
            assert self.at.row(name).count() == 1
        assert self.page.locator("table.listeners tbody tr").count() == len(self.scene.status()["listeners"])
        assert self.page.locator("table.loops tbody tr").count() == len(self.scene.status()["loops"])
        eventually("no event", lambda: self.page.locator("table.events tbody tr").count() > 0)

    def session_appears(self):
        self.scene.connect(6)
        self.at.shows(self.first, "Sessions", "3")
        self.at.shows(self.second, "Sessions", "3")
        eventually("the overview has others", lambda: "6 /" in self.at.text("#figures"))
        self.scene.disconnect()
        self.at.shows(self.first, "Sessions", "0")

    def curves_move(self):
        traffic = Traffic(self.scene.port) if self.scene.is_ours else None
        if traffic:
            traffic.start()
        try:
            stroke = self.at.row(self.first).locator("td.bytes .stroke").first
            first = eventually("no curve", lambda: stroke.get_attribute("d"))
            eventually("the curve stands still", lambda: stroke.get_attribute("d") != first)
            eventually(lambda: self.at.cell(self.first, "Bytes to it, from it"),
                       lambda: "kB/s" in self.at.cell(self.first, "Bytes to it, from it") or "MB/s" in
                       self.at.cell(self.first, "Bytes to it, from it"))
        finally:
            if traffic:
                traffic.stop()

    def keeps_focus(self):
        self.at.button(self.first, "Drain").focus()
        self.page.evaluate("() => { window.kept = [document.activeElement, ...document.querySelectorAll('table.backends tr')];"
                           " getSelection().selectAllChildren(document.querySelector('table.backends th small')); }")
        selected = self.page.evaluate("getSelection().toString()")
        self.at.updates(3)
        assert self.page.evaluate("document.activeElement === kept[0]"), "the focus is elsewhere"
        assert self.page.evaluate("kept.every((each) => each.isConnected)"), "a row was rebuilt"
        assert selected and self.page.evaluate("getSelection().toString()") == selected, "the selection is gone"

    def goes_down(self):
        if not self.scene.is_ours:
            raise Skip("needs a backend of its own")
        self.scene.backends[1].down()
        try:
            self.at.shows(self.second, "State", "down")
            eventually(lambda: self.at.cell(self.second, "Last change"),
                       lambda: "refused" in self.at.cell(self.second, "Last change").lower())
            self.at.says("#announcer", f"{self.scene.pool}/{self.second}: down")
            eventually("no event", lambda: self.page.locator("table.events tr", has_text="backend-down").count() > 0)
            assert self.at.row(self.second).locator(".state svg path").get_attribute("d"), "no sign beside the word"
        finally:
            self.scene.backends[1].up()
        self.at.shows(self.second, "State", "up")

    # Changes

    def open_wish(self, name, title):
        self.at.button(name, title).click()
        assert self.page.locator("#wish").is_visible()

    def asks_token(self):
        self.open_wish(self.first, "Drain")
        assert self.page.locator("#wish-token input").is_visible()
        self.at.says("#wish-effect", "sessions")
        self.at.press("Enter")
        self.at.says("#wish-wrong", "token")
        self.at.press("Escape")
        assert not self.page.locator("#wish").is_visible()
        assert self.at.focused() == f"Drain {self.scene.pool}/{self.first}", f"the focus is at {self.at.focused()!r}"

    def wrong_token(self):
        self.open_wish(self.first, "Drain")
        self.page.locator("#wish-token input").fill(WRONG)
        self.at.press("Enter")
        self.at.says("#wish-wrong", "token")
        assert self.page.evaluate("sessionStorage.length") == 0, "it is kept"
        assert self.page.locator("#wish-token input").evaluate("(field) => field === document.activeElement && !field.value")
        assert self.scene.backend(self.first)["state"] == "up"
        return self.at.text("#wish-wrong")

    def drains(self):
        if self.scene.is_ours:
            self.scene.connect(6)
            self.at.shows(self.first, "Sessions", "3")
        self.open_wish(self.first, "Drain")
        self.page.locator("#wish-token input").fill(self.scene.token)
        self.at.press("Enter")
        self.at.says("#wish-effect", "3 sessions" if self.scene.is_ours else "sessions")
        self.at.says("#wish-effect", "drain")
        assert self.scene.backend(self.first)["state"] == "up", "the question has changed something"
        effect = self.at.text("#wish-effect")
        self.page.locator("#wish-do").click()
        self.at.shows(self.first, "State", "drain")
        self.at.says("#note", self.first)
        eventually("nobody is named", lambda: "by token" in self.at.row(self.first).inner_text())
        assert self.at.button(self.first, "Drain").get_attribute("aria-pressed") == "true"
        if self.scene.is_ours:
            assert all(self.scene.echoes(each) for each in self.scene.clients), "a session was cut"
            self.scene.connect(4)
            self.at.shows(self.second, "Sessions", "7")
            self.at.shows(self.first, "Sessions", "3")
        return effect

    def ready(self):
        self.at.says("#held", "Token held")
        self.open_wish(self.first, "Ready")
        assert not self.page.locator("#wish-token").is_visible()
        self.at.says("#wish-effect", "drain")
        self.page.locator("#wish-do").click()
        self.at.shows(self.first, "State", "up")
        assert self.at.button(self.first, "Ready").get_attribute("aria-pressed") == "true"

    def drains_for_a_time(self):
        self.open_wish(self.second, "Maintain")
        self.page.get_by_label("10 min", exact=True).check()
        self.at.says("#wish-effect", "10 min")
        self.page.locator("#wish-do").click()
        self.at.shows(self.second, "State", "maintain")
        eventually(lambda: self.at.row(self.second).inner_text(),
                   lambda: "goes back in 10 min" in self.at.row(self.second).inner_text())
        self.open_wish(self.second, "Ready")
        self.at.says("#wish-effect", "maintain")
        self.page.locator("#wish-do").click()
        self.at.shows(self.second, "State", "up")

    def forgets(self):
        self.page.locator("#forget").click()
        self.at.says("#held", "No token held")
        assert self.page.evaluate("sessionStorage.length") == 0
        self.open_wish(self.first, "Drain")
        assert self.page.locator("#wish-token input").is_visible()

    def keys_only(self):
        page = self.browser.open()
        at = Page(page, self.scene.pool)
        at.press("Tab")
        assert at.focused() == "Skip to the pools", f"the first is {at.focused()!r}"
        assert page.locator(".skip").evaluate("(link) => link.getBoundingClientRect().top >= 0"), "the skip link is not seen"
        at.press("Enter")
        self.tab_to(at, f"Drain {self.scene.pool}/{self.first}")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", f"the focus is not seen: outline {outline}"
        at.press("Enter")
        page.keyboard.type(self.scene.token)
        at.press("Enter")
        at.says("#wish-effect", "drain")
        eventually(at.focused, lambda: at.focused() == f"Drain {self.first}")
        # The focus goes round in the dialog, and by the arrow keys through the times.
        at.press("Shift+Tab", "Shift+Tab", "ArrowRight")
        assert page.evaluate("document.activeElement.value") == "300", page.evaluate("document.activeElement.outerHTML")
        at.says("#wish-effect", "5 min")
        at.press("Enter")
        at.shows(self.first, "State", "drain")
        assert at.focused() == f"Drain {self.scene.pool}/{self.first}", f"after the dialog it is at {at.focused()!r}"
        at.press("Shift+Tab", "Enter")
        at.says("#wish-effect", "drain")
        at.press("Escape")
        assert not page.locator("#wish").is_visible()
        assert self.scene.backend(self.first)["state"] == "drain", "Escape has carried it out"
        at.press("Enter")
        at.says("#wish-effect", "drain")
        at.press("Enter")
        at.shows(self.first, "State", "up")

    @staticmethod
    def tab_to(at, label):
        for _ in range(300):
            if at.focused() == label:
                return
            at.press("Tab")
        raise AssertionError(f"Tab does not lead to {label!r}")

    # Sessions

    def sessions_of_backend(self):
        if self.scene.is_ours:
            self.scene.connect(6)
            self.at.shows(self.first, "Sessions", "3")
        self.at.row(self.first).locator("td.sessions button").click()
        self.at.says("#found", "match")
        backends = self.page.locator('table.found td[data-title="Backend"]')
        eventually("no session", lambda: backends.count() > 0)
        assert all(f"{self.scene.pool}/{self.first}" in each for each in backends.all_inner_texts())
        if self.scene.is_ours:
            assert self.at.text("#found").startswith("3 match"), self.at.text("#found")

    def found_again(self):
        """Searches once more: sessions of the check before may still be about to end."""
        with self.page.expect_response(lambda each: "/v1/sessions?" in each.url) as answer:
            self.at.press("Enter")
        answer.value.finished()
        return self.at.text("#found")

    def sessions_by_network(self):
        if self.scene.is_ours:
            self.scene.connect(2)
        self.page.locator("#search [name=backend]").select_option("")
        self.page.locator("#search [name=client]").fill("127.0.0.0/8" if self.scene.is_ours else "0.0.0.0/0")
        wanted = "2 match" if self.scene.is_ours else " match"
        eventually(lambda: self.at.text("#found"), lambda: self.found_again().startswith(wanted) or not self.scene.is_ours)
        self.page.locator("#search [name=older]").fill("long")
        self.at.press("Enter")
        self.at.says("#found", "long")
        return self.at.text("#found")

    def why(self):
        if self.scene.is_ours:
            self.scene.connect(2)
        self.page.locator("#search button").click()
        button = self.page.locator("table.found button").first
        button.wait_for()
        button.click()
        sentence = self.page.locator("#why .sentence").first
        sentence.wait_for()
        assert self.page.locator("#why-text > :first-child").get_attribute("class") == "sentence", "no sentence at first"
        assert self.page.locator("#why table.plain").count() >= 1, "no pick and no attempts"
        self.at.press("Escape")
        assert button.evaluate("(each) => each === document.activeElement"), f"the focus is at {self.at.focused()!r}"
        return sentence.inner_text()

    def unknown_session(self):
        self.page.locator("#search [name=id]").fill("00000000000000ff")
        self.at.press("Enter")
        self.page.locator("#why .wrong").wait_for()
        answer = self.at.text("#why .wrong")
        self.at.press("Escape")
        return answer

    # The end of the stream

    def restarts(self):
        if not self.scene.is_ours:
            raise Skip("needs a balancer of its own")
        self.scene.connect(2)
        eventually("no session", lambda: "2 /" in self.at.text("#figures"))
        process = self.scene.process.pid
        self.scene.disconnect()
        self.scene.end()
        self.at.says("#lost", "No answer since")
        said = self.at.text("#lost")
        assert "UTC" in said, said
        assert self.page.evaluate("document.body.classList.contains('stale')")
        filter = "getComputedStyle(document.querySelector('main')).filter"
        eventually("it is not grey", lambda: "grayscale(1)" in self.page.evaluate(filter))
        assert self.page.title().startswith("no answer"), self.page.title()
        self.at.says("#announcer", "No answer since")
        self.scene.run()
        eventually("it does not come back", lambda: not self.page.locator("#lost").is_visible())
        assert not self.page.evaluate("document.body.classList.contains('stale')")
        assert self.scene.process.pid != process
        self.at.says("#process", f"process {self.scene.process.pid}")
        self.at.updates(3)
        assert "-" not in self.at.cell(self.first, "New sessions"), "a rate is below 0"
        return said

    def hides(self):
        page = self.browser.open()
        at = Page(page, self.scene.pool)
        # The minute that a tab may be hidden passes at once.
        page.evaluate("() => { const set = setTimeout; setTimeout = (body, time) => set(body, time === 60000 ? 1 : time); }")
        self.set_hidden(page, True)
        eventually(page.title, lambda: page.title().startswith("paused"))
        before = at.uptime()
        self.at.updates(2)
        assert at.uptime() == before, "it is updated while it is hidden"
        self.set_hidden(page, False)
        eventually(page.title, lambda: page.title().startswith(self.scene.status()["state"]))
        at.updates(2)
        assert not page.locator("#lost").is_visible()
        page.close()

    @staticmethod
    def set_hidden(page, is_hidden):
        page.evaluate("(isHidden) => { Object.defineProperty(document, 'hidden', {value: isHidden, configurable: true});"
                      " document.dispatchEvent(new Event('visibilitychange')); }", is_hidden)

    # Looks

    def fits(self):
        for width in [360, 320, 720, 1024, 1261, 1920]:
            page = self.browser.open(width, 740)
            at = Page(page, self.scene.pool)
            self.assert_fits(page, width)
            at.button(self.first, "Drain").click()
            self.assert_fits(page, width)
            box = page.locator("#wish").bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= width, f"the dialog is {box}"
            page.close()

    @staticmethod
    def assert_fits(page, width):
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"the page is {wide} px wide in a window of {width}"
        wider = page.evaluate(
            "[...document.querySelectorAll('.top, .figures, .panel, dialog[open]')].filter((each) =>"
            " each.scrollWidth > each.clientWidth + 1).map((each) => each.className || each.id)")
        assert not wider, f"wider than their place: {wider}"

    def schemes(self):
        ground = "getComputedStyle(document.body).backgroundColor"
        light, dark = (self.browser.open(scheme=each, motion="reduce") for each in ["light", "dark"])
        colours = [sum(int(each) for each in page.evaluate(ground)[4:-1].split(",")) for page in (light, dark)]
        assert colours[0] > 600 and colours[1] < 150, colours
        moving = light.evaluate(
            "[...document.querySelectorAll('*')].map((each) => getComputedStyle(each)).filter((each) =>"
            " parseFloat(each.transitionDuration) || each.animationName !== 'none').length")
        assert moving == 0, f"{moving} elements move"

    def accessible(self, how):
        page = self.browser.open(**how)
        at = Page(page, self.scene.pool)
        if self.scene.is_ours:
            self.scene.connect(2)
        at.updates(3)
        found = self.browser.violations(page)
        page.locator("#search button").click()
        page.locator("table.found button").first.click()
        page.locator("#why .sentence").first.wait_for()
        found += self.browser.violations(page)
        at.press("Escape")
        at.button(self.first, "Drain").click()
        page.locator("#wish-token input").fill(WRONG)
        at.press("Enter")
        at.says("#wish-wrong", "token")
        found += self.browser.violations(page)
        self.none(found)

    def take_screenshots(self):
        """Of a minute of traffic, in which a backend is drained and another one goes down: for the README."""
        lively = Lively(self.scene.program) if self.scene.is_ours else None
        if lively:
            lively.start()
        try:
            url = (lively or self.scene).url
            windows = {"page.png": self.browser.open(url=url), "page-phone.png": self.browser.open(390, 844, "dark", url=url)}
            at = Page(windows["page.png"], "web")
            begin = at.uptime()
            if lively:
                eventually("time stands still", lambda: at.uptime() - begin > 20, 40)
                lively.drain("mail", "mail1", 1800)
                eventually("time stands still", lambda: at.uptime() - begin > 48, 60)
                lively.servers["b5"].down()
            eventually("time stands still", lambda: at.uptime() - begin > 63, 90)
            for name, page in windows.items():
                page.screenshot(path=self.screenshots / name)
        finally:
            if lively:
                lively.stop()
        return ", ".join(f"{name} {(self.screenshots / name).stat().st_size} bytes" for name in windows)
