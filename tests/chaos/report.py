"""The table of all experiments."""

import dataclasses
import json

COLUMNS = [
    ("experiment", lambda row: f"{row.number} {row.name}"),
    ("store", lambda row: row.store),
    ("jobs", lambda row: row.jobs),
    ("lost", lambda row: row.lost),
    ("finished twice", lambda row: row.finished_twice),
    ("calls over the limit", lambda row: row.over_limit),
    ("calls without a grant", lambda row: row.without_grant),
    ("attempts over max", lambda row: row.over_max),
    ("left in Redis", lambda row: row.left),
    ("seconds to drain", lambda row: row.drain_seconds if row.drain_seconds >= 0 else "never"),
    ("two jobs for a key", lambda row: row.doubled),
    ("failed (unexpected)", lambda row: f"{row.failed} ({row.unexpected})"),
    ("calls", lambda row: row.calls),
    ("POSTs 503 / 500 / no answer", lambda row: f"{row.refused} / {row.cut_off} / {row.unanswered}"),
    ("seconds", lambda row: row.seconds),
    ("kept", lambda row: verdict(row)),
]


def verdict(row):
    return "skipped" if row.skipped else "yes" if row.is_kept() else "NO"


def one_line(row):
    if row.skipped:
        return f"skipped  {row.number:2} {row.name} ({row.store}): {row.skipped}"
    return (f"{'kept  ' if row.is_kept() else 'BROKEN'}   {row.number:2} {row.name} ({row.store}): {row.jobs} jobs, "
            f"{row.lost} lost, {row.finished_twice} twice, {row.over_limit} over the limit, drained in "
            f"{row.drain_seconds} s, {row.seconds} s in all")


def evidence(row):
    """Why a row is broken; bounded where it is collected."""
    lines = [f"---- {row.number} {row.name} ({row.store}), everything in {row.folder}"]
    lines += row.problems
    lines += row.evidence
    return "\n".join(lines)


def markdown(rows):
    heads = [head for head, _ in COLUMNS]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        if row.skipped:
            lines.append(f"| {row.number} {row.name} | {row.store} | skipped: {row.skipped} |")
        else:
            lines.append("| " + " | ".join(str(value(row)) for _, value in COLUMNS) + " |")
    return "\n".join(lines) + "\n"


def write(rows, path):
    """The table as Markdown, and all that is known beside it as JSON."""
    path.write_text(markdown(rows))
    path.with_suffix(".json").write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")
