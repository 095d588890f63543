// The benchmark's figures as text: a table for the terminal and one for BENCHMARKS.md. Imported, not run.

export const titles = {
  "a-chat": "a-chat",
  "a-chat-earlier": "earlier",
  "a-chat-unix": "Unix socket",
  "a-chat-proxy": "PROXY header",
  "a-chat-admin": "`--admin`, scraped",
  "a-chat-ack": "acknowledging clients",
  "a-chat-tls": "TLS",
  "a-chat-web": "WebSocket",
  "a-chat-web-single": "a frame for each line",
  "ws-relay": "a relay with `ws`",
  "ws-relay-single": "the relay, a frame for each line",
  "a-chat-store": "with a store",
  "raw-nats": "NATS alone",
  "a-chat-cluster": "several nodes",
  "raw-disk": "append and flush",
  "plain-node": "plain Node",
  "plain-node-tls": "plain Node over TLS",
  "nats-server": "nats-server"
}

export const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Three digits: 4.06M, 15.5k, 63.0, 0.35. */
export const quantity = (value) => {
  const [scaled, letter] = value >= 1e6 ? [value / 1e6, "M"] : value >= 1e4 ? [value / 1e3, "k"] : [value, ""]
  const decimals = scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2
  return scaled === 0 ? "0" : `${scaled.toFixed(decimals)}${letter}`
}

const busy = 0.95 // of the generator's core: above this the generator may limit the row

const cell = (figure, name) => {
  const server = figure.servers[name]
  if (server === undefined) return ""
  return quantity(server.median) + (figure.unit === "/s" && server.generatorBusy >= busy ? " \\*" : "")
}

const ratio = (figure, other) => {
  if (figure.servers[other] === undefined) return ""
  const [own, others] = [figure.servers["a-chat"].median, figure.servers[other].median]
  return others === 0 ? "-" : `${(own / others).toFixed(2)}x`
}

/** Whether a table compares configurations of a-chat with each other. */
const isOwn = (table) => ["cluster", "costs", "store", "web"].includes(table)

/** The servers that a-chat is compared with. */
const others = ({ servers, table }) =>
  servers.includes("a-chat") && !isOwn(table) ? servers.filter((name) => name !== "a-chat") : []

/** A figure as a share of that of the disk, or else of the first server's. */
const share = (figure, name, servers) => {
  const measured = servers.filter((server) => figure.servers[server] !== undefined)
  const base = measured.includes("raw-disk") ? "raw-disk" : measured[0]
  if (name === base || !measured.includes(name) || figure.unit === "%") return ""
  const [own, bases] = [figure.servers[name].median, figure.servers[base].median]
  return bases === 0 ? "" : `, ${Math.round((own / bases) * 100)} %`
}

const tableOf = (report) => {
  const { servers, table } = report
  const firstTitle =
    { cluster: "one server", costs: "a-chat, TCP", web: "a-chat, TCP", store: "a-chat, without a store" }[table] ??
    titles["a-chat"]
  const head = ["load", "", ...servers.map((name) => (name === "a-chat" ? firstTitle : titles[name]))]
  const ratios = others(report).map((name) => `a-chat / ${titles[name]}`)
  const rows = report.figures.map((figure) => [
    figure.title,
    figure.better === "more" ? figure.unit : `${figure.unit}, lower is better`,
    ...servers.map((name) => cell(figure, name) + (isOwn(table) ? share(figure, name, servers) : "")),
    ...others(report).map((name) => ratio(figure, name))
  ])
  return [[...head, ...ratios], ...rows]
}

/** The median spread of the figures' runs. */
const spread = (report) => {
  const spreads = report.figures.flatMap(({ servers }) =>
    Object.values(servers).flatMap(({ runs, median }) =>
      runs.length > 1 && median > 0 ? [(Math.max(...runs) - Math.min(...runs)) / median] : []
    )
  )
  return spreads.length === 0 ? undefined : Math.round(median(spreads) * 100)
}

/** The figures in which a-chat is more than 5 % behind. */
const behind = (report, other) =>
  report.figures
    .filter(({ servers }) => servers[other] !== undefined)
    .filter(({ servers, better }) => {
      const [own, others] = [servers["a-chat"].median, servers[other].median]
      return better === "more" ? own < others * 0.95 : own > others * 1.05
    })
    .map(({ title }) => title)

const notes = (report) => {
  const { machine, versions, quick, runs } = report
  const nats = versions["nats-server"] === undefined ? "" : `, nats-server ${versions["nats-server"]}`
  const pinned = machine.isPinned ? "server on core 0, generator on core 1" : "no process pinned to a core"
  const percent = spread(report)
  const apart =
    percent === undefined ? "" : ` Runs of the same figure differ by ${percent} % (median over all figures).`
  const marked = tableOf(report)
    .flat()
    .some((text) => text.includes(" \\*"))
  const losses = others(report).map((name) => {
    const rows = behind(report, name)
    return `More than 5 % behind ${titles[name]} in: ${rows.length === 0 ? "no row" : rows.join("; ")}.`
  })
  const kind = quick ? "of quick runs, rough figures" : runs === 1 ? "of one run" : `of ${runs} runs`
  return [
    `Medians ${kind}, ${machine.date}, commit ${report.commit}: ${machine.cpu}, ${machine.cores} cores, ` +
      `${machine.memory}, ${machine.kernel}, Node ${machine.node}${nats}; ${pinned}.${apart}`,
    ...(marked ? ["\\* The generator used its core fully: the server may be faster than this."] : []),
    ...losses
  ]
}

const wrap = (paragraph, width = 120) =>
  paragraph
    .split(" ")
    .reduce(
      ([line, ...lines], word) =>
        line.length + word.length < width ? [line === "" ? word : `${line} ${word}`, ...lines] : [word, line, ...lines],
      [""]
    )
    .toReversed()
    .join("\n")

export const markdown = (report) => {
  const [head, ...rows] = tableOf(report).map((cells) => `| ${cells.join(" | ")} |`)
  const rule = `| --- | --- |${" ---: |".repeat(report.servers.length + others(report).length)}`
  return [[head, rule, ...rows].join("\n"), ...notes(report).map((note) => wrap(note))].join("\n\n")
}

export const text = (report) => {
  const table = tableOf(report).map((cells) => cells.map((text) => text.replaceAll("`", "").replaceAll("\\", "")))
  const widths = table[0].map((_, column) => Math.max(...table.map((cells) => cells[column].length)))
  const lines = table.map((cells) =>
    cells.map((text, i) => (i < 2 ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join("  ")
  )
  return ["", ...lines, "", ...notes(report).map((note) => wrap(note.replaceAll(/[`\\]/g, "")))].join("\n")
}
