"""What the sketch generator understands of a prompt: things, colours and quoted text, by words alone."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

Colour = tuple[int, int, int]

TEXT_LIMIT = 40
"""Characters of a quoted text that are drawn; the rest is left out."""

_THINGS: dict[str, str] = {
    # scenery
    "night": "night nights midnight nuit nacht noche notte noite ночь ночью ночной ليل 夜 रात",
    "sunset": "sunset sunrise dusk dawn evening crepuscule aurore aube soir soleil-couchant"
    " sonnenuntergang abend atardecer ocaso amanecer tramonto alba por-do-sol entardecer закат"
    " рассвет غروب 夕 日落 日出 सूर्यास्त coucher-de-soleil puesta-de-sol sonnenaufgang"
    " lever-de-soleil",
    "sea": "sea ocean lake water wave waves river mer lac eau vague vagues riviere meer see wasser"
    " wellen fluss mar oceano lago agua olas rio mare acqua onde море озеро вода река بحر ماء 海 湖"
    " 水 川 समुद्र",
    "beach": "beach sand shore coast plage sable strand playa arena spiaggia sabbia praia пляж شاطئ"
    " 浜 海滩 沙滩 ビーチ",
    "mountain": "mountain mountains alps hill hills montagne montagnes colline alpes berg berge"
    " gebirge alpen montana montanas colina montagna montagne montanha montanhas гора горы горах جبل"
    " جبال 山 पहाड़",
    "forest": "forest woods jungle foret bois wald bosque selva foresta bosco floresta лес лесу"
    " غابة 森 森林 जंगल",
    "city": "city town skyline street building buildings ville rue immeuble immeubles stadt strasse"
    " hochhaus ciudad calle edificios citta strada palazzi cidade rua predios город городе улица"
    " مدينة شارع 市 街 城 शहर",
    "desert": "desert dunes wuste duna desierto deserto пустыня صحراء 沙漠 砂漠",
    "snow": "snow winter snowy neige hiver schnee nieve invierno neve inverno снег зима зимний ثلج 雪 冬 बर्फ",
    "garden": "garden meadow park grass field lawn jardin pre prairie herbe champ garten wiese gras"
    " feld parque hierba campo jardim giardino prato parco erba grama сад луг парк трава поле حديقة"
    " 公园 庭 草 बगीचा",
    "cloud": "cloud clouds cloudy nuage nuages wolke wolken nube nubes nuvola nuvole nuvem nuvens"
    " облако облака سحاب 云 雲 बादल",
    "sun": "sun sunny soleil ensoleille sonne sonnig sol soleado sole soleggiato ensolarado солнце"
    " شمس 太陽 太阳 सूरज",
    "moon": "moon lune mond luna lua луна قمر 月 चाँद",
    "star": "star stars starry space etoile etoiles espace stern sterne weltraum estrella estrellas"
    " stella stelle estrela estrelas звезда звезды космос نجوم 星 宇宙",
    # objects
    "tree": "tree trees palm arbre arbres palmier baum baume palme arbol arboles palmera albero"
    " alberi arvore arvores дерево деревья شجرة 树 木 पेड़",
    "house": "house home cottage cabin castle maison chalet chateau haus hutte schloss casa cabana"
    " castillo castello castelo дом домик замок بيت 房子 家 घर",
    "flower": "flower flowers rose roses tulip tulips sunflower bouquet fleur fleurs tulipe blume"
    " blumen tulpe flor flores rosa rosas fiore fiori цветок цветы роза زهرة 花 फूल",
    "cat": "cat cats kitten kitty chat chats chaton katze katzen gato gatos gatito gatto gatti кот"
    " кошка котенок котёнок قطة 猫 बिल्ली",
    "dog": "dog dogs puppy chien chiens chiot hund hunde welpe perro perros cachorro cane cani cao"
    " собака щенок كلب 狗 犬 कुत्ता",
    "boat": "boat ship sailboat bateau voilier navire boot schiff segelboot barco velero barca nave"
    " veleiro лодка корабль قارب 船 नाव",
    "car": "car cars taxi voiture voitures auto autos wagen coche coches carro carros macchina"
    " машина автомобиль سيارة 车 車 कार",
    "balloon": "balloon balloons ballon ballons luftballon globo globos palloncino palloncini balao"
    " baloes шар шары بالون 气球 風船",
    "person": "person people man woman men women child boy girl portrait face someone figure"
    " personne gens homme femme hommes femmes enfant garcon fille visage mensch menschen mann frau"
    " kind gesicht persona personas gente hombre mujer nino nina retrato rostro uomo donna persone"
    " bambino ritratto volto pessoa pessoas homem mulher crianca человек люди мужчина женщина портрет"
    " شخص رجل امرأة 人 男 女 顔 व्यक्ति आदमी औरत",
    # what an edit can do
    "background": "background backdrop behind scenery fond arriere-plan derriere decor hintergrund"
    " dahinter fondo detras sfondo dietro fundo atras фон фоне خلفية 背景 पृष्ठभूमि",
    "grey": "greyscale grayscale monochrome desaturate black-and-white noir-et-blanc schwarzweiss"
    " schwarz-weiss blanco-y-negro bianco-e-nero preto-e-branco черно-белый черно-белое чёрно-белый"
    " 黑白 白黒 モノクロ",
    "sepia": "sepia vintage сепия",
    "brighter": "brighter brighten lighter lighten clair eclaircir lumineux heller aufhellen claro"
    " aclarar schiarire luminoso clarear светлее ярче أفتح 更亮 明るく",
    "darker": "darker darken sombre assombrir dunkler abdunkeln oscuro oscurecer scurire scuro"
    " escurecer темнее أغمق 更暗 暗く",
    "border": "border frame framed outline bordure cadre encadrer rahmen rand umrandung borde marco"
    " bordo cornice borda moldura рамка рамку рамке إطار 边框 枠 フレーム",
    "hat": "hat hats cap tophat beanie chapeau casquette bonnet hut mutze kappe sombrero gorro"
    " gorra cappello berretto chapeu bone шляпа шляпу шапка шапку кепка قبعة 帽子 टोपी",
    "crown": "crown tiara couronne krone corona coroa корона تاج 王冠",
    "caption": "caption title text label write words legende titre texte ecris ecrire beschriftung"
    " titel schreibe leyenda titulo texto escribe didascalia titolo testo scrivi legenda escreva"
    " подпись текст напиши 字幕 文字",
}

_COLOURS: dict[str, tuple[Colour, str]] = {
    "red": (
        (208, 52, 44),
        "red rouge rouges rot rote roten roter rotes rojo roja rosso rossa vermelho vermelha красный"
        " красная красную أحمر 红 赤 लाल",
    ),
    "orange": (
        (240, 140, 40),
        "orange oranges naranja arancione laranja оранжевый برتقالي 橙 オレンジ",
    ),
    "yellow": (
        (246, 206, 60),
        "yellow jaune jaunes gelb gelbe gelben gelber gelbes amarillo amarilla giallo gialla amarelo"
        " amarela желтый жёлтый أصفر 黄 पीला",
    ),
    "green": (
        (58, 148, 78),
        "green vert verte verts grun grune grunen gruner grunes verde verdes зеленый зелёный أخضر 绿 緑 हरा",
    ),
    "blue": (
        (52, 108, 204),
        "blue bleu bleue bleus blau blaue blauen blauer blaues azul azules blu azzurro синий голубой"
        " أزرق 蓝 青 नीला",
    ),
    "purple": (
        (128, 70, 168),
        "purple violet violette lila morado viola roxo violeta фиолетовый بنفسجي 紫 बैंगनी",
    ),
    "pink": (
        (236, 128, 176),
        "pink rosado cor-de-rosa розовый وردي 粉 ピンク गुलाबी",
    ),
    "brown": (
        (124, 84, 56),
        "brown marron brun braun braune brauner marrone castanho коричневый بني 棕 茶色 भूरा",
    ),
    "black": (
        (34, 34, 40),
        "black noir noire noirs schwarz schwarze schwarzer negro negra nero nera preto preta черный"
        " чёрный черная أسود 黑 黒 काला",
    ),
    "white": (
        (246, 246, 244),
        "white blanc blanche blancs weiss weisse weisser blanco blanca bianco bianca branco branca"
        " белый белая أبيض 白 सफेद",
    ),
    "grey": (
        (140, 144, 150),
        "grey gray gris grise grau graue grauer grigio cinza серый رمادي 灰",
    ),
    "turquoise": (
        (56, 176, 176),
        "turquoise teal cyan turkis turquesa turchese бирюзовый تركواز 青绿",
    ),
}

_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“", "「": "」", "『": "』"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What was understood: names of things, colours in the order they were named, a quoted text or ""."""

    things: frozenset[str]
    colours: tuple[Colour, ...] = ()
    text: str = ""


