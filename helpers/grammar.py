"""A small German-English grammar that writes sentence pairs with their word alignment.

It stands in for a real corpus when there is no network. The vocabulary is small, the word order is real: verb
second, verb last, participles and separated prefixes at the end, objects in first place, relative clauses,
`nicht` and `kein`, pronouns that refer back. Every German sentence has exactly one English translation.

Three layers: the lexicon (tables), phrases and clauses (how words become German and English), and the author
(draws sentences and notes which combinations of words they use). Most readers need only `grammar_corpus` and
`pronoun_pairs`.
"""

import random
import re
from dataclasses import dataclass, field, replace
from itertools import count
from typing import NamedTuple

# --- The lexicon --------------------------------------------------------------------------------------------


class Noun(NamedTuple):
    german: str
    german_plural: str
    gender: str  # m, f or n
    english: str
    english_plural: str
    kind: str  # p person, c child, a animal, r to read, f food, t other thing


class Verb(NamedTuple):
    german: str  # infinitive; "an|rufen" has a prefix that separates
    present: str  # third person singular; the plural is the infinitive
    participle: str
    auxiliary: str  # of the perfect tense
    english: str
    english_present: str
    english_past: str
    frame: str  # what goes with the verb, see FRAMES
    agents: str  # the kinds of noun that may be its subject
    objects: str  # the kinds of noun that may be its (last) object


class Adjective(NamedTuple):
    german: str
    english: str
    kinds: str


def _table(row: type, text: str) -> list:
    """One `row` per line of `text`, one field per word; `-` is an empty field."""
    return [row(*("" if c == "-" else c for c in line.split())) for line in text.strip().splitlines()]


NOUNS = _table(Noun, """
    Mann        Männer         m  man        men         p
    Frau        Frauen         f  woman      women       p
    Koch        Köche          m  cook       cooks       p
    Ärztin      Ärztinnen      f  doctor     doctors     p
    Freund      Freunde        m  friend     friends     p
    Nachbarin   Nachbarinnen   f  neighbour  neighbours  p
    Kind        Kinder         n  child      children    c
    Sohn        Söhne          m  son        sons        c
    Tochter     Töchter        f  daughter   daughters   c
    Hund        Hunde          m  dog        dogs        a
    Katze       Katzen         f  cat        cats        a
    Pferd       Pferde         n  horse      horses      a
    Vogel       Vögel          m  bird       birds       a
    Brief       Briefe         m  letter     letters     r
    Zeitung     Zeitungen      f  newspaper  newspapers  r
    Buch        Bücher         n  book       books       r
    Apfel       Äpfel          m  apple      apples      f
    Birne       Birnen         f  pear       pears       f
    Ei          Eier           n  egg        eggs        f
    Ball        Bälle          m  ball       balls       t
    Tasche      Taschen        f  bag        bags        t
    Fahrrad     Fahrräder      n  bicycle    bicycles    t
    Uhr         Uhren          f  clock      clocks      t
""")  # fmt: skip

PRONOUNS = _table(Noun, """
    er          -              m  he         -           p
    sie         -              f  she        -           p
    -           wir            -  -          we          p
""")  # fmt: skip

OBJECT_FRAMES = ("accusative", "dative", "ditransitive")
FRAMES = ("intransitive", "place", "predicate", *OBJECT_FRAMES)  # and "clause": say, believe, hope that ...

