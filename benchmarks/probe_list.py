"""The 40 descriptions of benchmarks/probes.py and the regions in which an answer is right: written before any answer was seen.

A region is a box (south, west, north, east; west > east crosses the antimeridian) or a circle (lat, lon, radius in km). They are
rough, and wide where a thing exists in many places; the page says how many random land points would be right.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.geo import geodesic_km
from index.records import BBox

Box = tuple[float, float, float, float]
Circle = tuple[float, float, float]
CITY_KM = 80  # how far the lights of a megacity reach

REGIONS: dict[str, Box | Circle] = {
    # Africa
    "Sahara": (15, -17, 33, 35), "Namib and Kalahari": (-30, 11, -15, 24), "Nile valley": (22, 29, 32, 33.5),
    "Madagascar's highlands": (-22, 45, -17, 49), "Congo basin": (-5, 8, 5, 30), "West African forest": (4, -13, 8, 10),
    "East African savanna": (-12, 28, 5, 42), "southern African savanna": (-28, 12, -8, 40), "Sudan savanna": (7, -15, 14, 36),
    "East African highlands": (-10, 28, 2, 38), "Malawi's hills": (-17, 34, -13, 36.5), "Libya and Algeria": (24, 0, 33, 25),
    "Niger delta": (4, 4.5, 6.5, 8.5), "coast of Guinea": (8, -17, 14, -12), "West African coast": (4, -17.5, 15, 10),
    "Mozambique channel": (-25, 34, -1, 50), "Swahili coast": (-16, 38, 2.5, 42), "Comoros": (-13.5, 43, -11, 45.6),
    "East African Rift": (-5, 27, 15, 45), "Maghreb": (30, -9, 37.5, 11.5), "Roman Africa": (28, -2, 37.5, 25),
    "Morocco": (33, -7, 35.5, -2), "Cape winelands": (-35, 18, -32, 22), "Cape Verde": (14, -25.5, 17.5, -22),
    "Red Sea": (12, 32, 29, 44), "Canary Islands": (27, -18.5, 30, -13), "Madeira": (32, -17.5, 33.3, -16),
    "western Indian Ocean": (-22, 45, -3, 64), "Mascarenes": (-22, 55, -19, 58.5), "Zanzibar": (-12, 38, -3, 41),
    # Europe
    "Norway": (58, 4, 71.5, 31.5), "northern Norway": (66.5, 11, 71.5, 31.5), "Kola": (66.5, 28, 70, 42),
    "Lapland": (64, 11, 71.5, 42), "Iceland": (63, -25, 67, -13), "Svalbard": (76, 10, 81, 34), "France": (42, -2, 50, 8),
    "Italy": (36, 7, 47, 18.6), "Iberia": (36, -9.6, 43.8, 3.4), "Rhine to Danube": (46, 6, 51, 22),
    "Romania and Moldova": (44, 22, 48.5, 30), "Greece and the Aegean": (34.5, 19, 44, 29),
    "southern Italy's volcanoes": (36, 12, 42, 16.5), "Azores": (36, -32, 40, -24), "Alps": (44, 5, 48, 16),
    "Caucasus": (41, 40, 44.5, 48), "Pyrenees": (42, -1, 43.3, 2.7), "western and central Europe": (42, -5.5, 55.5, 24),
    "Great Britain": (50, -6, 56.2, 2), "Baltic towns": (54, 19, 60, 28.5), "Provence": (43, 3, 44.5, 7.8),
    "Dalmatia": (41.5, 13.5, 45.5, 20), "South Wales": (51.4, -4.3, 52, -2.8), "Ruhr": (50.8, 6, 51.9, 8.4),
    "Silesia": (49.5, 17.5, 51, 20.2), "Donbas": (47, 36.5, 49.5, 40.5), "northern England and Scotland": (53, -4.5, 56.2, -0.8),
    "Wallonia and northern France": (49.8, 2, 51, 6.2), "Saar and Lorraine": (48.8, 5.5, 49.7, 7.5),
    "Asturias": (42.8, -7, 43.7, -4.5), "northern Bohemia": (49.5, 12.5, 51, 18.7), "Ukraine and Romania": (43, 20, 52, 40),
    "Portugal": (36.9, -9.6, 42.2, -6.2),
    # Asia
    "Arabia": (12, 35, 32, 60), "Thar": (24, 69, 30, 76), "Iran": (27, 45, 38.5, 62), "Luzon to Mindanao": (5, 117, 19, 127),
    "southern China": (21, 97, 32, 122), "northern Vietnam": (18, 102, 24, 108), "Java and Bali": (-9, 105, -5, 117),
    "Himalayas": (26, 78, 36, 98), "Japan": (30, 129, 46, 146), "northern Thailand and Laos": (17, 97, 23, 105),
    "Georgia": (41, 41, 43.5, 47), "Mesopotamia": (29, 39, 38, 50), "Indus valley": (23, 66, 33, 76), "Turan": (35, 54, 43, 72),
    "Maldives": (-1, 72, 8, 74.5), "eastern Indonesia and the Philippines": (-11, 115, 12, 142),
    "Arctic Russia": (66, 30, 78, 180), "Chukotka": (62, 160, 72, -169), "Tibet": (27, 75, 39, 104),
    "Anatolian plateau": (37, 32, 40, 35), "Mongolia": (42, 87, 52, 120), "Kazakhstan": (43, 47, 55, 87),
    "Kyrgyzstan": (39, 69, 43, 80), "Inner Mongolia": (40, 105, 50, 122), "Tuva and Buryatia": (49, 88, 54, 118),
    "Indonesia": (-11, 95, 6, 130), "Kamchatka": (50, 155, 61, 165), "South East Asia": (-10, 95, 20, 122),
    "Assam and Darjeeling": (24, 87, 29, 97), "Sri Lanka": (5.5, 79.5, 10, 82), "southern India": (8, 75.5, 14, 78.5),
    "Taiwan": (21.5, 119.5, 25.5, 122.5), "Sumatra and Java": (-8.5, 95, 6, 115), "Rize and Georgia": (40, 38, 43, 43),
    "Gilan": (36.5, 48.5, 38, 51), "the Gulf": (20, 42, 34, 60), "Turkmenistan": (36, 52, 43, 62),
    "western Kazakhstan": (43, 48, 50, 60), "Baku": (39, 48, 42, 51), "Oman and Yemen": (13, 44, 24, 60),
    "Ganges delta": (21, 87, 25, 92.5), "Mekong delta": (8, 104, 12, 107.5), "Irrawaddy delta": (15, 93.5, 19, 97),
    "Red River delta": (19.5, 105, 21.5, 107), "Chao Phraya delta": (13, 99.5, 15.5, 101.5),
    "deltas of eastern India": (15, 79.5, 21.5, 87.5), "Indus delta": (23, 66.5, 25.5, 69.5),
    "Tian Shan, Pamir and Altai": (36, 66, 51, 98), "eastern Siberia": (55, 85, 76, 180), "northern Mongolia": (47, 88, 56, 120),
    "Levant": (29, 34, 37, 42), "north-western Arabia": (26, 36, 31, 40), "Afghanistan": (33, 60, 37.5, 71),
    "Xinjiang": (36, 73, 45, 96), "Silk Road of the Tian Shan": (40, 66, 44, 78), "northern Russia": (62, 30, 77, 180),
    "Manchuria": (40, 118, 49, 134), "Korea": (34, 126, 39, 130), "China": (22, 97, 41, 122),
    "Myanmar, Thailand and Laos": (14, 92, 24, 106), "Kuzbass": (53, 85, 56.5, 88.5), "Shanxi": (34.5, 110, 40.5, 114.6),
    "Jharkhand": (22, 83.5, 24.5, 88), "Guangxi and Guizhou": (22, 103, 28, 113), "Malay peninsula and Laos": (4, 97, 20, 106),
    "Palawan": (9, 117, 13, 126), "western India's coast": (8, 72, 24, 77.5), "Sundarbans": (21, 87, 23, 92),
    "Borneo, Sumatra and Malaya": (-6, 95, 8, 120), "western Turkey": (35.8, 26, 42, 36.5),
    "Oman and the Gulf's coast": (15, 42, 27, 60),
    # North America
    "Sonora and Mojave": (25, -118, 37, -109), "Greenland": (59, -73, 84, -10), "western Greenland": (66.5, -56, 75, -50),
    "coast of Alaska and British Columbia": (48, -155, 61, -122), "Baffin and Labrador": (52, -90, 83, -55),
    "California": (34, -124, 40, -118), "Oregon and Washington": (44, -124, 48, -117), "Caribbean": (10, -88, 28, -59),
    "northern Alaska": (64, -169, 72, -140), "northern Canada": (60, -140, 84, -60), "Great Basin": (37, -120, 42, -111),
    "Hawaii": (18, -160.5, 23, -154), "Mexico and Central America": (8, -106, 21, -82), "Cascades": (40, -123, 49, -120),
    "Alaska peninsula": (51, -180, 62, -150), "Lesser Antilles": (11, -64, 19, -60), "Central America": (7, -93, 19, -77),
    "Texas": (29, -105, 35, -97), "Rocky Mountains": (44, -155, 64, -109), "Yukon and interior Alaska": (62, -160, 70, -110),
    "Florida": (24, -83, 27, -80), "Caribbean coasts": (7, -93, 23, -75), "Vinales": (22, -84.5, 23.2, -82.5),
    "Corn Belt": (36, -104, 49, -80), "western USA": (32, -124, 49, -102), "Klondike and British Columbia": (48, -165, 67, -115),
    "Appalachians": (36.5, -83.5, 42, -75), "Alabama": (33, -88, 34.5, -86),
    # South America
    "Patagonian fjords": (-56, -76, -41, -68), "Chile and Mendoza": (-36, -72, -31, -67), "coast of Peru": (-14, -81, -5, -75),
    "Altiplano": (-27, -70.5, -15, -65), "volcanoes of Ecuador and Colombia": (-3, -80, 6, -74),
    "volcanoes of Peru and Chile": (-29, -73, -14, -66), "volcanoes of southern Chile": (-47, -74, -34, -69),
    "Galapagos": (-2, -92, 1, -89), "Amazon": (-12, -78, 6, -48), "Brazil's Atlantic forest": (-26, -50, -12, -38),
    "southern Andes": (-55, -75, -30, -68), "Peru's Andes": (-15, -78, -8, -70), "Pampas": (-39, -66, -27, -57),
    "Cerrado and Parana": (-30, -60, -8, -44), "Uruguay and southern Brazil": (-35, -58, -28, -50),
    "realm of the Incas": (-20, -80, 1, -64), "Tierra del Fuego": (-56, -75, -46, -63), "Rio de la Plata": (-34.6, -58.4, 400),
    # Oceania and Antarctica
    "Australia's interior": (-32, 115, -19, 142), "Fiordland": (-47, 166, -43, 170),
    "south-eastern Australia": (-39, 136, -31, 151), "New Zealand": (-47.5, 166, -34, 179), "Polynesia": (-28, -180, 5, -134),
    "Micronesia and Melanesia": (-23, 130, 21, 180), "Great Barrier Reef": (-25, 142, -10, 154),
    "volcanoes of New Zealand": (-40, 174, -36, 178), "Melanesia's volcanoes": (-21, 145, -3, 171),
    "New Guinea": (-11, 130, 0, 151), "Southern Alps": (-46, 166, -41, 173.5), "northern Australia": (-20, 121, -9, 148),
    "south-western Australia": (-36, 114, -31, 118), "Victoria and New South Wales": (-39, 141, -31, 151),
    "goldfields of Western Australia": (-33, 117, -26, 124), "Otago": (-46.5, 167, -43, 172),
    "Hunter valley": (-33.6, 149.5, -31.8, 152), "Fiji": (-19, 176.5, -16, -179.5), "Australia": (-44, 112, -10, 154),
    "Antarctica": (-90, -180, -60, 180), "South Georgia and the Falklands": (-60, -62, -50, -25),
    "subantarctic islands": (-56, 30, -45, 180),
}  # fmt: skip

MEGACITIES: dict[str, Circle] = {
    name: (lat, lon, CITY_KM)
    for name, lat, lon in (
        ("Tokyo", 35.7, 139.7), ("New York", 40.7, -74.0), ("Shanghai", 31.2, 121.5), ("Hong Kong and Shenzhen", 22.4, 114.1),
        ("Guangzhou", 23.1, 113.3), ("Seoul", 37.6, 127.0), ("Beijing", 39.9, 116.4), ("Sao Paulo", -23.6, -46.6),
        ("Mexico City", 19.4, -99.1), ("Mumbai", 19.1, 72.9), ("Delhi", 28.6, 77.2), ("Jakarta", -6.2, 106.8),
        ("Manila", 14.6, 121.0), ("Bangkok", 13.8, 100.5), ("Singapore", 1.35, 103.8), ("Kuala Lumpur", 3.1, 101.7),
        ("Dubai", 25.2, 55.3), ("Chicago", 41.9, -87.6), ("Los Angeles", 34.1, -118.2), ("London", 51.5, -0.1),
        ("Istanbul", 41.0, 29.0), ("Moscow", 55.8, 37.6), ("Osaka", 34.7, 135.5), ("Taipei", 25.0, 121.5),
        ("Toronto", 43.7, -79.4), ("Buenos Aires", -34.6, -58.4), ("Rio de Janeiro", -22.9, -43.2), ("Cairo", 30.0, 31.2),
        ("Lagos", 6.5, 3.4), ("Karachi", 24.9, 67.0), ("Dhaka", 23.8, 90.4), ("Kolkata", 22.6, 88.4), ("Chongqing", 29.6, 106.5),
        ("Wuhan", 30.6, 114.3), ("Tianjin", 39.1, 117.2), ("Paris", 48.9, 2.35), ("Houston", 29.8, -95.4), ("Miami", 25.8, -80.2),
        ("Sydney", -33.9, 151.2), ("Melbourne", -37.8, 145.0), ("Ho Chi Minh City", 10.8, 106.7),
    )
}  # fmt: skip

_LISTED = """
sand dunes of a hot desert with hardly any rain: Sahara; Arabia; Namib and Kalahari; Australia's interior; Thar; Iran; Sonora
    and Mojave
