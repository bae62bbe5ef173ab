/** All texts of the page in English. `words.zh.ts` has the same keys, or it does not compile. */

/** A whole number, with separators of thousands. */
const grouped = (count: number) => count.toLocaleString("en");

/** A count of things, in the singular or in the plural. */
const several = (count: number, thing: string) => `${grouped(count)} ${thing}${count === 1 ? "" : "s"}`;

export const english = {
  tagline: "Splits a user's history into interests",
  skip: "Skip to the page",
  views: "Views",
  explore: "Explore",
  map: "Map",
  compare: "Compare",
  diagnostics: "Health",
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
    `${several(events, "event")}, difference of interests ${difference}`,
  storedUser: (user: string) => `Look up “${user}” among stored users`,
  noStored: (user: string) => `No events are stored for “${user}”.`,
  noUsers: "The service has no example users. Start it with --data to have some.",
  nothingFound: "Nothing found",
  results: (count: number) => several(count, "result"),

  // The sentence on top
  sentence: {
    items: (count: number) => several(count, "item"),
    interests: (count: number) => several(count, "interest"),
    recommendations: (count: number) => several(count, "recommendation"),
    all: "all",
    mostly: "mostly",
    little: "a little",
    muted: "muted:",
    popular: (count: number) => `No history yet. These ${grouped(count)} items are popular among all users.`,
    noneKnown: "No item of the history is in the catalog",
    onlyAdded: (recommendations: string) => `${recommendations} for the interests that you added.`,
    period: ".",
    comma: ", ",
    semicolon: "; ",
  },

  // The history
  history: "History",
  ofUser: (user: string) => `User ${user}`,
  ofYou: "Your own history",
  changedByYou: "with your changes",
  events: (count: number) => several(count, "event"),
  moreEvents: (count: number) => `${grouped(count)} more`,
  fewer: "Show fewer",
  noInterestOf: "Used by no interest",
  unknownItem: "not in the catalog",
  disliked: "Disliked: no part of the history, and not recommended",
  remove: "Remove",
  removeTitle: (title: string) => `Remove ${title}`,
  removed: (title: string) => `Removed ${title}.`,
  started: "Started with an empty history.",
  showsUser: (user: string) => `The page shows user ${user}.`,
  noHistory: "No history yet",
  noHistoryLead: "Search titles above, or open an item of the list and add it. Interests appear with the first item.",
  allUnknown:
    "None of these items is in the catalog, so there are no interests. The list shows popular items.",
  unknown: (count: number) =>
    count === 1 ? "1 item is not in the catalog and is ignored." : `${grouped(count)} items are not in the catalog and are ignored.`,

  // Interests
  interests: "Interests",
  interest: (number: number) => `Interest ${number}`,
  countOf: (count: number, all: number) => `${grouped(count)} of ${grouped(all)}`,
  noInterests: "Interests appear with the first item of a history.",
  more: "More",
  less: "Less",
  mute: "Mute",
  moreOf: (name: string) => `More of ${name}`,
  lessOf: (name: string) => `Less of ${name}`,
  muteOf: (name: string) => `Mute ${name}`,
  weightOf: (weight: string) => `weight × ${weight}`,
  muted: "muted",
  addedByYou: "added by you",
  showPath: (name: string) => `Show what belongs to ${name}`,
  addInterest: "Add an interest",
  addInterestHint: "Category or title",
  category: "category",
  item: "item",
  steered: {
    more: (name: string) => `More of ${name}.`,
    less: (name: string) => `Less of ${name}.`,
    muted: (name: string) => `${name} is muted.`,
    unmuted: (name: string) => `${name} is no longer muted.`,
  },
  addedDropped: "The added interests were left out: the service cannot use all of them.",
  weightsDropped: "The weights were left out: they belong to another artifact or history.",
  interestAdded: (name: string) => `Added the interest ${name}.`,

  // The list
  list: "Recommendations",
  popularList: "Popular items",
  reasons: {
    because: (title: string) => `because of ${title}`,
    follows: (title: string) => `goes with ${title}`,
    added: (name: string) => `because you added ${name}`,
  },
  becausePopular: "popular",
  nearDislike: (title: string) => `lower score: similar to ${title}, which is disliked`,
  addShort: "Add to the history",
  added: (title: string) => `Added ${title}.`,
  listChanged: (entered: number, moved: number) =>
    entered + moved === 0
      ? "The list is unchanged."
      : `The list changed: ${entered} new, ${moved} moved.`,
  movedUp: (rank: number) => `up from ${rank}`,
  movedUpLong: (rank: number) => `By score alone, this item is number ${rank}.`,
  displaced: "Replaced items",
  colon: ":",
  shorter: {
    exhausted: "No more items can be recommended, so the list is shorter than requested.",
    muted: "All other items belong to muted interests, so the list is shorter than requested.",
  },
  emptyList: {
    exhausted: "The list is empty: every item is in the history, disliked or hidden.",
    muted: "All items belong to muted interests, so the list is empty. End the muting of one.",
  },
  provisional: "new",
  provisionalLong: "Added after training. Its vector comes from its categories and related items.",
  answered: (time: string) => `response time ${time}`,
  certified: "The best list of the whole catalog at this setting",
  notCertified: "The best list of the candidates that were found",
  order: "Order",
  orders: { grouped: "By interest", ranked: "By rank" },
  places: "Places in the list",
  mixes: { mixture: "One ranking", shares: "Share out places among interests" },

  // Take along
  copyLink: "Copy link",
  linkCopied: "The link is copied. It restores this page.",
  exportList: "Export",
  exports: { json: "JSON file", csv: "CSV file", curl: "Copy as curl" },
  curlCopied: "The command is copied. It makes the same list.",
  copyFailed: "The browser does not allow copying. Select the text and copy it:",

  // Undo
  undo: "Undo",
  takeBack: "Take back the last change",
  undone: "Undone.",
  dismiss: "Close the message",

  // One item
  close: "Close",
  noCategories: "no categories",
  why: "Why it is in the list",
  whyShare: (title: string, share: string) => `${title}: ${share} of the reasons`,
  similar: "Similar items",
  similarOdd: "Similar items cannot be shown: an address cannot hold this id.",
  noSimilar: "No similar items.",
  removeFromHistory: "Remove from the history",
  hide: "Hide from this list",
  never: "Never recommend",
  neverLead: "“Never recommend” hides the item from everyone's lists, until it is undone.",
  neverRefused: "This service does not let the page hide items for everyone, or show them again: that needs a key that may write.",
  blocked: (title: string) => `${title} is hidden from this list.`,
  unblock: "Show again",
  unblocked: (title: string) => `${title} is no longer hidden.`,
  hiddenForAll: (title: string) => `${title} is never recommended now.`,
  pictureOf: (title: string) => `Picture of ${title}`,

  // Variety
  variety: "Variety",
  varieties: ["Most relevant", "Slightly varied", "Balanced", "Varied", "Most varied"],
  varietyCustom: "Set by an expert",
  popularLeast: (strength: string) => `Popular items have at least λ ${strength}`,
  varietyChanged: "Changed the variety.",
  effect: {
    categories: (count: number, plain: number) =>
      count === plain
        ? `${grouped(count)} ${count === 1 ? "category" : "categories"}, as before`
        : `${grouped(count)} ${count === 1 ? "category" : "categories"} instead of ${plain}`,
    newItems: (count: number, all: number) => `${grouped(count)} of ${grouped(all)} items ${count === 1 ? "is" : "are"} new`,
    relevance: (change: string) => `relevance ${change}`,
    none: "The list by relevance alone.",
    noCategories: "This catalog has no categories, so variety changes nothing.",
    all: "All your changes together:",
  },
  experts: "For experts",
  diversityUnit: "Unit of the diversity setting",
  units: { strength: "λ", target: "Diversity", loss: "Relevance loss" },
  unitsLong: {
    strength: "Diversity strength λ",
    target: "Smallest share of pairs with different categories",
    loss: "Largest relevance loss",
  },
  pairsDiffer: "pairs of different categories",
  relevanceKept: "relevance kept",
  relevanceKeptAlone: "relevance kept (variety alone)",
  relevant: "relevant",
  diverse: "diverse",
  tradeOff: "Trade-off curve",
  tradeOffLabel: (relevance: string, diversity: string, points: number) =>
    `Trade-off curve of ${points} lists. The list shown keeps ${relevance} of the relevance, and ${diversity} of its pairs have different categories.`,
  tradeOffHint: "Click a dot to select its list.",
  oneListOnly: "Only one list is possible here.",

  // The map
  mapLead:
    "Items near each other are similar: the map is the plane on which items differ most.",
  mapNames: "Category names are where these are most frequent.",
  mapSampled: (sampled: string, total: string) =>
    `${sampled} of ${total} items, the most popular, and all items of your history and list.`,
  mapAll: (total: string) => `All ${total} items that are not hidden, and your history and list.`,
  notOnMap: (count: string) => `Items of the history that the catalog does not hold: ${count}.`,
  regions: "Regions",
  regionsLead: "Each is named after the category that is most typical of it.",
  goToRegion: "Go to the region",
  mapLabel: (items: string, interests: number) =>
    `Map of ${items} items with ${interests} interests. Arrow keys move it, plus and minus zoom, 0 shows all.`,
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  showAll: "Show all",
  highlight: "Highlight a category",
  noCategory: "None",
  goTo: (number: number) => `Go to interest ${number}`,
  legendHistory: "in the history",
  inList: "in the list",
  legend: "Legend",
  catalogItem: "item of the catalog",
  marker: "interest marker",

  // Compare
  comparison: {
    lead: "A is the current list, or a list that you pin. B is what would change: look at it first, then apply it or drop it.",
    current: "A: the current list",
    pinned: "A: a pinned list",
    pin: "Pin A",
    unpin: "Unpin A",
    pinLead: "Pin it to change the page and compare the new list with this one.",
    pinnedLead: "A stays in this tab until you unpin it.",
    with: "B: compare with",
    kinds: {
      current: "the current list",
      user: "another user",
      variety: "another variety",
      artifact: "the other artifact",
      history: "another history",
    },
    newest: "Newest events of B",
    newestOf: (shown: number, all: number) => `The newest ${grouped(shown)} of ${grouped(all)} events.`,
    chooseUser: "Choose a user for B.",
    steered: "with your settings of interests and items",
    apply: "Apply B",
    applied: (letter: string) => `${letter} is the current list now.`,
    drop: "Drop B",
    backToA: "Return to A",
    artifactLead: "The other artifact answers only here: the operator chooses the artifact of the service.",
    effect: "What is different",
    equal: "Both lists are the same.",
    common: (count: number, all: number, same: number) =>
      `${grouped(count)} of ${grouped(all)} items ${count === 1 ? "is" : "are"} in both lists, ${same} of them at the same place.`,
    only: (onlyA: number, onlyB: number) => `Only in A: ${onlyA}. Only in B: ${onlyB}.`,
    categories: (inA: number, inB: number) =>
      `With one category per item, as variety counts them, B has ${inB} categories and A has ${inA}.`,
    largest: (inA: string, inB: string) => `The largest interest has ${inB} of B and ${inA} of A.`,
    relevance: (inA: string, inB: string) => `B keeps ${inB} of the relevance of the most relevant list, A keeps ${inA}.`,
    share: (count: number, share: string) => `${grouped(count)} (${share})`,
    categoryShares: "Items by category; an item can have several",
    allCategories: (count: number) => `All ${grouped(count)} categories`,
    onlyIn: (letter: string) => `only in ${letter}`,
    samePlace: (letter: string) => `same place in ${letter}`,
    placeIn: (place: number, letter: string) => `no. ${place} in ${letter}`,
    up: (place: number, letter: string) => `↑ no. ${place} in ${letter}`,
    down: (place: number, letter: string) => `↓ no. ${place} in ${letter}`,
  },
  noComparison: "The service has one artifact only. Start it with a second one to compare them:",

  // Diagnostics
  diagnosticsLead: "How much the interests differ, and how much each of them is used.",
  artifact: "Artifact",
  measured: (users: number) => `Measured on ${grouped(users)} users of the validation set.`,
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
  marginalLead: "Without rules. Below zero: the list is better without the interest.",
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
  latencyLead: (requests: number) => `over ${several(requests, "answer")} of POST /v1/recommend`,
  roundTrip: "Round trip from this browser",
  notes: "Warnings",
  training: "Training information",
  noReport: "No evaluation report; start the service with --report.",
  recallByLength: "Recall by length of the list",
  recallByDiversity: "Recall and diversity",
  lengthAxis: "length k",
  recallAtAxis: "recall@k",
  recallAxis: "recall",

  health: {
    verdict: "Verdict",
    severalInterests: (used: string, first: number, share: string) =>
      `The median history uses ${used} interests; the largest interest has ${share} of the first ${first} items of the list.`,
    oneInterest: (first: number) =>
      `The median history uses one interest: it supplies all of the first ${first} items of the list.`,
    againstOne: {
      level: (metric: string, difference: string) =>
        `${metric} is level with that of one interest (K = 1), ${difference}.`,
      better: (metric: string, difference: string) =>
        `${metric} is better than that of one interest (K = 1), by ${difference}.`,
      worse: (metric: string, difference: string) =>
        `${metric} is worse than that of one interest (K = 1), by ${difference}.`,
    },
    againstBest: {
      level: (model: string, other: string, metric: string, difference: string) =>
        `${model}: ${metric} is level with that of the best baseline, ${other}, ${difference}.`,
      better: (model: string, other: string, metric: string, difference: string) =>
        `${model}: ${metric} is better than that of the best baseline, ${other}, by ${difference}.`,
      worse: (model: string, other: string, metric: string, difference: string) =>
        `${model}: ${metric} is worse than that of the best baseline, ${other}, by ${difference}.`,
    },
    outcome: {
      level: (other: string, difference: string) => `level with ${other}, ${difference}`,
      better: (other: string, difference: string) => `better than ${other} by ${difference}`,
      worse: (other: string, difference: string) => `worse than ${other} by ${difference}`,
    },
    noVerdict:
      "There is nothing to judge yet: no interests were measured (--data) and there is no comparison (--report).",
    results: "Results",
    resultsLead: (users: string) =>
      `± is half the width of the 95 % interval over ${users} test users. Models are compared user by user: “level” means that the interval of the difference contains 0.`,
    model: "Model",
    compared: "Compared",
    bestBaseline: "best baseline",
    baseline: "baseline",
    seen: "Items of the history",
    ways: { filtered: "left out of the lists", keep: "kept in the lists" },
    keptNotCompared: "The report compares models only on lists without items of the history.",
    subtopicRecall: (first: number) => `Categories found in ${first} items`,
    subtopicRecallLead: "share of the targets' categories",
    largestShare: "Share of the largest interest",
    largestShareLead: "median user; 100 %: one interest has the whole list",
    interestsUsed: "Interests used in a list",
    interestsUsedLead: "median user",
    about: "About the evaluation",
    settings: "Settings of the training",
  },
  tryAgain: "Try again",

  // Technical terms, each in one or two sentences
  terms: {
    interest: "A part of the history whose items have much in common. Each interest searches the whole catalog.",
    weight: "How strongly an interest counts: 1 is neutral, 2 doubles it, and 0 mutes it.",
    mix: "One ranking: the best items of all interests together. Shared out: every interest gets places in proportion to its part of the history.",
    variety: "How different the items of the list are. More variety brings other categories and costs some relevance.",
    relevance: "The sum of the items' scores, compared with the list of the highest scores.",
    relevanceLoss: "The share of the relevance that the list may lose for more diversity.",
    strength: "λ (lambda) is the price of a repeated category: 0 ranks by score alone, 1 avoids repeated categories above all.",
    pairs: "Of all pairs of items in the list, the share whose categories differ.",
    tradeOff: "Every list that some λ makes: how relevant it is, and how diverse. Both axes start at 0.",
    certified: "The service has checked that no item of the whole catalog would make a better list.",
    recall:
      "recall@k: the share of a user's hidden items that are among the first k items of the list; the mean over users. 1 is the best value.",
    ndcg: "NDCG@k: like recall, but a hidden item counts more the higher it is in the list. 1 is the best value.",
    subtopicRecall:
      "subtopic_recall@k: the share of the categories of a user's hidden items that the first k items of the list cover.",
    oneInterest:
      "K is the number of interests per user. With K = 1 the same model describes a user by a single vector; several interests should not be worse than that.",
    bestBaseline: "A baseline is a simple method that a model has to beat. The best one has the highest recall in this table.",
    interval:
      "95 % interval: if the test were repeated with other users, the value would lie within ± this number in about 95 of 100 cases.",
    median: "The user in the middle: half of the users have less, and half have more.",
    usage: "Each hidden item belongs to the interest that gives it the highest score.",
    effective:
      "exp of the entropy of the interest's weights: 1 if it reads a single item, and larger the more items share the weight.",
    entropy: "Entropy of the shares of hits, divided by log K: 1 if all interests are used equally, 0 if only one is used.",
    cosine: "Mean cosine of the angle between two interest vectors of a user: 1 is the same direction, 0 is unrelated.",
    overlap: "Jaccard index: items that two lists have in common, divided by all items of both lists.",
    pool: "Candidates are the items that the interests find, and the items of the list.",
    p50: "p50: half of the answers were faster than this.",
    p99: "p99: 99 of 100 answers were faster than this.",
    artifact: "The folder that training writes: the model, its vectors, the catalog and the settings.",
    extractor: "The part of the model that turns a history into interest vectors.",
    width: "The number of components of an item or interest vector.",
    index: "Finds the items nearest to an interest vector. An exact index compares all items; an approximate one is faster and can miss some.",
  },

  // The service
  unreachable: "The service does not answer.",
  viewNotLoaded: "This part could not be loaded. Try again, or reload the page.",
  back: "The service is back.",
  newArtifact: "A new artifact answers now.",
  busy: "The service is busy.",
  retrying: "Trying again …",
  refused: (message: string) => `The service refused the request: ${message}`,
  keyTitle: "This service needs a key",
  keyLead: "The key stays in this tab and is deleted when the tab is closed.",
  keyLabel: "Key",
  keyEnter: "Continue",
  keyWrong: "The service does not accept this key.",
  keyNotAscii: "A key has only letters, digits and signs of ASCII, without spaces. This one has others.",
  keyForget: "Forget the key",
  loading: "Loading …",
};

/** The same keys with the same arguments; the texts differ. */
type Same<T> = T extends string
  ? string
  : T extends (...values: infer Values) => string
    ? (...values: Values) => string
    : { [Key in keyof T]: Same<T[Key]> };

export type Words = Same<typeof english>;
