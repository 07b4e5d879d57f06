"""The parser, which reads tokens into the trees of a template and of the definitions in it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from pyload.gotemplate import literals
from pyload.gotemplate.lexer import Token, TokenKind
from pyload.gotemplate.limits import MAX_NESTING
from pyload.gotemplate.nodes import (
    Action,
    Body,
    Bool,
    Branch,
    Break,
    Call,
    Chain,
    Command,
    Continue,
    Dot,
    Field,
    Identifier,
    If,
    Nil,
    Numeral,
    Operand,
    Pipe,
    Range,
    Source,
    Statement,
    String,
    Text,
    Tree,
    Variable,
    With,
)
from pyload.gotemplate.quoting import quote, unquote
from pyload.gotemplate.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Collection

_NUMBERS: Final = {
    TokenKind.CHARACTER: literals.character,
    TokenKind.COMPLEX: literals.pair,
    TokenKind.NUMBER: literals.number,
}
_STRINGS: Final = (TokenKind.STRING, TokenKind.RAW_STRING)
_OPERANDS: Final = (
    *_NUMBERS,
    *_STRINGS,
    TokenKind.BOOL,
    TokenKind.DOT,
    TokenKind.FIELD,
    TokenKind.IDENTIFIER,
    TokenKind.LEFT_PAREN,
    TokenKind.NIL,
    TokenKind.VARIABLE,
)
_CONSTANTS: Final = (Bool, Dot, Nil, Numeral, String)


def parse_trees(source: Source, functions: Collection[str]) -> dict[str, Tree]:
    """Read a text into the templates that it defines, itself among them under its own name.

    Args:
        source: The text, and the name that it has.
        functions: Names of the functions that it may call.

    Raises:
        TemplateError: It is malformed, or calls a function that there is not.
    """
    tokens = Tokens(source)
    try:
        return _Parser(source, functions, tokens).parse()
    except RecursionError as error:
        raise tokens.error("nested too deep") from error


class _Parser:
    def __init__(self, source: Source, functions: Collection[str], tokens: Tokens) -> None:
        self._source = source
        self._functions = functions
        self._tokens = tokens
        self._variables = ["$"]
        self._ranges = 0
        self._nesting = 0
        self._trees: dict[str, Tree] = {}

    # Statements.

    def parse(self) -> dict[str, Tree]:
        """Read everything."""
        body: list[Statement] = []
        while (token := self._tokens.next()).kind is not TokenKind.EOF:
            if token.kind is TokenKind.LEFT:
                start = self._tokens.index
                if self._tokens.skip().kind is TokenKind.DEFINE:
                    self._definition()
                    continue
                self._tokens.index = start
            self._tokens.back()
            node = self._text_or_action()
            if isinstance(node, Token):
                self._tokens.fail(f"unexpected {_mark(node)}")
            body.append(node)
        self._add(self._source.name, tuple(body))
        return self._trees

    def _definition(self) -> None:
        context = "define clause"
        name = self._string(self._tokens.skip(), context)
        self._tokens.expect(TokenKind.RIGHT, context)
        self._separate(name, context)

    def _separate(self, name: str, context: str) -> None:
        """Read the body of a definition, which sees no variables of what is around it."""
        variables, ranges = self._variables, self._ranges
        self._variables, self._ranges = ["$"], 0
        body, end = self._body()
        if end.kind is not TokenKind.END:
            self._tokens.fail(f"unexpected {_mark(end)} in {context}")
        self._add(name, body)
        self._variables, self._ranges = variables, ranges

    def _add(self, name: str, body: Body) -> None:
        tree = Tree(name, self._source, body)
        if name not in self._trees or self._trees[name].empty:
            self._trees[name] = tree
        elif not tree.empty:
            self._tokens.fail(f"template: multiple definition of template {quote(name)}")

    def _body(self) -> tuple[Body, Token]:
        """Read statements up to an ``{{end}}`` or ``{{else}}``; give its token too."""
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            self._tokens.fail(f"blocks and parentheses nested more than {MAX_NESTING} deep")
        body: list[Statement] = []
        while self._tokens.peek_past_space().kind is not TokenKind.EOF:
            node = self._text_or_action()
            if isinstance(node, Token):
                self._nesting -= 1
                return tuple(body), node
            body.append(node)
        raise self._tokens.error("unexpected EOF")

    def _text_or_action(self) -> Statement | Token:
        token = self._tokens.skip()
        if token.kind is TokenKind.TEXT:
            return Text(token.pos, token.text)
        if token.kind is not TokenKind.LEFT:
            self._tokens.unexpected(token, "input")
        self._tokens.action = token
        node = self._statement()
        self._tokens.action = None
        return node

    def _statement(self) -> Statement | Token:  # noqa: PLR0911 - one for each kind
        """Read one action; of ``{{end}}`` and ``{{else}}`` only their token."""
        token = self._tokens.skip()
        match token.kind:
            case TokenKind.BLOCK:
                return self._block()
            case TokenKind.BREAK | TokenKind.CONTINUE:
                return self._jump(token)
            case TokenKind.ELSE:
                if self._tokens.peek_past_space().kind not in (TokenKind.IF, TokenKind.WITH):
                    self._tokens.expect(TokenKind.RIGHT, "else")
                return token
            case TokenKind.END:
                self._tokens.expect(TokenKind.RIGHT, "end")
                return token
            case TokenKind.IF | TokenKind.WITH:
                return self._conditional(token.kind)
            case TokenKind.RANGE:
                return self._range()
            case TokenKind.TEMPLATE:
                return self._call()
        self._tokens.back()
        return Action(token.pos, self._pipeline("command", TokenKind.RIGHT))

    def _jump(self, token: Token) -> Statement:
        mark = f"{{{{{token.text}}}}}"
        if (found := self._tokens.skip()).kind is not TokenKind.RIGHT:
            self._tokens.unexpected(found, mark)
        if not self._ranges:
            self._tokens.fail(f"{mark} outside {{{{range}}}}")
        return Break(token.pos) if token.kind is TokenKind.BREAK else Continue(token.pos)

    def _conditional(self, kind: TokenKind) -> If | With:
        known = len(self._variables)
        branches: list[Branch] = []
        otherwise: Body = ()
        while True:
            pipe = self._pipeline(kind.value, TokenKind.RIGHT)
            body, end = self._body()
            branches.append(Branch(pipe, body))
            if end.kind is TokenKind.END:
                break
            if self._tokens.peek().kind is kind:
                self._tokens.next()
                continue
            otherwise = self._else()
            break
        del self._variables[known:]
        node = If if kind is TokenKind.IF else With
        return node(branches[0].pipe.pos, tuple(branches), otherwise)

    def _range(self) -> Range:
        known = len(self._variables)
        pipe = self._pipeline("range", TokenKind.RIGHT)
        self._ranges += 1
        body, end = self._body()
        self._ranges -= 1
        otherwise = self._else() if end.kind is TokenKind.ELSE else ()
        del self._variables[known:]
        return Range(pipe.pos, pipe, body, otherwise)

    def _else(self) -> Body:
        body, end = self._body()
        if end.kind is not TokenKind.END:
            self._tokens.fail(f"expected end; found {_mark(end)}")
        return body

    def _block(self) -> Call:
        context = "block clause"
        token = self._tokens.skip()
        name = self._string(token, context)
        pipe = self._pipeline(context, TokenKind.RIGHT)
        self._separate(name, context)
        return Call(token.pos, quote(name), name, pipe)

    def _call(self) -> Call:
        context = "template clause"
        token = self._tokens.skip()
        name = self._string(token, context)
        pipe = None
        if self._tokens.skip().kind is not TokenKind.RIGHT:
            self._tokens.back()
            pipe = self._pipeline(context, TokenKind.RIGHT)
        return Call(token.pos, quote(name), name, pipe)

    def _string(self, token: Token, context: str) -> str:
        if token.kind not in _STRINGS:
            self._tokens.unexpected(token, context)
        try:
            return unquote(token.text)
        except ValueError as error:
            self._tokens.fail(str(error))

    # Pipelines.

    def _pipeline(self, context: str, end: TokenKind) -> Pipe:
        pos = self._tokens.peek_past_space().pos
        variables, assign = self._declarations(context)
        commands: list[Command] = []
        while (token := self._tokens.skip()).kind is not end:
            if token.kind not in _OPERANDS:
                self._tokens.unexpected(token, context)
            self._tokens.back()
            commands.append(self._command())
        if not commands:
            self._tokens.fail(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], start=2):
            if isinstance(command.words[0], _CONSTANTS):
                self._tokens.fail(f"non executable command in pipeline stage {stage}")
        return Pipe(pos, variables, assign, tuple(commands))

    def _declarations(self, context: str) -> tuple[tuple[Variable, ...], bool]:
        """Read ``$x :=``, ``$x =`` or, in a range, ``$i, $x :=``; or leave what is there."""
        variables: list[Variable] = []
        while (token := self._tokens.peek_past_space()).kind is TokenKind.VARIABLE:
            start = self._tokens.index
            self._tokens.skip()
            mark = self._tokens.skip()
            if mark.kind not in (TokenKind.ASSIGN, TokenKind.DECLARE) and mark.text != ",":
                self._tokens.index = start
                break
            variables.append(Variable(token.pos, token.text))
            self._variables.append(token.text)
            if mark.text != ",":
                return tuple(variables), mark.kind is TokenKind.ASSIGN
            if context != "range" or len(variables) > 1:
                self._tokens.fail(f"too many declarations in {context}")
            after = self._tokens.peek_past_space().kind
            if after not in (TokenKind.VARIABLE, TokenKind.RIGHT, TokenKind.RIGHT_PAREN):
                self._tokens.fail("range can only initialize variables")
        return tuple(variables), False

    def _command(self) -> Command:
        words: list[Operand] = []
        pos = self._tokens.peek_past_space().pos
        while True:
            self._tokens.peek_past_space()
            operand = self._operand()
            if operand is not None:
                words.append(operand)
            token = self._tokens.next()
            if token.kind is TokenKind.SPACE:
                continue
            if token.kind in (TokenKind.RIGHT, TokenKind.RIGHT_PAREN):
                self._tokens.back()
            elif token.kind is not TokenKind.PIPE:
                self._tokens.unexpected(token, "operand")
            break
        return Command(pos, tuple(words))

    def _operand(self) -> Operand | None:
        node = self._term()
        if node is None or self._tokens.peek().kind is not TokenKind.FIELD:
            return node
        pos = self._tokens.peek().pos
        names: list[str] = []
        while self._tokens.peek().kind is TokenKind.FIELD:
            names.append(self._tokens.next().text[1:])
        if isinstance(node, Field):
            return Field(pos, (*node.names, *names))
        if isinstance(node, Variable):
            return Variable(pos, node.name, (*node.names, *names))
        if isinstance(node, _CONSTANTS):
            self._tokens.fail(f"unexpected . after term {quote(str(node))}")
        return Chain(pos, node, tuple(names))

    def _term(self) -> Operand | None:  # noqa: PLR0911 - one for each kind
        token = self._tokens.skip()
        match token.kind:
            case TokenKind.IDENTIFIER:
                return self._identifier(token)
            case TokenKind.DOT:
                return Dot(token.pos)
            case TokenKind.NIL:
                return Nil(token.pos)
            case TokenKind.VARIABLE:
                return self._variable(token)
            case TokenKind.FIELD:
                return Field(token.pos, (token.text[1:],))
            case TokenKind.BOOL:
                return Bool(token.pos, token.text == "true")
            case TokenKind.STRING | TokenKind.RAW_STRING:
                return String(token.pos, token.text, self._string(token, "operand"))
            case TokenKind.LEFT_PAREN:
                return self._parenthesized()
            case TokenKind.CHARACTER | TokenKind.COMPLEX | TokenKind.NUMBER:
                try:
                    return Numeral(token.pos, _NUMBERS[token.kind](token.text))
                except ValueError as error:
                    self._tokens.fail(str(error))
        self._tokens.back()
        return None

    def _parenthesized(self) -> Pipe:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            self._tokens.fail(f"blocks and parentheses nested more than {MAX_NESTING} deep")
        pipe = self._pipeline("parenthesized pipeline", TokenKind.RIGHT_PAREN)
        self._nesting -= 1
        return pipe

    def _identifier(self, token: Token) -> Identifier:
        if token.text not in self._functions:
            close = difflib.get_close_matches(token.text, self._functions, 1)
            fix = f"did you mean {close[0]}?" if close else ""
            self._tokens.fail(f"function {quote(token.text)} not defined", fix=fix)
        return Identifier(token.pos, token.text)

    def _variable(self, token: Token) -> Variable:
        if token.text not in self._variables:
            close = difflib.get_close_matches(token.text, self._variables, 1)
            fix = f"did you mean {close[0]}?" if close else ""
            self._tokens.fail(f"undefined variable {quote(token.text)}", fix=fix, at=token)
        return Variable(token.pos, token.text)


def _mark(token: Token) -> str:
    return f"{{{{{token.text}}}}}"