fjords with steep cliffs and deep blue water: Norway; Iceland; Svalbard; Greenland; Patagonian fjords; Fiordland; coast of
    Alaska and British Columbia; Baffin and Labrador
rice terraces on steep green slopes: Luzon to Mindanao; southern China; northern Vietnam; Java and Bali; Himalayas; Japan;
    northern Thailand and Laos; Madagascar's highlands
vineyards and wine cellars on rolling hills: France; Italy; Iberia; Rhine to Danube; Romania and Moldova; Greece and the Aegean;
    Georgia; California; Oregon and Washington; Cape winelands; Chile and Mendoza; south-eastern Australia; south-western
    Australia; New Zealand
a very old ruined city of mud brick beside a river: Mesopotamia; Nile valley; Indus valley; Turan; Iran; coast of Peru
a coral island with white beaches and a turquoise lagoon: Maldives; Caribbean; Polynesia; Micronesia and Melanesia; western
    Indian Ocean; Zanzibar; Great Barrier Reef; eastern Indonesia and the Philippines; Red Sea
treeless tundra with short, cool summers: Arctic Russia; Chukotka; northern Alaska; northern Canada; Greenland; Lapland;
    Svalbard; Iceland
a white salt flat on a high plateau: Altiplano; Tibet; Great Basin; Iran; Anatolian plateau
endless grass steppe with horses and yurts: Mongolia; Kazakhstan; Kyrgyzstan; Inner Mongolia; Tuva and Buryatia
an active volcano with lava flows and ash: Iceland; Hawaii; Indonesia; Japan; Luzon to Mindanao; Kamchatka; volcanoes of Ecuador
    and Colombia; volcanoes of Peru and Chile; volcanoes of southern Chile; Mexico and Central America; Cascades; Alaska
    peninsula; southern Italy's volcanoes; Canary Islands; Azores; East African Rift; volcanoes of New Zealand; Melanesia's
    volcanoes; Mascarenes; Lesser Antilles; Cape Verde; Galapagos
