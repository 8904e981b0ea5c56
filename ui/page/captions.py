"""Every word of the page, in one place: to translate it, translate this file."""

from index.records import Modality

TITLE = "PlaceBind"
TAGLINE = "Search the Earth by what is written about a place, what it looks like from space, and where it is."

SEARCH, ATLAS, INDEX = "Search", "Atlas", "Index"
MODALITY: dict[Modality, str] = {"locations": "Places", "articles": "Articles", "tiles": "Satellite tiles"}

ASK_LABEL = "What are you looking for?"
ASK_PLACEHOLDER = "for example: volcanic island with black sand"
EXAMPLES_LABEL = "Try"
EXAMPLES = (
    "salt flat in the Andes",
    "tropical rainforest along a great river",
    "fjords and glaciers",
    "sand dunes in a hot desert",
    "coral atoll in the Pacific",
)
IMAGE_LABEL = "Ask with a picture: a GeoTIFF with bands, or a PNG or JPEG seen from above"
IMAGE_BUTTON = "Picture"
COORDINATES_BUTTON = "Coordinates"
COORDINATES_ASK = "Ask about this place"
LAT, LON = "Latitude (degrees)", "Longitude (degrees)"

TOUR = f"""
**{TITLE}.** {TAGLINE}

**Three ways to ask**

1. **Words.** Describe a place above, or take one of the examples.
2. **A picture.** Drop a satellite image: which places and articles resemble it?
3. **A place.** Click the map: what is written about such places, what do they look like?

The brighter the map, the better a place fits. Then use **+** and **−** on the hits to ask for more or less of the same, draw a box
or a polygon on the map to search only there, and copy the address of the page to share what you see.
"""

LOCATE = "Names"
LOCATE_LABEL = "A text of any length: which places does it name?"
LOCATE_NOTHING = "The text names no place that the gazetteer knows."
LOCATE_NAME, LOCATE_PLACE, LOCATE_POSITION, LOCATE_SURE, LOCATE_AT = "Name", "Place", "Position", "Sure", "At character"
NAMES = "Look up names"
NAMES_HELP = "Places that the words name count beside what the words describe"
NO_PLACE = "It is no place"
IT_MEANS = "What does “{name}” mean?"
PARTS_HEADING = "Your question"
PART_KIND = {"text": "Words", "place": "Place", "record": "Record", "image": "Picture"}
WEIGHT, REMOVE, CLEAR = "Weight", "Take this out", "Start over"
FILTERS, SHOW = "Filters", "Show"
INTO, HITS_EACH, COUNTRIES = "Search in", "Hits of each kind", "Countries"
COUNTRIES_HELP = "As the records say, and as the catalogue writes them"
WHERE, INSIDE, OUTSIDE = "Where", "In", "Not in"
REGIONS_HELP = "Continents and countries, by the position of a record"
HEIGHT, HEIGHT_HELP = "Height of the ground (m)", "as 2000/ or 500/1500; 'above 2,000 m' in a question means the same"
COAST, COAST_HELP = "Distance from the sea at most (km; 0: any)", "'near the coast' in a question means 50 km"
NEAR, NEAR_HELP = "Around a place", "latitude,longitude,km"
BOX, BOX_HELP = "In a box", "south,west,north,east in degrees"
READS = "Read places and filters in the words"
READS_HELP = "Coordinates, map links and phrases such as 'outside Europe' or 'within 200 km of Lima' become chips"
DATES, DATES_HELP = "Days of tiles", "As 2021-06-01/2021-08-31; either may be omitted"
APART, WORDS = "Least distance between hits (km; 0: any)", "Search the words themselves too"
WORDS_HELP = "Full text next to meaning: for names and rare words"
CATALOGUE, COMPARE, NO_COMPARE = "Catalogue and model", "Compare with", "nothing"
BACKGROUND = "Base map"
HEAT_FROM = "Show the best … of the Earth"
HEAT_HELP = "Heat is shown for the places that fit better than the others: best 10 % means nine of ten are left out"
HEAT_MASS = "As probability"
HEAT_MASS_HELP = "Show the smallest region that holds … % of the probability, instead of the best … % of the Earth"
LEGEND_MASS = "holds {share} %"
LEGEND_LOW, LEGEND_HIGH = "best {share} %", "best of all"
STAGES = "Found in {total:.0f} ms ({stages})"
EXPORT = "Export hits"
EMPTY_COLUMN = "Nothing passes the filters. Widen the area, or remove a filter."
NOT_INDEXED = "Nothing is indexed here yet. Run {command} and reload this page."
STALE = "{count:,} {what} are not indexed yet and cannot be found; run `placebind index append`."
UNLEARNT = "{count:,} tiles of {sensor} cannot be found: the model was not trained on such images. Train one with them."
HIT_WORDS = {
    "score": "cosine",
    "scoreHelp": "Cosine with the question: comparable within a column",
    "beatsHelp": "Share of all records of this kind with a lower score",
    "distanceHelp": "Geodesic distance from the place of the question, or for a text from the best place",
    "more": "More like this",
    "less": "Less like this",
    "link": "open",
    "whyHelp": "What each part of the question adds to the score",
}
BEATS = "beats {percentile:.1f} %"

CATALOGUE_OF = "Catalogue"
TABLE, ROWS, INDEXED, DIMENSIONS, MODEL, SOURCE_DATES = "Table", "Records", "Indexed", "Dimensions", "Model", "Tiles dated"
SIZE, PART, KIND = "Size", "Index or file", "Kind"
PARTS_OF_INDEX = "Search indexes and their files"
CHECK, CHECK_HELP = "Check the recall", "Compares answers with exact ones, without a filter and under boxes"
CHECKING = "Searching exactly and by the index …"
VERSIONS = "Versions of the tables"
MEASURED = "What the tiles measured"
MODEL_CARD, MANIFESTS = "Model card", "Manifests of the index"
BUILD, BUILD_HELP = "Build what is missing", "Embeds the records that have no vector yet; can be stopped and resumed"
BUILT = "New vectors: {what}."

CLASSES = "Classes"
CLASSES_HELP = "Mark places that are what you look for and places that are not. The map shows where else it is."
CLASSES_CLICK = "A click on the map is"
CLASSES_SIGN = {"yes": "+ an example", "no": "− a counter-example"}
CLASSES_OPEN, CLASSES_FILE, CLASSES_SAVED = "Open labels", "A file of labels", "Labels saved in the catalogue"
CLASSES_COUNT = "{count} labels"
CLASSES_TOO_MANY = "the page teaches with {most:,} labels, these are {count:,}; use `placebind classify` for all of them"
CLASSES_SHOWN = "Shown where '{label}' is likelier than not; the brighter, the likelier."
CLASSES_NEXT = "A label would tell most at:"
CLASSES_PLACE, CLASSES_NOW = "Place", "Likeliest now"
CLASSES_MAP, CLASSES_LABELS = "GeoTIFF", "Labels"
CLASSES_NO_LOCATIONS = (
    "Classes are drawn on locations, and none are indexed here: `placebind ingest grid`, then `placebind index build`."
)
