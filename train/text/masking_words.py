"""The words that ``train.text.masking`` knows: words with a capital letter that name no place, and names of countries.

Written for PlaceBind. Demonyms and languages are in no package of the [demo] extra; the names themselves come from there.
"""


def words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Kinds of place and things that a description needs; a name that contains one keeps it ("the Ganges River": "the Somewhere river").
KINDS = words_of(
    """
    abbey academy acre acres aerodrome age airfield airport airstrip alley aqueduct aquifer archipelago architecture area areas
    army art arts atoll avenue bank banks barony barracks barrage barrier base basilica basin battle battlefield bay bays bayou
    beach beaches bend bight block board boat bog border borough botanical boulevard branch bridge bridges brook building
    buildings bureau bus bush bypass cabin camp campground campus canal canals canton canyon cape capital castle castles
    cataract catchment cathedral cave cavern caves cemetery census center central centre channel chapel church churches circuit
    circle citadel cities city civil clan cliff cliffs climate club coast coastal coastline college colonial colony commission
    common commons commonwealth communities community commune company complex confluence conservation convent cooperative
    corporation council counties country county court courthouse cove crater creek creeks crossing crown culture dam delta
    department departments desert diocese archdiocese district districts division divisions dock docks dome downs duchy dune
    dunes dynasty earth earthquake east eastern ecoregion elementary emirate empire equator escarpment estate estates estuary
    expressway faculty fair falls farm farms fault federal federation ferry festival field fields fire first fishery fjord fleet
    flood floodplain fork forest forests fort fortress forum foothills foundation freeway fund gallery gap garden gardens gate
    gateway geographic geological geopark glacier glaciers gold golf gorge government governorate grade grand great grassland
    green greenway grove gulch gulf gully hall hamlet harbor harbour head headland headlands headquarters heath heights heritage
    high highland highlands highway hill hills historic historical history hospital hotel house houses housing ice independent
    indigenous industrial industry inlet inn institute intermediate international interstate island islands isle isles isthmus
    jail junction junior jungle karst kingdom lagoon lake lakes lakeside land lands landing landmark landmarks language
    languages law ledge library light lighthouse line local loch lock lodge lough lower main major mall manor mansion marina
    marine maritime market marsh marshes massif meadow meadows mediterranean memorial mesa metro metropolitan micropolitan
    middle military mill mills mine mineral mines mining mission missions moat monastery monument monuments moor moors moraine
    mosque motorway mound mount mountain mountains mouth mt municipal municipality municipalities museum music national native
    natural nature nation naval navy new north northeast northeastern northern northwest northwestern oasis observatory ocean
    office oil old open orchard order outback outer inner upper pagoda palace parish parishes park parks parkway parliament
    party pass passage path peak peaks peninsula people peoples pier pipeline place places plain plains plant plantation plateau
    platform plaza point police polytechnic pond ponds port post power prairie prefecture prehistoric primary principality
    prison project promontory protected province provinces provincial public pyramid quarry quarter rail railroad railway
    rainforest ranch range ranges rapids ravine recreation reef reefs refuge region regional regions register registry
    reservation reserve reserves reservoir resort ridge rift river rivers road roads rock rocks route royal ruins rural saint
    sanctuary sand school schools science sea seas seaport second secondary section sector settlement shire shoal shore shores
    shrine site sites society sound south southeast southeastern southern southwest southwestern spring springs square stadium
    state states station statistical steppe strait straits strand stream street streets suburb suburbs summit swamp synagogue
    system technical technology temple temples terminal terrace territorial territories territory theater theatre third tomb
    tombs tower towers town towns township townships trade trail train trench tribe tribal tributary tropical tropics tundra
    tunnel union united university upland uplands urban valley valleys village villages volcanic volcano wadi wall walls war
    ward water waterfall waterfalls waters watershed way wells west western wetland wetlands wharf wilderness wildlife wood
    woodland woods world yard zone zoo
    """
)

# Directions and the like: kept where they stand alone ("the South Coast of …"), part of a name in front of one ("North Carolina").
LEADING = words_of(
    """
    north south east west northern southern eastern western northeast northwest southeast southwest northeastern northwestern
    southeastern southwestern central upper lower middle great grand new old saint united royal inner outer main high
    """
)