a dense tropical rainforest with giant trees and monkeys: Amazon; Congo basin; South East Asia; Central America; West African
    forest; Brazil's Atlantic forest
savanna with elephants, lions and giraffes: East African savanna; southern African savanna; Sudan savanna
tea plantations on misty hills: Assam and Darjeeling; Sri Lanka; southern India; East African highlands; southern China; Taiwan;
    Japan; Sumatra and Java; Rize and Georgia; Malawi's hills; Gilan
oil fields and pipelines in the desert: the Gulf; Libya and Algeria; Texas; Turkmenistan; western Kazakhstan; Baku; Oman and
    Yemen
a wide river delta with mangroves, islands and rice fields: Ganges delta; Mekong delta; Irrawaddy delta; Niger delta; Red River
    delta; Chao Phraya delta; deltas of eastern India; Indus delta; coast of Guinea
a cold, windy high plateau with yaks and monasteries: Tibet; Himalayas
glaciers, snow peaks and alpine meadows: Alps; Himalayas; Tibet; Caucasus; Rocky Mountains; southern Andes; Peru's Andes;
    Southern Alps; Norway; Tian Shan, Pamir and Altai; Pyrenees; Iceland
frozen ground and larch forest with extremely cold winters: eastern Siberia; northern Mongolia; Yukon and interior Alaska
mangrove swamps full of crocodiles: northern Australia; Sundarbans; Florida; Borneo, Sumatra and Malaya; New Guinea; West
    African coast; Caribbean coasts; Mozambique channel
