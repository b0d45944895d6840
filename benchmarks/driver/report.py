"""Figures and tables from the raw results."""

import statistics

from tables import IDLE, RAW, RAW_AGAIN, ROUND_TRIP, WORKLOADS

BY_KEY = {workload.key: workload for workload in WORKLOADS}


def cost(result):
    """Nanoseconds of one operation: the median of them where each was timed."""
    return result.get("p50") or result["nanoseconds"] / result["operations"]


def figure(nanoseconds, workload):
    if workload.figure == "us":
        return f"{nanoseconds / 1000:.2f} µs"
    if workload.figure == "GB/s":
        return f"{workload.size / nanoseconds:.2f} GB/s"
    return f"{1e9 / nanoseconds:,.0f}/s"


def ratios(section, name):
    """Time per operation over that of raw in the same round."""
    return [cost(one[name]) / cost(one[RAW.name]) for one in section["rounds"] if name in one and RAW.name in one]


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
        p99 = figure(row["p99"], workload) if row["p99"] else ""
        print(f"  {name:34}{figure(row['median'], workload):>15}{p99:>12}{row['ratio']:>9.2f}   {low:.2f} to {high:.2f}")
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
    if results.get("system_calls"):
        print(f"\nsystem calls of one {ROUND_TRIP.title}")
        print(f"  {'':34}{'server':>10}{'client':>10}{'together':>10}")
        for name, row in results["system_calls"]["counts"].items():
            print(f"  {name:34}{row['server']:>10.2f}{row['client']:>10.2f}{row['server'] + row['client']:>10.2f}")
        print_absent(results["system_calls"])
    if results.get("idle"):
        print(f"\none idle connection of {IDLE.count:,}, in the server")
        print(f"  {'':34}{'resident bytes':>15}{'descriptors':>15}")
        for name, row in results["idle"]["counts"].items():
            print(f"  {name:34}{row['bytes']:>15,.0f}{row['descriptors']:>15.2f}")
        print_absent(results["idle"])


def write_markdown(results, file):
    """One table for each pinning: contenders by workloads."""
    for pinning in dict.fromkeys(section["pinning"] for section in results["timed"]):
        of_this = [section for section in results["timed"] if section["pinning"] == pinning]
        summaries = [summary(section) for section in of_this]
        file.write(f"Time per operation on {pinning}, raw = 1:\n\n")
        header = [f"{pinning}"] + [BY_KEY[section["workload"]].title for section in of_this]
        file.write("| " + " | ".join(header) + " |\n|" + " --- |" * len(header) + "\n")
        for name in results["contenders"]:
            cells = [cell(name, *pair) for pair in zip(of_this, summaries)]
            file.write("| " + " | ".join([name] + cells) + " |\n")
        file.write("\n")


def cell(name, section, rows):
    if name in rows:
        return f"{rows[name]['ratio']:.2f}"
    return "failed" if name in section["failed"] else "missing" if name in section["missing"] else "–"


def failures(results):
    parts = [*results["timed"], results.get("system_calls") or {}, results.get("idle") or {}]
    return any(part.get("failed") for part in parts)
