import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Conversations from "../../src/conversations/Conversations.js"
import { LiveSource } from "../../src/chat/Live.js"
import * as Rooms from "../../src/rooms/Rooms.js"
import * as RoomsSettings from "../../src/rooms/RoomsSettings.js"
import { startAccounts } from "../support/Accounts.js"
import { password } from "../support/Conversations.js"
import { eventually } from "../support/Eventually.js"
import { chat, enter, openTerminal } from "../support/MemoryTerminal.js"
import { keyring } from "../support/RoomsServer.js"

const alt = (key: string) => `\x1b${key}`

/** A server in memory with rooms, and with the accounts alice and bob. */
const start = Effect.gen(function* () {
  let prepared: Conversations.ConversationsStore | undefined = undefined
  const accounts = yield* startAccounts(
    { alice: password, bob: password },
    { store: (store) => (prepared = Conversations.prepare(store)).store }
  )
  const { index } = accounts.accounts
  const settings = new LiveSource(RoomsSettings.defaults)
  const rooms = yield* Rooms.make({ store: accounts.store, accounts: index, settings })
  const { feature } = Conversations.make(prepared ?? Conversations.prepare(accounts.store), index, rooms.feature)
  const { person, reset, serve, socket } = yield* chat
  yield* serve({ ...accounts, features: [feature, ...(accounts.features ?? [])] })
  const open = (login: string, from = socket) =>
    Effect.gen(function* () {
      const terminal = yield* openTerminal(from, { login, ...(login === "carol" ? {} : { keyring }) })
      yield* terminal.sees("connected to memory as")
      return terminal
    })
  return { open, person, reset }
})

describe("rooms at the terminal, on a server", () => {
  it.scopedLive("three people talk in two rooms, one of them on two devices", () =>
    Effect.gen(function* () {
      const { open } = yield* start
      const [alice, bob, carol] = [yield* open("alice"), yield* open("bob"), yield* open("carol")]
      yield* alice.types(`/join ops${enter}`)
      yield* alice.sees(/—— #ops ——\n#ops › $/u)
      yield* bob.types(`/join #web${enter}/join #ops${enter}`)
      yield* bob.sees(/#ops › $/u)
      yield* carol.types(`/join #ops${enter}`)
      yield* carol.sees(/#ops › $/u)
      const phone = yield* open("alice/phone")
      yield* phone.types(`/join #web${enter}`)
      yield* phone.sees(/#web › $/u)

      yield* bob.types(`deploying${enter}`)
      yield* alice.sees("#ops bob › deploying")
      yield* carol.sees("#ops bob › deploying")
      yield* phone.sees(/\n#ops 1.*\n#web › $/u)
      yield* carol.types(`thanks, Alice${enter}`)
      yield* alice.sees("#ops carol » thanks, Alice")
      yield* phone.sees(/\n» #ops 2.*\n#web › $/u)
      assert.strictEqual(alice.bells(), 1)

      // What is read on one device is read on the other.
      yield* alice.types("x")
      yield* phone.sees(/\n#web › $/u)
      yield* bob.types(`alice: lunch?${enter}#ops: done${enter}`)
      yield* bob.sees("✓✓ alice ‹ lunch?")
      yield* alice.sees(/#ops bob › done\n.*bob 1.*\n#ops › x$/u)
      yield* alice.types(`${alt("a")}at noon${enter}`)
      yield* alice.sees(/—— bob ——\n.*bob › lunch\?\n[^]*✓✓ bob ‹ at noon/u)
      yield* phone.types(alt("1"))
      yield* phone.sees(/—— #ops ——\n.*deploying\n.*thanks, Alice\n(?:.*—— new ——\n)?.*#ops bob › done\n/u)

      yield* alice.types(`/topic #ops Deployments${enter}/members #ops${enter}/remove #ops carol${enter}`)
      yield* alice.sees(/topic of #ops, by alice: Deployments[^]*· #ops: 3 here: /u)
      yield* bob.sees("topic of #ops, by alice: Deployments")
      yield* carol.sees(/✗ alice has removed you from #ops\n› $/u)
    })
  )

  it.scopedLive("shows each line once, in order, to a member whose connection breaks again and again", () =>
    Effect.gen(function* () {
      const { open, person, reset } = yield* start
      const alice = yield* open("alice", person)
      const bob = yield* open("bob")
      yield* alice.types(`/join #ops${enter}`)
      yield* alice.sees(/#ops › $/u)
      yield* bob.types(`/join #ops${enter}`)
      yield* bob.sees(/#ops › $/u)
      const all = Array.from({ length: 60 }, (_, at) => `line ${at}.`)
      for (const [at, text] of all.entries()) {
        yield* bob.types(`${text}${enter}`)
        if (at % 10 === 9) yield* reset
        yield* bob.sees(`✓ #ops ‹ ${text}`)
      }
      const shown = () => alice.rows().flatMap((row) => /#ops bob › (line \d+\.)$/u.exec(row)?.[1] ?? [])
      yield* eventually(() => shown().length >= all.length, "lines are missing")
      assert.deepStrictEqual(shown(), all)
    })
  )
})
