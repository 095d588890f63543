// The result of restarts under load: the verdict and the table. Imported, not run.

const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.ceil(q * values.length) - 1]

const sum = (values) => values.reduce((total, value) => total + value, 0)

/** How many faults are shown. */
const shown = 20

/** Adds the faults, one line each. */
export const judge = ({ ledgers, alarms, book, restarts, ...run }) => {
  const total = Object.fromEntries(
    ["accepted", "written", "received", "returned", "dead", "inFlight"].map((key) => [
      key,
      sum(ledgers.map((one) => one[key]))
    ])
  )
  const answered = book.lines.written + book.lines.returned + book.logins
  const checks = [
    [book.refused === 0, `${book.refused} connects were refused`],
    [book.broken.length === 0, `${book.broken.length} connections broke before the login was taken: ${book.broken[0]}`],
    [alarms.length === 0, `the log has ${alarms.length} unexpected lines, the first: ${alarms[0]}`],
    [ledgers.length === restarts.length + 1, `${ledgers.length} servers logged their ledger`],
    [
      total.accepted === total.written + total.received + total.returned + total.dead && total.inFlight === 0,
      `the ledger does not balance: ${JSON.stringify(total)}`
    ],
    [total.dead === 0, `${total.dead} lines could not be returned to senders that had left`],
    [total.accepted === answered, `the clients count ${answered} accepted lines, the servers ${total.accepted}`]
  ]
  const faults = [...book.faults, ...checks.filter(([isWell]) => !isWell).map(([, fault]) => fault)]
  return { ...run, restarts, ledger: total, book, faults }
}

const millis = (value) => (value === undefined ? "-" : `${Math.round(value)} ms`)

const spread = (values) => `${millis(quantile(values, 0.5))}, ${millis(quantile(values, 1))}`

const away = (values) =>
  `${millis(quantile(values, 0.5))}, ${millis(quantile(values, 0.99))}, ${millis(quantile(values, 1))}`

const titles = { held: "held socket", own: "the server's own port" }

/** The rows: title and figure. */
export const rows = [
  ["connections refused", ({ book }) => book.refused],
  ["connections broken before the login", ({ book }) => book.broken.length],
  ["logins turned away by a shutdown", ({ book }) => book.turnedAway],
  ["lines sent", ({ book }) => book.lines.sent],
  ["  written", ({ book }) => book.lines.written],
  ["  returned", ({ book }) => book.lines.returned],
  ["  not accepted (closing)", ({ book }) => book.lines.closing],
  ["  not accepted (connection ended)", ({ book }) => book.lines.unknown],
  [
    "accepted, neither delivered nor returned",
    ({ ledger }) => ledger.accepted - ledger.written - ledger.received - ledger.returned
  ],
  ["lost", ({ book }) => book.lost],
  ["arrived twice", ({ book }) => book.twice],
  ["drain: median, longest", ({ restarts }) => spread(restarts.map(({ drain }) => drain))],
  ["exit after the drain: median, longest", ({ restarts }) => spread(restarts.map(({ exit }) => exit))],
  ["start of the next process: median, longest", ({ restarts }) => spread(restarts.map(({ start }) => start))],
  ["gap without a message: median, longest", ({ restarts }) => spread(restarts.map(({ gap }) => gap))],
  ["offline, reconnecting at once: p50, p99, max", ({ book }) => away(book.awayAtOnce)],
  ["offline, waiting as advised: p50, p99, max", ({ book }) => away(book.awayAsTold)],
  ["longest time from connect to login", ({ book }) => millis(book.longestLogin)]
]

/** The faults; those of the second kind, which is only a comparison, say so. */
const faultsOf = (results) =>
  results.flatMap(({ faults, kind }, i) => {
    const word = i === 0 ? "FAULT" : `FAULT with ${titles[kind]}`
    const more = faults.length > shown ? [`${word}  and ${faults.length - shown} more`] : []
    return [...faults.slice(0, shown).map((fault) => `${word}  ${fault}`), ...more]
  })

const line = (title, cells) => title.padEnd(44) + cells.map((cell) => String(cell).padStart(28)).join("")

export const table = (results) =>
  [
    line(
      "",
      results.map(({ kind }) => titles[kind])
    ),
    ...rows.map(([title, figure]) => line(title, results.map(figure))),
    "",
    ...faultsOf(results),
    verdict(results[0])
  ].join("\n")

const verdict = ({ clients, faults, restarts }) =>
  `${faults.length === 0 ? "ok" : "FAILED"}: ${clients} clients, ${restarts.length} restarts`

const wrap = (paragraph) => paragraph.replaceAll(/(?=\S)(.{1,119}\S)(?:\s+|$)/g, "$1\n").trimEnd()

const grouped = (cell) => String(cell).replaceAll(/\B(?=(?:\d{3})+\b)/g, ",")

const cells = (title, values) => `| ${[title.trim(), ...values].join(" | ")} |`

/** The same table for OPERATING.md, with the machine and the commit. */
export const markdown = (results, { commit, cores, cpu, date, kernel, memory, node }) => {
  const [{ clients, restarts, returnAfter, window }] = results
  const heads = results.map(({ kind }) => titles[kind])
  const table = [cells("", heads), cells("---", ["---:", "---:"])]
  for (const [title, figure] of rows) {
    table.push(
      cells(
        title,
        results.map((result) => grouped(figure(result)))
      )
    )
  }
  const note =
    `${clients} clients, ${window} unanswered lines per sender, ${restarts.length} restarts, \`--return-after ` +
    `${returnAfter}\`; ${date}, commit ${commit}: ${cpu}, ${cores} cores, ${memory}, ${kernel}, Node ${node}; no ` +
    "process pinned to a core."
  return `${table.join("\n")}\n\n${wrap(note)}`
}
