"""The table of all figures, and on what they were measured."""

import json

COLUMNS = [
    ("scenario", lambda figure: figure.scenario),
    ("store", lambda figure: figure.store),
    ("what", lambda figure: figure.what),
    ("median", lambda figure: f"{number(figure.value())} {figure.unit}"),
    ("lowest .. highest", lambda figure: f"{number(min(figure.runs))} .. {number(max(figure.runs))}"),
    ("baseline", lambda figure: f"{number(figure.baseline_value())} ({figure.baseline})" if figure.baseline else ""),
    ("ratio", lambda figure: "" if figure.ratio() is None else f"{figure.ratio():.2f}"),
    ("target", lambda figure: target(figure)),
    ("met", lambda figure: {None: "", True: "yes", False: "NO"}[figure.is_met()]),
]


def number(value):
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def target(figure):
    bound, sign = (figure.at_most, "<=") if figure.at_least is None else (figure.at_least, ">=")
    return "" if bound is None else f"{sign} {bound:g}"


def line(figure):
    return "| " + " | ".join(read(figure) for _, read in COLUMNS) + " |"


def head():
    return "| " + " | ".join(name for name, _ in COLUMNS) + " |\n" + "|" + "---|" * len(COLUMNS)


def write(facts, figures, path):
    """Markdown, and all that is known beside it as JSON."""
    lines = [f"- {what}: {text}" for what, text in facts.items()] + ["", head()] + [line(figure) for figure in figures]
    path.write_text("\n".join(lines) + "\n")
    known = {"facts": facts, "figures": [figure.as_dict() for figure in figures]}
    path.with_suffix(".json").write_text(json.dumps(known, indent=1) + "\n")
