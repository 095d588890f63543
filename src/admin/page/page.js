// The web page of a running server: requests /metrics and /connections every two seconds and draws the changes. All
// text is inserted as text nodes, since names and addresses come from strangers.

const every = 2000
const span = 180_000 // of a chart, in milliseconds
const gap = 3 * every // a longer pause between two samples, such as of a hidden tab, interrupts the line
const isNarrow = matchMedia("(max-width: 30rem)")
const rows = () => (isNarrow.matches ? 20 : 50)

const el = (name, props = {}, ...children) => {
  const element = Object.assign(document.createElement(name), props)
  element.append(...children)
  return element
}
const byId = (id) => document.getElementById(id)

// Numbers as text.

const count = (value) => Math.round(value).toLocaleString("en")
const short = (value) => {
  const units = ["", "k", "M", "G"]
  let at = 0
  for (; Math.abs(value) >= 9999.5 && at < units.length - 1; at++) value /= 1000
  return `${at === 0 ? count(value) : value.toFixed(1)}${units[at]}`
}
const bytes = (value) => {
  const units = ["B", "KiB", "MiB", "GiB"]
  let at = 0
  for (; value >= 1024 && at < units.length - 1; at++) value /= 1024
  return `${at === 0 ? count(value) : value.toFixed(1)} ${units[at]}`
}
const time = (millis) => {
  const seconds = Math.max(0, Math.round(millis / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`
}

// Metrics: name{labels} value, summed over labels.

const parse = (text) => {
  const sums = new Map()
  for (const line of text.split("\n")) {
    const [, name, value] = /^([a-z_]+)(?:\{.*\})? (\S+)$/u.exec(line) ?? []
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value))
  }
  return (name) => sums.get(name) ?? 0
}

const figures = [
  { name: "logged in", of: (now) => now("achat_peers"), show: count },
  { name: "connections", of: (now) => now("achat_connections"), show: count },
  { name: "lines in / s", rate: "achat_lines_received_total", show: short },
  { name: "lines out / s", rate: "achat_lines_sent_total", show: short },
  { name: "bytes in / s", rate: "achat_bytes_received_total", show: bytes },
  { name: "bytes out / s", rate: "achat_bytes_sent_total", show: bytes },
  { name: "lines in queues", of: (now) => now("achat_outbox_lines"), show: short },
  { name: "bytes in queues", of: (now) => now("achat_outbox_bytes"), show: bytes },
  { name: "held senders", of: (now) => now("achat_held_senders"), show: count },
  {
    name: "mean delivery",
    of: (now, before) => {
      const lines = now("achat_delivery_seconds_count") - before("achat_delivery_seconds_count")
      return lines > 0 ? (now("achat_delivery_seconds_sum") - before("achat_delivery_seconds_sum")) / lines : 0
    },
    show: (seconds) => `${(seconds * 1000).toFixed(2)} ms`
  },
  { name: "CPU", rate: "process_cpu_seconds_total", show: (share) => `${Math.round(share * 100)} %` },
  { name: "memory", of: (now) => now("process_resident_memory_bytes"), show: bytes }
].map((figure) => ({ ...figure, samples: [] }))

const svg = (name, attributes, ...children) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(...children)
  return element
}

for (const figure of figures) {
  const value = el("div", { className: "value", textContent: "–" })
  const [area, line] = ["area", "line"].map((kind) => svg("path", { class: kind }))
  const chart = svg("svg", { viewBox: "0 0 100 30", preserveAspectRatio: "none", "aria-hidden": "true" }, area, line)
  const peak = el("span")
  const scale = el("p", { className: "scale" }, el("span", { textContent: `−${span / 60_000} min` }), peak)
  const name = el("p", { className: "quiet", textContent: figure.name })
  byId("figures").append(el("div", { className: "figure" }, name, value, chart, scale))
  Object.assign(figure, { value, area, line, peak })
}

/** The samples, split at the gaps: each run becomes one line. */
const runs = (samples) => {
  const all = []
  for (const sample of samples) {
    const run = all.at(-1)
    if (run === undefined || sample.at - run.at(-1).at > gap) all.push([sample])
    else run.push(sample)
  }
  return all
}

const draw = (figure, value, at) => {
  figure.samples = [...figure.samples.filter((one) => at - one.at <= span), { value, at }]
  figure.value.textContent = figure.show(value)
  const most = Math.max(...figure.samples.map((one) => one.value))
  figure.peak.textContent = `peak ${figure.show(most)}`
  const x = (one) => (100 * (1 - (at - one.at) / span)).toFixed(2)
  const y = (one) => (30 - (28 * one.value) / (most || 1)).toFixed(2)
  const lines = runs(figure.samples).map((run) => ({ run, path: run.map((one) => `${x(one)},${y(one)}`).join("L") }))
  figure.line.setAttribute("d", lines.map(({ path }) => `M${path}`).join(""))
  figure.area.setAttribute("d", lines.map(({ path, run }) => `M${x(run[0])},30L${path}L${x(run.at(-1))},30Z`).join(""))
}

const counts = (id, parts) =>
  byId(id).replaceChildren(
    ...parts.map(([name, value, className = ""]) =>
      el("div", { className }, el("span", { textContent: name }), typeof value === "number" ? count(value) : value)
    )
  )

const ledger = (now) => {
  const states = ["accepted", "written", "received", "stored", "returned", "dead"]
  const parts = states.map((state) => [state, now(`achat_pairs_${state}_total`)])
  const unaccounted = now("achat_pairs_unaccounted")
  parts.push(["in flight", now("achat_pairs_in_flight")])
  parts.push(["unaccounted", unaccounted, unaccounted === 0 ? "good" : "bad"])
  counts("ledger", parts)
}

/** Hidden in a server without a store. The mean of a commit is that since the page was last drawn. */
const store = (metrics, now, before) => {
  const state = /^achat_store_state\{state="([a-z]+)"\} 1$/mu.exec(metrics)?.[1]
  byId("store").hidden = state === undefined
  if (state === undefined) return
  const added = (name) => now(name) - (before?.(name) ?? 0)
  const commits = added("achat_store_commit_seconds_count")
  const damagedPages = now("achat_store_damaged_pages_total")
  const mean = commits > 0 ? added("achat_store_commit_seconds_sum") / commits : 0
  counts("kept", [
    ["state", state, state === "ok" ? "good" : "bad"],
    ["stored", now("achat_store_stored_total")],
    ["given", now("achat_store_given_total")],
    ["waiting", now("achat_store_waiting_lines")],
    ["expired", now("achat_store_expired_total")],
    ["accounts", now("achat_store_accounts")],
    ["conversations", now("achat_store_conversations")],
    ["rooms", now("achat_store_rooms")],
    ["kept lines", now("achat_store_lines")],
    ["texts", bytes(now("achat_store_text_bytes"))],
    ["on disk", bytes(now("achat_store_disk_bytes"))],
    ["oldest line", time(1000 * now("achat_store_oldest_line_seconds"))],
    ["mean commit", commits > 0 ? `${(1000 * mean).toFixed(2)} ms` : "–"],
    ["damaged pages", damagedPages, damagedPages === 0 ? "good" : "bad"]
  ])
}

/** Hidden in a server without a cluster. */
const nodes = ({ cluster }) => {
  byId("cluster").hidden = cluster === undefined
  if (cluster === undefined) return
  const { claims, foreign, grantMillis, inDoubt, isSuspended, names, node, others, queued, unreadable, windowBytes } =
    cluster
  counts("cluster-figures", [
    ["this node", node],
    ["state", isSuspended ? "suspended" : "ok", isSuspended ? "bad" : "good"],
    ["age of grants", `${(grantMillis / 1000).toFixed(1)} s`],
    ["names elsewhere", names],
    ["names claimed", claims.yours],
    ["taken", claims.taken],
    ["no answer", claims.unavailable],
    ["lines came", foreign.received],
    ["delivered", foreign.delivered],
    ["returned", foreign.returned],
    ["waiting", queued],
    ["in doubt", inDoubt],
    ["not readable", unreadable]
  ])
  table(
    "nodes",
    [
      { name: "node", of: (one) => one.name, kind: "text name" },
      { name: "silent for", of: (one) => `${(one.silentMillis / 1000).toFixed(1)} s` },
      { name: "on the way", of: (one) => bytes(one.inFlightBytes) },
      { name: "of the window", of: (one) => `${Math.round((100 * one.inFlightBytes) / windowBytes)} %` },
      { name: "sent again", of: (one) => count(one.resent), kind: "extra" },
      { name: "incarnation", of: (one) => one.incarnation, kind: "text extra" }
    ],
    others,
    "none"
  )
}

const label = (labels, name) => new RegExp(`${name}="([^"]*)"`, "u").exec(labels)?.[1] ?? ""

/** Hidden in a server without `--web`. */
const http = (metrics, now, before) => {
  byId("http").hidden = !metrics.includes("\nachat_http_streams ")
  if (byId("http").hidden) return
  const paths = new Map()
  for (const [, labels, value] of metrics.matchAll(/^achat_http_requests_total\{(.*)\} (\d+)$/gmu)) {
    const [path, status] = [`/${label(labels, "path")}`, Number(label(labels, "status"))]
    const one = paths.get(path) ?? { path, requests: 0, refused: 0, statuses: [] }
    one.requests += Number(value)
    if (status >= 400) one.refused += Number(value)
    if (Number(value) > 0) one.statuses.push(`${status}: ${count(Number(value))}`)
    paths.set(path, one)
  }
  const all = [...paths.values()].toSorted(
    (one, other) => other.requests - one.requests || one.path.localeCompare(other.path)
  )
  const rate = before && (now("achat_http_requests_total") - before.now("achat_http_requests_total")) / before.seconds
  counts("requests", [
    ["requests", all.reduce((sum, { requests }) => sum + requests, 0)],
    ["a second", rate === undefined ? "–" : short(rate)],
    ["refused", all.reduce((sum, { refused }) => sum + refused, 0)],
    ["streams", now("achat_http_streams")],
    ["webhooks", paths.get("/hook")?.requests ?? 0],
    ["unheard", now("achat_http_unheard_total")]
  ])
  table(
    "paths",
    [
      { name: "path", of: ({ path }) => path, kind: "text name" },
      { name: "requests", of: ({ requests }) => count(requests) },
      { name: "refused", of: ({ refused }) => (refused === 0 ? "" : count(refused)) },
      { name: "by status", of: ({ statuses }) => statuses.toSorted().join(", "), kind: "text" }
    ],
    all,
    "none"
  )
}

/** The codes of `!` lines that were sent at all, the most frequent first. */
const refusals = (metrics) => {
  const all = [...metrics.matchAll(/^achat_refusals_total\{code="([a-z-]+)"\} (\d+)$/gmu)]
  const sent = all.map(([, code, value]) => [code, Number(value)]).filter(([, value]) => value > 0)
  counts("refusals", sent.length === 0 ? [["none", 0]] : sent.toSorted(([, one], [, other]) => other - one))
}

const table = (id, columns, lines, empty) => {
  const cells = (kind, texts) =>
    texts.map((text, at) =>
      el(kind, { className: columns[at].kind ?? "", textContent: text, title: columns[at].kind ? text : "" })
    )
  const none = el("tr", {}, el("td", { className: "none", colSpan: columns.length, textContent: empty }))
  byId(id).replaceChildren(
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        ...cells(
          "th",
          columns.map(({ name }) => name)
        )
      )
    ),
    el(
      "tbody",
      {},
      ...(lines.length === 0 ? [none] : []),
      ...lines.map((line) =>
        el(
          "tr",
          {},
          ...cells(
            "td",
            columns.map(({ of }) => of(line))
          )
        )
      )
    )
  )
}