# Times, religions, styles, ranks, bodies: words that English writes with a capital letter although they name no place.
COMMON = words_of(
    """
    january february march april may june july august september october november december monday tuesday wednesday thursday
    friday saturday sunday easter christmas ramadan spring summer autumn winter ad bc bce ce am pm gdp unesco un nato eu ngo gmt
    utc km kms sq mi ft mph mw gw kv kwh usd dna ph tv fm rv atv i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii
    xviii xix xx xxi nd st th rd mr mrs ms dr jr sr rev no nos catholic catholics christian christians christianity muslim
    muslims islam islamic mosque buddhist buddhists buddhism buddha hindu hindus hinduism jewish jews judaism protestant
    protestants protestantism orthodox methodist methodists baptist baptists lutheran lutherans presbyterian anglican
    evangelical adventist pentecostal shia sunni sikh sikhs jain jesuit jesuits franciscan benedictine cistercian bible god
    jesus christ virgin holy lady our mission pope bishop archbishop father roman romans latin gothic baroque romanesque
    renaissance neoclassical classical victorian neolithic mesolithic palaeolithic paleolithic palaeozoic paleozoic mesozoic
    cenozoic precambrian cambrian ordovician silurian devonian carboniferous permian triassic jurassic cretaceous tertiary
    quaternary eocene miocene oligocene pliocene pleistocene holocene medieval antiquity ages bronze iron stone copper modern
    ancient classic late early middle president governor mayor king queen prince princess duke duchess earl count baron emperor
    empress sultan shah emir chief minister prime senator senate congress representative representatives republic republican
    republicans democrat democrats democratic labour labor conservative conservatives liberal liberals communist socialist
    soviet general captain colonel lieutenant major admiral sir knight professor doctor director judge sheriff attorney supreme
    cabinet member members medal honor honour award prize olympic olympics championship championships league cup games football
    soccer rugby baseball basketball hockey cricket team internet web wikipedia act agreement treaty constitution declaration
    convention charter plan program programme service services agency authority administration bank development economic
    education environment environmental agriculture agricultural forestry fisheries health transport transportation information
    research association organization organisation committee list index zip code postal human resources rights security social
    special unit unified population male female age family families household households native natives indigenous whites blacks
    one two three four five six seven eight nine ten hundred thousand million century year years day days
    """
)

# Words that begin an English sentence, or have a capital letter in a heading; never masked.
FUNCTION = words_of(
    """
    a about above according across additionally after afterwards again against all almost along also although always among an
    and another any approximately are around as at attractions be because been before began behind being below beneath beside
    besides between beyond both built but by can common commonly consequently construction could currently dating deep despite
    did different distance do does down due during each earlier either elevation elsewhere established even eventually every
    evidence excavations except few finally first following for former formerly founded from further furthermore given had half
    has have having he hence her here him his historically home how however if important in include included includes including
    indeed initially inside instead into is it its known large larger largely last later least less like likewise local located
    long made many meanwhile more moreover most mostly much named names near nearby nearly neither never nevertheless next no
    nor not notable now nowadays of off often on once one only onto opened or originally other others otherwise our out outside
    over overall passages part per perhaps population prior previously primarily rather recent recently records remains residents
    same see seen several she should similarly since situated small smaller so some sometimes soon still subsequently such
    surrounded surrounding than thanks that the their them then there thereafter thereby therefore these they this those though
    through throughout thus to today together too total toward towards traditionally two typical typically under unlike until up
    upon us used usually various very via was we well were what when where whereas whether which while who whose why will with
    within without would yet you your agriculture archaeological archaeologists average buses data economy efforts excavation
    explorers farmers farming fishing inhabitants legend livestock locals mining people settlers temperatures tourism tourists
    trains visitors winters summers
    """
)

# Lower-case twins of country names and demonyms that are words of their own.
AMBIGUOUS = words_of(
    """
    turkey china polish chad guinea jersey georgia jordan niger dominica jam swede dane lao male
    """
)

# Names of countries that GeoNames does not have, passages of countries, old states, continents, oceans and regions of the world.
MORE_NAMES = words_of(
    """
    america americas usa u.s. u.s u.s.a. us uk u.k. britain england scotland wales holland burma ceylon persia siam formosa
    rhodesia zaire abyssinia czechoslovakia yugoslavia ussr prussia bohemia moravia bavaria saxony catalonia galicia andalusia
    brittany normandy provence burgundy alsace lorraine flanders wallonia tuscany sicily sardinia corsica crete macedonia
    anatolia mesopotamia levant caucasus transylvania siberia manchuria tibet xinjiang mongolia indochina bengal punjab kashmir
    gujarat rajasthan kerala tamil nadu maharashtra bihar assam java sumatra borneo sulawesi mindanao luzon visayas hokkaido
    honshu kyushu shikoku okinawa polynesia micronesia melanesia tasmania queensland victoria ontario quebec manitoba
    saskatchewan alberta yukon nunavut labrador newfoundland patagonia amazonia amazon andes alps himalaya himalayas karakoram
    pyrenees carpathians apennines balkans urals appalachians appalachian rockies sierra nevada sahara sahel kalahari namib gobi
    taklamakan atacama mojave sonoran maghreb scandinavia lapland iberia crimea arabia sinai palestine kurdistan oceania africa
    asia europe antarctica antarctic arctic australasia eurasia atlantic pacific caribbean caspian baltic adriatic aegean hawaii
    puerto rico guam bermuda congo ivory zanzibar dahomey
    """
)