VERBS = _table(Verb, """
    sehen         sieht      gesehen      haben  see      sees      saw        accusative    pca  pcarft
    lieben        liebt      geliebt      haben  love     loves     loved      accusative    pc   pca
    besuchen      besucht    besucht      haben  visit    visits    visited    accusative    pc   pc
    an|rufen      ruft       angerufen    haben  call     calls     called     accusative    pc   pc
    ein|laden     lädt       eingeladen   haben  invite   invites   invited    accusative    pc   pc
    finden        findet     gefunden     haben  find     finds     found      accusative    pc   arft
    kaufen        kauft      gekauft      haben  buy      buys      bought     accusative    pc   rft
    mit|bringen   bringt     mitgebracht  haben  bring    brings    brought    accusative    pc   rft
    vergessen     vergisst   vergessen    haben  forget   forgets   forgot     accusative    pc   rft
    lesen         liest      gelesen      haben  read     reads     read       accusative    pc   r
    essen         isst       gegessen     haben  eat      eats      ate        accusative    pc   f
    fressen       frisst     gefressen    haben  eat      eats      ate        accusative    a    f
    werfen        wirft      geworfen     haben  throw    throws    threw      accusative    pc   t
    fangen        fängt      gefangen     haben  catch    catches   caught     accusative    pca  t
    holen         holt       geholt       haben  fetch    fetches   fetched    accusative    pca  pcrft
    begrüßen      begrüßt    begrüßt      haben  greet    greets    greeted    accusative    pca  pc
    helfen        hilft      geholfen     haben  help     helps     helped     dative        pc   pca
    danken        dankt      gedankt      haben  thank    thanks    thanked    dative        pc   pc
    folgen        folgt      gefolgt      sein   follow   follows   followed   dative        pca  pca
    geben         gibt       gegeben      haben  give     gives     gave       ditransitive  pc   rft
    zeigen        zeigt      gezeigt      haben  show     shows     showed     ditransitive  pc   arft
    schlafen      schläft    geschlafen   haben  sleep    sleeps    slept      place         pca  -
    spielen       spielt     gespielt     haben  play     plays     played     place         pca  -
    singen        singt      gesungen     haben  sing     sings     sang       place         pc   -
    bleiben       bleibt     geblieben    sein   stay     stays     stayed     place         pca  -
    laufen        läuft      gelaufen     sein   run      runs      ran        place         pca  -
    lachen        lacht      gelacht      haben  laugh    laughs    laughed    intransitive  pc   -
    kommen        kommt      gekommen     sein   come     comes     came       intransitive  pca  -
    an|kommen     kommt      angekommen   sein   arrive   arrives   arrived    intransitive  pc   -
    sagen         sagt       gesagt       haben  say      says      said       clause        pc   -
    glauben       glaubt     geglaubt     haben  believe  believes  believed   clause        pc   -
    sein          ist        gewesen      sein   be       is        was        predicate     pca  -
""")  # fmt: skip

ADJECTIVES = _table(Adjective, """
    alt          old          part
    jung         young        pa
    klein        small        caft
    groß         big          caft
    hungrig      hungry       pca
    traurig      sad          pca
    freundlich   friendly     pc
    schwarz      black        at
    weiß         white        at
    rot          red          ft
    grün         green        ft
    billig       cheap        ft
    neu          new          rt
    interessant  interesting  r
""")  # fmt: skip

# Fixed phrases: words with the same number are translations of each other.
PRESENT_TIMES = ["heute:1 | today:1", "am:1 Abend:2 | in:1 the:1 evening:2", "jeden:1 Tag:2 | every:1 day:2"]
PAST_TIMES = ["gestern:1 | yesterday:1", "letzte:1 Woche:2 | last:1 week:2", "am:1 Montag:2 | on:1 Monday:2"]
PLACES = [
    "im:1 Garten:2 | in:1 the:1 garden:2",
    "im:1 Park:2 | in:1 the:1 park:2",
    "in:1 der:2 Stadt:3 | in:1 the:2 city:3",
    "auf:1 dem:2 Markt:3 | at:1 the:2 market:3",
    "vor:1 dem:2 Haus:3 | in:1 front:1 of:1 the:2 house:3",
]

# Columns: masculine, feminine, neuter, plural.
DETERMINERS = {
    ("der", "nominative"): "der die das die",
    ("der", "accusative"): "den die das die",
    ("der", "dative"): "dem der dem den",
    ("ein", "nominative"): "ein eine ein -",
    ("ein", "accusative"): "einen eine ein -",
    ("ein", "dative"): "einem einer einem -",
    ("kein", "accusative"): "keinen keine kein keine",
    ("kein", "dative"): "keinem keiner keinem keinen",
    ("sein", "nominative"): "sein seine sein seine",
    ("ihr", "nominative"): "ihr ihre ihr ihre",
    ("back", "accusative"): "ihn sie es -",  # a pronoun that refers back to a noun
}
ENDINGS = {  # of the adjective: weak after der and the plurals keine, seine, ihre; mixed after all else
    ("weak", "nominative"): "e e e en",
    ("weak", "accusative"): "en e e en",
    ("weak", "dative"): "en en en en",
    ("mixed", "nominative"): "er e es e",
    ("mixed", "accusative"): "en e es e",
    ("mixed", "dative"): "en en en en",
}
ENGLISH_DETERMINERS = {  # singular, plural
    "der": ("the", "the"),
    "ein": ("a", ""),
    "kein": ("a", "any"),
    "sein": ("his", "his"),
    "ihr": ("her", "her"),
}