const traffic = [
  { name: "lines in", of: (one) => short(one.linesIn) },
  { name: "lines out", of: (one) => short(one.linesOut) },
  { name: "in", of: (one) => bytes(one.bytesIn), kind: "extra" },
  { name: "out", of: (one) => bytes(one.bytesOut), kind: "extra" }
]

// Columns of the kind `extra` are hidden on a phone.
const who = [
  { name: "name", of: (one) => one.name || "(no login)", kind: "text name" },
  { name: "from", of: (one) => one.remote, kind: "text extra" }
]

const lists = ({ closed, connections, now, total }) => {
  table(
    "here",
    [
      ...who,
      { name: "since", of: (one) => time(now - one.since), kind: "extra" },
      { name: "idle", of: (one) => time(one.idleMillis) },
      { name: "state", of: (one) => one.state, kind: "text" },
      {
        name: "queue",
        of: (one) => (one.queueLines === 0 ? "" : `${short(one.queueLines)} (${bytes(one.queueBytes)})`)
      },
      {
        name: "unacknowledged",
        of: (one) => (one.unacknowledgedLines === 0 ? "" : short(one.unacknowledgedLines)),
        kind: "extra"
      },
      ...traffic
    ],
    connections,
    "none"
  )
  byId("more").textContent = total > connections.length ? `and ${count(total - connections.length)} more` : ""
  table(
    "closed",
    [
      ...who,
      { name: "reason", of: (one) => one.reason, kind: "text" },
      { name: "closed", of: (one) => `${time(now - one.at)} ago` },
      { name: "lasted", of: (one) => time(one.at - one.since), kind: "extra" },
      ...traffic
    ],
    closed,
    "none yet"
  )
}

