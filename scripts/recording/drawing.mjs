// Screens of terminals as an SVG, for light and dark pages. Imported, not run.

const [advance, height] = [7.2, 16] // of a cell, for a font of 12 px
const [margin, padding, gap, heading] = [12, 10, 12, 30]

const style = `
    svg { font: 12px system-ui, sans-serif; }
    .cells { font: 12px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
    .page { fill: #ffffff; } .screen { fill: #f6f8fa; stroke: #d1d9e0; }
    text { fill: #1f2328; } .cursor { fill: #1f2328; opacity: 0.5; }
    .bold { font-weight: 600; } .dim { opacity: 0.6; } .colour1 { fill: #cf222e; } .colour2 { fill: #1a7f37; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; } .screen { fill: #151b23; stroke: #3d444d; }
      text { fill: #e6edf3; } .cursor { fill: #e6edf3; }
      .colour1 { fill: #ff7b72; } .colour2 { fill: #3fb950; }
    }`

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

/** One of the colours after the first sixteen: a cube with six steps per side, and greys. */
const hex = (colour) => {
  const grey = (colour - 232) * 10 + 8
  const steps = [36, 6, 1].map((unit) => Math.floor((colour - 16) / unit) % 6).map((step) => step && step * 40 + 55)
  return `#${(colour >= 232 ? [grey, grey, grey] : steps).map((part) => part.toString(16).padStart(2, "0")).join("")}`
}

/** A run of cells, with its length, so that any font keeps the columns. */
const run = ({ column, look, text, width }, x, y) => {
  const names = [look.bold && "bold", look.dim && "dim", look.colour < 16 && `colour${look.colour}`].filter(Boolean)
  const attributes = [
    `x="${(x + column * advance).toFixed(1)}" y="${y}" textLength="${(width * advance).toFixed(1)}"`,
    ...(names.length > 0 ? [`class="${names.join(" ")}"`] : []),
    ...(look.colour >= 16 ? [`style="fill: ${hex(look.colour)}"`] : [])
  ]
  return `<text xml:space="preserve" ${attributes.join(" ")}>${escape(text)}</text>`
}

const screenOf = ({ cursor, rows }, { columns }, x, y) => {
  const [width, tall] = [columns * advance + 2 * padding, rows.length * height + 2 * padding]
  const [left, top] = [x + padding, y + padding]
  const at = `x="${(left + cursor.column * advance).toFixed(1)}" y="${top + cursor.row * height + 1}"`
  return [
    `<rect class="screen" x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${tall}" rx="6"/>`,
    `<rect class="cursor" ${at} width="${advance}" height="${height - 1}"/>`,
    ...rows.flatMap((runs, row) => runs.map((one) => run(one, left, top + row * height + 12)))
  ]
}

/** Draws scenes below each other. Each has the same number of screens, of one size, beside each other. */
export const draw = (scenes, size, about) => {
  const width = size.columns * advance + 2 * padding
  const tall = size.rows * height + 2 * padding
  const sides = scenes[0].screens.length
  const total = sides * width + (sides + 1) * margin
  const bottom = scenes.length * (heading + tall + gap)
  const parts = scenes.flatMap(({ screens, title }, index) => {
    const top = index * (heading + tall + gap)
    return [
      `<text x="${margin}" y="${top + heading - 9}">${escape(title)}</text>`,
      '<g class="cells">',
      ...screens.flatMap((screen, side) => screenOf(screen, size, margin + side * (width + margin), top + heading)),
      "</g>"
    ]
  })
  const full = total.toFixed(0)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${full} ${bottom}" width="${full}" role="img">
  <title>${about}</title>
  <style>${style}
  </style>
  <rect class="page" width="${total.toFixed(0)}" height="${bottom}"/>
  ${parts.join("\n  ")}
</svg>
`
}