# --- Phrases and clauses ------------------------------------------------------------------------------------


class Token(NamedTuple):
    """A word and what it stands for. A German and an English word are aligned when they share a link."""

    text: str
    links: tuple[str, ...] = ()


COMMA = Token(",")


class Bilingual(NamedTuple):
    """The same phrase in both languages."""

    german: list[Token]
    english: list[Token]


def _fixed(text: str, scope: int) -> Bilingual:
    """The phrase in a line such as "im:1 Garten:2 | in:1 the:1 garden:2"."""
    sides = ([cell.split(":") for cell in side.split()] for side in text.split("|"))
    return Bilingual(*([Token(word, (f"{scope}{link}",)) for word, link in side] for side in sides))


@dataclass
class NounPhrase:
    noun: Noun
    plural: bool
    determiner: str  # "der", "ein", "kein", "sein", "ihr", "relative", "pronoun" or "back"
    scope: int  # a number of its own, so that its links differ from those of other phrases
    adjective: Adjective | None = None
    relative: "Clause | None" = None
    gap: str = "subject"  # what the relative pronoun is in the relative clause
    antecedent: "NounPhrase | None" = None  # what a pronoun refers back to

    def german(self, case: str) -> list[Token]:
        word = self.noun.german_plural if self.plural else self.noun.german
        if self.plural and case == "dative" and word[-1] not in "ns":
            word += "n"
        noun = Token(word, (f"{self.scope}noun",))
        if self.determiner == "pronoun":
            return [noun]
        column = 3 if self.plural else "mfn".index(self.noun.gender)
        article = DETERMINERS[self.determiner.replace("relative", "der"), case].split()[column]
        if self.antecedent:
            return [Token(article, (f"{self.scope}noun", f"back to {self.antecedent.scope}noun"))]
        links = (f"{self.scope}article", "not") if self.determiner == "kein" else (f"{self.scope}article",)
        tokens = [Token(article, links)] if article != "-" else []
        if self.determiner == "relative":
            return tokens
        if self.adjective:
            weak = self.determiner == "der" or (self.plural and self.determiner in ("kein", "sein", "ihr"))
            ending = ENDINGS["weak" if weak else "mixed", case].split()[column]
            tokens.append(Token(self.adjective.german + ending, (f"{self.scope}adjective",)))
        return [*tokens, noun]

    def english(self, role: str = "object") -> list[Token]:
        noun = Token(self.noun.english_plural if self.plural else self.noun.english, (f"{self.scope}noun",))
        link = (f"{self.scope}article",)
        if self.antecedent:
            person = {"m": "him", "f": "her"}[self.noun.gender] if self.noun.kind == "p" else "it"
            return [Token(person, noun.links)]
        if self.determiner == "pronoun":
            return [noun]
        if self.determiner == "relative":
            person = "who" if role == "subject" else "whom"
            return [Token(person if self.noun.kind in "pc" else "that", link)]
        tokens = [noun]
        if self.adjective:
            tokens.insert(0, Token(self.adjective.english, (f"{self.scope}adjective",)))
        determiner = ENGLISH_DETERMINERS[self.determiner][self.plural]
        if determiner == "a" and tokens[0].text[0] in "aeiou":
            determiner = "an"
        if determiner:
            tokens.insert(0, Token(determiner, link))
        return tokens + (self.relative.english(front=self.gap) if self.relative else [])

    def is_marked(self) -> bool:
        """Whether its form tells the nominative from the accusative."""
        return self.noun.german_plural == "wir" or (not self.plural and self.noun.gender == "m")