const roomList = ({ rooms, total }) => {
  byId("rooms").hidden = total === undefined
  table(
    "room-list",
    [
      { name: "room", of: (one) => one.name, kind: "text name" },
      { name: "members", of: (one) => count(one.members) },
      { name: "here", of: (one) => count(one.here) },
      { name: "waiting", of: (one) => (one.waiting === 0 ? "" : short(one.waiting)) },
      {
        name: "state",
        of: (one) =>
          [one.isLocked ? "locked" : "", one.slowMillis === 0 ? "" : `slow: ${time(one.slowMillis)}`]
            .filter((text) => text !== "")
            .join(", "),
        kind: "text"
      },
      { name: "owner", of: (one) => one.owner ?? "", kind: "text extra" },
      { name: "last line", of: (one) => count(one.last), kind: "extra" }
    ],
    rooms,
    "none"
  )
  byId("more-rooms").textContent = total > rooms.length ? `and ${count(total - rooms.length)} more` : ""
}

const sort = byId("sort")
const orders =
  "queue-bytes since idle name remote lines-in lines-out bytes-in bytes-out queue-lines unacknowledged".split(" ")
sort.append(...orders.map((order) => el("option", { value: order, textContent: order.replace("-", " ") })))

let before
let answeredAt

const get = async (path) => {
  const answer = await fetch(path, { signal: AbortSignal.timeout(5 * every) })
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  return answer
}

