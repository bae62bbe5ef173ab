"""How many users an A/B test needs, and which differences it finds: pure functions.

The difference of two means is taken as normal with the variance ``σ² / n₁ + σ² / n₂``. The chance
of a significant result in the wrong direction is left out; it is below 0.001 where it matters.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

from prismrec.errors import ConfigError
from prismrec.evaluation.compare import LEVEL

NORMAL = NormalDist()


def users_needed(
    effect: float,
    deviation: float,
    *,
    shares: Sequence[float] = (0.5, 0.5),
    alpha: float = LEVEL,
    power: float = 0.8,
) -> int:
    """Return the number of users, of control and variant together, at which an effect is found.

    ``n = (z_{1−α/2} + z_{power})² · σ² · (1/s₁ + 1/s₂) / effect²`` for shares that sum to 1.

    Args:
        effect: The difference of the means that should be found; its sign does not matter.
        deviation: Standard deviation of the value over users.
        shares: Shares of the users of control and variant; only their ratio matters.
        alpha: Level of the two-sided test.
        power: Probability that the effect is found.

    Raises:
        ConfigError: The effect is 0, or another value is out of its range.
    """
    if not (math.isfinite(effect) and effect):
        raise ConfigError(f"The effect is {effect}; give a difference other than 0.")
    factor = _factor(deviation, shares, alpha, power)
    return math.ceil((factor / effect) ** 2)


def smallest_effect(
    users: int,
    deviation: float,
    *,
    shares: Sequence[float] = (0.5, 0.5),
    alpha: float = LEVEL,
    power: float = 0.8,
) -> float:
    """Return the smallest difference that this number of users finds; see ``users_needed``.

    Raises:
        ConfigError: A value is out of its range.
    """
    if users < 2:
        raise ConfigError(f"The number of users is {users}; give 2 or more.")
    return _factor(deviation, shares, alpha, power) / math.sqrt(users)


def power_of(
    effect: float,
    deviation: float,
    users: int,
    *,
    shares: Sequence[float] = (0.5, 0.5),
    alpha: float = LEVEL,
) -> float:
    """Return the probability with which this number of users finds an effect.

    See ``users_needed`` for the arguments.

    Raises:
        ConfigError: A value is out of its range.
    """
    if users < 1 or not math.isfinite(effect):
        raise ConfigError(
            f"The effect is {effect} and the number of users {users}; give a finite effect, and 1 "
            "user or more."
        )
    factor = _factor(deviation, shares, alpha, 0.5)
    if factor == 0:
        return float(effect != 0)
    error = factor / NORMAL.inv_cdf(1 - alpha / 2)
    return NORMAL.cdf(abs(effect) * math.sqrt(users) / error - NORMAL.inv_cdf(1 - alpha / 2))


def _factor(deviation: float, shares: Sequence[float], alpha: float, power: float) -> float:
    """Return the effect that one user would find; it falls with the root of their number."""
    if not (0 <= deviation < math.inf and 0 < alpha < 1 and 0 < power < 1):
        raise ConfigError(
            f"The deviation is {deviation}, alpha {alpha} and power {power}; give a deviation of 0 "
            "or more, and alpha and power between 0 and 1."
        )
    if len(shares) != 2 or min(shares) <= 0:
        raise ConfigError(
            f"The shares are {tuple(shares)}; give two numbers above 0, such as 0.5, 0.5."
        )
    total = sum(shares)
    spread = deviation * math.sqrt(sum(total / share for share in shares))
    return (NORMAL.inv_cdf(1 - alpha / 2) + NORMAL.inv_cdf(power)) * spread
