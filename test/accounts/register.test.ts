import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { StoreError } from "../../src/ports/StoreError.js"
import { last, next, password, start } from "../support/AccountCommands.js"
import { answerTo, ask, heads, logIn, startAccounts } from "../support/Accounts.js"
import { from, pass, startMemoryServer } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

describe("/register", () => {
  it.scoped("counts as a right password from the client's address, which nobody can lock out then", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const carol = yield* chat.join("carol")
      assert.deepStrictEqual(heads(yield* ask(carol, `/register ${password}`)), ["* registered carol"])
      for (let attempt = 0; attempt < 8; attempt++) {
        assert.strictEqual(yield* answerTo(chat, "carol/phone: not this one"), "! wrong-password fatal")
      }
      assert.strictEqual(yield* answerTo(chat, `carol/phone: ${password}`), "in")
    })
  )

  it.scoped("makes an account of the guest's name: it takes the password from then on", () =>
    Effect.gen(function* () {
      const chat = yield* start({})
      const alice = yield* chat.join("alice")
      yield* ask(alice, "/hello")
      assert.deepStrictEqual(heads(yield* ask(alice, `@r /register ${password}`)), ["* registered @r alice"])
      assert.match((yield* ask(alice, "/hello"))[0] ?? "", / device=main: /u)
      assert.strictEqual(yield* answerTo(chat, "Alice"), "! password-required Alice fatal")
      assert.strictEqual(yield* answerTo(chat, `alice/phone: ${password}`), "in")
      assert.strictEqual(yield* answerTo(chat, `alice/phone: ${next}`), "! wrong-password fatal")
    })
  )

  it.scoped("holds although the store fails before the account has a device", () =>
    Effect.gen(function* () {
      const state = { fails: true }
      const chat = yield* start(
        {},
        {
          store: (store) => ({
            ...store,
            accounts: {
              ...store.accounts,
              openDevice: (...device) =>
                state.fails
                  ? Effect.fail(new StoreError({ reason: "full", description: "as the test wants it" }))
                  : store.accounts.openDevice(...device)
            }
          })
        }
      )
      const alice = yield* chat.join("alice")
      assert.deepStrictEqual(heads(yield* ask(alice, `/register ${password}`)), ["! password-required alice fatal"])
      state.fails = false
      assert.strictEqual(yield* answerTo(chat, "alice"), "! password-required alice fatal")
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "in")
    })
  )

  it.scoped("keeps the guest connected, with what is queued, and announces nobody", () =>
    Effect.gen(function* () {
      const chat = yield* start({})
      const [alice, bob] = [yield* chat.join("alice"), yield* chat.join("bob")]
      yield* ask(bob, "/hello")
      bob.say("alice: before")
      yield* ask(alice, `/register ${password}`)
      yield* ask(bob, "alice: after", "/who")
      yield* settle
      assert.deepStrictEqual(
        alice.received.filter((line) => line.startsWith("from ")),
        ["from bob: before", "from bob: after"]
      )
      yield* pass(200)
      assert.deepStrictEqual(
        bob.received.filter((line) => /^\* (?:joined|left)/u.test(line)),
        []
      )
      assert.include(bob.received, "* who 2: alice, bob")
    })
  )

  it.scoped("holds although its client left before the answer", () =>
    Effect.gen(function* () {
      const [asked, answered] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const chat = yield* start(
        {},
        {
          store: (store) => ({
            ...store,
            accounts: {
              ...store.accounts,
              create: (account) =>
                Effect.zipRight(
                  Effect.zipRight(Deferred.succeed(asked, undefined), Deferred.await(answered)),
                  store.accounts.create(account)
                )
            }
          })
        }
      )
      const alice = yield* chat.join("alice")
      alice.say(`/register ${password}`)
      yield* Deferred.await(asked)
      alice.socket.reset()
      yield* pass(1_000)
      assert.deepStrictEqual(yield* chat.server.names, [])
      yield* Deferred.succeed(answered, undefined)
      yield* settle
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "in")
    })
  )

  it.scoped("closes other clients of that name, which only send", () =>
    Effect.gen(function* () {
      const chat = yield* start({})
      const sender = Effect.tap(chat.connect, (client) => ask(client, "/hello send-only", "ci"))
      const [one, two] = [yield* sender, yield* sender]
      assert.deepStrictEqual(heads(yield* ask(one, `/register ${password}`)), ["* registered ci"])
      yield* two.ended
      assert.strictEqual(last(two), "! password-required ci fatal")
    })
  )

  const passwords: ReadonlyArray<readonly [string, string, string]> = [
    ["of 7 characters", "1234567", "! refused register reason=policy"],
    ["of 8 characters", "12345678", "* registered alice"],
    ["of 128 characters", "ä".repeat(128), "* registered alice"],
    ["of 129 characters", "ä".repeat(129), "! refused register reason=policy"],
    ["of 8 characters that are 16 before NFC", "a\u0308".repeat(8), "* registered alice"],
    ["of 7 characters that are 14 before NFC", "a\u0308".repeat(7), "! refused register reason=policy"],
    ["that is missing", "", "! refused register reason=policy"],
    ["that looks like a token", `achat_${"0".repeat(32)}`, "! refused register reason=policy"],
    ["with a control character", "correct\u0007horse", "! bad-line"],
    ["with spaces and a colon", "one two: three", "* registered alice"]
  ]
  for (const [what, given, expected] of passwords) {
    it.scoped(`with a password ${what} is answered: ${expected}`, () =>
      Effect.gen(function* () {
        const chat = yield* start({})
        const alice = yield* chat.join("alice")
        assert.deepStrictEqual(heads(yield* ask(alice, `/register ${given}`)), [expected])
        if (expected.startsWith("*")) assert.strictEqual(yield* answerTo(chat, `alice/b: ${given}`), "in")
      })
    )
  }

  it.scoped("is for guests, and only where guests may", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const alice = yield* logIn(chat, `alice: ${password}`)
      assert.deepStrictEqual(heads(yield* ask(alice, `/register ${next}`)), ["! refused register reason=policy"])
      const bob = yield* chat.join("bob")
      for (const [mode, why] of [
        ["closed", "only the server's operator creates accounts"],
        ["off", "this server has no accounts"]
      ] as const) {
        chat.settings.set({ mode })
        assert.deepStrictEqual(yield* ask(bob, `/register ${next}`), [`! refused register reason=policy: ${why}`])
      }
    })
  )

  it.scoped("is refused if the name has become another account meanwhile", () =>
    Effect.gen(function* () {
      const accounts = yield* startAccounts(
        {},
        {
          store: (store) => ({ ...store, accounts: { ...store.accounts, create: () => Effect.succeed(undefined) } })
        }
      )
      const alice = yield* (yield* startMemoryServer(accounts)).join("alice")
      assert.deepStrictEqual(heads(yield* ask(alice, `/register ${password}`)), [
        "! refused register reason=looks-like like=alice"
      ])
    })
  )

  it.scoped("is limited for each address, but not on the server's own machine", () =>
    Effect.gen(function* () {
      const accounts = yield* startAccounts({}, { registrationsPerAddress: 2 })
      const hosts = [
        ...Array.from({ length: 3 }, () => "192.0.2.1"),
        "192.0.2.2",
        "127.0.0.1",
        "127.0.0.1",
        "127.0.0.1"
      ]
      const chat = yield* startMemoryServer({ ...accounts, wrap: from(...hosts) })
      const register = (name: string) =>
        Effect.flatMap(chat.join(name), (client) => Effect.map(ask(client, `/register ${password}`), heads))
      const [one, two] = [yield* register("one"), yield* register("two")]
      assert.deepStrictEqual([...one, ...two], ["* registered one", "* registered two"])
      const third = yield* chat.join("three")
      assert.deepStrictEqual(heads(yield* ask(third, `/register ${password}`)), [
        "! refused register reason=limit retry=1800000"
      ])
      assert.deepStrictEqual(yield* register("four"), ["* registered four"])
      for (const name of ["five", "six", "seven"])
        assert.deepStrictEqual(yield* register(name), [`* registered ${name}`])
      yield* pass(1_800_000)
      assert.deepStrictEqual(heads(yield* ask(third, `/register ${password}`)), ["* registered three"])
    })
  )

  it.scoped("says when to try again if the store does not answer, and does not count", () =>
    Effect.gen(function* () {
      let isBroken = true
      const broken = new StoreError({ reason: "unavailable", description: "no answer" })
      const accounts = yield* startAccounts(
        {},
        {
          registrationsPerAddress: 1,
          store: (store) => ({
            ...store,
            accounts: {
              ...store.accounts,
              create: (one) => (isBroken ? Effect.fail(broken) : store.accounts.create(one))
            }
          })
        }
      )
      const alice = yield* (yield* startMemoryServer({ ...accounts, wrap: from("192.0.2.1") })).join("alice")
      assert.deepStrictEqual(heads(yield* ask(alice, `/register ${password}`)), [
        "! refused register reason=unavailable retry=1000"
      ])
      isBroken = false
      assert.deepStrictEqual(heads(yield* ask(alice, `/register ${password}`)), ["* registered alice"])
    })
  )
})
