// Restarts a server under load, and reports what its clients notice: `npm run restart` (needs dist/: `npm run build`)
//
//   --clients N       clients, in pairs of a sender and a recipient (default 200)
//   --restarts N      (default 5)
//   --seconds N       before each restart, and after the last one (default 4)
//   --window N        unanswered lines per sender (default 4)
//   --return-after T  as of `serve` (default 1s)
//   --sockets KIND    held: the socket stays open, as with systemd; own: each server opens its port; both (default)
//   --patience N      how many seconds to wait for an expected event (default 30; a drain takes up to 10)
//   --program FILE    the program to restart (default dist/main.js)
//   --json FILE       write all figures
//   --update-docs     write the figures of both into OPERATING.md
//
// Half of the clients reconnect at once, half of them after the delay that the server announced. Exits with 1 if a
// connect was refused or broken, a line was lost or arrived twice, an outcome is unknown, or a ledger does not balance.
// With both kinds of sockets, the server's own port is only a comparison.
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import * as Effect from "effect/Effect"
import { Tcp } from "../../dist/library/index.js"
import * as Documents from "../documents.mjs"
import { makeBook, pair } from "./clients.mjs"
import { judge, markdown, table } from "./report.mjs"
import { main, start, within } from "./server.mjs"

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

const readOptions = () => {
  const text = { type: "string" }
  const names = ["clients", "restarts", "seconds", "window", "return-after", "sockets", "patience", "program", "json"]
  const texts = Object.fromEntries(names.map((name) => [name, text]))
  const { values } = parseArgs({ options: { ...texts, "update-docs": { type: "boolean", default: false } } })
  const {
    json,
    program = main,
    "update-docs": updateDocs,
    "return-after": returnAfter = "1s",
    sockets = "both"
  } = values
  const [clients = 200, restarts = 5, seconds = 4, window = 4, patience = 30] = [
    values.clients,
    values.restarts,
    values.seconds,
    values.window,
    values.patience
  ].map((value) => value && Number(value))
  const areWhole = [clients / 2, restarts, window].every((count) => Number.isInteger(count) && count > 0)
  if (!areWhole || !(seconds > 0) || !(patience > 0)) {
    console.error(
      "--clients takes an even number, --restarts and --window a whole one, --seconds and --patience any; all above 0"
    )
    process.exit(2)
  }
  if (!["held", "own", "both"].includes(sockets) || (updateDocs && sockets !== "both")) {
    console.error("--sockets is held, own or both; --update-docs needs both")
    process.exit(2)
  }
  const kinds = sockets === "both" ? ["held", "own"] : [sockets]
  return {
    clients,
    restarts,
    seconds,
    window,
    returnAfter,
    kinds,
    json,
    patience: 1000 * patience,
    program,
    updateDocs
  }
}

const options = readOptions()
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130)) // kills the server

const messageAfter = async (book, before) => {
  while (book.lastAt === before) await sleep(1)
}

const run = async (kind) => {
  const { patience, program } = options
  const server = await start(kind === "held", { flags: ["--return-after", options.returnAfter], patience, program })
  const book = makeBook()
  let isOver = false
  const world = { book, address: Tcp.address("127.0.0.1", server.port), isOver: () => isOver }
  const pairs = Array.from({ length: options.clients / 2 }, (_, i) => pair(world, i, options.window))
  const clients = Effect.runPromise(Effect.all(pairs, { concurrency: "unbounded", discard: true }))
  const restarts = []
  for (let round = 0; round < options.restarts; round++) {
    await sleep(1000 * options.seconds)
    book.pause = 0
    const { ended, listening, signalled, started } = await server.restart()
    await within(patience, () => "no message arrived after a restart", messageAfter(book, book.lastAt))
    restarts.push({ drain: ended - signalled, exit: started - ended, start: listening - started, gap: book.pause })
  }
  await sleep(1000 * options.seconds)
  isOver = true
  await within(patience, () => "the clients did not end", clients)
  await server.stop()
  return judge({ kind, ...options, book, restarts, ledgers: server.ledgers, alarms: server.alarms })
}

try {
  const commit = Documents.commit()
  const results = []
  for (const kind of options.kinds) results.push(await run(kind))
  console.log(table(results))
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`)
  const isWell = results[0].faults.length === 0
  if (options.updateDocs && isWell) {
    Documents.replace("restart", markdown(results, { ...Documents.machine(), commit }))
  }
  process.exit(isWell ? 0 : 1)
} catch (error) {
  console.error(`FAILED: ${error.message}`)
  process.exit(1)
}
