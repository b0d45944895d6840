"""Figures and tables from the raw results."""

import statistics

from tables import FRAMES, IDLE, MANY, RAW, RAW_AGAIN, ROUND_TRIP, WORKLOADS

BY_KEY = {workload.key: workload for workload in WORKLOADS + MANY + FRAMES}


def cost(result):
    """Nanoseconds of one operation: the median of them where each was timed."""
    return result.get("p50") or result["nanoseconds"] / result["operations"]


def figure(nanoseconds, workload):
    if workload.figure == "us":
        return f"{nanoseconds / 1000:.2f} µs"
    if workload.figure == "GB/s":
        return f"{workload.size / nanoseconds:.2f} GB/s"
    return f"{1e9 / nanoseconds:,.0f}/s"


def ratios(section, name, measure=cost):
    """Time per operation over that of raw in the same round."""
    return [measure(one[name]) / measure(one[RAW.name])
            for one in section["rounds"] if name in one and RAW.name in one]


def quartiles(values):
    if len(values) == 1:
        return values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def summary(section):
    """For each contender that ran in every round its ratio to raw, the quartiles of it, and the figures."""
    rows = {}
    for name in section["rounds"][0]:
        if name in section["failed"]:
            continue
        results = [one[name] for one in section["rounds"]]
        of_raw = ratios(section, name)
        if not of_raw:
            continue
        rows[name] = {
            "ratio": statistics.median(of_raw),
            "quartiles": quartiles(of_raw),
            "median": statistics.median(map(cost, results)),
            "p99": statistics.median(result["p99"] for result in results) if "p99" in results[0] else None,
        }
    return dict(sorted(rows.items(), key=lambda row: (row[0] != RAW.name, row[0] != RAW_AGAIN.name, row[1]["ratio"])))


def print_section(section):
    workload = BY_KEY[section["workload"]]
    print(f"\n{workload.title}, on {section['pinning']}")
    print(f"  {'':34}{'median':>15}{'p99':>12}{'ratio':>9}   quartiles")
    for name, row in summary(section).items():
        low, high = row["quartiles"]
        median = figure(row["median"], workload)
        p99 = figure(row["p99"], workload) if row["p99"] else ""
        print(f"  {name:34}{median:>15}{p99:>12}{row['ratio']:>9.2f}   {low:.2f} to {high:.2f}")
    again = ratios(section, RAW_AGAIN.name)
    if again:
        print(f"  noise floor, raw against itself: {min(again):.2f} to {max(again):.2f}")
    print_absent(section)


def print_absent(section):
    for name, reason in section["failed"].items():
        print(f"  {name:34}FAILED: {reason}")
    for name, reason in section["missing"].items():
        print(f"  {name:34}missing: {reason}")


def print_counts(results):
    if part := results.get("system_calls"):
        print_table(part, f"system calls of one {ROUND_TRIP.title}", ["server", "client", "together"], "10.2f",
                    lambda row: [row["server"], row["client"], row["server"] + row["client"]])
    if part := results.get("instructions"):
        raw = part["counts"].get(RAW.name, 0)
        print_table(part, "instructions outside the kernel of a write and a read that need not wait",
                    ["both", "a call more than raw"], "24.1f", lambda count: [count, (count - raw) / 2])
    if part := results.get("idle"):
        print_idle(part)


def print_idle(part):
    print_table(part, f"one idle connection of {IDLE.count:,}, in the server", ["resident bytes", "descriptors"],
                "16,.1f", lambda row: [row["bytes"], row["descriptors"]])


def print_table(part, title, columns, form, values):
    width = int(form.partition(".")[0].strip(","))
    print(f"\n{title}")
    print(f"  {'':34}" + "".join(f"{column:>{width}}" for column in columns))
    for name, row in part["counts"].items():
        print(f"  {name:34}" + "".join(f"{value:>{form}}" for value in values(row)))
    print_absent(part)


def markdown(results):
    """One table, contenders by workloads; in each cell the ratios on one processor / on two. Nothing without any."""
    if not results["timed"]:
        return ""
    keys = list(dict.fromkeys(section["workload"] for section in results["timed"]))
    of_key = {key: [(section, summary(section)) for section in results["timed"] if section["workload"] == key]
              for key in keys}
    lines = [["contender", *(BY_KEY[key].title for key in keys)], ["---"] * (1 + len(keys))]
    for name in results["contenders"]:
        lines.append([name, *(" / ".join(cell(name, *pair) for pair in of_key[key]) for key in keys)])
    return table(lines)


def table(lines):
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(name, section, rows):
    if name in rows:
        return f"{rows[name]['ratio']:.2f}"
    return "failed" if name in section["failed"] else "missing" if name in section["missing"] else "–"


def update_page(texts, page):
    """Puts each text that there is into a page, between the marks that docs/benchmarks.md has."""
    whole = page.read_text(encoding="utf-8")
    for mark, text in texts.items():
        begin, end = f"<!-- {mark}made by benchmarks/driver -->\n", "<!-- end -->\n"
        if text:
            before, _, rest = whole.partition(begin)
            whole = f"{before}{begin}{text}{end}{rest.partition(end)[2]}"
    page.write_text(whole, encoding="utf-8")


def failures(results):
    counts = [results.get(part) or {} for part in ("system_calls", "instructions", "idle", "many_idle")]
    counts += [part or {} for part in results.get("many_system_calls", {}).values()]
    return any(part.get("failed") for part in [*results["timed"], *results["many"], *results["frames"], *counts])
