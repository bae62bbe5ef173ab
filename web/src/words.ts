/** All texts of the page in English. `words.zh.ts` has the same keys, or it does not compile. */

export const english = {
  tagline: "Splits a user's history into interests",
  skip: "Skip to the page",
  views: "Views",
  explore: "Explore",
  map: "Map",
  compare: "Compare",
  diagnostics: "Diagnostics",
  theme: (current: string) => `Colours: ${current}`,
  themes: { auto: "as the system", light: "light", dark: "dark" },
  otherLanguage: "中文",

  // Choose a history
  chooseHistory: "Choose a history",
  findUser: "Find a user",
  findUserHint: "Name of a user",
  randomUser: "Random user",
  differentUser: "Most different interests",
  startEmpty: "Start empty",
  addItem: "Add an item",
  addItemHint: "Search titles",
  userOption: (events: number, difference: string) =>
    `${events} ${events === 1 ? "event" : "events"}, difference of interests ${difference}`,
  storedUser: (user: string) => `Look up “${user}” among stored users`,
  noStored: (user: string) => `No events are stored for “${user}”.`,
  noUsers: "The service has no example users. Start it with --data to have some.",
  nothingFound: "Nothing found",
  results: (count: number) => `${count} ${count === 1 ? "result" : "results"}`,

  // The history
  history: "History",
  ofUser: (user: string) => `User ${user}`,
  ofYou: "Your own history",
  changedByYou: "with your changes",
  events: (count: number) => `${count} ${count === 1 ? "event" : "events"}`,
  shownEvents: (shown: number, all: number) => `the newest ${shown} of ${all} events`,
  historyLead:
    "Each mark is an event; the oldest is on the left. Its colour and shape show the interest that gives it the most weight. The bars show the weight of the event in each interest.",
  oldest: "oldest",
  newest: "newest",
  eventLabel: (title: string, place: number, all: number) => `${title}, event ${place} of ${all}`,
  mainInterest: (interest: number, share: string) => `mostly interest ${interest}, ${share}`,
  notUsed: "used by no interest",
  unknownItem: "not in the catalog",
  remove: "Remove",
  removeTitle: (title: string) => `Remove ${title}`,
  removed: (title: string) => `Removed ${title}.`,
  pickEvent: "Point at an event or tap it to see which interests use it.",
  asList: "Show as a list",
  noHistory: "No history yet",
  noHistoryLead:
    "Search titles above or click an item in the list, and interests appear. Without a history, everyone gets popular items.",
  allUnknown:
    "None of these items is in the catalog, so there are no interests. The list shows popular items.",
  unknown: (count: number) =>
    count === 1 ? "1 item is not in the catalog and is ignored." : `${count} items are not in the catalog and are ignored.`,

  // Interests
  interests: "Interests",
  interestsLead: "The parts that the model splits the history into. Each interest searches the whole catalog.",
  interest: (number: number) => `Interest ${number}`,
  unnamed: "no categories",
  contributes: (count: number, all: number) => `contributes ${count} of ${all}`,
  builtFrom: "Built from",
  alone: "Would recommend alone",
  less: "Less",
  showOnly: (number: number) => `Show only interest ${number}`,
  noInterests: "Interests appear with the first item of a history.",

  // The list
  list: "Recommendations",
  popularList: "Popular items",
  listLead: "Click an item to add it to the history.",
  because: (titles: string) => `because of ${titles}`,
  quoted: (title: string) => title,
  oftenFollows: (titles: string) => `often follows ${titles}`,
  becausePopular: "popular",
  add: (title: string) => `Add ${title} to the history`,
  addShort: "Add to the history",
  added: (title: string) => `Added ${title}.`,
  listChanged: (entered: number, moved: number) =>
    entered + moved === 0
      ? "The list is unchanged."
      : `The list changed: ${entered} new, ${moved} moved.`,
  movedUp: (rank: number) => `up from ${rank}`,
  movedUpLong: (rank: number) => `Diversity moved this item up. By score it is number ${rank}.`,
  rankByScore: (rank: number) => `no. ${rank} by score`,
  displaced: "Removed for diversity",
  colon: ":",
  exhausted: "No more items can be recommended, so the list is shorter than requested.",
  provisional: "new",
  provisionalLong: "Added after training. Its vector comes from its categories and related items.",
  answered: (time: string) => `response time ${time}`,
  certified: "The best list of the whole catalog at this setting",
  notCertified: "The best list of the candidates that were found",

  // Diversity
  diversity: "Diversity",
  diversityUnit: "Unit of the diversity setting",
  units: { strength: "λ", target: "Diversity", loss: "Relevance loss" },
  unitsLong: {
    strength: "Diversity strength λ",
    target: "Smallest share of pairs with different categories",
    loss: "Largest relevance loss",
  },
  pairsDiffer: "pairs of different categories",
  relevanceKept: "relevance kept",
  strength: "λ",
  relevant: "relevant",
  diverse: "diverse",
  tradeOff: "Trade-off curve",
  tradeOffLabel: (relevance: string, diversity: string, points: number) =>
    `Trade-off curve of ${points} lists. The list shown keeps ${relevance} of the relevance, and ${diversity} of its pairs have different categories.`,
  tradeOffHint: "Click a dot to select its list.",
  oneListOnly: "Only one list is possible here.",

  // The map
  mapLead:
    "The most popular items, projected to the plane on which they differ most. Items near each other are similar. Interest markers show the interests of the history.",
  mapLabel: (items: number, interests: number) =>
    `Map of ${items} items with ${interests} interests. Arrow keys move it, plus and minus zoom, 0 shows all.`,
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  showAll: "Show all",
  highlight: "Highlight a category",
  noCategory: "None",
  goTo: (number: number) => `Go to interest ${number}`,
  inHistory: "in the history",
  inList: "in the list",
  legend: "Legend",
  catalogItem: "item of the catalog",
  marker: "interest marker",

  // Compare
  compareLead: "Two artifacts make a list from the same history at the same diversity setting.",
  noComparison: "The service has one artifact only. Start it with a second one to compare them:",
  side: (letter: string) => `Artifact ${letter}`,
  interestCount: (count: number) => `${count} ${count === 1 ? "interest" : "interests"}`,
  common: (count: number, all: number) => `${count} of ${all} in both`,
  onlyIn: (letter: string) => `only in ${letter}`,
  alsoIn: (place: number, letter: string) => `no. ${place} in ${letter}`,
  sameArtifact: "Both are the same artifact.",

  // Diagnostics
  diagnosticsLead: "How much the interests differ, how much each is used, and how fast the service answers.",
  artifact: "Artifact",
  measured: (users: number) => `Measured on ${users} users of the validation set.`,
  noDiagnostics: "Not measured. Start the service with --data to measure it.",
  extractor: "Extractor",
  width: "Vector width",
  items: "Items",
  categories: "Categories",
  index: "Index",
  exact: "exact",
  approximate: "approximate",
  usage: "Share of hits per interest",
  usageLead: "Share of held-out items that get their highest score from the interest.",
  effective: "Effective items",
  effectiveLead: "Number of history items that the interest really depends on.",
  marginal: "Recall lost without the interest",
  marginalLead: "Below zero: the list is better without the interest.",
  usageEntropy: "Evenness of use",
  usageEntropyLead: "1: all interests are used equally",
  cosine: "Cosine similarity of interests",
  cosineLead: "above 0.9: almost the same",
  overlap: "Overlap of the interests' lists",
  overlapLead: "Jaccard index; 1: the same lists",
  recallServed: (k: number) => `Recall@${k} of the lists`,
  recallPool: "Recall of the candidates",
  recallPoolLead: "upper limit for a ranking model after this one",
  distinct: "Distinct lists",
  distinctLead: "a fault if everyone has the same list",
  latency: "Response time",
  latencyLead: (requests: number) => `over ${requests} recommendations`,
  latencyNone: "no recommendation yet",
  roundTrip: "Round trip from this browser",
  notes: "Notes of the service",
  noNotes: "No notes.",
  training: "Training information",
  report: "Evaluation",
  noReport: "The artifact has no evaluation report.",
  recallByLength: "Recall by length of the list",
  recallByDiversity: "Recall and diversity",
  lengthAxis: "length k",
  recallAtAxis: "recall@k",
  recallAxis: "recall",

  // The service
  unreachable: "The service does not answer. Trying again …",
  back: "The service is back.",
  newArtifact: "A new artifact answers now.",
  busy: "The service is busy. Trying again …",
  refused: (message: string) => `The service refused the request: ${message}`,
  keyTitle: "This service needs a key",
  keyLead: "The key stays in this tab and is deleted when the tab is closed.",
  keyLabel: "Key",
  keyEnter: "Continue",
  keyWrong: "The service does not accept this key.",
  loading: "Loading …",
};

/** The same keys with the same arguments; the texts differ. */
type Same<T> = T extends string
  ? string
  : T extends (...values: infer Values) => string
    ? (...values: Values) => string
    : { [Key in keyof T]: Same<T[Key]> };

export type Words = Same<typeof english>;
