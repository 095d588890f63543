import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { StoreError } from "../../src/ports/StoreError.js"
import { login, messages, passes, seen, startConversations } from "../support/Conversations.js"
import { pass } from "../support/MemoryServer.js"
import { settle, turnsUntil } from "../support/Turns.js"

describe("a damaged store", () => {
  it.scoped("still gives what is intact to a device that is known, and that logs in again", () =>
    Effect.gen(function* () {
      const state = { isDamaged: false }
      const damaged = new StoreError({ reason: "damaged", description: "as the test wants it" })
      const unlessDamaged = <A>(request: Effect.Effect<A, StoreError>) =>
        Effect.suspend(() => (state.isDamaged ? Effect.fail(damaged) : request))
      const { connect, join } = yield* startConversations({}, (store) => ({
        ...store,
        append: (lines, cursors) => unlessDamaged(store.append(lines, cursors)),
        saveCursors: (cursors) => unlessDamaged(store.saveCursors(cursors)),
        accounts: { ...store.accounts, openDevice: (...device) => unlessDamaged(store.accounts.openDevice(...device)) }
      }))
      const [carol, bob] = [yield* join("carol"), yield* connect]
      bob.say(...login("bob"))
      yield* bob.barrier
      carol.say("bob: one")
      yield* seen(bob, "from carol")
      state.isDamaged = true
      const again = yield* connect
      again.say(...login("bob"))
      assert.deepStrictEqual((yield* seen(again, "from carol")).length, 1)
    })
  )
})

