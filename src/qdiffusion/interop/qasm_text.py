"""OpenQASM's words and expressions."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

from qdiffusion.circuits.circuit import Angle
from qdiffusion.errors import UsageError

Value = float | Angle
T = TypeVar("T")

_TOKEN = re.compile(
    r"(?P<skip>\s+|//[^\n]*|/\*.*?\*/)"
    r"|(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)"
    r'|(?P<string>"[^"]*")'
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign>->|\*\*|[-+*/^()\[\]{},;@=])",
    re.DOTALL,
)
_CONSTANTS = {"pi": math.pi, "π": math.pi, "tau": math.tau, "τ": math.tau, "euler": math.e, "ℇ": math.e}
_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "arcsin": math.asin,
    "arccos": math.acos,
    "arctan": math.atan,
    "exp": math.exp,
    "log": math.log,
    "ln": math.log,
    "sqrt": math.sqrt,
}


@dataclass(frozen=True)
class Token:
    """A word of the text; `line` counts from 1 and does not make two tokens differ."""

    kind: str
    text: str
    line: int = field(compare=False)


def tokens_of(text: str) -> list[Token]:
    """The words of `text`, comments left out, an empty one at the end.

    Raises:
        UsageError: a character that OpenQASM's gates do not use.
    """
    tokens, at, line = [], 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise UsageError(f"Line {line} of the OpenQASM text has {text[at]!r}, which no gate statement uses.")
        if match.lastgroup != "skip":
            tokens.append(Token(str(match.lastgroup), match.group(), line))
        line += match.group().count("\n")
        at = match.end()
    return [*tokens, Token("end", "", line)]


class Cursor:
    """A place in a list of tokens, and what can be read from there."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        raise UsageError(f"Line {(token or self.next).line} of the OpenQASM text: {message}")

    def take(self, kind: str = "") -> Token:
        """The next token, which must be of the kind given."""
        token = self.next
        if kind and token.kind != kind:
            self.fail(f"expected a {kind}, found {token.text or 'the end'!r}.")
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def accept(self, text: str) -> bool:
        """Whether the next token reads `text`; if so it is taken."""
        is_next = self.next.kind != "string" and self.next.text == text
        if is_next:
            self.take()
        return is_next

    def expect(self, text: str) -> None:
        if not self.accept(text):
            self.fail(f"expected {text!r}, found {self.next.text or 'the end'!r}.")

    def _list(self, read: Callable[[], T]) -> list[T]:
        """What `read` reads, once or more, between commas."""
        items = [read()]
        while self.accept(","):
            items.append(read())
        return items

    def skip_past(self, text: str) -> list[Token]:
        """Takes everything up to and with `text`; returns it."""
        start = self.at
        while not self.accept(text):
            if self.take().kind == "end":
                self.fail(f"{text!r} is missing.")
        return self.tokens[start : self.at]


class Expressions(Cursor):
    """Expressions of constants and at most one symbol, in which they must be affine."""

    def __init__(self, tokens: list[Token], symbols: Mapping[str, Value | list[Angle]]) -> None:
        super().__init__(tokens)
        self.symbols = dict(symbols)

    def expression(self) -> Value:
        value = self._product()
        while self.next.text in ("+", "-"):
            minus = self.take().text == "-"
            other = self._product()
            value = self._sum(value, -other if minus else other)
        return value

    def whole(self) -> int:
        """An expression that is a whole number."""
        token, value = self.next, self.expression()
        if isinstance(value, Angle) or value != int(value):
            self.fail(f"expected a whole number, found {value}.", token)
        return int(value)

    def _product(self) -> Value:
        value = self._unary()
        while self.next.text in ("*", "/"):
            divide = self.take().text == "/"
            value = self._quotient(value, self._unary()) if divide else self._times(value, self._unary())
        return value

    def _unary(self) -> Value:
        if self.accept("-"):
            return -self._unary()
        return self._unary() if self.accept("+") else self._power()

    def _power(self) -> Value:
        base = self._atom()
        if self.next.text not in ("**", "^"):
            return base
        token = self.take()
        return self._computed(math.pow, token, base, self._unary())

    def _atom(self) -> Value:
        if self.accept("("):
            value = self.expression()
            self.expect(")")
            return value
        if self.next.kind == "number":
            return float(self.take().text)
        token = self.take("name")
        if token.text in self.symbols:
            return self._symbol(token)
        if token.text in _CONSTANTS:
            return _CONSTANTS[token.text]
        if token.text not in _FUNCTIONS:
            self.fail(f"{token.text!r} is not declared; declare it as `input float {token.text};`.", token)
        self.expect("(")
        argument = self.expression()
        self.expect(")")
        return self._computed(_FUNCTIONS[token.text], token, argument)

    def _symbol(self, token: Token) -> Value:
        value = self.symbols[token.text]
        if not isinstance(value, list):
            return value
        self.expect("[")
        index = self.whole()
        self.expect("]")
        if not -len(value) <= index < len(value):
            self.fail(f"{token.text} has {len(value)} elements, none at {index}.", token)
        return value[index]

    def _computed(self, function: Callable[..., float], token: Token, *arguments: Value) -> float:
        numbers = [self._number(argument) for argument in arguments]
        try:
            return function(*numbers)
        except (ValueError, OverflowError):
            self.fail(f"{token.text} of {numbers} is not a number.", token)

    def _sum(self, first: Value, second: Value) -> Value:
        if not isinstance(second, Angle):
            return first + second
        if isinstance(first, Angle):
            self.fail(f"{first} + {second} reads two parameters; an angle is affine in one, split the rotation.")
        return second + first

    def _times(self, first: Value, second: Value) -> Value:
        if not isinstance(second, Angle):
            return first * second
        if isinstance(first, Angle):
            self.fail(f"({first}) · ({second}) is a product of parameters; an angle is affine in one.")
        return second * first

    def _quotient(self, first: Value, second: Value) -> Value:
        divisor = self._number(second)
        if divisor == 0:
            self.fail("division by 0.")
        return first * (1 / divisor) if isinstance(first, Angle) else first / divisor

    def _number(self, value: Value) -> float:
        if isinstance(value, Angle):
            self.fail(f"{value} stands where only constants can; an angle is affine in its parameter.")
        return value
