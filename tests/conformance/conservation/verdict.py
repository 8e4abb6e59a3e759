"""What the evidence of a run says: the numbers, every difference, and a proof that a difference would have been seen. Pure.

Called by `tests/conformance/compare`.
"""

from copy import deepcopy
from dataclasses import dataclass

from .books import sums
from .evidence import MIRRORED, REQUESTS, Evidence, total
from .pairing import pair


@dataclass
class Verdict:
    """Kinds of exchanges with their number, sums by name, and what does not agree."""

    kinds: dict
    numbers: dict
    differences: list


def judge(evidence: Evidence) -> Verdict:
    """Compares everything with everything."""
    pairs = pair(evidence.exchanges, evidence.lines)
    numbers, wrong = sums(evidence)
    numbers = {"exchanges": len(evidence.exchanges), "scrapes": sum(one.scrapes for one in evidence.counts)} | numbers
    numbers["mirrored copies"] = total(evidence.counts, MIRRORED)
    nothing = [] if pairs.joined else ["no exchange has a line: nothing was compared"]
    return Verdict(dict(pairs.kinds), numbers, evidence.problems + nothing + pairs.differences + wrong)


def without(evidence: Evidence, what: str) -> Evidence:
    """The same evidence with one thing less: what a gateway that loses one would have left."""
    less = Evidence(evidence.exchanges[:], evidence.lines[:], evidence.spans[:], deepcopy(evidence.counts), evidence.problems)
    if what == "line":
        less.lines.pop(len(less.lines) // 2)
    elif what == "span":
        less.spans.pop(len(less.spans) // 2)
    elif what == "exchange":
        answered = [at for at, exchange in enumerate(less.exchanges) if exchange.get("code")]
        less.exchanges.pop(answered[len(answered) // 2])
    else:
        gained = next(one.gained for one in less.counts if total([one], REQUESTS))
        gained[next(key for key in gained if key[0] == REQUESTS)] -= 1
    return less


def unseen(evidence: Evidence) -> list:
    """Of a line, a span, an exchange and a count: those whose loss would not be noticed. Empty when the comparison works."""
    return [what for what in ("line", "span", "exchange", "count") if not judge(without(evidence, what)).differences]


def page(verdict: Verdict) -> str:
    """The verdict for people."""
    out = ["exchanges of the suite, by kind"]
    out += [f"  {count:6d}  {kind}" for kind, count in sorted(verdict.kinds.items())]
    out += ["sums"] + [f"  {number:6d}  {name}" for name, number in verdict.numbers.items()]
    out += [f"DIFFERENCE {one}" for one in verdict.differences]
    return "\n".join(out)
