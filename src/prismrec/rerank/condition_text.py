"""Read conditions from a text, as the command line has them.

    parse_conditions("price<50 and region in DE,AT and not age_limit>=18 or missing")

    conditions   condition [and condition …]
    condition    [not] attribute comparison [or missing]   or   [not] attribute missing
    comparison   = value   != value   < <= > >= number     or   in value, value, …

A name or value that contains spaces at its ends, an operator, a comma or one of these words is
written in double quotes; inside them, a backslash comes before a quote or a backslash. A number is
a number, true and false are booleans, and anything in quotes is a text. Nothing is evaluated.
"""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from prismrec.errors import ConfigError
from prismrec.rerank.conditions import MAX_FACTOR, Boost, Condition, Missing, Value

LONGEST = 100_000
"""Largest number of characters of a text."""
WORDS = {"and", "or", "not", "in", "missing"}
HELP = "write for example price<50, region in DE,AT, sale=true, not age_limit>=18 or price missing"
_TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\["\\])*)"|(<=|>=|!=|[<>=,])|((?:[^\s<>=!,"]|!(?!=))+))')


class Token(NamedTuple):
    """A word, an operator or a quoted text."""

    text: str
    quoted: bool = False

    def is_word(self, *words: str) -> bool:
        """Return whether it is one of these words or operators, without quotes."""
        return not self.quoted and self.text.lower() in words

    @property
    def is_free(self) -> bool:
        """Whether it is a part of a name or a value."""
        return self.quoted or (
            self.text.lower() not in WORDS and not re.fullmatch("[<>=!,]+", self.text)
        )


def parse_conditions(text: str) -> tuple[Condition, ...]:
    """Return the conditions in a text.

    Raises:
        ConfigError: The text has another form, or a value is impossible.
    """
    parser = _Parser(text)
    return tuple(parser.conditions())


def parse_boost(text: str) -> Boost:
    """Return the boost in ``2: price<50``.

    Raises:
        ConfigError: The text has another form, or a value is impossible.
    """
    factor, _, conditions = text.partition(":")
    try:
        number = float(factor)
    except ValueError:
        raise ConfigError(
            f"{_shown(text)} is no boost; write a factor from {1 / MAX_FACTOR:g} to "
            f"{MAX_FACTOR:,g} and conditions, such as 2: price<50."
        ) from None
    return Boost(where=parse_conditions(conditions), factor=number)


class _Parser:
    """Reads the conditions of one text from its first token to its last."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(self._tokens())
        self.at = 0

    def conditions(self) -> Iterator[Condition]:
        """Yield the conditions."""
        yield self._condition()
        while self.at < len(self.tokens):
            self._expect("and")
            yield self._condition()

    def _condition(self) -> Condition:
        negated = self._take("not") is not None
        name = self._phrase().text
        if self._take("missing"):
            return Condition(attribute=name, missing="exclude" if negated else "only")
        operator = self._take("=", "!=", "<", "<=", ">", ">=", "in")
        if operator is None:
            raise self._wrong()
        values = [self._phrase()]
        while operator == "in" and self._take(","):
            values.append(self._phrase())
        missing: Missing = "exclude"
        if self._take("or"):
            self._expect("missing")
            missing = "include"
        if operator == "in":
            several = tuple(_value(token) for token in values)
            return Condition(attribute=name, any_of=several, missing=missing, negated=negated)
        return self._compared(name, operator, _value(values[0]), missing, negated=negated)

    def _compared(
        self, name: str, operator: str, value: Value, missing: Missing, *, negated: bool
    ) -> Condition:
        """Return the condition of an operator: each but =, <= and >= is a negation of one of these.

        Raises:
            ConfigError: A limit that is no number.
        """
        negated ^= operator in ("!=", "<", ">")
        if operator in ("=", "!="):
            return Condition(attribute=name, equals=value, missing=missing, negated=negated)
        if isinstance(value, bool | str):
            raise ConfigError(
                f"{_shown(self.text)} compares by {operator} with {value!r}, which is no number; "
                "give a number, such as 20240201 for a day, or use = or in."
            )
        least, most = (value, None) if operator in ("<", ">=") else (None, value)
        return Condition(attribute=name, min=least, max=most, missing=missing, negated=negated)

    def _tokens(self) -> Iterator[Token]:
        if len(self.text) > LONGEST:
            raise ConfigError(
                f"A condition has {len(self.text):,} characters; give at most {LONGEST:,}."
            )
        end, text = 0, self.text.rstrip()
        while end < len(text):
            match = _TOKEN.match(text, end)
            if match is None:
                raise self._wrong()
            end = match.end()
            quoted, operator, word = match.groups()
            if quoted is not None:
                yield Token(re.sub(r"\\(.)", r"\1", quoted), quoted=True)
            else:
                yield Token(operator or word)

    def _take(self, *words: str) -> str | None:
        """Return the next token and go on if it is one of these words; else None."""
        if self.at < len(self.tokens) and self.tokens[self.at].is_word(*words):
            self.at += 1
            return self.tokens[self.at - 1].text.lower()
        return None

    def _expect(self, word: str) -> None:
        if self._take(word) is None:
            raise self._wrong()

    def _phrase(self) -> Token:
        """Return a name or a value: a quoted text, or words up to the next operator."""
        words: list[Token] = []
        while self.at < len(self.tokens) and self.tokens[self.at].is_free:
            words.append(self.tokens[self.at])
            self.at += 1
        if not words or (len(words) > 1 and any(word.quoted for word in words)):
            raise self._wrong()
        return words[0] if len(words) == 1 else Token(" ".join(word.text for word in words))

    def _wrong(self) -> ConfigError:
        return ConfigError(f"{_shown(self.text)} is no condition; {HELP}.")


def _value(token: Token) -> Value:
    """Return a number, a boolean or a text."""
    if token.quoted:
        return token.text
    if token.is_word("true", "false"):
        return token.is_word("true")
    try:
        number = float(token.text)
    except ValueError:
        return token.text
    return number if math.isfinite(number) else token.text


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