@dataclass
class Clause:
    subject: NounPhrase
    verb: Verb
    past: bool
    negated: bool
    scope: int
    objects: list[tuple[str, NounPhrase]] = field(default_factory=list)  # (case, phrase)
    place: Bilingual = Bilingual([], [])  # where, or the predicate after `sein`
    time: Bilingual = Bilingual([], [])

    def phrases(self) -> list[NounPhrase]:
        return [self.subject, *(phrase for _, phrase in self.objects)]

    def german_verb(self) -> tuple[Token, list[Token]]:
        """The finite verb, and what waits at the end of the clause (participle or prefix)."""
        tense, meaning = f"{self.scope}tense", f"{self.scope}verb"
        plural, (prefix, _, stem) = self.subject.plural, self.verb.german.rpartition("|")
        if self.verb.frame == "predicate":
            form = ("war", "waren") if self.past else ("ist", "sind")
            return Token(form[plural], (tense, meaning)), []
        if self.past:
            form = ("hat", "haben") if self.verb.auxiliary == "haben" else ("ist", "sind")
            return Token(form[plural], (tense,)), [Token(self.verb.participle, (meaning,))]
        finite = Token(stem if plural else self.verb.present, (tense, meaning))
        return finite, [Token(prefix, (meaning,))] if prefix else []

    def german(self, order: str = "second", front: str = "subject") -> list[Token]:
        """The clause with its finite verb in `order` "first", "second" or "final"; `front` comes first."""
        finite, end = self.german_verb()
        parts = {"subject": self.subject.german("nominative"), "time": self.time.german}
        if self.subject.relative:
            inner = self.subject.relative.german("final", self.subject.gap)
            parts["subject"] += [COMMA, *inner, COMMA]
        for case, phrase in self.objects:
            parts["second object" if "object" in parts else "object"] = phrase.german(case)
        first = [] if order == "first" else parts.pop(front)
        middle = sum(parts.values(), [])
        if self.negated and not any(phrase.determiner == "kein" for _, phrase in self.objects):
            middle.append(Token("nicht", ("not",)))
        middle += self.place.german
        if order != "final":
            return first + [finite] + middle + end
        if end and not self.past:  # the prefix meets its verb again: anruft
            return first + middle + [Token(end[0].text + finite.text, finite.links)]
        return first + middle + end + [finite]

    def english(self, order: str = "statement", front: str = "subject") -> list[Token]:
        """The clause as a "statement" or "question"; `front` is "subject", "time" or "object"."""
        tense, meaning = f"{self.scope}tense", f"{self.scope}verb"
        plural, verb = self.subject.plural, self.verb
        base = []
        if verb.frame == "predicate":
            form = ("was", "were") if self.past else ("is", "are")
            finite = Token(form[plural], (tense, meaning))
        elif self.negated or order == "question":  # do-support
            finite = Token("did" if self.past else ("does", "do")[plural], (tense,))
            base = [Token(verb.english, (meaning,))]
        else:
            present = verb.english if plural else verb.english_present
            finite = Token(verb.english_past if self.past else present, (tense, meaning))
        negation = [Token("not", ("not",))] if self.negated else []
        subject, objects = self.subject.english("subject"), [phrase.english() for _, phrase in self.objects]
        parts = {"object": sum(objects, []), "place": self.place.english, "time": self.time.english}
        first = parts.pop(front, [])
        rest = [*negation, *base, *sum(parts.values(), [])]
        return [finite, *subject, *rest] if order == "question" else [*first, *subject, finite, *rest]


# --- The author ---------------------------------------------------------------------------------------------

STRUCTURES = ("statement", "time first", "object first", "question", "because", "when", "that")
RELATIVES = ("relative subject", "relative object")
REFERENCE = "and"  # ..., und sein Hund fängt ihn
DRAWN = STRUCTURES + 2 * RELATIVES + 2 * (REFERENCE,)


def _is_clear(clause: Clause) -> bool:
    """Whether it says who sees whom, by case, number or meaning; `die Frau, die das Kind sieht` does not."""
    case, target = clause.objects[-1] if clause.objects else ("", None)
    if case != "accusative" or target.noun.kind not in "pca":
        return True
    return clause.subject.is_marked() or target.is_marked() or clause.subject.plural != target.plural


def _could_mean(noun: Noun, clause: Clause) -> bool:
    """Whether the pronoun that is the object of the clause could stand for the noun."""
    return noun.gender == clause.objects[0][1].noun.gender and noun.kind in clause.verb.objects


