"""The mechanical part of how the book speaks: each rule takes a passage and yields, in words, what is amiss in it.

What a rule cannot see (an aphorism, a pronoun without a noun, a "because" without a proof) is for a reader to see.
"""

import re
from collections.abc import Callable, Iterator

from tests.voice_texts import sentences

Rule = Callable[[str], Iterator[str]]

LONGEST_SENTENCE = 40

UNITS = (
    "image|observation|step|epoch|pixel|layer|output|batch|seed|run|draw|unit|code|coordinate|dimension|class|row|"
    "column|second|minute|hour|chapter|axis|digit|example|cell|group|channel|feature|position|character|letter|line|"
    "page|figure|panel|arm|side|sample|point|word|inch|set|model|network|weight|parameter|question|exercise"
)
# What is always a measure, whether or not a number stands before it.
MEASURES = "nats?|bits?|bytes?|MB|kB|bias|biases|parameters|epochs|pixels|times|once|twice|values?|numbers?"
NUMBERS = (
    r"\d[\d.,]*|FORMULA|VALUE|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|thousand|million|"
    "several|many|more|fewer|same|single|few"
)
# Plural-looking words after a number that are verbs: "a layer of 128 makes an image".
VERBS = (
    "makes|gives|takes|has|shows|meets|passes|gets|maps|turns|holds|needs|uses|reads|was|is|does|as|costs|starts|ends|"
    "becomes|decodes|encodes|lets|puts|keeps|adds|fits|means|this|its|thus|us|was|to|for|of|in|at|on|about|from|"
    "that|so|than|with|and|or|into|back|make|give|take|reach|reaches|per|nor|but|if|when|where|while|not|through|without"
)
# A relative clause looks alike: "the nats an image costs", "as many numbers as a code has".
CLAUSE = (
    r"(?!\s+(?:costs?|needs?|has|had|have|is|was|gets?|gives?|holds?|may|can|could|must|would|will|takes?|lies|"
    r"stands|belongs|shows|uses?|makes|came|comes|goes|does|of|that|which)\b)(?![\w-])"
)
_NOUN = rf"(?!(?:{VERBS})\b)(?:[a-z]+ (?!(?:{VERBS})\b))?[a-z]+"
DISTRIBUTIVE = [
    re.compile(pattern + rf" an? (?:{UNITS}){CLAUSE}", re.IGNORECASE)
    for pattern in (
        rf"\b(?:{MEASURES})",
        rf"(?<![\w.-])(?:{NUMBERS}) {_NOUN}s",
        rf"\b(?:one|single) {_NOUN}",
        r"(?<!chapter )(?<!chapters )(?<![\w.-])(?:\d[\d.]*|VALUE)",
    )
]

PRIVATE = re.compile(
    r"\b(price[sd]?|pricing|buy|buys|buying|bought|dear|dearer|dearest|dearly|bills?|whisper\w*|hears?|heard|hearing|"
    r"teachers?|deaf|silent|silently|silence|silenced|honest|honestly|honesty|noughts?|rooms?)\b",
    re.IGNORECASE,
)
#: Where a private word is a term or is meant literally, with the reason.
ALLOWED = {
    r"teacher[ -]forc(?:ing|ed)": "a term: training on the true earlier values",
    r"teacher[ -]student|student and teacher|teacher (?:network|model)": "a term of distillation",
    r"(?:for|your|their|every|each|many|some) teachers?\b": "a person who teaches a course",
    r"silent(?:ly)? (?:failures?|fail\w*|wrong|broadcast\w*|ignor\w*|accept\w*)": "without an error message",
    r"(?:fails?|broadcasts?|ignored|passes|wrong|truncated|dropped|changes?|changed) silently": "no error message",
    r"hear (?:the|a|speech|sounds?|music)[^.]* (?:audio|sound|speech|music)": "sound that is meant literally",
}

QUARREL = re.compile(
    r"\b(?:the|these|those|its|our) (?:(?:usual|original|two|old|given) )?sources?\b"
    r"(?! (?:code|of|cell|text|file|line|distribution)s?\b)"
    r"|\bthe usual (?:signature|notebook|version|code)\b"
    r"|\bthe (?:original|source|old|earlier) notebooks?\b",
    re.IGNORECASE,
)

# log p(x) itself, not log p(x|z). Between the formula and the words stands no end of a sentence.
_EVIDENCE = r"\$?\\?log p(?:_\\?(?:theta|\{\\theta\}))?\(x\)"
_LIKELIHOOD = r"(?<!evaluation\.)(?<!annealed_)\blog[ _-]likelihoods?\b(?!\()"
_BETWEEN = r"(?:(?!\. |\blog\b|\bnot\b)[^|\n;]){0,40}"
TWO_LIKELIHOODS = re.compile(
    rf"{_LIKELIHOOD}{_BETWEEN}{_EVIDENCE}|{_EVIDENCE}{_BETWEEN}{_LIKELIHOOD}|\bbounds? on (?:\w+ )?{_LIKELIHOOD}",
    re.IGNORECASE,
)

