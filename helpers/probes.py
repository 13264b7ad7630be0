"""Where a German-English translator of captions fails: sentences of our own, and words to look for."""

import re

NOT = r"not\b|cannot|\w+n't|no\b|never|nobody|none|nothing|without"

# Each sentence, and what its translation must contain: words or their beginnings, "|" between alternatives.
# That is less than a right translation, so the counts are on the kind side.
PROBES = {
    "captions": {
        "Ein Mann mit rotem Helm klettert eine Felswand hoch.": r"man\b, red, helmet, climb|scal, rock|cliff",
        "Zwei Mädchen laufen barfuß am Strand entlang.": "two, girls, walk|run, barefoot, beach",
        "Ein alter Mann verkauft Obst auf einem Markt.": r"old|elder, man\b, sell, fruit, market",
        "Eine Gruppe von Kindern spielt Fußball im Regen.": "child|kid, play, soccer|football, rain",
        "Eine Frau in einem grünen Kleid spielt Geige.": "woman|lady, green, dress, play, violin",
        "Drei Männer reparieren ein Dach.": "three, men, repair|fix|work, roof",
        "Ein brauner Hund springt über einen Zaun.": "brown, dog, jump|leap, over, fence",
        "Ein Kleinkind isst ein Eis.": r"toddler|child|kid|baby, eat, ice\b",
        "Ein Koch schneidet Gemüse in einer Küche.": "cook|chef, cut|slic|chop, vegetable, kitchen",
        "Menschen warten im Schnee an einer Bushaltestelle.": "people, wait, snow, bus",
    },
    "ihn, a thing": {
        "Ein Mann wirft einen Ball, und sein Hund fängt ihn.": r"ball, it\b",
        "Eine Frau wirft einen Ball, und ihr Hund fängt ihn.": r"ball, it\b",
        "Ein Mädchen kauft einen Apfel und isst ihn.": r"apple, it\b",
        "Ein Junge findet einen Stock und wirft ihn.": r"stick, it\b",
        "Eine Frau trägt einen Koffer und stellt ihn auf den Boden.": r"suitcase|luggage, it\b",
        "Ein Mann nimmt einen Hut und gibt ihn einem Kind.": r"hat\b, it\b",
        "Ein Kind baut einen Turm, und sein Bruder fotografiert ihn.": r"tower, it\b",
        "Ein Mädchen öffnet einen Regenschirm und hält ihn hoch.": r"umbrella, it\b",
    },
    "ihn, a person": {
        "Eine Frau sieht ihren Sohn und umarmt ihn.": r"son\b, him\b",
        "Ein Vater hebt seinen Sohn hoch und trägt ihn.": r"son\b, him\b",
        "Ein Junge fällt hin, und seine Mutter tröstet ihn.": r"boy\b, him\b",
        "Ein Mann schläft, und seine Frau weckt ihn.": r"man\b, him\b",
        "Ein Polizist steht an der Straße, und ein Mädchen fragt ihn.": r"police|officer|cop, him\b",
        "Ein Mädchen sieht einen alten Mann und grüßt ihn.": r"man\b, him\b",
        "Ein Sänger singt, und die Menge filmt ihn.": r"singer|man\b, him\b",
        "Eine Frau trifft einen Freund und küsst ihn.": r"friend, him\b",
    },
    "questions": {
        "Was macht der Mann auf dem Dach?": r"what, man\b, roof, \?",
        "Wo spielt das Mädchen?": r"where, girl, play, \?",
        "Wer hält den roten Ball?": r"who, red, ball, \?",
        "Warum lacht die Frau?": r"why, woman, laugh, \?",
        "Schläft der Hund im Gras?": r"is\b|does, dog, sleep, grass, \?",
        "Wie viele Kinder sitzen auf der Bank?": r"how many, child|kid, bench, \?",
        "Welche Farbe hat das Auto?": r"what|which, colou?r, car\b, \?",
        "Kann das Baby schon laufen?": r"can, baby, walk|run, \?",
        "Hast du den Jungen mit dem Hut gesehen?": r"you, see, boy\b, hat\b, \?",
        "Wann fährt der Zug ab?": r"when, train, leav|depart, \?",
    },
    "negation": {
        "Der Mann trägt keinen Hut.": rf"man\b, hat\b, {NOT}",
        "Die Frau lacht nicht.": f"woman, laugh, {NOT}",
        "Kein Kind spielt auf der Straße.": f"child|kid, street|road, {NOT}",
        "Der Hund ist nicht im Wasser.": f"dog, water, {NOT}",
        "Niemand sitzt auf der Bank.": f"bench, {NOT}",
        "Ein Junge ohne Schuhe läuft über die Wiese.": rf"boy\b, {NOT}|barefoot, field|meadow|grass|lawn",
        "Das Mädchen hat nichts in der Hand.": f"girl, hand, {NOT}",
        "Die Kinder spielen nicht mehr.": f"child|kid, play, {NOT}",
        "Nicht alle Menschen tragen einen Helm.": f"helmet, {NOT}",
        "Der Radfahrer hält nicht an.": f"cycl|bik|rider, stop, {NOT}",
    },
    "long": {
        "Ein Mann in einem blauen Hemd steht neben einer Frau mit einem roten Schirm, während zwei "
        "Kinder auf dem Gehweg spielen und ein brauner Hund unter einer Bank schläft, auf der eine alte "
        "Frau eine Zeitung liest.":
        r"man\b, blue, shirt, woman, red, umbrella, two, sidewalk|pavement, brown, dog, bench, newspaper",
        "Ein Mädchen in einem gelben Kleid hält einen Luftballon, ein Junge mit einer grünen Mütze isst "
        "ein Eis, und hinter ihnen verkauft ein Mann mit einem weißen Bart Blumen an eine junge Frau, "
        "die ein Baby trägt.":
        r"girl, yellow, dress, balloon, boy\b, green, ice\b, sell, white, beard, flower, young, baby",
        "Drei Arbeiter mit orangefarbenen Westen und weißen Helmen reparieren eine Straße, während neben "
        "ihnen ein gelber Bagger steht und eine Gruppe von Menschen an einer Bushaltestelle auf den Bus "
        "wartet.":
        r"three, orange, vest, white, helmet|hats?\b, street|road, yellow, people, wait, bus",
        "Auf einer kleinen Bühne spielt eine Frau mit langen schwarzen Haaren Geige, neben ihr sitzt ein "
        "Mann an einem Klavier, und vor der Bühne tanzen viele Menschen in bunten Kleidern, während ein "
        "Fotograf Bilder macht.":
        r"stage, woman, long, black, hair, violin, man\b, piano, danc, colorful|bright, photo|pic",
        "Ein Junge in roten Schwimmhosen springt von einem Felsen in einen See, sein Freund wartet im "
        "Wasser, und am Ufer sitzt ein Mädchen mit einem Strohhut auf einem Handtuch und liest ein "
        "dickes Buch.":
        r"boy\b, red, jump, rock|cliff, lake, friend, water, girl, straw|hat\b, towel, read, book",
        "Zwei Frauen in dicken Jacken gehen mit ihren Hunden durch den Schnee, ein Kind zieht einen "
        "Schlitten einen Hügel hinauf, und im Hintergrund fährt ein rotes Auto langsam an einem kleinen "
        "Haus vorbei.":
        r"two, women, jacket|coat, dog, snow, child|kid|boy\b|girl, sled, hill, background, red, car, house",
    },
    "no caption": {
        "Ich habe meinen Schlüssel vergessen.": r"i\b, forg, key",
        "Die Zentralbank erhöht die Zinsen.": "bank, rais|increas, interest|rate",
        "Guten Morgen, wie geht es dir?": "morning, how, you",
        "Das Parlament stimmt über das neue Gesetz ab.": "parliament, vot, law|bill",
        "Morgen wird es regnen.": "tomorrow, rain",
        "Bitte schließen Sie die Tür.": "please, close|shut, door",
        "Der Patient leidet an hohem Fieber.": "patient, fever",
        "Wasser kocht bei hundert Grad.": "water, boil, hundred|100",
        "Ich liebe dich.": r"i\b, love, you",
        "Die Firma hat ihren Gewinn verdoppelt.": "company|firm, profit, doubl",
    },
}  # fmt: skip


def contains(translation, needed):
    """Whether all words of `needed` begin somewhere in the translation."""
    return all(re.search(rf"\b(?:{words})", translation.lower()) for words in needed.split(", "))


def probe(translator):
    """For each kind of sentence: how many translations are `right`, `of` how many, and the first two `wrong`
    ones with their sources."""
    found = {}
    for kind, probes in PROBES.items():
        answers = dict(zip(probes, translator.translate(list(probes)), strict=True))
        wrong = [
            [german, english] for german, english in answers.items() if not contains(english, probes[german])
        ]
        found[kind] = {"right": len(probes) - len(wrong), "of": len(probes), "wrong": wrong[:2]}
    return found