a village among olive groves under a dry summer sky: Iberia; Italy; Greece and the Aegean; western Turkey; Levant; Maghreb;
    Provence; Dalmatia
limestone karst towers rising from green fields and rivers: Guangxi and Guizhou; northern Vietnam; Malay peninsula and Laos;
    Palawan; Vinales
a megacity of skyscrapers glowing at night: MEGACITIES
people herd reindeer under the northern lights: Lapland; northern Russia; Chukotka
flat fields of maize and soybeans with grain silos: Corn Belt; Pampas; Cerrado and Parana; Ukraine and Romania; Manchuria
wine farms of the southern hemisphere: Cape winelands; Chile and Mendoza; south-eastern Australia; south-western Australia; New
    Zealand; Uruguay and southern Brazil
a fishing village with drying racks for cod above the polar circle: northern Norway; Kola; western Greenland
a medieval town with city walls, half-timbered houses and a castle: western and central Europe; Great Britain; Baltic towns;
    Iberia
Buddhist temples and monks in the mountains: Tibet; Himalayas; Japan; Korea; China; Myanmar, Thailand and Laos; Sri Lanka;
    Mongolia; Taiwan
stone terraces and walls built by the Incas: realm of the Incas
Roman ruins with columns in the desert: Roman Africa; Nile valley; Levant; Morocco; north-western Arabia
a caravan city of the Silk Road with blue domes and bazaars: Turan; Iran; Afghanistan; Xinjiang; Silk Road of the Tian Shan
a gold rush town with abandoned mines and saloons: western USA; Klondike and British Columbia; Victoria and New South Wales;
    goldfields of Western Australia; Otago
