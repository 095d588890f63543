import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { LineCutter } from "../../scripts/line-client.mjs"
import { seededRandom } from "../../scripts/random.mjs"
import { LiveSource } from "../../src/chat/Live.js"
import * as Conversations from "../../src/conversations/Conversations.js"
import type { MemorySocket } from "../../src/ports/MemorySocket.js"
import type { StoreService } from "../../src/ports/Store.js"
import { StoreError } from "../../src/ports/StoreError.js"
import * as Rooms from "../../src/rooms/Rooms.js"
import * as RoomsSettings from "../../src/rooms/RoomsSettings.js"
import * as MemoryStore from "../../src/store/MemoryStore.js"
import { startAccounts } from "../support/Accounts.js"
import { password } from "../support/Conversations.js"
import { eventually } from "../support/Eventually.js"
import { chat, enter, openTerminal } from "../support/MemoryTerminal.js"
import { keyring } from "../support/RoomsServer.js"
import { defaults } from "../ports/StoreFixtures.js"
import { alt, plain } from "../support/TerminalRooms.js"

/** What a process has asked the store for and not got by its end is not done. */
const until = (isOver: () => boolean, store: StoreService): StoreService => {
  const dead = Effect.fail(new StoreError({ reason: "unavailable", description: "the process was killed" }))
  const unless = <A>(request: Effect.Effect<A, StoreError>) => Effect.suspend(() => (isOver() ? dead : request))
  const { accounts, rooms } = store
  return {
    ...store,
    append: (lines, cursors) => unless(store.append(lines, cursors)),
    saveCursors: (cursors) => unless(store.saveCursors(cursors)),
    markRead: (...mark) => unless(store.markRead(...mark)),
    rooms: { ...rooms, join: (...who) => unless(rooms.join(...who)), leave: (...who) => unless(rooms.leave(...who)) },
    accounts: { ...accounts, openDevice: (...device) => unless(accounts.openDevice(...device)) }
  }
}

/** A server that can be killed and started again, with the accounts alice and bob. */
const start = Effect.gen(function* () {
  const store = yield* MemoryStore.make(defaults)
  /** A process on a network of its own. */
  const begin = Effect.gen(function* () {
    const life = { isOver: false }
    const prepared = Conversations.prepare(until(() => life.isOver, store))
    const accounts = yield* startAccounts({ alice: password, bob: password }, { store: () => prepared.store })
    const { index } = accounts.accounts
    const settings = new LiveSource(RoomsSettings.defaults)
    const rooms = yield* Effect.orDie(Rooms.make({ store: prepared.store, accounts: index, settings }))
    const { feature } = Conversations.make(prepared, index, rooms.feature)
    const { person, serve } = yield* chat
    yield* serve({ ...accounts, features: [feature, ...(accounts.features ?? [])] })
    const sockets: Array<MemorySocket> = []
    const connect = Effect.map(person, (socket) => {
      // A process that was killed while the client connected has no more connections.
      if (life.isOver) socket.reset()
      sockets.push(socket)
      return socket
    })
    return { life, connect, sockets }
  })
  let running = yield* begin
  let writer: Writer | undefined = undefined
  return {
    socket: Effect.suspend(() => running.connect),
    /** Bob's connection to the process that runs now. */
    writer: Effect.suspend(() =>
      writer !== undefined && !writer.isClosed()
        ? Effect.succeed(writer)
        : Effect.map(running.connect, (socket) => (writer = logIn(socket)))
    ),
    kill: Effect.suspend(() => {
      const { life, sockets } = running
      life.isOver = true
      return Effect.map(begin, (next) => {
        running = next
        for (const socket of sockets) socket.reset()
      })
    })
  }
})

interface Writer {
  readonly say: (line: string) => void
  readonly received: ReadonlyArray<string>
  readonly isClosed: () => boolean
}

const logIn = (socket: MemorySocket): Writer => {
  const received: Array<string> = []
  const cutter = new LineCutter((line) => received.push(line))
  let isClosed = false
  socket.attach({
    data: (bytes) => cutter.push(Buffer.from(bytes).toString("latin1")),
    end: () => (isClosed = true),
    closed: () => (isClosed = true)
  })
  const say = (line: string) => socket.write(`${line}\n`)
  for (const line of ["/hello once seq", `bob: ${password}`, "/join #ops", "/join #dev"]) say(line)
  return { say, received, isClosed: () => isClosed }
}

