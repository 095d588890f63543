// The rows of the benchmark's tables, with their figures and the durations of their runs. Imported, not run.

const perSecond = [{ key: "rate", unit: "/s", better: "more" }]
const traffic = { kind: "traffic", size: 32, warm: 500, measure: 1500, quick: { warm: 200, measure: 400 } }

/** The median of this number of runs is the figure, unless `--runs` says otherwise. */
export const usualRuns = { figures: 3, aged: 3, growth: 2, costs: 2, clients: 3, store: 3, web: 3, cluster: 3 }

const thousands = (number) => number.toLocaleString("en")
const cpu = [{ key: "serverMicroseconds", unit: "µs", better: "less" }]

/** Connections that come and go next to clients that stay. */
const login = (others) => ({
  kind: "churn",
  atOnce: 50,
  warm: 2000,
  total: 3000,
  others,
  quick: { warm: 200, total: 1000 },
  figures: cpu
})

/** Rows of a-chat's commands next to a server of their own. */
const command = (id, title, more) => ({
  id,
  kind: "command",
  ...more,
  figures: [
    { key: "rate", title, unit: "/s", better: "more" },
    { key: "megabytes", title: `memory of \`${id}\` meanwhile`, unit: "MB", better: "less" }
  ]
})

const clients = [
  command("send", "`send`: lines of its input", { lines: 1_000_000, quick: { lines: 200_000 } }),
  command("listen", "`listen`: messages", { lines: 1_000_000, quick: { lines: 200_000 } }),
  command("exec", "`exec`: lines that one program prints", { lines: 50_000, quick: { lines: 20_000 } }),
  {
    id: "programs",
    title: "`exec --concurrency 4`: programs",
    kind: "command",
    lines: 400,
    quick: { lines: 100 },
    figures: perSecond
  }
]

const web = [
  {
    id: "post",
    kind: "command",
    lines: 20_000,
    quick: { lines: 5_000 },
    servers: ["a-chat-web"],
    figures: [
      { ...perSecond[0], title: "`POST /send` over 10 connections that are kept alive" },
      { key: "p50", title: "until its response, with the outcome: p50", unit: "ms", better: "less" },
      { key: "p99", title: "until its response, with the outcome: p99", unit: "ms", better: "less" },
      { ...cpu[0], title: "CPU of each" }
    ]
  },
  {
    id: "streams",
    kind: "streams",
    streams: 500,
    window: 100,
    perSecond: 100,
    size: 32,
    warm: 1000,
    measure: 4000,
    quick: { streams: 100, warm: 500, measure: 1500 },
    servers: ["a-chat-web"],
    figures: [
      { ...perSecond[0], title: "a room with 500 streams of `GET /listen`, window 100: events" },
      { ...cpu[0], title: "CPU of each event" },
      { key: "kilobytes", title: "memory of each stream", unit: "KB", better: "less" },
      { key: "delay", title: "a bystander's p99, at 50,000 events a second", unit: "ms", better: "less" }
    ]
  },
  {
    id: "page",
    kind: "page",
    loads: 9,
    lines: 10_000,
    pixels: 1500,
    perSecond: 50,
    measure: 4000,
    quick: { loads: 3, lines: 2_000, measure: 1000 },
    servers: ["a-chat-web"],
    figures: [
      { key: "paint", title: "the page in Chromium, from a cold cache: first paint", unit: "ms", better: "less" },
      { key: "largest", title: "its largest contentful paint", unit: "ms", better: "less" },
      { key: "shift", title: "its cumulative layout shift", unit: "score", better: "less" },
      { key: "blocked", title: "its total blocking time", unit: "ms", better: "less" },
      { key: "kilobytes", title: "all its files, compressed", unit: "KB", better: "less" },
      { key: "scrolling", title: "a frame while 10,000 lines scroll past, p95", unit: "ms", better: "less" },
      { key: "scrollingLongest", title: "the longest of these frames", unit: "ms", better: "less" },
      { key: "receiving", title: "a frame while 50 lines a second arrive below them, p95", unit: "ms", better: "less" },
      { key: "receivingLongest", title: "the longest of these frames", unit: "ms", better: "less" }
    ]
  }
]