def _is_good(structure: str, clauses: list[Clause]) -> bool:
    """Whether a finished sentence, its main clause first, makes sense and can be read in one way only."""
    main, phrases = clauses[0], [phrase for clause in clauses for phrase in clause.phrases()]
    if structure == "object first":
        case, target = main.objects[0]
        is_clear = case == "dative" or target.is_marked() or target.noun.kind in "rft"
        if not is_clear or target.determiner != "der":
            return False
    if structure == "relative object":  # the relative clause must not seem to be about the subject
        subject, head = main.subject, main.objects[-1][1]
        if (subject.plural, subject.noun.gender) == (head.plural, head.noun.gender):
            return False
    if structure == REFERENCE and all(_could_mean(phrase.noun, clauses[1]) for phrase in main.phrases()):
        return False
    if structure in ("because", "when"):  # no: because she was old
        adjectives = {c.place.german[0].text for c in clauses if c.verb.frame == "predicate"}
        if not adjectives <= {"hungrig", "traurig", "freundlich"}:
            return False
    if any(clause.time.german and clause.verb.english in ("love", "be") for clause in clauses):
        return False  # no: yesterday she was old
    pronouns = {phrase.noun.gender for phrase in phrases if phrase.determiner == "pronoun"}
    animals = {phrase.noun.gender for phrase in phrases if phrase.noun.kind == "a"}
    if len(clauses) > 1 and pronouns & animals:  # `er` must not mean one
        return False
    replaced = ("pronoun", "relative")
    return all(_is_clear(c) for c in clauses if any(p.determiner in replaced for p in c.phrases()))


