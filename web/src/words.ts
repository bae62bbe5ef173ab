/** Every sentence of the page, in English. `words.zh.ts` has the same keys, or it does not compile. */

export const english = {
  tagline: "A history, split into its interests",
  skip: "Skip to the page",
  views: "Views",
  explore: "Explore",
  map: "Map",
  compare: "Compare",
  health: "Health",
  theme: (now: string) => `Colours: ${now}`,
  themes: { auto: "as the system", light: "light", dark: "dark" },
  otherLanguage: "中文",

  // Whose history
  whose: "Whose history?",
  findUser: "Find a user",
  findUserHint: "Name of a user",
  randomUser: "Random user",
  differentUser: "Most different interests",
  startEmpty: "Start empty",
  addItem: "Add an item",
  addItemHint: "Search titles",
  userOption: (events: number, spread: string) =>
    `${events} ${events === 1 ? "event" : "events"}, interests ${spread} apart`,
  storedUser: (user: string) => `Look up “${user}” among stored users`,
  noStored: (user: string) => `Nothing is stored of “${user}”.`,
  noUsers: "The service offers no example users; start it with --data to have some.",
  nothingFound: "Nothing found",
  results: (count: number) => `${count} ${count === 1 ? "result" : "results"}`,

  // The history
  history: "History",
  ofUser: (user: string) => `User ${user}`,
  ofYou: "Your own",
  changedByYou: "with your changes",
  events: (count: number) => `${count} ${count === 1 ? "event" : "events"}`,
  shownEvents: (shown: number, all: number) => `the newest ${shown} of ${all} events`,
  historyLead:
    "Each mark is an event, oldest on the left, in the colour and shape of the interest that draws most on it. Bars: how much each interest draws on it.",
  oldest: "oldest",
  newest: "newest",
  eventLabel: (title: string, place: number, all: number) => `${title}, event ${place} of ${all}`,
  drawnMost: (interest: number, share: string) => `mostly interest ${interest}, ${share}`,
  notRead: "read by no interest",
  unknownItem: "not in the catalog",
  remove: "Remove",
  removeTitle: (title: string) => `Remove ${title}`,
  removed: (title: string) => `Removed ${title}.`,
  pickEvent: "Point at an event to see what draws on it.",
  asList: "Show as a list",
  noHistory: "No history yet",
  noHistoryLead:
    "Search titles above, or click anything in the list, and watch interests form. Until then everyone gets what is popular.",
  allUnknown:
    "The catalog knows none of these items, so no interest can be read from them; the list is what is popular.",
  unknown: (count: number) =>
    count === 1 ? "1 item is not in the catalog and was left out." : `${count} items are not in the catalog and were left out.`,

  // Interests
  interests: "Interests",
  interestsLead: "What the model splits the history into. Each searches the catalog on its own.",
  interest: (number: number) => `Interest ${number}`,
  unnamed: "no categories",
  brings: (count: number, all: number) => `brings ${count} of ${all}`,
  madeOf: "Made of",
  alone: "Alone it would say",
  less: "Less",
  light: (number: number) => `Show only interest ${number}`,
  noInterests: "Interests appear with the first item of a history.",

  // The list
  list: "Recommendations",
  popularList: "Popular items",
  listLead: "Click an item to add it to the history.",
  because: (titles: string) => `because of ${titles}`,
  named: (title: string) => title,
  takenAfter: (titles: string) => `often taken after ${titles}`,
  becausePopular: "popular with everyone",
  add: (title: string) => `Add ${title} to the history`,
  addShort: "Add to the history",
  added: (title: string) => `Added ${title}.`,
  listChanged: (entered: number, moved: number) =>
    entered + moved === 0
      ? "The list is unchanged."
      : `The list changed: ${entered} new, ${moved} moved.`,
  broughtIn: (rank: number) => `up from ${rank}`,
  broughtInLong: (rank: number) => `Diversity brought it in: by score it is number ${rank}.`,
  wasRank: (rank: number) => `${rank} by score`,
  left: "Gave way to diversity",
  exhausted: "The list is shorter than asked: no other item may be recommended.",
  provisional: "new",
  provisionalLong: "Added after training; placed by its categories and companions.",
  answered: (time: string) => `answered in ${time}`,
  optimal: "The best list of the whole catalog at this setting",
  notOptimal: "The best list of the candidates that were found",

  // The dial
  dial: "Diversity",
  dialUnit: "Dial in",
  units: { strength: "λ", diversity: "Diversity", lost: "Relevance given up" },
  unitsLong: {
    strength: "Strength λ",
    diversity: "At least this share of pairs differ in category",
    lost: "At most this share of relevance given up",
  },
  diversityIs: "pairs that differ",
  relevanceIs: "relevance kept",
  strengthIs: "λ",
  relevant: "relevant",
  diverse: "diverse",
  frontier: "What diversity costs",
  frontierLabel: (relevance: string, diversity: string, points: number) =>
    `The frontier of ${points} lists. The list shown keeps ${relevance} of relevance and ${diversity} of its pairs differ in category.`,
  frontierHint: "Each dot is a list; click to go there.",
  noFrontier: "Only one list is possible here.",
  relevanceAxis: "relevance kept",
  diversityAxis: "pairs that differ",

  // The map
  mapLead:
    "The most popular items on the plane that shows most of how they differ. Near means alike. Beacons are the interests of the history.",
  mapLabel: (items: number, interests: number) =>
    `Map of ${items} items with ${interests} interests. Arrow keys move it, plus and minus zoom, 0 shows all.`,
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  showAll: "Show all",
  highlight: "Highlight a category",
  allCategories: "None",
  goTo: (number: number) => `Go to interest ${number}`,
  inHistory: "in the history",
  inList: "in the list",
  legend: "Legend",
  catalogItem: "an item of the catalog",
  beacon: "an interest",

  // Compare
  compareLead: "Two artifacts read the same history at the same setting of the dial.",
  noBeside: "There is one artifact only. Start the service with a second one to compare them:",
  side: (letter: string) => `Artifact ${letter}`,
  kInterests: (count: number) => `${count} ${count === 1 ? "interest" : "interests"}`,
  common: (count: number, all: number) => `${count} of ${all} in both`,
  onlyIn: (letter: string) => `only in ${letter}`,
  alsoIn: (place: number, letter: string) => `no. ${place} in ${letter}`,
  sameArtifact: "Both are the same artifact.",

  // Health
  healthLead: "Whether K interests are K interests, and how the service does.",
  artifact: "Artifact",
  measured: (users: number) => `Measured on ${users} users of validation.`,
  noDiagnostics: "Not measured: start the service with --data.",
  extractor: "Extractor",
  width: "Width",
  items: "Items",
  categories: "Categories",
  index: "Index",
  exact: "exact",
  approximate: "approximate",
  usage: "Who wins the targets",
  usageLead: "Share of held-out items that score highest with each interest.",
  effective: "Effective items",
  effectiveLead: "How many items of the history an interest really draws on.",
  marginal: "Recall lost without it",
  marginalLead: "Below zero: the list would be better without the interest.",
  usageEntropy: "Evenness of use",
  usageEntropyLead: "1: all interests are used alike",
  cosine: "Cosine between interests",
  cosineLead: "above 0.9 they are copies",
  overlap: "Overlap of their own lists",
  overlapLead: "Jaccard index; 1: the same lists",
  recallServed: (k: number) => `Recall@${k} as served`,
  recallPool: "Recall of the pool",
  recallPoolLead: "what a ranker after it could reach",
  distinct: "Distinct lists",
  distinctLead: "one list for everyone is a fault",
  dead: (numbers: string) => `Wins under 1 % of the targets: ${numbers}.`,
  latency: "Time to answer",
  latencyLead: (requests: number) => `over ${requests} recommendations`,
  latencyNone: "no recommendation yet",
  roundTrip: "Round trip seen here",
  notes: "Notes of the service",
  noNotes: "Nothing to note.",
  run: "How it was made",
  report: "Evaluation",
  noReport: "The artifact carries no evaluation report.",
  depth: "Recall by length of the list",
  tradeoff: "Recall against diversity",

  // The service
  away: "The service does not answer. Trying again …",
  back: "The service is back.",
  newArtifact: "A new artifact answers now.",
  busy: "The service is busy. Trying again …",
  refused: (message: string) => `The service refused this: ${message}`,
  keyTitle: "This service asks for a key",
  keyLead: "It stays in this tab and is forgotten when the tab closes.",
  keyLabel: "Key",
  keyEnter: "Continue",
  keyWrong: "The service does not accept this key.",
  loading: "Loading …",
};

/** The same keys with the same arguments; what a sentence says is free. */
type Same<T> = T extends string
  ? string
  : T extends (...given: infer Given) => string
    ? (...given: Given) => string
    : { [Key in keyof T]: Same<T[Key]> };

export type Words = Same<typeof english>;