const look = async () => {
  const [metrics, connections, rooms, known] = await Promise.all([
    get("/metrics").then((answer) => answer.text()),
    get(`/connections?limit=${rows()}&sort=${sort.value}`).then((answer) => answer.json()),
    get(`/rooms?limit=${rows()}`).then((answer) => answer.json()),
    get("/nodes").then((answer) => answer.json())
  ])
  const now = parse(metrics)
  const at = performance.now()
  // There is no rate over a gap, nor across a restart of the server, which resets its counters.
  const started = now("process_start_time_seconds")
  const isNext = before !== undefined && at - before.at < gap && before.now("process_start_time_seconds") === started
  const seconds = isNext ? (at - before.at) / 1000 : 0
  if (isNext) {
    for (const figure of figures) {
      const rate = figure.rate && (now(figure.rate) - before.now(figure.rate)) / seconds
      draw(figure, figure.rate ? rate : figure.of(now, before.now), at)
    }
  }
  ledger(now)
  store(metrics, now, before?.now)
  http(metrics, now, isNext ? { now: before.now, seconds } : undefined)
  before = { now, at }
  answeredAt = Date.now()
  refusals(metrics)
  lists(connections)
  roomList(rooms)
  nodes(known)
  const version = /^achat_build_info\{.*version="([^"]*)"/mu.exec(metrics)?.[1]
  const uptime = time(Date.now() - started * 1000)
  if (connections.isDraining) state("draining: the server is shutting down", "bad")
  else if (known.cluster?.isSuspended) state("suspended: cut off from the other nodes", "bad")
  else state(`version ${version}, up ${uptime}`, "good")
}

const state = (text, className) => {
  const status = byId("state")
  if (status.textContent !== text) Object.assign(status, { textContent: text, className })
  document.title = className === "bad" ? `${text} – a-chat` : "a-chat"
  document.body.classList.toggle("gone", text.startsWith(noAnswer))
}

const noAnswer = "no answer"

const gone = () => {
  const since = answeredAt === undefined ? "" : ` for ${time(Date.now() - answeredAt)}`
  state(`${noAnswer}${since}; retrying`, "bad")
}

const loop = async () => {
  if (document.visibilityState === "visible") await look().catch(gone)
  setTimeout(loop, every)
}

sort.addEventListener("change", () => look().catch(gone))
loop()