def understand(prompt: str) -> Wish:
    """The things, colours and quoted text named in `prompt`, in linear time; the rest is ignored."""
    folded = _plain(prompt)
    words = "".join(c if c.isalnum() or c in "-" else " " for c in folded).split()
    # A hyphenated word counts as itself and as its parts; spaced phrases ("black and white") are joined.
    tokens = set(words)
    tokens.update(part for word in words for part in word.split("-"))
    for size in (2, 3):
        tokens.update("-".join(words[i : i + size]) for i in range(len(words) - size + 1))
    things = {thing for thing, (spaced, dense) in _WORDS.items() if _named(tokens, folded, spaced, dense)}
    colours: list[tuple[int, Colour]] = []
    for rgb, spaced, dense in _TINTS:
        if _named(tokens, folded, spaced, dense):
            places = [p for p in (folded.find(w) for w in spaced | dense) if p >= 0]
            colours.append((min(places), rgb))
    if "grey" in things:  # "black and white" names a process there, not two colours
        colours = []
    return Wish(frozenset(things), tuple(rgb for _, rgb in sorted(colours)), _quoted(prompt))


def _plain(text: str) -> str:
    """Case-folded, without accents, so that "Forêt" and "foret" are one word."""
    return "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))


def _split(words: str) -> tuple[frozenset[str], frozenset[str]]:
    """Words of spaced scripts (matched whole) and of unspaced ones, CJK and kana (matched anywhere)."""
    plain = _plain(words).split()
    return (
        frozenset(w for w in plain if w[0] < "\u2e80"),
        frozenset(w for w in plain if w[0] >= "\u2e80"),
    )


def _named(tokens: set[str], folded: str, spaced: frozenset[str], dense: frozenset[str]) -> bool:
    return not tokens.isdisjoint(spaced) or any(word in folded for word in dense)


def _quoted(prompt: str) -> str:
    for start, char in enumerate(prompt):
        closing = _QUOTES.get(char)
        if closing is not None:
            end = prompt.find(closing, start + 1)
            inside = prompt[start + 1 : end] if end > start else ""
            return " ".join("".join(c for c in inside if c.isprintable()).split())[:TEXT_LIMIT]
    return ""


_WORDS = {thing: _split(words) for thing, words in _THINGS.items()}
_TINTS = tuple((rgb, *_split(words)) for rgb, words in _COLOURS.values())
