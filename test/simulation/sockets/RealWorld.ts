import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises"
import * as Server from "../../../src/chat/Server.js"
import type { LedgerSnapshot } from "../../../src/chat/Ledger.js"
import * as Tcp from "../../../src/transport/Tcp.js"
import * as Tls from "../../../src/transport/Tls.js"
import * as Unix from "../../../src/transport/Unix.js"
import { seededRandom, type Random } from "../../../scripts/random.mjs"
import { RealClient, type Transport } from "./RealClient.js"

export interface RealHistory {
  readonly seed: number
  readonly clients: ReadonlyArray<RealClient>
  readonly ledger: LedgerSnapshot
  /** Who is logged in once every client has left. */
  readonly names: ReadonlyArray<string>
  /** What did not happen in time. */
  readonly late: ReadonlyArray<string>
}

const names = ["bob", "cy", "zoë", "dee"]

/** How long anything may take on a busy machine. */
const patience = 20_000

const pem = (name: string) => join(process.cwd(), "test", "certificates", `${name}.pem`)

/** A server on real sockets, in this process, and clients that do random things. Returns once every client has left. */
export const run = (seed: number): Promise<RealHistory> =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "a-chat-real-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true }))
    )
    const path = join(folder, "socket")
    const credentials = yield* Tls.credentials({ cert: pem("server"), key: pem("server.key") })
    const server = yield* Server.start({
      listen: [Tcp.listen("127.0.0.1", 0), Tls.listen("127.0.0.1", 0, { credentials }), Unix.listen(path)],
      outboxLines: 64,
      outboxBytes: 65_536,
      maxLineBytes: 32_768,
      holdTimeout: Duration.seconds(1),
      linger: Duration.seconds(5),
      grace: Duration.seconds(1)
    })
    const [tcp, tls] = server.addresses
    const ca = readFileSync(pem("ca"))
    const transports: ReadonlyArray<Transport> = [
      { is: "tcp", port: tcp.port ?? 0, ca },
      { is: "tls", port: tls?.port ?? 0, ca },
      { is: "unix", path }
    ]
    const late: Array<string> = []
    const clients = yield* Effect.promise(() => play(seededRandom(seed), transports, late))
    const atRest = Effect.gen(function* () {
      while ((yield* server.names).length > 0 || (yield* server.ledger).inFlight > 0) yield* Effect.sleep(5)
    })
    yield* Effect.timeoutOption(atRest, patience)
    return { seed, clients, ledger: yield* server.ledger, names: yield* server.names, late }
  }).pipe(Effect.scoped, Effect.provide(Logger.remove(Logger.defaultLogger)), Effect.runPromise)

/** Lets clients do random things, and then read everything and leave. */
const play = async (random: Random, transports: ReadonlyArray<Transport>, late: Array<string>) => {
  const all: Array<RealClient> = []
  const current = new Map<string, RealClient>()
  const join = (name: string) => {
    const client = new RealClient(name, random.pick(transports), random.pick([undefined, "", "", "ack"]))
    all.push(client)
    current.set(name, client)
    return client
  }
  for (const name of names) join(name)
  for (let left = random.between(20, 80); left > 0; left--) {
    const name = random.pick(names)
    const client = current.get(name)
    // A name is free again only when the server has seen its connection end; a client that comes too early is refused.
    if (client === undefined || !client.isOpen) join(name)
    else await act(random, client)
    if (random.chance(0.5)) await turn()
    else await sleep(random.below(4))
  }
  for (const client of all) {
    client.resume()
    if (random.chance(0.7)) client.quit(tooLate(random))
    else client.endHalf()
  }
  const closed = Promise.all(all.map(async (client) => client.closed)).then(() => true)
  if ((await Promise.race([closed, sleep(patience, false, { ref: false })])) !== true) {
    for (const client of all) if (client.isOrderly === undefined) late.push(`the end of a connection of ${client.name}`)
  }
  for (const client of all) client.destroy()
  return all
}

const act = async (random: Random, client: RealClient) => {
  const what = random.pick(["say", "say", "say", "flood", "pause", "resume", "split", "quit", "half", "reset"] as const)
  switch (what) {
    case "say":
      return client.write(line(random, client, random.pick([1, 20, 20, 9_000])))
    case "flood":
      return client.write(Array.from({ length: 200 }, () => line(random, client, random.pick([10, 300]))).join(""))
    case "split": {
      const bytes = line(random, client, 50)
      return client.writeInParts(bytes, random.below(bytes.length))
    }
    case "pause":
      return client.pause()
    case "resume":
      return client.resume()
    case "quit":
      return random.chance(0.3) ? client.quit(tooLate(random)) : undefined
    case "half":
      return random.chance(0.3) ? client.endHalf() : undefined
    case "reset":
      return random.chance(0.5) ? client.reset("bob: this line was never whole") : undefined
  }
}

/** What a client sends although it has quit. */
const tooLate = (random: Random): string => "bob: too late\n".repeat(random.pick([0, 0, 10, 5_000]))

let count = 0

const line = (random: Random, client: RealClient, size: number): string => {
  const first = random.pick(names)
  const to = random.chance(0.7) ? [first] : [...new Set([first, random.pick(names), random.pick(names)])]
  const text = `${(count += 1)} ${"wörter 語 ".repeat(size / 10)}.`
  const label = client.words !== undefined && random.chance(0.5) ? String(client.sent.length + 1) : undefined
  client.sent.push({ text, to, label })
  return `${label === undefined ? "" : `@${label} `}${to.join(", ")}: ${text}\n`
}
