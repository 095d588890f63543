// The page of a running server: asks /metrics and /connections every two seconds, and draws what has changed. All text
// goes in as text nodes: names and addresses come from strangers.

const every = 2000
const kept = 90 // samples in a chart: three minutes
const rows = 50

const el = (name, props = {}, ...children) => {
  const element = Object.assign(document.createElement(name), props)
  element.append(...children)
  return element
}
const byId = (id) => document.getElementById(id)

// Numbers for people.

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
  return `${at === 0 ? value : value.toFixed(1)} ${units[at]}`
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
  { name: "here", of: (now) => now("achat_peers"), show: count },
  { name: "connections", of: (now) => now("achat_connections"), show: count },
  { name: "lines in, per second", rate: "achat_lines_received_total", show: short },
  { name: "lines out, per second", rate: "achat_lines_sent_total", show: short },
  { name: "in, per second", rate: "achat_bytes_received_total", show: bytes },
  { name: "out, per second", rate: "achat_bytes_sent_total", show: bytes },
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
  { name: "processor", rate: "process_cpu_seconds_total", show: (share) => `${Math.round(share * 100)} %` },
  { name: "memory", of: (now) => now("process_resident_memory_bytes"), show: bytes }
].map((figure) => ({ ...figure, samples: [] }))

const chart = () => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline")
  svg.setAttribute("viewBox", "0 0 100 30")
  svg.setAttribute("preserveAspectRatio", "none")
  svg.setAttribute("aria-hidden", "true")
  svg.append(line)
  return { svg, line }
}

for (const figure of figures) {
  const value = el("div", { className: "value", textContent: "–" })
  const { line, svg } = chart()
  const name = el("p", { className: "name", textContent: figure.name })
  byId("figures").append(el("div", { className: "figure" }, name, value, svg))
  Object.assign(figure, { value, line })
}

const draw = (figure, sample) => {
  figure.samples = [...figure.samples, sample].slice(-kept)
  figure.value.textContent = figure.show(sample)
  const most = Math.max(...figure.samples, 1e-9)
  const points = figure.samples.map(
    (one, at) => `${(100 * (at + kept - figure.samples.length)) / (kept - 1)},${29 - (27 * one) / most}`
  )
  figure.line.setAttribute("points", points.join(" "))
}

const ledger = (now) => {
  const parts = ["accepted", "written", "returned", "dead"].map((state) => [state, now(`achat_pairs_${state}_total`)])
  parts.push(["in flight", now("achat_pairs_in_flight")], ["unaccounted", now("achat_pairs_unaccounted")])
  byId("ledger").replaceChildren(
    ...parts.map(([name, value]) => {
      const className = name === "unaccounted" ? (value === 0 ? "good" : "bad") : ""
      return el("div", { className }, el("span", { textContent: name }), count(value))
    })
  )
}

const table = (id, columns, lines) => {
  const cells = (kind, texts) =>
    texts.map((text, at) =>
      el(kind, { className: columns[at].text ? "text" : "", textContent: text, title: columns[at].text ? text : "" })
    )
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
  { name: "in", of: (one) => bytes(one.bytesIn) },
  { name: "out", of: (one) => bytes(one.bytesOut) }
]
const who = [
  { name: "name", of: (one) => one.name || "(no login)", text: true },
  { name: "from", of: (one) => one.remote, text: true }
]

const lists = ({ closed, connections, now, total }) => {
  table(
    "here",
    [
      ...who,
      { name: "since", of: (one) => time(now - one.since) },
      { name: "idle", of: (one) => time(one.idleMillis) },
      ...traffic,
      {
        name: "queue",
        of: (one) => (one.queueLines === 0 ? "" : `${short(one.queueLines)} (${bytes(one.queueBytes)})`)
      },
      { name: "state", of: (one) => one.state, text: true }
    ],
    connections
  )
  byId("more").textContent = total > connections.length ? `and ${count(total - connections.length)} more` : ""
  table(
    "closed",
    [
      ...who,
      { name: "reason", of: (one) => one.reason, text: true },
      { name: "closed", of: (one) => `${time(now - one.at)} ago` },
      { name: "lasted", of: (one) => time(one.at - one.since) },
      ...traffic
    ],
    closed
  )
}

const sort = byId("sort")
const orders = "queue-bytes since idle name remote lines-in lines-out bytes-in bytes-out queue-lines".split(" ")
sort.append(...orders.map((order) => el("option", { value: order, textContent: order.replace("-", " ") })))

let before
let beforeAt

const get = async (path) => {
  const answer = await fetch(path, { signal: AbortSignal.timeout(5 * every) })
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  return answer
}

const look = async () => {
  const [metrics, connections] = await Promise.all([
    get("/metrics").then((answer) => answer.text()),
    get(`/connections?limit=${rows}&sort=${sort.value}`).then((answer) => answer.json())
  ])
  const now = parse(metrics)
  const at = performance.now()
  if (before !== undefined) {
    const seconds = (at - beforeAt) / 1000
    for (const figure of figures) {
      const rate = figure.rate && Math.max(0, now(figure.rate) - before(figure.rate)) / seconds
      draw(figure, figure.rate ? rate : figure.of(now, before))
    }
  }
  before = now
  beforeAt = at
  ledger(now)
  lists(connections)
  const uptime = time(Date.now() - now("process_start_time_seconds") * 1000)
  const version = /^achat_build_info\{.*version="([^"]*)"/mu.exec(metrics)?.[1]
  state(connections.isDraining ? "draining" : `version ${version}, up ${uptime}`, connections.isDraining)
}

const state = (text, isBad) => {
  byId("state").textContent = text
  byId("state").className = isBad ? "bad" : "good"
}

const loop = async () => {
  if (document.visibilityState === "visible") {
    await look().catch(() => state("no answer from the server; trying again", true))
  }
  setTimeout(loop, every)
}

sort.addEventListener("change", () => look().catch(() => {}))
document.addEventListener("visibilitychange", () => {
  before = undefined // rates over a time nobody looked would be wrong
})
loop()