/** Rows of several nodes on this machine, next to NATS alone (see nats-pair.mjs) and to one server. */
const nodes = [
  ...[100, 1000].map((window) => ({
    id: `nodes-${window}`,
    kind: "traffic",
    cluster: "traffic",
    shape: "pairs",
    peers: 16,
    window,
    warm: 3000, // three processes have to be compiled
    measure: 3000,
    raw: { batch: window, window: 16, milliseconds: 3000 },
    servers: ["raw-nats", "a-chat-cluster", "a-chat"],
    figures: [
      {
        ...perSecond[0],
        title: `16 pairs over two nodes, window ${thousands(window)} (NATS alone: as many lines a message)`
      },
      { key: "microseconds", title: "CPU of each line, without NATS", unit: "µs", better: "less" }
    ]
  })),
  {
    id: "nodes-outcome",
    cluster: "outcome",
    lines: 10_000,
    raw: { batch: 1, window: 1, milliseconds: 3000 },
    servers: ["raw-nats", "a-chat-cluster"],
    quick: { lines: 500 },
    figures: [{ key: "p50", title: "the outcome of one line from another node, p50", unit: "µs", better: "less" }]
  },
  {
    id: "nodes-mesh",
    kind: "traffic",
    cluster: "traffic",
    shape: "mesh",
    peers: 100,
    window: 20,
    warm: 3000,
    measure: 3000,
    servers: ["a-chat-cluster", "a-chat"],
    figures: [{ ...perSecond[0], title: "mesh of 100 at random nodes, window 20: two nodes on both cores, one on one" }]
  },
  {
    id: "nodes-logins",
    kind: "churn",
    cluster: "churn",
    nodes: 3,
    nats: 3,
    atOnce: 50,
    warm: 500,
    total: 3000,
    quick: { warm: 100, total: 500 },
    servers: ["a-chat-cluster", "a-chat"],
    figures: [
      { ...perSecond[0], title: "connect, log in, message, leave (50 at a time): three nodes, three NATS servers" }
    ]
  },
  {
    id: "nodes-death",
    cluster: "death",
    termMillis: 3000,
    servers: ["a-chat-cluster"],
    figures: [
      {
        key: "terms",
        title: "a node is killed: the names of its clients are free after",
        unit: "terms",
        better: "less"
      }
    ]
  },
  {
    id: "nodes-away",
    cluster: "away",
    senders: 10,
    milliseconds: 10_000,
    quick: { milliseconds: 3000 },
    servers: ["a-chat-cluster"],
    figures: [
      {
        key: "node",
        title: "growth while another node stands still for 10 s, at full load",
        unit: "MB",
        better: "less"
      },
      { key: "engine", title: "growth while NATS stands still for 10 s, at full load", unit: "MB", better: "less" }
    ]
  }
]