describe("a part of the store that is damaged", () => {
  const damaged = new StoreError({ reason: "damaged", description: "as the test wants it" })

  it.scoped("costs its lines, which the device learns, and keeps no other conversation waiting", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startConversations({}, (store) => ({
        ...store,
        page: (request) =>
          Effect.flatMap(store.page(request), (page) =>
            page.lines.some(({ text }) => text.startsWith("bad")) ? Effect.fail(damaged) : Effect.succeed(page)
          )
      }))
      const [carol, dave] = [yield* join("carol"), yield* join("dave")]
      carol.say("bob: one", "bob: bad", "bob: bad as well", "bob: four", "bob: bad again")
      dave.say(...Array.from({ length: 900 }, (_, number) => `bob: ${number}`))
      yield* settle
      const bob = yield* connect
      bob.say(...login("bob", "seq"))
      // The clock stands still: nothing waits for a while before it continues.
      yield* seen(bob, "! gap carol first=5 last=5")
      yield* turnsUntil(
        () => bob.received.some((line) => line.startsWith("from dave") && line.endsWith(": 899")),
        () => "all lines of dave"
      )
      const fromCarol = bob.received.filter((line) => /carol/iu.test(line)).map((line) => line.replace(/ at=\d+/u, ""))
      assert.deepStrictEqual(fromCarol, [
        "from carol guest=yes seq=1: one",
        "! gap carol first=2 last=3: these lines are no longer kept",
        "from carol guest=yes seq=4: four",
        "! gap carol first=5 last=5: these lines are no longer kept"
      ])
      carol.say("bob: six")
      yield* seen(bob, "from carol guest=yes seq=6")
    })
  )

  it.scoped("is named at the end of a page and of a search, which have the rest", () =>
    Effect.gen(function* () {
      const { connect } = yield* startConversations({}, (store) => ({
        ...store,
        page: (request) =>
          Effect.map(store.page(request), ({ lines, ...page }) => {
            const damaged = lines.flatMap(({ seq, text }) =>
              text.startsWith("bad") ? [{ first: seq, last: seq }] : []
            )
            const intact = lines.filter(({ text }) => !text.startsWith("bad"))
            return { ...page, lines: intact, ...(damaged.length === 0 ? {} : { damaged }) }
          }),
        search: (request) => Effect.map(store.search(request), (step) => ({ ...step, isDamaged: true }))
      }))
      const alice = yield* connect
      alice.say(...login("alice"))
      yield* alice.barrier
      alice.say("bob: bad", "bob: two", "bob: bad as well", "bob: bad again", "bob: five", "bob: bad at last")
      yield* alice.barrier
      const ends = (command: string) =>
        Effect.gen(function* () {
          const before = alice.received.length
          alice.say(command)
          yield* turnsUntil(
            () => alice.received.slice(before).some((line) => line.startsWith("* end ")),
            () => "the end of the reply"
          )
          const reply = alice.received.slice(before)
          const found = reply.filter((line) => line.startsWith("* end "))
          const past = reply.filter((line) => line.startsWith("* past "))
          return [
            ...past.map((line) => line.replace(/^.* seq=(\d+) .*$/u, "$1")),
            ...found.map((line) => line.split(":")[0])
          ]
        })
      assert.deepStrictEqual(yield* ends("/history bob"), [
        "2",
        "5",
        "* end history bob first=1 last=6 damaged=1+3-4+6"
      ])
      assert.deepStrictEqual(yield* ends("/history bob after=2 limit=2"), [
        "* end history bob first=3 last=4 damaged=3-4 more=yes"
      ])
      assert.deepStrictEqual(yield* ends("/search five"), ["5", "* end search count=1 damaged=yes"])
      alice.say("/read bob at=9999999999999")
      assert.strictEqual((yield* seen(alice, "* read bob"))[0]?.split(":")[0], "* read bob seq=6")
    })
  )

  it.scoped("is not what a page lacks that is whole: a rescued store has numbers without lines", () =>
    Effect.gen(function* () {
      const { connect } = yield* startConversations({}, (store) => ({
        ...store,
        page: (request) =>
          Effect.map(store.page(request), (page) => ({
            ...page,
            lines: page.lines.filter(({ text }) => text !== "missing")
          }))
      }))
      const alice = yield* connect
      alice.say(...login("alice"))
      yield* alice.barrier
      alice.say("bob: one", "bob: missing", "bob: three", "/history bob")
      assert.deepStrictEqual(
        (yield* seen(alice, "* end history")).map((line) => line.split(":")[0]),
        ["* end history bob first=1 last=3"]
      )
    })
  )

  it.scoped("closes the device for which it cannot be read what waits, and no other waits for that", () =>
    Effect.gen(function* () {
      const state = { isDamaged: true }
      const { connect, join } = yield* startConversations({}, (store) => ({
        ...store,
        waiting: (account, device) =>
          state.isDamaged && device === "phone" ? Effect.fail(damaged) : store.waiting(account, device)
      }))
      const carol = yield* join("carol")
      carol.say("bob: one")
      yield* settle
      const [phone, bob] = [yield* connect, yield* connect]
      phone.say(...login("bob/phone"))
      bob.say(...login("bob"))
      yield* seen(bob, "from carol: one")
      assert.deepStrictEqual(yield* seen(phone, "! slow-down"), [
        "! slow-down retry=60000 fatal: the server cannot give you what it has stored for you"
      ])
      phone.socket.end()
      state.isDamaged = false
      const again = yield* connect
      again.say(...login("bob/phone"))
      yield* seen(again, "from carol: one")
    })
  )

  it.scoped("is logged once, and again after some minutes, and so is that the store works again", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ message }) => void logged.push(String(message)))
    const warnings = () => logged.filter((message) => message.includes("the store does not work")).length
    return Effect.gen(function* () {
      const state = { isDamaged: false }
      const unlessDamaged = <A>(request: Effect.Effect<A, StoreError>) =>
        Effect.suspend(() => (state.isDamaged ? Effect.fail(damaged) : request))
      const { connect, join } = yield* startConversations({}, (store) => ({
        ...store,
        append: (lines, cursors) => unlessDamaged(store.append(lines, cursors)),
        saveCursors: (cursors) => unlessDamaged(store.saveCursors(cursors))
      }))
      const [carol, bob] = [yield* join("carol"), yield* connect]
      bob.say(...login("bob"))
      yield* bob.barrier
      carol.say("/hello", "bob: one")
      yield* seen(bob, "from carol")
      state.isDamaged = true
      yield* passes(20_000)
      for (const label of ["a", "b"]) {
        carol.say(`@${label} bob: again`)
        // The clock stands still.
        yield* seen(carol, `! undelivered @${label} bob reason=unavailable`)
      }
      assert.strictEqual(warnings(), 1)
      yield* pass(300_000)
      yield* passes(5_000)
      assert.strictEqual(warnings(), 2)
      state.isDamaged = false
      yield* passes(2_000)
      assert.lengthOf(
        logged.filter((message) => message === "the store works again"),
        1
      )
    }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })
})

describe("a defect in what a device is given", () => {
  for (const request of ["page", "waiting"] as const) {
    it.scoped(`closes its connection (${request}), and the next one gets everything`, () =>
      Effect.gen(function* () {
        const state = { isDefective: true }
        const once = <A>(answer: Effect.Effect<A, StoreError>) =>
          Effect.suspend(() => {
            if (!state.isDefective) return answer
            state.isDefective = false
            return Effect.die(new Error("as the test wants it"))
          })
        const { connect, join } = yield* startConversations({}, (store) => ({
          ...store,
          ...(request === "page"
            ? { page: (wanted) => once(store.page(wanted)) }
            : { waiting: (account, device) => once(store.waiting(account, device)) })
        }))
        const carol = yield* join("carol")
        carol.say("bob: one", "bob: two")
        yield* settle
        const bob = yield* connect
        bob.say(...login("bob"))
        yield* seen(bob, "! slow-down retry=60000 fatal")
        assert.deepStrictEqual(messages(bob), [])
        bob.socket.end()
        const again = yield* connect
        again.say(...login("bob"))
        yield* seen(again, "from carol: two")
        assert.deepStrictEqual(messages(again), ["from carol: one", "from carol: two"])
      })
    )
  }
})
