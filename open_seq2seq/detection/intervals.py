"""What counts of rare events say about their rate, and how long one has to listen."""

from __future__ import annotations

from scipy import special

_TAIL = 0.025  # on each side of a 95 % interval
_ONE_SIDED = 0.95


def poisson_interval(n: int, hours: float) -> tuple[float, float]:
    """Return the exact 95 % interval of a rate per hour of which ``n`` events were counted.

    F. Garwood, Fiducial limits for the Poisson distribution, 1936. With chi-square quantiles the
    ends are half of those of 2 n and 2 n + 2 degrees of freedom; the gamma function's are the same.
    """
    low = special.gammaincinv(n, _TAIL) if n else 0.0
    return float(low) / hours, float(special.gammaincinv(n + 1, 1 - _TAIL)) / hours


def upper_bound(n: int, hours: float) -> float:
    """Return the rate per hour that ``n`` events show not to be exceeded, at 95 %, one-sided.

    Without an event that is 3 / hours, the rule of three.
    """
    return float(special.gammaincinv(n + 1, _ONE_SIDED)) / hours


def hours_needed(rate: float) -> float:
    """Return the hours without an event that show a rate per hour at 95 %."""
    return upper_bound(0, 1.0) / rate


def evidence(n: int, hours: float, wanted: float) -> str:
    """Return a sentence: what was counted, what that shows, and what the wanted rate needs."""
    bound = upper_bound(n, hours)
    counted = "1 false accept" if n == 1 else f"{n:,} false accepts"
    text = f"{counted} in {hours:.3g} h show at most {bound:.3g} per hour (95%)"
    if n == 1:
        text = text.replace(" show ", " shows ")
    if bound <= wanted:
        return f"{text}, which is within the {wanted:g} that are wanted"
    return f"{text}; {hours_needed(wanted):.3g} h without one are needed to show {wanted:g}"
