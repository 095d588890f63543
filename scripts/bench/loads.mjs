// The rows of the benchmark, with their figures and the durations of their runs. Imported, not run.

const perSecond = [{ key: "rate", unit: "/s", better: "more" }]
const traffic = { kind: "traffic", size: 32, warm: 500, measure: 2000, quick: { warm: 200, measure: 400 } }

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
    hold: 8000,
    maxRuns: 3, // its figures vary little, and each run takes long
    quick: { connections: 2000, hold: 1500 },
    figures: [
      { key: "kilobytes", title: "memory per idle connection", unit: "KB", better: "less" },
      { key: "idleCpu", title: "CPU while all are idle", unit: "%", better: "less" }
    ]
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
    maxRuns: 3,
    quick: { title: "memory growth by 300k unread messages", quota: 6000, stall: 1500 },
    figures: [{ key: "growth", unit: "MB", better: "less" }]
  },
  {
    id: "start-up",
    title: "start-up: `--help` (plain Node: `node -e 0`)",
    kind: "start-up",
    figures: [{ key: "milliseconds", unit: "ms", better: "less" }]
  }
]

/** Those of `--costs`. */
export const costRows = ["pair", "mesh", "mesh-1", "kilobyte", "churn", "idle"]

export const ids = rows.map((row) => row.id)

/**
 * A row as it is run: `figures` get the row's title, and quick mode shortens it. With `costs` the server's CPU time is one
 * of the figures, because it does not depend on the generator's speed.
 */
export const rowOf = (id, isQuick, costs = false) => {
  const row = rows.find((row) => row.id === id)
  const base = row.kind === undefined ? { ...traffic, ...row } : row
  const { quick: _, ...chosen } = isQuick ? { ...base, ...base.quick } : base
  const cpu = { key: "serverMicroseconds", title: `${chosen.title}: CPU of each`, unit: "µs", better: "less" }
  const measured = chosen.figures ?? perSecond
  const all = costs && measured === perSecond ? [...perSecond, cpu] : measured
  const figures = all.map((figure) => ({ title: chosen.title, ...figure }))
  return { ...chosen, figures }
}
