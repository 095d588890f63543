import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createConnection } from "node:net"
import { setTimeout } from "node:timers/promises"
import { LineClient } from "../../scripts/line-client.mjs"
import * as Accounts from "../../src/accounts/Accounts.js"
import * as AccountsSettings from "../../src/accounts/AccountsSettings.js"
import { LiveSource } from "../../src/chat/Live.js"
import * as Server from "../../src/chat/Server.js"
import * as Conversations from "../../src/conversations/Conversations.js"
import * as OtherServers from "../../src/ports/OtherServers.js"
import { Store } from "../../src/ports/Store.js"
import * as Postgres from "../../src/store/Postgres.js"
import * as Tcp from "../../src/transport/Tcp.js"
import { balanced, defaults } from "../ports/StoreFixtures.js"
import { cheap } from "../support/Accounts.js"
import * as PostgresServer from "../support/PostgresServer.js"

const password = "correct horse"

/** How often the database is killed. */
const kills = 3

/** Lines of a writer without an outcome. */
const windowLines = 20

/** Waits for a condition; the time limit of the test bounds it. */
const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.promise(async () => {
    while (!holds()) await setTimeout(5)
  })

class Connection extends LineClient {
  constructor(
    port: number,
    private readonly take: (line: string) => void,
    ...lines: ReadonlyArray<string>
  ) {
    super(createConnection({ port, host: "127.0.0.1", allowHalfOpen: true }))
    this.say(...lines)
  }

  protected override received(line: string) {
    this.take(line)
  }

  say(...lines: ReadonlyArray<string>) {
    this.socket.write(lines.map((line) => `${line}\n`).join(""))
  }
}

/** Sends labelled lines to bob, with some unanswered at a time. */
class Writer {
  readonly stored = new Set<string>()
  readonly returned = new Set<string>()
  isResting = false
  private readonly unanswered = new Map<string, string>()
  private count = 0
  private readonly connection: Connection

  constructor(
    port: number,
    private readonly name: string,
    login: string
  ) {
    this.connection = new Connection(port, (line) => this.received(line), "/hello", login)
    this.fill()
  }

  get isAtRest() {
    return this.isResting && this.unanswered.size === 0
  }

  private received(line: string) {
    const [, code = "", label = "", reason] =
      /^[*!] ([a-z-]+) @(\S+) [^:]*?(?:reason=([a-z]+)[^:]*)?: /u.exec(line) ?? []
    const text = this.unanswered.get(label)
    if (text === undefined) return
    this.unanswered.delete(label)
    if (code === "stored") this.stored.add(text)
    else if (reason === "unavailable") this.returned.add(text)
    else throw new Error(line)
    this.fill()
  }

  private fill() {
    while (!this.isResting && this.unanswered.size < windowLines) {
      const label = `k${++this.count}`
      const text = `${this.name} ${this.count}`
      this.unanswered.set(label, text)
      this.connection.say(`@${label} bob: ${text}`)
    }
  }
}

describe.skipIf(PostgresServer.missing !== undefined || process.platform !== "linux")(
  `a server whose Postgres is killed (${PostgresServer.missing ?? "installed"})`,
  () => {
    it.scopedLive(
      "loses nothing that it reported as stored, stores nothing twice, and guests chat meanwhile",
      () =>
        Effect.gen(function* () {
          const postgres = yield* PostgresServer.make()
          const store = yield* Postgres.make({ url: postgres.url, limits: defaults, driver: PostgresServer.driver })
          const prepared = Conversations.prepare(store)
          const settings = new LiveSource(AccountsSettings.defaults)
          const accounts = yield* Accounts.make({ settings, cost: cheap }).pipe(
            Effect.provideService(Store, prepared.store),
            Effect.provide(OtherServers.none)
          )
          const { feature } = Conversations.make(prepared, accounts.index)
          const server = yield* Server.start({
            listen: [Tcp.listen("127.0.0.1", 0)],
            admission: accounts.admission,
            features: [feature, accounts.feature]
          })
          for (const name of ["alice", "bob"]) yield* accounts.operations.add(name, password)
          const { port } = server.address
          assert.isDefined(port)

          // Two guests that write to each other all the time.
          let exchanges = 0
          const fay = new Connection(
            port,
            (line) => {
              if (!line.startsWith("from gus")) return
              exchanges += 1
              void setTimeout(5).then(() => fay.say("gus: your turn"))
            },
            "fay"
          )
          const gus = new Connection(port, (line) => line.startsWith("from fay") && gus.say("fay: your turn"), "gus")
          const texts: Array<string> = []
          const bob = new Connection(
            port,
            (line) => {
              const text = /^from \S+(?: guest=yes)? seq=\d+ at=\d+: (.*)$/u.exec(line)?.[1]
              if (text === undefined) return
              texts.push(text)
              bob.say(`/ack ${texts.length}`)
            },
            "/hello ack seq",
            `bob: ${password}`
          )
          const writers = ["carol", "dave"].map((name) => new Writer(port, name, name))
          writers.push(new Writer(port, "alice", `alice: ${password}`))
          const stored = () => writers.reduce((sum, writer) => sum + writer.stored.size, 0)
          const returned = () => writers.reduce((sum, writer) => sum + writer.returned.size, 0)
          gus.say("fay: begin")
          for (let kill = 0; kill < kills; kill++) {
            const before = stored()
            yield* until(() => stored() > before + 100)
            yield* postgres.killAll
            // Nothing is stored now, and the senders learn that.
            const [exchangesBefore, returnedBefore] = [exchanges, returned()]
            yield* until(() => exchanges > exchangesBefore + 20 && returned() > returnedBefore)
            yield* postgres.start
          }
          const before = stored()
          yield* until(() => stored() > before + 100)
          for (const writer of writers) writer.isResting = true
          yield* until(() => writers.every(({ isAtRest }) => isAtRest))
          const reported = writers.flatMap((writer) => [...writer.stored])
          yield* until(() => texts.length >= reported.length)

          const records = Chunk.toReadonlyArray(yield* Stream.runCollect(store.exported))
          const kept = records.flatMap((record) => (record.type === "line" ? [record.text] : []))
          assert.sameMembers(
            kept,
            reported,
            "each line that was reported as stored, once, and no line that was returned"
          )
          assert.strictEqual(new Set(kept).size, kept.length)
          assert.sameMembers(texts, reported, "bob was given each of them once")
          assert.deepStrictEqual(yield* store.check, [])
          yield* balanced(store)
          for (const { socket } of [fay, gus, bob]) socket.destroy()
        }),
      120_000
    )
  }
)
