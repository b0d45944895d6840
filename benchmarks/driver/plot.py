"""The ratios as a picture."""

import report

try:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot
except ImportError:
    pyplot = None


def write(results, path):
    """A panel for each workload and pinning; whether it could be drawn."""
    if pyplot is None:
        print("\nno plot: needs python3-matplotlib")
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
