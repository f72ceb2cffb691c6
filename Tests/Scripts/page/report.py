"""What was found, a line per check."""
import time, traceback

DEADLINE = 20
results = {"ok": 0, "FAILED": 0, "skipped": 0}
begun = time.monotonic()


class Skip(Exception):
    """The check makes no sense here, for this reason."""


def eventually(what, condition, seconds=DEADLINE):
    """Waits until `condition` holds, and returns its value; `what` says what was there instead."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")


def check(title, body):
    """Runs one check. The next ones run whatever it finds."""
    try:
        detail = body()
        verdict = "ok"
    except Skip as reason:
        verdict, detail = "skipped", str(reason)
    except Exception as fault:
        place = traceback.extract_tb(fault.__traceback__)
        here = next((each for each in reversed(place) if each.filename.endswith("checks.py")), place[-1])
        said = (str(fault) or type(fault).__name__).splitlines()[0][:300]
        verdict, detail = "FAILED", f"line {here.lineno}: {said}"
    results[verdict] += 1
    print(f"{verdict:8} {title}{f' ({detail})' if detail else ''}", flush=True)


def summary():
    return (f"\npage-test: {results['ok']} ok, {results['FAILED']} failed, {results['skipped']} skipped, "
            f"{time.monotonic() - begun:.0f} s")
