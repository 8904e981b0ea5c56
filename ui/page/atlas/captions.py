"""Every word of the atlas page: to translate it, translate this file."""

INTRODUCTION = "What the model has learnt about the Earth as a whole. The map shows what the chosen view is about."
NO_LOCATIONS = (
    "The atlas is made from the indexed locations of a catalogue, and this one has none. Run {command} and reload this page."
)

COLOURS, SIMILAR, CLUSTERS, SHEET = "Colours", "Similar places", "Clusters", "Sheet"
NEIGHBOURS, GAP, RESOLUTION = "Neighbours", "Gap", "Resolution"

COLOURS_OF = "Colours of"
COLOURS_ASPECTS = {"whole": "the whole vector", "appearance": "appearance (what shows)", "identity": "identity (the rest)"}
COLOURS_SAY = {
    "whole": (
        "Places of similar colour are alike to the location encoder: the more two colours differ, the better it tells the places "
        "apart."
    ),
    "appearance": (
        "Two places of one colour look alike and lie at like latitudes, wherever they are. The encoder makes this half of its "
        "output from pictures of the Earth and the latitude alone. So it holds on continents of which the model learnt nothing."
    ),
    "identity": (
        "Two places of one colour are alike in the rest of what the model knows, for which it reads the longitude too. So places "
        "that look alike can have different colours here. This half does not hold on continents of which the model learnt nothing."
    ),
}
COLOURS_AXES = ("dark to bright", "green to red", "blue to yellow")
COLOURS_EXPLAINED = "{axis}: component {number}, **{share:.1%}** of the variance"
COLOURS_CAUTION = (
    "Together they hold {share:.0%} of the variance; each is stretched to its full range of colour, whatever its share."
)
COLOURS_BY = "Colours by"
COLOURS_METHODS = {"components": "principal components (large differences)", "umap": "UMAP (neighbourhoods)"}
UMAP_CAUTION = "Places of similar colour are neighbours in the space. A UMAP does not tell how different two other places are."
MAKING_UMAP = "Laying out the locations; this takes a minute or two …"
MAKING_COLOURS = "Finding the main directions of the vectors …"

SIMILAR_SAY = "Click the map: the brighter a place, the more similar it is to the clicked place for the location encoder."
SIMILAR_EMPTY = "No place is chosen yet. Click one on the map."
SIMILAR_PLACE = "Chosen: **{place}**. The most similar places at least {km:,.0f} km from it and from each other:"
SIMILAR_CHOSEN = "the clicked place"
SIMILAR_COLUMNS = {"title": "Place", "score": "Cosine", "distance": "km away"}
SIMILAR_NONE = "No place that far away stands out."
MAKING_SIMILAR = "Comparing every location with this place …"

CLUSTERS_SAY = (
    "Locations with similar vectors, found by k-means without knowing where they are, and named after the articles on their ground "
    "that are nearest to their centre."
)
CLUSTERS_COUNT = "Clusters"
CLUSTERS_COLUMNS = {
    "colour": "",
    "area": "Area %",
    "name": "Named by",
    "countries": "Articles from",
    "articles": "Articles",
    "alike": "Alike",
}
CLUSTERS_HELP = {
    "name": "Titles of the articles on its ground nearest to its centre; 'no article here' borrows titles from elsewhere",
    "area": "Share of the area that the locations cover",
    "alike": "Mean cosine of its locations with its centre: 1 means all the same",
}
CLUSTERS_BORROWED = "no article here; like {titles}"
CLUSTERS_NAMELESS = "no articles are indexed"
CLUSTERS_CHOOSE = "Choose a row to see the place that is typical of it on the map."
CLUSTERS_TYPICAL = "typical of: {name}"
MAKING_CLUSTERS = "Clustering the locations …"

SHEET_SAY = (
    "Articles, tiles and locations, similar ones near each other, each kind seen from its own mean. Point at one to see "
    "where on Earth it is, click to fly there; click the map to ring the items nearest to that place."
)
SHEET_METHOD = "Laid out by"
SHEET_METHODS = {"tsne": "t-SNE (neighbours)", "pca": "principal components (large shape)"}
MAKING_SHEET = "Laying out the items, for {seconds:.0f} s now; this takes up to a minute. The other views can be used meanwhile."
SHEET_DRAWN = "{count:,} items of {total:,}, chosen at random. Only near and far mean something; sizes of groups do not."
SHEET_WORDS = {
    "label": "Sheet of items. Arrow keys move between items, Enter flies to one on the map, plus and minus zoom.",
    "untitled": "without a title",
    "show": "Show",
}

NEIGHBOURS_SAY = "The nearest neighbours of a record among the other kinds of records, although no pairs were given."
NEIGHBOURS_KIND = "Kind of record"
NEIGHBOURS_TITLE = "Part of its title"
NEIGHBOURS_CHOICE = "Record"
NEIGHBOURS_EMPTY = "Type a part of a title, or click the map to choose among the records nearest to a place."
NEIGHBOURS_NONE = "No title contains these letters. Try a shorter part of it."
NEIGHBOURS_COLUMNS = {"modality": "Kind", "title": "Title", "score": "Cosine", "distance": "km away", "country": "Country"}
MUTUAL_SAY = (
    "How often neighbours are mutual: the share of records that are among the {k} nearest to their own nearest of another kind, "
    "in samples of up to {records:,}."
)
MUTUAL_COLUMNS = {"from": "From", "to": "To", "mutual": "Mutual %", "chance": "By chance %", "median": "Median km to the nearest"}
MAKING_MUTUAL = "Comparing neighbours both ways …"

GAP_SAY = (
    "Each kind of record fills its own part of the space. A line leads from the original vectors (hollow) to the vectors seen "
    "from the mean of their kind (filled): to the left the centres come together, upwards the clouds mix."
)
GAP_DISTANCE = "distance of the centres (0 is none, 2 the most)"
GAP_MIXING = "mixing"
GAP_STATES = ("as they are", "centred")
GAP_MEANING = (
    "Mixing is how many of the nearest neighbours of a record are of the other kind: 0 none of them, 1 as many as if there was one "
    "kind only."
)
GAP_EMPTY = "A gap lies between two kinds of records, and only one is indexed. Index articles or tiles next to the locations."
MAKING_GAP = "Comparing the clouds …"

RESOLUTION_SAY = "How far apart two places must be to be told apart: the mean cosine of places and the same places moved."
RESOLUTION_X, RESOLUTION_Y = "distance moved (km)", "cosine"
RESOLUTION_ALL = "all latitudes"
RESOLUTION_BAND = (
    "Measured at {places} places, moved in a random direction; the grey area holds four of five. Two random places have a "
    "mean cosine of {floor:.2f}; the dashed line is halfway there."
)
RESOLUTION_TOLD = "Similarity falls halfway to that of random places at **{half:,.0f} km**"
RESOLUTION_NEVER = "Similarity does not fall halfway to that of random places within {most:,.0f} km"
RESOLUTION_WAVE = "; half a wavelength of the finest spherical harmonics of this encoder is about {half_wave:,.0f} km."
RESOLUTION_ELSE = "."
MAKING_RESOLUTION = "Moving places about …"