/** Bob writes a line, and again with its label if the server was killed before it reported the outcome. */
const write = (server: Effect.Effect.Success<typeof start>, room: string, text: string): Effect.Effect<void> => {
  const label = `k-${text.replaceAll(/\W/gu, "-")}`
  const attempt: Effect.Effect<void> = Effect.flatMap(Effect.orDie(server.writer), (writer) => {
    const isStored = () => writer.received.some((line) => line.startsWith(`* stored @${label} `))
    writer.say(`@${label} ${room}: ${text}`)
    return Effect.zipRight(
      eventually(() => isStored() || writer.isClosed(), `no outcome of ${text}`),
      Effect.suspend(() => (isStored() ? Effect.void : attempt))
    )
  })
  return attempt
}

/** Writes and kills at random; returns when the terminal has come to rest. */
const run = (seed: number) =>
  Effect.gen(function* () {
    const random = seededRandom(seed)
    const server = yield* start
    const alice = yield* openTerminal(server.socket, { keyring, rows: 60 })
    yield* alice.sees("connected to memory as")
    yield* alice.types(`/join #dev${enter}`)
    yield* alice.sees(/#dev › $/u)
    yield* alice.types(`/join #ops${enter}`)
    yield* alice.sees(/#ops › $/u)
    yield* server.writer
    const written: { readonly "#ops": Array<string>; readonly "#dev": Array<string> } = { "#ops": [], "#dev": [] }
    let kills = 0
    for (let act = 0; act < 12; act++) {
      for (let left = random.below(4); left > 0; left--) {
        const room = random.pick(["#ops", "#dev"] as const)
        const text = `line ${written[room].length} of ${room.slice(1)}.`
        written[room].push(text)
        // Some are on their way when the server is killed.
        if (random.chance(0.2)) {
          kills += 1
          yield* Effect.all([write(server, room, text), server.kill], { concurrency: 2 })
        } else yield* write(server, room, text)
      }
      if (!random.chance(0.1)) continue
      kills += 1
      yield* server.kill
    }
    const shown = (room: string) =>
      plain(alice).flatMap((row) => (row.includes(`${room} bob › `) ? [row.slice(row.indexOf("›") + 2)] : []))
    const unread = () =>
      plain(alice)
        .find((row) => /^#dev \d+(?: |$)/u.test(row))
        ?.split(" ")[1]
    yield* eventually(() => shown("#ops").length >= written["#ops"].length, `lines are missing, seed ${seed}`)
    yield* eventually(
      () => Number(unread() ?? 0) === written["#dev"].length,
      `${written["#dev"].length} lines are unread, seed ${seed}`
    )
    assert.deepStrictEqual(shown("#ops"), written["#ops"], `seed ${seed}`)
    // The read mark is where the user has read to, also after another kill.
    yield* alice.types(alt("a"))
    yield* alice.sees(/#dev › $/u)
    const last = written["#dev"].at(-1) ?? ""
    yield* alice.sees(last)
    yield* server.kill
    yield* write(server, "#ops", "the end.")
    yield* alice.sees(/\n#ops 1(?: .*)?\n#dev › $/u)
    assert.deepStrictEqual(shown("#dev"), written["#dev"].slice(-shown("#dev").length), `seed ${seed}`)
    return kills
  })

/** How many runs. More with `ACHAT_TERMINAL_KILLS=100`. */
const runs = Number(process.env["ACHAT_TERMINAL_KILLS"] ?? 2)

describe("the client at the terminal, in rooms of a server that is killed", () => {
  it.live(
    "shows each line once, in order, and counts what is unread",
    () =>
      Effect.gen(function* () {
        let kills = 0
        // The last seed is a new one each time.
        for (let seed = 1; seed <= runs; seed++) {
          kills += yield* Effect.scoped(run(seed < runs ? seed : Date.now() % 1_000_000_000))
        }
        assert.isAbove(kills, 0)
      }),
    Math.max(60_000, runs * 30_000)
  )
})