# An underline stands for a space.
PHRASES = [
    name.replace("_", " ")
    for name in words_of(
        """
        people's_republic people’s_republic great_britain northern_ireland north_america south_america latin_america
        central_america middle_east near_east far_east southeast_asia united_states_of_america ivory_coast cape_verde east_timor
        new_guinea black_sea red_sea dead_sea north_sea yellow_sea south_china_sea east_china_sea indian_ocean southern_ocean
        persian_gulf british_isles low_countries soviet_union ottoman_empire new_england british_columbia nova_scotia
        new_brunswick prince_edward_island northwest_territories new_south_wales northern_territory south_australia
        western_australia rocky_mountains great_plains great_lakes gulf_coast
        """
    )
]

# Adjectives, peoples and languages of countries and of passages of the world.
DEMONYMS = words_of(
    """
    afghan afghans pashto dari albanian albanians algerian algerians american americans andorran angolan antiguan argentine
    argentines argentinian armenian armenians australian australians austrian austrians azerbaijani azeri azeris bahamian
    bahraini bangladeshi bengali barbadian belarusian belarusians belgian belgians belizean beninese bhutanese bolivian
    bolivians bosnian bosnians botswanan brazilian brazilians british briton britons bruneian bulgarian bulgarians burkinabe
    burmese burundian cambodian cambodians khmer cameroonian canadian canadians chadian chilean chileans chinese mandarin
    cantonese colombian colombians comorian congolese croat croatian croatians croats cuban cubans cypriot cypriots czech czechs
    bohemian dane danes danish djiboutian dominican dominicans dutch ecuadorian ecuadorean egyptian egyptians emirati english
    englishman eritrean estonian estonians ethiopian ethiopians amharic fijian filipino filipinos philippine tagalog finn
    finnish finns flemish french frenchman gabonese gambian georgian georgians german germans ghanaian greek greeks grenadian
    guatemalan guinean guyanese haitian haitians honduran hungarian hungarians magyar icelandic icelander icelanders indian
    indians hindi urdu indonesian indonesians javanese balinese iranian iranians persian persians farsi iraqi iraqis irish
    irishman israeli israelis hebrew italian italians sicilian ivorian jamaican jamaicans japanese jordanian jordanians kazakh
    kazakhs kazakhstani kenyan kenyans korean koreans kosovar kurdish kurds kuwaiti kyrgyz lao laotian laotians latvian latvians
    lebanese lesothan liberian libyan libyans lithuanian lithuanians luxembourgish luxembourger macedonian macedonians malagasy
    malawian malay malays malaysian malaysians maldivian malian maltese marshallese mauritanian mauritian mexican mexicans
    micronesian moldovan moldovans monegasque mongol mongolian mongolians mongols montenegrin montenegrins moroccan moroccans
    mozambican namibian nauruan nepalese nepali nicaraguan nigerian nigerians nigerien norwegian norwegians norse omani
    pakistani pakistanis palauan palestinian palestinians panamanian papuan paraguayan peruvian peruvians polish portuguese
    qatari quechua aymara romanian romanians russian russians rwandan salvadoran samoan saudi scot scots scottish senegalese
    serb serbian serbians serbs seychellois singaporean slav slavic slavs slovak slovakian slovaks slovene slovenes slovenian
    slovenians somali somalis spaniard spaniards spanish castilian catalan basque lankan sinhalese sudanese surinamese swahili
    swazi swede swedes swedish swiss syrian syrians taiwanese tajik tajiks tamil tanzanian telugu thai thais tibetan tibetans
    togolese tongan trinidadian tunisian tunisians turk turkish turkmen turks tuvaluan ugandan ukrainian ukrainians uruguayan
    uyghur uzbek uzbeks vanuatuan venezuelan venezuelans vietnamese welsh yemeni yemenis yoruba hausa igbo zulu xhosa afrikaans
    zambian zimbabwean african africans asian asians european europeans arab arabs arabian arabic byzantine ottoman ottomans
    inca incas incan aztec aztecs maya mayan mayas celtic celts viking vikings berber berbers alaskan californian texan texans
    floridian hawaiian polynesian melanesian balkan scandinavian caucasian hispanic latino latinos andean himalayan siberian
    bavarian saxon prussian venetian genoese florentine athenian tuscan breton norman cornish aboriginal aborigine aborigines
    gaelic mississippian iberian nordic anatolian mesopotamian assyrian babylonian sumerian phoenician carthaginian thracian
    dacian illyrian
    """
)