const rows = [
  { id: "pair", title: "1 pair, window 1000", shape: "pairs", peers: 1, window: 1000 },
  { id: "pairs", title: "50 pairs, window 100", shape: "pairs", peers: 50, window: 100 },
  { id: "fanin", title: "50 to 1, window 100", shape: "fanin", peers: 50, window: 100 },
  { id: "fanout", title: "1 to 100 in one line, window 10", shape: "fanout", peers: 100, window: 10 },
  { id: "mesh", title: "mesh of 100, window 20", shape: "mesh", peers: 100, window: 20 },
  { id: "mesh-1", title: "mesh of 100, window 1", shape: "mesh", peers: 100, window: 1 },
  { id: "kilobyte", title: "1 KB texts, 10 pairs, window 100", shape: "pairs", peers: 10, window: 100, size: 1024 },
  { id: "two-byte", title: "two-byte texts, 50 pairs, window 100", shape: "pairs", peers: 50, window: 100, wide: true },
  {
    id: "ping-pong",
    title: "ping-pong, 1 pair, window 1",
    shape: "pairs",
    peers: 1,
    window: 1,
    timed: 0,
    figures: [
      ...perSecond,
      { key: "p50", title: "ping-pong, p50", unit: "µs", better: "less" },
      { key: "p99", title: "ping-pong, p99", unit: "µs", better: "less" }
    ]
  },
  {
    id: "bystander",
    title: "a bystander's p99 next to a client at full speed",
    shape: "pairs",
    peers: 2,
    windows: [Infinity, 1],
    timed: 1, // the sender whose messages are timed
    figures: [{ key: "p99", unit: "µs", better: "less" }]
  },
  {
    id: "paced",
    kind: "paced",
    shape: "mesh",
    peers: 100,
    window: 20,
    size: 32,
    shares: [0.5, 0.9], // of the full rate, which is measured first
    warm: 500,
    full: 1000,
    measure: 2000,
    quick: { full: 500, measure: 700 },
    figures: [50, 90].flatMap((percent) =>
      ["p50", "p99", "p99.9"].map((part) => ({
        key: `${part} at ${percent} %`,
        title: `a bystander's ${part} at ${percent} % of the full rate of the mesh`,
        unit: "µs",
        better: "less"
      }))
    )
  },
  {
    id: "churn",
    title: "connect, log in, message, leave (50 at a time)",
    kind: "churn",
    atOnce: 50,
    warm: 1000,
    total: 10000,
    quick: { warm: 500, total: 3000 },
    figures: perSecond
  },
  {
    id: "idle",
    kind: "idle",
    connections: 10000,
    hold: 5000,
    quick: { connections: 2000, hold: 1500 },
    figures: [
      { key: "kilobytes", title: "memory per idle connection", unit: "KB", better: "less" },
      { key: "idleCpu", title: "CPU while all are idle", unit: "%", better: "less" }
    ]
  },
  {
    id: "idle-5000",
    title: "memory of each of 5,000 idle connections",
    kind: "idle",
    connections: 5000,
    hold: 1000,
    quick: { title: "memory of each of 2,000 idle connections", connections: 2000 },
    servers: ["a-chat", "a-chat-web", "ws-relay"],
    figures: [{ key: "kilobytes", unit: "KB", better: "less" }]
  },
  {
    id: "slow",
    title: "memory growth by 1M unread messages",
    kind: "slow",
    shape: "fanin",
    peers: 50,
    quota: 20000,
    stall: 5000, // milliseconds for which the recipient reads nothing
    size: 32,
    quick: { title: "memory growth by 300k unread messages", quota: 6000, stall: 1500 },
    figures: [{ key: "growth", unit: "MB", better: "less" }]
  },
  {
    id: "start-up",
    title: "start-up: `--help` (plain Node: `node -e 0`)",
    kind: "start-up",
    figures: [{ key: "milliseconds", unit: "ms", better: "less" }]
  },
  {
    id: "resident",
    title: "memory of the process after all rows above",
    kind: "resident",
    rest: 2000,
    figures: [{ key: "megabytes", unit: "MB", better: "less" }]
  },
  ...[5, 500, 5000].map((pairs) => ({
    id: `pairs-${pairs}`,
    title: `${thousands(pairs)} pairs, window 1: CPU of a message`,
    kind: "traffic",
    shape: "pairs",
    peers: pairs,
    window: 1,
    figures: cpu
  })),
  ...[0, 1000, 10000].map((others) => ({
    id: `others-${others}`,
    title:
      `mesh of 100, window 20, ${others === 0 ? "alone" : `next to ${thousands(others)} idle clients`}: CPU of ` +
      `a message`,
    kind: "traffic",
    shape: "mesh",
    peers: 100,
    window: 20,
    others,
    figures: cpu
  })),
  ...[10, 1000, 15000].flatMap((others) => [
    { ...login(others), id: `login-${others}`, title: `a login next to ${thousands(others)} clients: CPU` },
    {
      ...login(others),
      id: `greeted-${others}`,
      title:
        `a login next to ${thousands(others)} clients, ${thousands(Math.min(others, 1000))} of them with ` +
        `\`/hello\`: CPU`,
      greeted: Math.min(others, 1000),
      servers: ["a-chat"] // nothing of the kind in the others
    }
  ]),
  {
    id: "who",
    title: "`/who` with 10,000 names, after a login",
    kind: "who",
    others: 10000,
    asks: 50,
    servers: ["a-chat"],
    quick: { title: "`/who` with 1,000 names, after a login", others: 1000 },
    figures: [{ key: "milliseconds", unit: "ms", better: "less" }]
  },
  {
    id: "rush",
    title: "10,000 clients that connect at once: all have logged in after",
    kind: "rush",
    connections: 10000,
    quick: { title: "2,000 clients that connect at once: all have logged in after", connections: 2000 },
    figures: [{ key: "milliseconds", unit: "ms", better: "less" }]
  },
  {
    id: "active",
    title: "memory per connection of which each sends a message per second",
    kind: "idle",
    connections: 10000,
    rounds: 4,
    hold: 0,
    quick: { connections: 2000, rounds: 2 },
    figures: [{ key: "activeKilobytes", unit: "KB", better: "less" }]
  },
  ...clients,
  ...web,
  ...nodes,
  // A room's lines wait for the store, so a small window measures its delay, and a large one the work for each line.
  ...["", "-100"].flatMap((suffix) => {
    const window = suffix === "" ? 10 : 100
    const load = { shape: "fanout", peers: 1000, window, servers: ["a-chat", "a-chat-store"] }
    return [
      { ...load, id: `names-1000${suffix}`, title: `1 to 1,000 names in one line, window ${window}` },
      { ...load, id: `room-1000${suffix}`, title: `1 to a room of 1,000, window ${window}`, room: "#bench" }
    ]
  }),
  ...[1, 10, 100, 1000].map((window) => ({
    id: `stored-${window}`,
    title: `a guest to an account, window ${thousands(window)}: stored and delivered`,
    shape: "pairs",
    peers: 1,
    window,
    accounts: [1, 2],
    servers: ["a-chat-store", "raw-disk"]
  })),
  {
    id: "stored-pairs",
    title: "50 guests to 50 accounts, window 100: stored and delivered",
    shape: "pairs",
    peers: 50,
    window: 100,
    accounts: [50, 100],
    servers: ["a-chat-store"]
  },
  {
    id: "outcomes",
    kind: "outcomes",
    peers: 10,
    perSecond: 50_000,
    size: 32,
    accounts: [10, 20],
    warm: 1000,
    measure: 3000,
    quick: { warm: 500, measure: 1000 },
    servers: ["a-chat", "a-chat-store"],
    figures: [
      { key: "busy", title: "50,000 lines/s to 10 clients: the event loop is busy", unit: "%", better: "less" },
      { key: "delay", title: "a bystander's p99 meanwhile", unit: "ms", better: "less" },
      { key: "outcome50", title: "the outcome of a line meanwhile, p50", unit: "ms", better: "less" },
      { key: "outcome99", title: "the outcome of a line meanwhile, p99", unit: "ms", better: "less" }
    ]
  },
  {
    id: "catch-up",
    kind: "catch-up",
    lines: 10_000,
    size: 32,
    accounts: [0, 10],
    quick: { accounts: [0, 3] },
    servers: ["a-chat-store"],
    figures: [
      { key: "rate", title: "10,000 waiting lines are given to a device", unit: "/s", better: "more" },
      { key: "delay", title: "a bystander's p99 meanwhile", unit: "ms", better: "less" }
    ]
  },
  {
    id: "room-return",
    kind: "room-return",
    lines: 1000,
    size: 32,
    room: "#bench",
    accounts: [0, 101],
    quick: { lines: 100 },
    servers: ["a-chat-store"],
    figures: [
      {
        key: "milliseconds",
        title: "100 members of a room come back at once after a restart: all have the 1,000 lines since after",
        unit: "ms",
        better: "less"
      },
      { key: "delay", title: "a bystander's p99 meanwhile", unit: "ms", better: "less" }
    ]
  },
  {
    id: "history",
    kind: "history",
    lines: 1_000_000,
    accounts: [0, 1000],
    cold: 200,
    warm: 2000,
    quick: { lines: 100_000, warm: 500 },
    servers: ["a-chat-store"],
    figures: [
      { key: "cold", title: "the last 50 of 1,000,000 lines, after a start: p99", unit: "ms", better: "less" },
      { key: "warm", title: "the same again, 2,000 times: p99", unit: "ms", better: "less" },
      { key: "compiled", title: "2,000 times more, when V8 has compiled: p99", unit: "ms", better: "less" }
    ]
  },
  {
    id: "search",
    kind: "search",
    lines: 1_000_000,
    accounts: [0, 1000],
    measure: 9000,
    quick: { lines: 100_000, measure: 3000 },
    servers: ["a-chat-store"],
    figures: [
      { key: "rare", title: "a search in 1,000,000 lines, for a word in ten of them: p99", unit: "ms", better: "less" },
      { key: "common", title: "for a word in half of them: p99", unit: "ms", better: "less" },
      { key: "none", title: "for a word in none of them: p99", unit: "ms", better: "less" },
      { key: "delay", title: "a bystander's p99 meanwhile", unit: "ms", better: "less" },
      { key: "outcome", title: "a line to an account is stored meanwhile: p99", unit: "ms", better: "less" },
      { key: "alone", title: "the same without searches: p99", unit: "ms", better: "less" }
    ]
  },
  {
    id: "tokens",
    title: "connect, log in with a token, ping, leave (50 at a time)",
    kind: "churn",
    atOnce: 50,
    warm: 1000,
    total: 5000,
    accounts: [0, 6000],
    quick: { warm: 500, total: 1500 },
    servers: ["a-chat-store"],
    figures: perSecond
  },
  {
    id: "passwords",
    kind: "passwords",
    accounts: [0, 1000],
    measure: 5000,
    quick: { measure: 2000 },
    servers: ["a-chat-store"],
    figures: [
      {
        key: "delay",
        title: "1,000 clients log in with passwords at once: a bystander's p99",
        unit: "ms",
        better: "less"
      },
      { key: "rate", title: "of them get in", unit: "/s", better: "more" }
    ]
  },
  {
    id: "idle-accounts",
    kind: "idle",
    connections: 10000,
    accounts: [0, 10000],
    hold: 1000,
    quick: { connections: 2000 },
    servers: ["a-chat", "a-chat-store"],
    figures: [
      {
        key: "kilobytes",
        title: "memory per idle connection (with a store: of an account)",
        unit: "KB",
        better: "less"
      }
    ]
  },
  {
    id: "serving",
    title: "`serve`: from its start until it listens",
    kind: "serving",
    servers: ["a-chat", "a-chat-earlier", "a-chat-store"],
    figures: [{ key: "milliseconds", unit: "ms", better: "less" }]
  }
]

