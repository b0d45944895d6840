"""Many connections on one thread: what is counted and reported of them."""

import contextlib
import random
import statistics

import counting
import report
import timing
from processes import Failure
from tables import DRIVERS, IDLE, MANY_COUNTED, MANY_SERVERS

MARK = "many: "  # of the place in docs/benchmarks.md


def server_time(result):
    return result["server"] / result["operations"]


def request_time(result):
    return result["nanoseconds"] / result["operations"]


def measure(workload, runner, rounds, seed):
    """All servers are there at once and take short turns, so that what changes in the machine meets them all alike."""
    # A processor for the server whose turn it is and one for its client, where there are two.
    pinning, cpus = list(timing.pinnings().items())[-1]
    able, missing = timing.sections(workload, MANY_SERVERS, runner)
    failed, results = {}, []
    order = random.Random(seed)
    with contextlib.ExitStack() as running:
        clients = {}
        for contender in able:
            timing.progress(f"{workload.title}: starting {contender.name}")
            try:
                session = runner.in_turns(contender, workload, cpus, DRIVERS[workload.name])
                clients[contender.name] = running.enter_context(session)
            except (Failure, ValueError) as failure:
                failed[contender.name] = str(failure)
        for number in range(rounds):
            timing.progress(f"{workload.title}: round {number + 1} of {rounds}")
            results.append(take_turns(clients, failed, order))
    timing.progress()
    return {"workload": workload.key, "pinning": pinning, "rounds": results, "failed": failed, "missing": missing}


def take_turns(clients, failed, order):
    one = {}
    for name in order.sample(list(clients), len(clients)):
        try:
            one[name] = clients[name].take_turn(seconds=60)
        except (Failure, ValueError, OSError) as failure:
            failed[name] = str(failure)
            del clients[name]
    return one


def count(results, runner):
    results["many_system_calls"] = {
        workload.key: counting.system_calls(workload, MANY_SERVERS, runner, max(2_000, 100 * workload.connections))
        for workload in MANY_COUNTED}
    results["many_idle"] = counting.idle(MANY_SERVERS, runner)
    for workload in MANY_COUNTED:
        if part := results["many_system_calls"][workload.key]:
            report.print_table(part, f"system calls of a request, {workload.title}", ["server", "load"], "10.2f",
                               lambda row: [row["server"], row["client"]])
    if part := results["many_idle"]:
        report.print_idle(part)


def summary(section):
    """Medians of the rounds: figures, and ratios to raw in the same round."""
    rows = {}
    for name in section["rounds"][0]:
        if name in section["failed"] or not (of_raw := report.ratios(section, name, server_time)):
            continue
        results = [one[name] for one in section["rounds"]]
        slower = report.ratios(section, name, request_time)
        rows[name] = {
            "server": statistics.median(map(server_time, results)),
            "server ratio": statistics.median(of_raw),
            "quartiles": report.quartiles(of_raw),
            "rate": 1e9 / statistics.median(map(request_time, results)),
            "rate ratio": statistics.median(1 / ratio for ratio in slower),
            "p50": statistics.median(result["p50"] for result in results),
            "p99": statistics.median(result["p99"] for result in results),
        }
    order = [server.name for server in MANY_SERVERS]
    return dict(sorted(rows.items(), key=lambda row: order.index(row[0])))


def print_section(section):
    print(f"\nconnections and the size of a request: {report.BY_KEY[section['workload']].title}, on {section['pinning']}")
    columns = ["server", "ratio", "requests/s", "ratio", "p50", "p99"]
    print(f"  {'':16}" + "".join(f"{column:>12}" for column in columns) + "   quartiles of the server's")
    for name, row in summary(section).items():
        low, high = row["quartiles"]
        print(f"  {name:16}{row['server'] / 1000:>9.2f} µs{row['server ratio']:>12.3f}{row['rate']:>12,.0f}"
              f"{row['rate ratio']:>12.3f}{row['p50'] / 1000:>9,.0f} µs{row['p99'] / 1000:>9,.0f} µs"
              f"   {low:.3f} to {high:.3f}")
    report.print_absent(section)


def cells(row):
    """Of the three tables."""
    return [f"{row['server'] / 1000:.2f} ({row['server ratio']:.2f})",
            f"{row['rate'] / 1000:.1f} ({row['rate ratio']:.2f})",
            f"{row['p50'] / 1e6:.2f} / {row['p99'] / 1e6:.2f}"]


def markdown(results):
    """Tables of contenders by workloads, and one of what an idle connection takes."""
    if not results["many"]:
        return ""
    summaries = {report.BY_KEY[section["workload"]].title: summary(section) for section in results["many"]}
    parts = []
    titles = ["server, µs a request", "thousand requests/s", "p50 / p99, ms"]
    for place, title in enumerate(titles):
        lines = [[title, *summaries], ["---"] * (1 + len(summaries))]
        for server in MANY_SERVERS:
            lines.append([server.name, *(cells(rows[server.name])[place] if server.name in rows else "–"
                                         for rows in summaries.values())])
        parts.append(report.table(lines))
    parts.append(report.table(counted(results)))
    return "\n".join(parts)


def counted(results):
    """Lines: the system calls of a request, and an idle connection."""
    calls = {key: part for key, part in results["many_system_calls"].items() if part}
    lines = [["", *(f"system calls, {report.BY_KEY[key].title}" for key in calls), f"idle, of {IDLE.count:,}: bytes",
              "descriptors"]]
    lines.append(["---"] * len(lines[0]))
    idle = (results["many_idle"] or {}).get("counts", {})
    for server in MANY_SERVERS:
        line = [server.name]
        line += [f"{part['counts'][server.name]['server']:.2f}" if server.name in part["counts"] else "–"
                 for part in calls.values()]
        row = idle.get(server.name)
        lines.append([*line, f"{row['bytes']:,.0f}" if row else "–", f"{row['descriptors']:.0f}" if row else "–"])
    return lines
