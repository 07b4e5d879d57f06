"""The stream of tokens that the parser reads, and its errors with their places."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from pyload.errors import TemplateError
from pyload.gotemplate.lexer import Token, TokenKind, lex

if TYPE_CHECKING:
    from pyload.gotemplate.nodes import Source


class Tokens:
    """A position in the tokens of a text.

    Attributes:
        index: How many tokens have been taken; may be set back.
        action: The left delimiter of the action that is being read, or None.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lexer = lex(source.text)
        self._seen: list[Token] = []
        self.index = 0
        self.action: Token | None = None

    def next(self) -> Token:
        """Return the next token; must not be called after the end or an error."""
        if self.index == len(self._seen):
            self._seen.append(next(self._lexer))
        token = self._seen[self.index]
        self.index += 1
        return token

    def back(self) -> None:
        """Put the last token back."""
        self.index -= 1

    def peek(self) -> Token:
        """Return the next token without consuming it."""
        token = self.next()
        self.index -= 1
        return token

    def skip(self) -> Token:
        """Return the next token that is not white space."""
        while (token := self.next()).kind is TokenKind.SPACE:
            pass
        return token

    def peek_past_space(self) -> Token:
        """Consume white space, and return the next token without consuming it."""
        token = self.skip()
        self.index -= 1
        return token

    def expect(self, kind: TokenKind, context: str) -> Token:
        """Return the next token that is not white space, which must be of a kind."""
        token = self.skip()
        if token.kind is not kind:
            self.unexpected(token, context)
        return token

    def unexpected(self, token: Token, context: str) -> NoReturn:
        """Raise the error that a token does not belong where it is."""
        if token.kind is not TokenKind.ERROR:
            self.fail(f"unexpected {token} in {context}")
        extra = ""
        if self.action is not None and self.action.line != token.line:
            extra = f" started at {self._source.name}:{self.action.line}"
            if not token.text.endswith(" action"):
                extra = f" in action{extra}"
        self.fail(f"{token}{extra}")

    def fail(self, what: str, *, fix: str = "", at: Token | None = None) -> NoReturn:
        """Raise the error that something is wrong; see `error`."""
        raise self.error(what, fix=fix, at=at)

    def error(self, what: str, *, fix: str = "", at: Token | None = None) -> TemplateError:
        """Make the error that something is wrong.

        Args:
            what: What is wrong.
            fix: What to do about it.
            at: The token that is wrong; None for where the lexer stands, whose line is in the
                text in any case, as in Go's.
        """
        last = self._seen[-1] if self._seen else Token(TokenKind.EOF, 0, "EOF", 1)
        token = last if at is None else at
        _, column = self._source.place(token.pos)
        place = f"see column {column + 1}"
        if action := self._source.action(token.pos):
            place = f"{place}: {action}"
        return TemplateError(
            f"template: {self._source.name}:{last.line}: {what}",
            stage="parse",
            name=self._source.name,
            line=token.line,
            column=column,
            fix=f"{fix}; {place}" if fix else place,
        )