const loads = "pair pairs fanin fanout mesh mesh-1 kilobyte two-byte ping-pong bystander".split(" ")

/** The rows of each table. */
export const tables = {
  figures: [...loads, "paced", "churn", "idle", "slow", "start-up"],
  aged: [...loads, "churn", "resident"],
  growth: rows.map(({ id }) => id).filter((id) => /^(?:pairs|others|login|greeted)-|^(?:who|rush|active)$/.test(id)),
  costs: ["pair", "mesh", "mesh-1", "kilobyte", "churn", "idle"],
  clients: clients.map(({ id }) => id),
  cluster: nodes.map(({ id }) => id),
  web: ["pair", "pairs", "idle-5000", ...web.map(({ id }) => id)],
  store: [
    "pair pairs fanin mesh mesh-1 kilobyte ping-pong churn idle",
    "stored-1 stored-10 stored-100 stored-1000 stored-pairs outcomes catch-up",
    "names-1000 room-1000 names-1000-100 room-1000-100 room-return history search",
    "tokens passwords idle-accounts serving"
  ].flatMap((ids) => ids.split(" "))
}

/** What a server goes through before the rows of `--aged`: messages of each kind, and connections that come and go. */
export const aging = (isQuick) => [
  ...["pairs", "fanout", "kilobyte", "two-byte", "mesh"].map((id) => ({ id, isQuick: true })),
  ...(isQuick ? ["churn"] : ["churn", "churn"]).map((id) => ({ id, isQuick })),
  { id: "mesh-1", isQuick: true }
]

/**
 * A row as it is run: `figures` get the row's title, and quick mode shortens it. In the tables of costs and of
 * `--web`, the server's CPU time is one of the figures, because it does not depend on the generator's speed.
 */
export const rowOf = (id, isQuick, table = "figures") => {
  const row = rows.find((row) => row.id === id)
  const base = row.kind === undefined || row.kind === "traffic" ? { ...traffic, ...row } : row
  const { quick: _, ...chosen } = isQuick ? { ...base, ...base.quick } : base
  const withCpu = [...perSecond, { ...cpu[0], title: `${chosen.title}: CPU of each` }]
  const measured = chosen.figures ?? perSecond
  const all = (table === "costs" || table === "web") && measured === perSecond ? withCpu : measured
  const figures = all.map((figure) => ({ title: chosen.title, ...figure }))
  return { ...chosen, figures }
}