a valley of coal mines and steelworks: South Wales; Ruhr; Silesia; Donbas; northern England and Scotland; Wallonia and northern
    France; Saar and Lorraine; Asturias; northern Bohemia; Kuzbass; Shanxi; Jharkhand; Appalachians; Alabama; Hunter valley
an island of sugar cane plantations and rum: Caribbean; Mascarenes; Hawaii; Madeira; Fiji; Luzon to Mindanao
penguins on an icy shore: Antarctica; South Georgia and the Falklands; Tierra del Fuego; subantarctic islands
kangaroos in the eucalyptus bush: Australia
tango, cafes and grand avenues: Rio de la Plata
sushi, cherry blossoms and bullet trains: Japan
fado songs and tiled houses at the mouth of a river: Portugal
spice trade, dhows and houses of coral stone: Swahili coast; Zanzibar; Comoros; Oman and the Gulf's coast; Red Sea; western
    India's coast
"""

NOWHERE = (
    "a recipe for bread", "the theory of numbers", "how to repair the chain of a bicycle", "love and friendship",
    "an error in line 42 of the program", "the quick brown fox jumps over the lazy dog",
)  # fmt: skip


@dataclass(frozen=True)
class Probe:
    """A description and, by name, the regions in which an answer is right."""

    text: str
    regions: dict[str, Box | Circle]

    def right(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which of these points [N] lie in one of the regions, their borders included."""
        inside = [within(region, lat, lon) for region in self.regions.values()]
        return np.logical_or.reduce(inside)


def within(region: Box | Circle, lat: npt.ArrayLike, lon: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which points [N] lie in a box or a circle."""
    if len(region) == 3:
        return np.asarray(geodesic_km(region[0], region[1], lat, lon) <= region[2])
    south, west, north, east = region
    return np.asarray(BBox(south=south, west=west, north=north, east=east).contains(lat, lon))


def probes() -> list[Probe]:
    """All 40, in order."""
    found = []
    for line in _LISTED.strip().replace("\n    ", " ").splitlines():
        text, names = line.split(": ")
        regions = MEGACITIES if names == "MEGACITIES" else {name: REGIONS[name] for name in names.split("; ")}
        found.append(Probe(text, dict(regions)))
    return found