class _Author:
    """Draws sentences at random and notes which combinations of words each of them used."""

    def __init__(self, rng: random.Random):
        self.rng = rng

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def sentence(self, structures=DRAWN) -> tuple[Bilingual, set]:
        """One random sentence in one of `structures`, and the combinations of words in it."""
        while True:
            self.scopes, self.combinations, self.nouns, self.clauses = count(), set(), set(), []
            self.past = self.chance(0.5)
            structure = self.rng.choice(structures)
            german, english = self.write(structure)
            nouns, adjectives = len(self.nouns), sum(row[0] == "adjective-noun" for row in self.combinations)
            is_short = len(german) <= 12 and nouns <= 3 and nouns + adjectives <= 4
            if is_short and _is_good(structure, self.clauses):
                return _ended(german, english, "?" if structure == "question" else "."), self.combinations

    def write(self, structure: str) -> tuple[list[Token], list[Token]]:
        if structure in ("statement", "time first", "question"):
            front = "time" if structure == "time first" else "subject"
            order = ("first", "question") if structure == "question" else ("second", "statement")
            time = 1.0 if front == "time" else 0.3
            clause = self.clause(structure, time=time, negation=0.2 * (structure != "question"))
            return clause.german(order[0], front), clause.english(order[1], front)
        if structure == "object first":
            clause = self.clause(structure, OBJECT_FRAMES)
            return clause.german(front="object"), clause.english()
        if structure in RELATIVES:
            return self.with_relative(structure)
        if structure == REFERENCE:
            return self.with_reference()
        return self.with_conjunction(structure)

    def with_conjunction(self, structure: str) -> tuple[list[Token], list[Token]]:
        self.past, past = self.past and structure == "because", self.past and structure != "when"
        main = self.clause("main", ("clause",) if structure == "that" else FRAMES)
        self.past = past  # after "believed that" it would be "had slept"
        second = self.clause(structure)
        conjunction = {"because": "weil", "when": "wenn", "that": "dass"}[structure]
        german = [Token(conjunction, ("conjunction",)), *second.german("final")]
        english = [Token(structure, ("conjunction",)), *second.english()]
        if structure != "that" and self.chance(0.4):
            comma = Token(",", ("comma",))
            return [*german, comma, *main.german("first")], [*english, comma, *main.english()]
        return [*main.german(), COMMA, *german], [*main.english(), *english]

    def with_relative(self, structure: str) -> tuple[list[Token], list[Token]]:
        of_subject = structure == "relative subject"
        adjectives = 0.0 if of_subject else 0.3
        head = self.noun_phrase("pcarft", "der der ein", adjectives=adjectives, bare_plural=False)
        pronoun = NounPhrase(head.noun, head.plural, "relative", next(self.scopes), head.adjective)
        if of_subject:
            main = self.clause("main", subject=head)
        else:
            main = self.clause("main", ("accusative", "dative"), target=head, negation=0.0)
        if head.noun.kind in "pca" and self.chance(0.5):
            relative = self.clause(structure, subject=pronoun)
        else:
            relative = self.clause(structure, ("accusative",), target=pronoun)
            head.gap = "object"
        head.relative = relative
        if of_subject:
            return main.german(), main.english()
        return [*main.german(), COMMA, *relative.german("final", head.gap)], main.english()

    def with_reference(self) -> tuple[list[Token], list[Token]]:
        self.past = False  # in the perfect tense it would be too long
        person, thing = (self.noun_phrase(kinds, "der ein", plural=0.0) for kinds in ("p", "rft"))
        self.combinations.add(("antecedents", person.noun.german, thing.noun.german))
        first = self.clause(REFERENCE, ("accusative",), person, thing, negation=0.0)
        owned = self.noun_phrase("ca", "sein" if person.noun.gender == "m" else "ihr")
        meant = self.rng.choice((person, thing))
        pronoun = NounPhrase(meant.noun, False, "back", next(self.scopes), antecedent=meant)
        return _joined(first, self.clause(REFERENCE, ("accusative",), owned, pronoun))

    def other_readings(self) -> list[Clause]:
        """The second clause with another pronoun or verb, so that it refers back to the other noun."""
        first, second = self.clauses
        pronoun = second.objects[0][1]
        other = next(phrase for phrase in first.phrases() if phrase is not pronoun.antecedent)
        turned, verbs = replace(pronoun, noun=other.noun, antecedent=other), [second.verb]
        if other.noun.gender == pronoun.noun.gender:  # ihn and ihn: the verb must tell
            fitting = (verb for verb in VERBS if self.fits(verb, ("accusative",), second.subject, turned))
            verbs = [verb for verb in fitting if "|" not in verb.german]
        clauses = [replace(second, verb=verb, objects=[("accusative", turned)]) for verb in verbs]
        return [c for c in clauses if _could_mean(other.noun, c) and not _could_mean(pronoun.noun, c)]

    def clause(self, structure, frames=FRAMES, subject=None, target=None, time=0.0, negation=0.2) -> Clause:
        """A clause in one of `frames`; `subject` and `target` (its last object) may have been made before."""
        verb = self.rng.choice([verb for verb in VERBS if self.fits(verb, frames, subject, target)])
        negated = not any(clause.negated for clause in self.clauses) and self.chance(negation)
        if subject is None:
            adjectives = 0.0 if verb.frame == "predicate" else 0.3  # no: the black cat is white
            determiners = "der" if negated else "der der ein"
            subject = self.noun_phrase(verb.agents, determiners, 0.15, adjectives, bare_plural=False)
        clause = Clause(subject, verb, self.past, negated, next(self.scopes))
        if verb.frame == "ditransitive":
            clause.objects.append(("dative", self.noun_phrase("pc", "der")))
        if verb.objects:
            target = target or self.noun_phrase(verb.objects, "der kein" if negated else "der ein")
            clause.objects.append(("dative" if verb.frame == "dative" else "accusative", target))
            self.combinations.add(("verb-object", verb.german, target.noun.german))
        if verb.frame == "place" and self.chance(0.4):
            clause.place = _fixed(self.rng.choice(PLACES), next(self.scopes))
        if verb.frame == "predicate":
            adjective = self.adjective(subject.noun)
            clause.place = _fixed(f"{adjective.german}:1 | {adjective.english}:1", next(self.scopes))
        if self.chance(time) and (time == 1 or not negated):
            times = PAST_TIMES if self.past else PRESENT_TIMES[: 2 if negated else 3]
            clause.time = _fixed(self.rng.choice(times), next(self.scopes))
        self.combinations.add(("subject-verb", subject.noun.german, verb.german))
        self.combinations.add(("verb-structure", verb.german, structure))
        self.clauses.append(clause)
        return clause

    def fits(self, verb: Verb, frames: tuple, subject: NounPhrase | None, target: NounPhrase | None) -> bool:
        if verb.frame not in frames or any(clause.verb == verb for clause in self.clauses):
            return False
        if target and target.noun.kind not in verb.objects:
            return False
        if subject and verb.frame == "predicate":
            return subject.adjective is None
        return subject is None or subject.noun.kind in verb.agents

    def noun_phrase(
        self, kinds, determiners, pronouns=0.0, adjectives=0.3, bare_plural=True, plural=0.35
    ) -> NounPhrase:
        """A phrase about a noun of one of `kinds` that the sentence has not used yet."""
        scope, plural = next(self.scopes), self.chance(plural)
        if "p" in kinds and self.chance(pronouns):
            noun = self.rng.choice(PRONOUNS)
            return NounPhrase(noun, noun.german == "", "pronoun", scope)
        noun = self.rng.choice([noun for noun in NOUNS if noun.kind in kinds and noun not in self.nouns])
        self.nouns.add(noun)
        adjective = self.adjective(noun) if self.chance(adjectives) else None
        determiner = self.rng.choice(determiners.split())
        if plural and determiner == "ein" and not bare_plural:
            determiner = "der"
        return NounPhrase(noun, plural, determiner, scope, adjective)

    def adjective(self, noun: Noun) -> Adjective:
        adjective = self.rng.choice([row for row in ADJECTIVES if noun.kind in row.kinds])
        self.combinations.add(("adjective-noun", adjective.german, noun.german))
        return adjective


