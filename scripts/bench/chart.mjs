// The benchmark's figures as an SVG bar chart, for light and dark pages. Imported, not run.
import { quantity, titles } from "./report.mjs"

const width = 800
const labels = 330 // width of the titles
const room = 80 // for the number after the longest bar
const [bar, between, gap] = [11, 2, 12]

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("`", "")

const style = `
    svg { font: 12px system-ui, sans-serif; }
    .page { fill: #ffffff; } text { fill: #1f2328; } .quiet { fill: #59636e; } .number { font-size: 10px; }
    .a-chat { fill: #0969da; } .plain-node { fill: #afb8c1; } .nats-server { fill: #d4a04c; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; } text { fill: #e6edf3; } .quiet { fill: #9198a1; }
      .a-chat { fill: #58a6ff; } .plain-node { fill: #57606a; } .nats-server { fill: #a87a2a; }
    }`

/** The bars of one figure, relative to the longest. */
const group = (figure, servers, top) => {
  const longest = Math.max(...servers.map((name) => figure.servers[name].median), Number.MIN_VALUE)
  const bars = servers.map((name, i) => {
    const { median } = figure.servers[name]
    const length = Math.max(1, ((width - labels - room) * median) / longest)
    const y = top + i * (bar + between)
    const number =
      `<text class="number" x="${(labels + length + 5).toFixed(1)}" y="${y + 9}">${quantity(median)} ` +
      `${figure.unit}</text>`
    return `<rect class="${name}" x="${labels}" y="${y}" width="${length.toFixed(1)}" height="${bar}" rx="2"/>${number}`
  })
  const middle = top + (servers.length * (bar + between)) / 2 + 3
  return [`<text x="${labels - 10}" y="${middle}" text-anchor="end">${escape(figure.title)}</text>`, ...bars].join(
    "\n  "
  )
}

export const chart = ({ servers, figures, machine, quick }) => {
  const step = servers.length * (bar + between) + gap
  const parts = []
  let top = 52
  for (const [better, heading] of [
    ["more", "Longer is better: messages, or connections, per second"],
    ["less", "Shorter is better: time, memory, CPU"]
  ]) {
    const chosen = figures.filter((figure) => figure.better === better)
    if (chosen.length === 0) continue
    parts.push(`<text class="quiet" x="16" y="${top + 8}">${heading}</text>`)
    top += 24
    for (const figure of chosen) {
      parts.push(group(figure, servers, top))
      top += step
    }
    top += 8
  }
  const legend = servers.map((name, i) => {
    const x = labels + i * 110
    return (
      `<rect class="${name}" x="${x}" y="17" width="11" height="11" rx="2"/><text x="${x + 17}" ` +
      `y="27">${titles[name]}</text>`
    )
  })
  const where =
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ` +
    `${machine.date}${quick ? "; quick runs, rough figures" : ""}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top + 24}" width="${width}" role="img">
  <title>a-chat compared, on one core</title>
  <style>${style}
  </style>
  <rect class="page" width="${width}" height="${top + 24}"/>
  ${[...legend, ...parts].join("\n  ")}
  <text class="quiet" x="16" y="${top + 10}">${escape(where)}</text>
</svg>
`
}
