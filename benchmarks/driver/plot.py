"""The results as pictures."""

import many
import report
import tables

try:
    import matplotlib

    matplotlib.use("svg")
    # Text as text, and the same names in each run.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "localsocket"})
    from matplotlib import pyplot
except ImportError:
    pyplot = None


def write(results, path):
    """A panel for each workload and pinning; whether it could be drawn."""
    if pyplot is None:
        print("\nno plots: need python3-matplotlib")
    if pyplot is None or not results["timed"]:
        return False
    pinnings = list(dict.fromkeys(section["pinning"] for section in results["timed"]))
    workloads = list(dict.fromkeys(section["workload"] for section in results["timed"]))
    figure, axes = pyplot.subplots(
        len(workloads), len(pinnings), squeeze=False, layout="constrained",
        figsize=(6 * len(pinnings), (0.5 + 0.17 * len(results["contenders"])) * len(workloads)))
    for section in results["timed"]:
        draw(axes[workloads.index(section["workload"])][pinnings.index(section["pinning"])], section)
    figure.suptitle("Time per operation, raw = 1 (median and quartiles of the rounds)")
    figure.savefig(path)
    pyplot.close(figure)
    return True


def draw(axes, section):
    rows = report.summary(section)
    absent = {name: "failed" for name in section["failed"]} | {name: "missing" for name in section["missing"]}
    names = [f"{name}  {row['ratio']:.2f}" for name, row in rows.items()]
    names += [f"{name} ({what})" for name, what in absent.items()]
    for place, row in enumerate(rows.values()):
        low, high = row["quartiles"]
        axes.plot([low, high], [place, place], color="tab:gray", linewidth=3, solid_capstyle="butt", alpha=0.6)
        axes.plot(row["ratio"], place, "o", color="tab:blue", markersize=4)
    axes.axvline(1, color="black", linewidth=0.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_title(f"{report.BY_KEY[section['workload']].title}, {section['pinning']}", fontsize=8)
    axes.tick_params(axis="x", labelsize=7)


def write_many(results, path):
    """What a server takes over the number of connections: a panel for each figure and size."""
    if pyplot is None or not results["many"]:
        return False
    sizes = list(dict.fromkeys(report.BY_KEY[section["workload"]].size for section in results["many"]))
    figure, axes = pyplot.subplots(2, len(sizes), squeeze=False, sharex=True, sharey="row", layout="constrained",
                                   figsize=(4.5 * len(sizes), 6))
    for place, size in enumerate(sizes):
        draw_many(axes[0][place], results, size, lambda row: row["server"] / 1000)
        draw_many(axes[1][place], results, size, lambda row: row["rate"] / 1000)
        axes[0][place].set_title(f"{size:,} B", fontsize=9)
        axes[1][place].set_xlabel("connections", fontsize=8)
    axes[0][0].set_ylabel("processor time of the server, µs a request", fontsize=8)
    axes[1][0].set_ylabel("thousand requests per second", fontsize=8)
    axes[0][0].legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return True


def write_frames(results, path):
    """The time of a frame over its size; a colour for each contender and a style for each kind."""
    if pyplot is None or not results["frames"]:
        return False
    lines = {}
    for section in results["frames"]:
        workload = report.BY_KEY[section["workload"]]
        for name, row in report.summary(section).items():
            lines.setdefault((workload.name, name), []).append((workload.size / 2**10, row["median"] / 1000))
    styles = dict(zip(tables.FRAME_KINDS, ("-", "-.", ":", "--")))
    colours = {contender.name: f"C{place}" for place, contender in enumerate(tables.FRAME_CONTENDERS)}
    figure, axes = pyplot.subplots(layout="constrained", figsize=(7, 4.5))
    for (kind, name), points in lines.items():
        axes.plot(*zip(*points), styles[kind], color=colours[name], marker="o", markersize=3, linewidth=1,
                  label=name + tables.FRAME_KINDS[kind])
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    sizes = sorted({size for points in lines.values() for size, _ in points})
    axes.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
    axes.set_xlabel("KiB", fontsize=8)
    axes.set_ylabel("µs a frame", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return True


def draw_many(axes, results, size, value):
    lines = {}
    for section in results["many"]:
        workload = report.BY_KEY[section["workload"]]
        for name, row in many.summary(section).items() if workload.size == size else ():
            lines.setdefault(name, []).append((workload.connections, value(row)))
    for name, points in lines.items():
        axes.plot(*zip(*points), marker="o", markersize=3, linewidth=1, label=name)
    axes.set_xscale("log")
    counts = sorted({point[0] for points in lines.values() for point in points})
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=7)