def _joined(first: Clause, second: Clause) -> tuple[list[Token], list[Token]]:
    comma, word = Token(",", ("comma",)), ("conjunction",)
    german = [*first.german(), comma, Token("und", word), *second.german()]
    return german, [*first.english(), comma, Token("and", word), *second.english()]


def _ended(german: list[Token], english: list[Token], mark: str = ".") -> Bilingual:
    end = Token(mark, ("end",))
    return Bilingual(_tidy([*german, end]), _tidy([*english, end]))


def _tidy(tokens: list[Token]) -> list[Token]:
    """Drop a comma before another mark, and begin with a capital letter."""
    pairs = list(zip(tokens, [*tokens[1:], COMMA], strict=True))
    tokens = [token for token, after in pairs if token.text != "," or after.text not in ",.?"]
    return [Token(tokens[0].text[0].upper() + tokens[0].text[1:], tokens[0].links), *tokens[1:]]


# --- The corpus ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SentencePair:
    """A German sentence, its English translation and which word translates which.

    `alignment` holds (German index, English index) over `words(german)` and `words(english)`. `combinations`
    holds the combinations of words in the sentence, such as ("adjective-noun", "alt", "Hund"). `refers` holds
    the German indices of a pronoun that refers back and of its noun, if there is one.
    """

    german: str
    english: str
    alignment: tuple[tuple[int, int], ...]
    combinations: frozenset[tuple[str, str, str]] = frozenset()
    refers: tuple[int, int] | None = None


def words(sentence: str) -> list[str]:
    """The words of a sentence; a punctuation mark is a word of its own."""
    return re.findall(r"\w+|[^\w\s]", sentence)