# Commands of LaTeX that stand for no quantity.
COMMANDS = frozenset(
    "log exp sum prod int frac tfrac dfrac left right mid middle sim odot cdot times le ge leq geq approx text dots "
    "ldots cdots quad qquad sqrt partial nabla to in infty neq ne max min arg argmax argmin lVert rVert lvert rvert "
    "big Big bigl bigr Bigl Bigr bigg Bigg biggl biggr begin end aligned cases underbrace overbrace hat bar tilde "
    "half ELBO KL mapsto forall not equiv propto pm mp lfloor rfloor lceil rceil mathbf boldsymbol top prime circ "
    "phantom displaystyle lim vert Vert det rightarrow leftarrow Rightarrow longrightarrow xrightarrow binom ast star "
    "cap cup setminus subset langle rangle dim ln limits tanh sin cos pi substack operatorname mathrm mathbb mathcal "
    "bf it rm space colon lt gt".split()
)


def distributive(words: str) -> Iterator[str]:
    """Something counted stands with "per": "nats per image", never "nats an image"."""
    found = {match.span(): match[0] for pattern in DISTRIBUTIVE for match in pattern.finditer(words)}
    for (start, end), phrase in found.items():
        if not any(other != (start, end) and other[0] <= start and end <= other[1] for other in found):
            yield f"write `per`: {phrase!r}"


def private_words(words: str) -> Iterator[str]:
    """No private vocabulary: the standard term stands instead."""
    allowed = [
        span for term in ALLOWED for span in (m.span() for m in re.finditer(term, words, re.IGNORECASE))
    ]
    for found in PRIVATE.finditer(words):
        if not any(start <= found.start() and found.end() <= end for start, end in allowed):
            yield f"a private word, {found[0]!r}: {_around(words, found)}"


def quarrels(words: str) -> Iterator[str]:
    """No quarrel with texts that the reader never saw."""
    for found in QUARREL.finditer(words):
        yield f"a source that readers never saw: {_around(words, found)}"


def long_sentences(words: str) -> Iterator[str]:
    """A sentence has at most 40 words; a formula counts as one."""
    for sentence in sentences(words):
        count = sum(any(letter.isalnum() for letter in word) for word in sentence.split())
        if count > LONGEST_SENTENCE:
            yield f"a sentence of {count} words: {sentence}"


def two_likelihoods(text: str) -> Iterator[str]:
    """Log p(x|z) is the log likelihood or reconstruction term, log p(x) the log evidence: two names for two things.

    It reads Markdown and docstrings as they were written, formulas included. ``evaluation.log_likelihood``, with its
    module, names the function that estimates the log evidence.
    """
    for found in TWO_LIKELIHOODS.finditer(" ".join(text.split())):
        yield f"log p(x) is the log evidence: {found[0]!r}"


def one_name_in_code(code: str, prose: str) -> Iterator[str]:
    """A page whose code calls the function `log_likelihood` and has the term of that name says which is which."""
    called = re.search(r"(?<![\w.])log_likelihood\(", code)
    term = re.search(r"[\"']log_likelihood[\"']|\blog_likelihood\s*(?:=|,\s*kl\b)|\blog_likelihood: ", code)
    if called and term and "`evaluation.log_likelihood`" not in prose:
        yield "a function and a term are called log_likelihood; name `evaluation.log_likelihood` and what it estimates"


def _around(words: str, found: re.Match[str]) -> str:
    """The place of a find, with some words on either side."""
    return "..." + words[max(found.start() - 40, 0) : found.end() + 40] + "..."


RULES: tuple[Rule, ...] = (distributive, private_words, quarrels, long_sentences)


def unnamed_symbols(markdown: str, notation: str) -> Iterator[str]:
    """A symbol of a displayed formula stands on the notation page or in a sentence of the same chapter.

    The letter that begins a formula, such as the h of "h = ...", and an index of a sum are defined in the formula.
    That a sentence defines a symbol, and stands before the formula, is for a reader to see.
    """
    displayed = re.findall(r"\$\$(.*?)\$\$", markdown, re.DOTALL)
    beside = re.findall(r"\$([^$]+)\$", re.sub(r"\$\$.*?\$\$", "", markdown, flags=re.DOTALL))
    known = {
        "cal R",
        *symbols(" ".join(re.findall(r"\$\$?([^$]+)\$\$?", notation))),
        *symbols(" ".join(beside)),
    }
    for formula in displayed:
        left, equals, _ = formula.partition("=")
        known |= set(symbols(left)[:1]) if equals else set()
        known |= {
            index for part in re.findall(r"_\{([^{}=]+)=", formula) for index in symbols(part)
        }  # of a sum
        if unnamed := sorted(set(symbols(formula)) - known):
            yield f"no sentence names {', '.join(unnamed)} of the formula {' '.join(formula.split())}"
            known |= set(unnamed)


def symbols(formula: str) -> list[str]:
    """The quantities of a formula in their order: Latin and Greek letters, and calligraphic ones as ``cal L``."""
    formula = re.sub(
        r"\\(?:text|operatorname|mathrm|begin|end|tag|label|textit|textbf)\*?\{[^}]*\}", " ", formula
    )
    formula = re.sub(r"\\(?:mathbb|mathcal)\{(\w)\}|\\([ELNR])(?![A-Za-z])", r" \\cal-\1\2 ", formula)
    found = re.findall(r"\\(cal-\w|[A-Za-z]+)|([A-Za-z])", formula)
    return [letter or command.replace("-", " ") for command, letter in found if command not in COMMANDS]
