import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Keyring } from "../../src/client/Keyring.js"
import { startAccounts } from "../support/Accounts.js"
import * as Conversations from "../../src/conversations/Conversations.js"
import * as Tcp from "../../src/transport/Tcp.js"
import { eventually } from "../support/Eventually.js"
import { labelOf, make as keeping, password, type KeepingServerOptions } from "../support/KeepingServer.js"
import { chat, enter, openTerminal } from "../support/MemoryTerminal.js"

/** The password, without a token. */
const keyring = (): Keyring<never> => ({
  insecure: false,
  find: Effect.succeed({ secret: password, isKeptToken: false }),
  enter: Effect.succeed,
  forget: Effect.void
})

/** Alice's terminal on a server that does what the test says. */
const scripted = (options: KeepingServerOptions) =>
  Effect.gen(function* () {
    const address = yield* keeping({ exchanges: false, ...options })
    const alice = yield* openTerminal(Tcp.connect(address), { keyring })
    yield* alice.sees("connected to memory as alice")
    return alice
  })

/** A server in memory that keeps lines to the accounts alice and bob. */
const keepingServer = Effect.gen(function* () {
  let prepared: Conversations.ConversationsStore | undefined = undefined
  const accounts = yield* startAccounts(
    { alice: password, bob: password },
    { store: (store) => (prepared = Conversations.prepare(store)).store }
  )
  const conversations = Conversations.make(prepared ?? Conversations.prepare(accounts.store), accounts.accounts.index)
  const { serve, socket } = yield* chat
  yield* serve({ ...accounts, features: [conversations.feature, ...(accounts.features ?? [])] })
  return (login: string) => openTerminal(socket, { login, keyring })
})

/** The rows that have a text. */
const rowsWith = (terminal: { readonly rows: () => ReadonlyArray<string> }, text: string) =>
  terminal
    .rows()
    .filter((row) => row.includes(text))
    .map((row) => row.replace(/^(?:\d\d:\d\d| {5}) /u, ""))

const two = (part: number) => String(part).padStart(2, "0")

describe("the terminal of an account", () => {
  it.scopedLive("marks what a device has received, and reports what is received later", () =>
    Effect.gen(function* () {
      const open = yield* keepingServer
      const alice = yield* open("alice")
      yield* alice.sees("connected to memory as alice")
      yield* alice.types(`bob: one${enter}two${enter}`)
      // Until it is in the scrollback, it stays below whatever is printed.
      yield* alice.types(`/bell off${enter}`).pipe(
        Effect.repeat({
          schedule: Schedule.spaced("50 millis"),
          until: () => /✓ bob ‹ two[^]*bell off/u.test(alice.rows().join("\n"))
        })
      )
      const bob = yield* open("bob")
      yield* bob.sees(/alice › one[^]*alice › two/u)
      yield* alice.sees("✓✓ bob has received your 2 lines")
      yield* alice.types(`three${enter}`)
      yield* alice.sees("✓✓ bob ‹ three")
      assert.deepStrictEqual(rowsWith(alice, "three"), ["✓✓ bob ‹ three"])
      assert.deepStrictEqual(rowsWith(alice, "bob ‹ one"), ["✓ bob ‹ one"])
    })
  )

  it.scopedLive("shows what another device of the account sends", () =>
    Effect.gen(function* () {
      const open = yield* keepingServer
      const phone = yield* open("alice/phone")
      yield* phone.sees("connected to memory as alice")
      const alice = yield* open("alice")
      yield* alice.sees("connected to memory as alice")
      yield* alice.types(`bob: from my desk${enter}`)
      yield* phone.sees("✓ bob ‹ from my desk — from another device")
      yield* alice.sees("✓ bob ‹ from my desk")
    })
  )

  it.scopedLive("shows when an older message was stored, lines that are gone, lines that came back, and devices", () =>
    Effect.gen(function* () {
      const now = new Date()
      const earlier = new Date(now.getTime() - 3 * 86_400_000)
      const alice = yield* scripted({
        inbox: () => [
          `from bob seq=1 at=${earlier.getTime()}: old`,
          `* sent bob seq=2 at=${earlier.getTime()}: my own`,
          "! gap bob first=3 last=3: x",
          "! gap carol first=4 last=9: x",
          "! undelivered dave reason=expired first=1 last=3 count=2: x",
          `* device phone token=yes seen=${earlier.getTime()}: x`,
          "* device main here=yes seen=0: x",
          "* end devices count=2: x",
          `from bob seq=10 at=${now.getTime()}: new`,
          "* delivered mallory seq=99: x",
          "* delivered bob: x"
        ]
      })
      yield* alice.sees("bob › new")
      const day = `${earlier.getFullYear()}-${two(earlier.getMonth() + 1)}-${two(earlier.getDate())}`
      const time = `${day} ${two(earlier.getHours())}:${two(earlier.getMinutes())}`
      assert.include(alice.rows(), `${time} bob › old`)
      const rest = alice.rows().map((row) => row.replace(/^(?:\d\d:\d\d| {5}) /u, ""))
      for (const row of [
        "✓ bob ‹ my own — from another device",
        "✗ bob: line 3 is no longer kept",
        "✗ carol: lines 4 to 9 are no longer kept",
        "✗ dave: 2 lines came back, not read in time",
        `· device phone: last here ${time}, has a token`,
        "· device main: here",
        "bob › new"
      ])
        assert.include(rest, row)
      assert.notInclude(alice.rows().join("\n"), "mallory")
    })
  )

  it.scopedLive("shows nothing again after a reconnection, and sends a line again that is stored once", () =>
    Effect.gen(function* () {
      const labels: Array<string> = []
      const alice = yield* scripted({
        inbox: (connection) => [
          "from bob seq=1 at=1: one",
          "* sent bob seq=2 at=2: two",
          ...(connection === 2 ? ["from bob seq=3 at=3: three"] : [])
        ],
        answer: (line) => {
          labels.push(labelOf(line))
          return labels.length === 1 ? "reset" : [`* stored @${labelOf(line)} bob seq=4 at=4 again=yes: x`]
        }
      })
      yield* alice.sees("bob › one")
      yield* alice.types(`bob: hi${enter}`)
      yield* alice.sees(/connected to memory again[^]*bob › three/u)
      yield* alice.sees("✓ bob ‹ hi")
      assert.deepStrictEqual([labels.length, new Set(labels).size], [2, 1])
      for (const text of ["bob › one", "bob ‹ two", "bob ‹ hi"]) assert.lengthOf(rowsWith(alice, text), 1, text)
    })
  )

  it.scopedLive("leaves it to the user to send a line again that a guest may have", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      let isAsked = false
      const alice = yield* scripted({
        kept: () => {
          isAsked = true
          return "0: "
        },
        answer: (line) => {
          lines.push(line.slice(line.indexOf(" ") + 1))
          return lines.length === 1 ? "reset" : [`* written @${labelOf(line)} dave: x`]
        }
      })
      yield* alice.types(`bob: hi${enter}`)
      yield* alice.sees(
        /connected to memory again[^]*Ctrl-T resends, Ctrl-X drops 1 line that may or may not have arrived/u
      )
      yield* eventually(() => isAsked, "nobody asked whether bob has an account")
      yield* alice.types(`dave: later${enter}${enter}`)
      yield* alice.sees("✓ dave ‹ later")
      assert.deepStrictEqual(lines, ["bob: hi", "dave: later"])
    })
  )
})