def held_out_combinations(seed: int = 0) -> frozenset[tuple[str, str, str]]:
    """Combinations that no training sentence has, and every test sentence has one of.

    One in twenty of each sort. Of the two nouns that a pronoun may refer back to it is one pair in four, for
    each pair of genders, but none with a neuter noun: `es` would give it away.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:  # random.Random(-1) draws as 1 does
        raise ValueError(f"seed is {seed!r}; choose a whole number from 0 on.")
    verbs = [verb for verb in VERBS if verb.frame not in ("clause", "predicate")]
    sorts = [
        [("adjective-noun", a.german, n.german) for a in ADJECTIVES for n in NOUNS if n.kind in a.kinds],
        [("subject-verb", n.german, v.german) for v in verbs for n in NOUNS if n.kind in v.agents],
        [("verb-object", v.german, n.german) for v in verbs for n in NOUNS if n.kind in v.objects],
        [("verb-structure", v.german, structure) for v in verbs for structure in STRUCTURES],
    ]
    people, things = ([noun for noun in NOUNS if noun.kind in kinds] for kinds in ("p", "rft"))
    antecedents = [
        [("antecedents", p.german, t.german) for p in people for t in things if p.gender + t.gender == both]
        for both in ("mm", "mf", "fm", "ff")
    ]
    rng = random.Random(seed)
    draws = [(sort, 20) for sort in sorts] + [(sort, 4) for sort in antecedents]
    return frozenset(row for sort, part in draws for row in rng.sample(sort, len(sort) // part))


def grammar_corpus(n_train: int, n_test: int, seed: int = 0) -> tuple[list[SentencePair], list[SentencePair]]:
    """Training and test sentences; the same `seed` gives the same sentences on every machine.

    A training sentence has none of `held_out_combinations(seed)`. A test sentence has at least one of them,
    its words all occur in training, and neither its German nor its English is a training sentence.

    Raises:
        ValueError: a number is not in 1..50,000, or the training is too small to teach the words of the test.
    """
    for name, number in (("n_train", n_train), ("n_test", n_test)):
        _check_number(name, number, 50_000)
    if n_test > 5 * n_train:  # the search for sentences of known words would go on for minutes
        raise ValueError(
            f"n_train = {n_train} sentences teach too few words for n_test = {n_test}; choose a larger "
            f"n_train or a smaller n_test, up to {5 * n_train}."
        )
    held_out, author = held_out_combinations(seed), _Author(random.Random(seed))
    train, test = {}, {}
    while len(train) < n_train:
        tokens, combinations = author.sentence()
        if held_out.isdisjoint(combinations):
            pair = _pair(tokens, combinations)
            train[pair.german] = pair
    known = {word for pair in train.values() for word in words(pair.german) + words(pair.english)}
    taken = {pair.english for pair in train.values()}
    fruitless = 0
    while len(test) < n_test and fruitless < 5_000:
        fruitless += 1
        tokens, combinations = author.sentence()
        is_known = known.issuperset(token.text for side in tokens for token in side)
        if is_known and not held_out.isdisjoint(combinations):
            pair = _pair(tokens, combinations)
            if pair.english not in taken:
                test[pair.german], fruitless = pair, 0
                taken.add(pair.english)
    if len(test) < n_test:
        raise ValueError(
            f"n_train = {n_train} sentences teach the words of only {len(test)} test sentences, and n_test "
            f"is {n_test}; choose a larger n_train or a smaller n_test."
        )
    return list(train.values()), list(test.values())


def pronoun_pairs(n: int, seed: int = 0) -> list[tuple[SentencePair, SentencePair]]:
    """Pairs of sentences that differ in one German word, and in what a pronoun in them means.

    Either the pronoun differs, and its gender tells: "Eine Frau wirft einen Ball, und ihr Hund holt ihn" (it)
    or "... sie" (her). Or the verb differs: "Ein Mann wirft einen Ball, und sein Hund fängt ihn" (it) or
    "... begrüßt ihn" (him). Both kinds come in turn. The person and the thing stand together in no training
    sentence that refers back, see `held_out_combinations`; `refers` says which of them is meant.

    Raises:
        ValueError: n is not in 1..1,000.
    """
    _check_number("n", n, 1000)
    held_out, author, pairs = held_out_combinations(seed), _Author(random.Random(f"pronouns {seed}")), {}
    while len(pairs) < n:
        combinations = author.sentence((REFERENCE,))[1]
        antecedents = {row for row in combinations if row[0] == "antecedents"}
        first, second = author.clauses
        by_verb = first.subject.noun.gender == first.objects[0][1].noun.gender
        readings = author.other_readings() if "|" not in second.verb.german else []
        if antecedents <= held_out and readings and by_verb == len(pairs) % 2:
            both = [_joined(first, clause) for clause in (second, author.rng.choice(readings))]
            one, other = (_pair(_ended(*sides), antecedents) for sides in both)
            pairs.setdefault(one.german, (one, other))
    return list(pairs.values())


def _check_number(name: str, number: int, most: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
        raise ValueError(f"{name} is {number!r}; choose a whole number from 1 to {most:,}.")


def _pair(tokens: Bilingual, combinations: set) -> SentencePair:
    texts = [re.sub(r" ([,.?])", r"\1", " ".join(token.text for token in side)) for side in tokens]
    targets: dict[str, list[int]] = {}
    for j, token in enumerate(tokens.english):
        for link in token.links:
            targets.setdefault(link, []).append(j)
    links = [(i, link) for i, token in enumerate(tokens.german) for link in token.links]
    alignment = {(i, j) for i, link in links for j in targets.get(link, ())}
    places = {link: i for i, link in links}
    back = [(i, places[link.removeprefix("back to ")]) for i, link in links if link.startswith("back to ")]
    return SentencePair(*texts, tuple(sorted(alignment)), frozenset(combinations), *back)
