"""Small mistakes in a file of C: what they are and where they can be made.

Reads tokens, not grammar: code that clang-format laid out needs no more. A mistake never changes the number of lines,
so that what __LINE__ says stays. Strings, comments, the preprocessor and CHECK(...) are left alone: who weakens an
assertion of right code changes nothing.
"""

import re
from typing import NamedTuple

TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/|^[ ]*\#(?:\\\n|[^\n])*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
      |(?P<number>\d[\w.]*)
      |(?P<word>\w+)
      |(?P<sign>->|\+\+|--|<<=?|>>=?|\.\.\.|[-+*/%&|^=!<>]=|&&|\|\||.)""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
SWAPPED = {
    "==": ["!="],
    "!=": ["=="],
    "<": ["<=", ">="],
    "<=": ["<", ">"],
    ">": [">=", "<="],
    ">=": [">", "<"],
    "&&": ["||"],
    "||": ["&&"],
    "true": ["false"],
    "false": ["true"],
}
ARITHMETIC = {"+": "-", "-": "+"}
CONTROLS = ("if", "while", "for", "switch")
ASSERTIONS = ("CHECK", "static_assert", "_Static_assert")
CONSTANT = re.compile(r"(?!SQLITE_STATIC)([A-Z][A-Z0-9]*)_[A-Z0-9_]+")  # SQLITE_STATIC is a pointer
GOES_ON = {"(", "=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", "++", "--", ".", "->", "["}


class Token(NamedTuple):
    text: str
    start: int
    end: int
    kind: str


class Mistake(NamedTuple):
    line: int
    what: str
    was: str  # the lines it touches, without their indentation: with `now` what it is known by
    now: str
    edits: list  # (start, end, replacement) in the file's text


def read_tokens(source):
    """The tokens that matter; a string stands as an empty one, so that what is beside it stays apart."""
    return [
        Token(match.group(), match.start(), match.end(), match.lastgroup)
        for match in TOKEN.finditer(source)
        if match.lastgroup != "skip" or match.group()[0] in "\"'"
    ]


def match_brackets(tokens):
    """Of each opening token the index of its closing one, and the other way round."""
    partner, open_ones = {}, []
    for i, token in enumerate(tokens):
        if token.text in ("(", "[", "{"):
            open_ones.append(i)
        elif token.text in (")", "]", "}"):
            partner[i] = open_ones.pop()
            partner[partner[i]] = i
    return partner


def asserted(tokens, partner):
    inside = set()
    for i, token in enumerate(tokens[:-1]):
        if token.text in ASSERTIONS and tokens[i + 1].text == "(":
            inside.update(range(i, partner[i + 1] + 1))
    return inside


def other_number(text):
    digits = re.match(r"0[xX][0-9a-fA-F]+|\d+", text).group()
    suffix = text[len(digits) :]
    if suffix.strip("uUlL"):
        return None  # a fraction
    if digits in ("0", "1"):
        return ("1" if digits == "0" else "0") + suffix
    if digits[:2] in ("0x", "0X"):
        return hex(int(digits, 16) + 1) + suffix
    if digits[0] == "0":
        return "0" + oct(int(digits, 8) + 1)[2:] + suffix
    return str(int(digits) + 1) + suffix


def other_constants(tokens):
    """For each constant of the file the next one of its family: STATUS_OK -> STATUS_REFUSED."""
    families = {}
    for i, token in enumerate(tokens):
        match = CONSTANT.fullmatch(token.text)
        called = i + 1 < len(tokens) and tokens[i + 1].text == "("
        if match and not called:
            families.setdefault(match.group(1), set()).add(token.text)
    other = {}
    for family in families.values():
        names = sorted(family)
        if len(names) > 1:
            other.update(zip(names, names[1:] + names[:1]))
    return other


def is_value(token):
    return token.kind in ("word", "number") and token.text != "return" or token.text in (")", "]")


def token_edits(tokens, partner):
    constants = other_constants(tokens)
    for i, token in enumerate(tokens):
        replacements = list(SWAPPED.get(token.text, []))
        if token.text in ARITHMETIC and is_value(tokens[i - 1]):
            replacements.append(ARITHMETIC[token.text])
        elif token.kind == "number":
            is_size = tokens[i - 1].text == "[" and tokens[i + 1].text == "]" and token.text not in ("0", "1")
            replacements += [] if is_size else [other_number(token.text)]
        elif token.text in constants:
            replacements.append(constants[token.text])
        for now in filter(None, replacements):
            yield i, f"{token.text} -> {now}", [(token.start, token.end, now)]
        if token.text in ("if", "while") and tokens[i + 1].text == "(":
            first, last = tokens[i + 1], tokens[partner[i + 1]]
            yield i, f"{token.text} not", [(first.end, first.end, "!("), (last.start, last.start, ")")]


def begins_statement(tokens, partner, i):
    before = tokens[i - 1].text
    if before == ")":
        opening = partner[i - 1]
        return tokens[opening - 1].text in CONTROLS
    if before == ":":
        return tokens[i - 2].text == "default" or tokens[i - 3].text == "case"
    return before in (";", "{", "}", "else", "do")


def end_of_statement(tokens, partner, i):
    while i < len(tokens) and tokens[i].text != ";":
        if tokens[i].text in ("}", ")", "]"):
            return None
        i = partner.get(i, i) + 1
    return i if i < len(tokens) else None


def can_go(tokens, i):
    first, second = tokens[i].text, tokens[i + 1].text
    if first in ("break", "continue", "goto", "*", "++", "--", "("):
        return True
    if first == "return":
        return tokens[i - 1].text in (")", "else")
    return tokens[i].kind == "word" and first not in CONTROLS and second in GOES_ON


def dropped_statements(source, tokens, partner):
    blocks = 0
    parentheses = 0
    for i, token in enumerate(tokens):
        blocks += {"{": 1, "}": -1}.get(token.text, 0)
        if blocks > 0 and parentheses == 0 and i > 0 and begins_statement(tokens, partner, i) and can_go(tokens, i):
            end = end_of_statement(tokens, partner, i)
            if end is not None:
                newlines = source.count("\n", token.start, tokens[end].end)
                yield i, "dropped", [(token.start, tokens[end].end, ";" + "\n" * newlines)]
        parentheses += {"(": 1, ")": -1}.get(token.text, 0)


def changed(source, edits):
    for start, end, now in reversed(edits):
        source = source[:start] + now + source[end:]
    return source


def joined(source, first, last):
    return " ".join(line.strip() for line in source.split("\n")[first : last + 1]).strip()


def find_mistakes(source):
    tokens = read_tokens(source)
    partner = match_brackets(tokens)
    ignored = asserted(tokens, partner)
    edits_of = list(token_edits(tokens, partner)) + list(dropped_statements(source, tokens, partner))
    for i, what, edits in edits_of:
        if i in ignored:
            continue
        now = changed(source, edits)
        first = source.count("\n", 0, edits[0][0])
        last = source.count("\n", 0, edits[-1][1])
        shown = first - (what == "dropped")  # `return NULL;` alone would be any of them
        yield Mistake(first + 1, what, joined(source, shown, last), joined(now, shown, last), edits)
