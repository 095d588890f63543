import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Credentials from "../../src/accounts/Credentials.js"
import { StoreError } from "../../src/ports/StoreError.js"
import type { StoreAccounts } from "../../src/ports/StoreAccounts.js"
import { answerTo, ask, heads, logIn, startAccounts, withProperties } from "../support/Accounts.js"
import { eventually } from "../support/Eventually.js"
import { pass, startMemoryServer } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

const password = "correct horse"

/** Accounts whose store has other functions. */
const withStore = (change: (accounts: StoreAccounts) => Partial<StoreAccounts>) =>
  startAccounts(
    { alice: password },
    { store: (store) => ({ ...store, accounts: { ...store.accounts, ...change(store.accounts) } }) }
  )

describe("a login to an account", () => {
  const start = Effect.gen(function* () {
    const accounts = yield* startAccounts({ alice: password, José: "crème brûlée" })
    return { ...accounts, ...(yield* startMemoryServer(accounts)) }
  })

  it.scoped("takes its password, and is not answered", () =>
    Effect.gen(function* () {
      const chat = yield* start
      const alice = yield* chat.connect
      assert.deepStrictEqual(yield* ask(alice, `alice: ${password}`), [])
      assert.deepStrictEqual(yield* chat.server.names, ["alice"])
    })
  )

  const forms: ReadonlyArray<readonly [string, string, string]> = [
    ["with white space around its parts", `  alice  :   ${password}\t`, "in"],
    ["with the name of a device", `alice/phone: ${password}`, "in"],
    ["with a name that looks the same", `ALICE: ${password}`, "in"],
    ["with other normal forms of the name and the password", "Jose\u0301: cre\u0300me bru\u0302le\u0301e", "in"],
    ["without a password", "alice", "! password-required alice fatal"],
    ["with a device and without a password", "alice/phone", "! password-required alice fatal"],
    ["under a name that looks the same, without a password", "Alice", "! password-required Alice fatal"],
    ["with a wrong password", "alice: battery staple", "! wrong-password fatal"],
    ["with a password that no account can have", "alice: short", "! wrong-password fatal"],
    ["of a name without an account", `bob: ${password}`, "! wrong-password fatal"],
    ["with a token that does not exist", `alice: achat_${"0".repeat(32)}`, "! wrong-password fatal"],
    ["with a device of a name without an account", "bob/phone", "! bad-login fatal"],
    ["with an empty password", "alice:", "! bad-login fatal"],
    ["with a control character in the password", "alice: correct\u0007horse", "! bad-login fatal"],
    ["with an empty device", `alice/: ${password}`, "! bad-login fatal"],
    ["with a device of 32 characters", `alice/${"d".repeat(32)}: ${password}`, "in"],
    ["with a device of 33 characters", `alice/${"d".repeat(33)}: ${password}`, "! bad-login fatal"],
    ["with a device that is not ASCII", `alice/téléphone: ${password}`, "! bad-login fatal"],
    ["with two devices", `alice/a/b: ${password}`, "! bad-login fatal"]
  ]
  for (const [what, line, expected] of forms) {
    it.scoped(`${what} is answered: ${expected}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* answerTo(yield* start, line), expected)
      })
    )
  }

  it.scoped("learns its device and the state of the store from its hello, and a guest has no device", () =>
    Effect.gen(function* () {
      const chat = yield* start
      const facts = (line: string) =>
        Effect.gen(function* () {
          const [hello = ""] = yield* ask(yield* chat.connect, line, "/hello to")
          return / on=.*?(?=: )/u.exec(hello)?.[0]
        })
      const ofAll = ` on=to store=memory log=${chat.store.log} accounts=open`
      assert.strictEqual(yield* facts(`alice/phone: ${password}`), `${ofAll} device=phone`)
      assert.strictEqual(yield* facts(`alice: ${password}`), `${ofAll} device=main`)
      assert.strictEqual(yield* facts("bob"), ofAll)
    })
  )

  it.scoped("keeps the lines behind it waiting until it is decided, after the login deadline as well", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const accounts = yield* withStore(({ credential }) => ({
        credential: (id) => Effect.zipRight(Deferred.await(gate), credential(id))
      }))
      const chat = yield* startMemoryServer({ ...accounts, loginTimeout: Duration.seconds(10) })
      const [alice, bob] = [yield* chat.connect, yield* chat.join("bob")]
      alice.say(`alice: ${password}`, "bob: one", "bob: two")
      yield* pass(60_000)
      assert.deepStrictEqual(yield* ask(bob, "bob: meanwhile"), ["from bob: meanwhile"])
      yield* Deferred.succeed(gate, undefined)
      yield* eventually(() => bob.received.includes("from alice: two"), "alice's lines did not come")
      assert.deepStrictEqual(bob.received.slice(-2), ["from alice: one", "from alice: two"])
    })
  )

  it.scoped("is refused with everything behind it", () =>
    Effect.gen(function* () {
      const chat = yield* start
      const [alice, bob] = [yield* chat.connect, yield* chat.join("bob")]
      const got = yield* ask(
        alice,
        "alice: battery staple",
        "bob: not from alice",
        `alice: ${password}`,
        "bob: nor this"
      )
      assert.deepStrictEqual(heads(got), ["! wrong-password fatal"])
      assert.deepStrictEqual(yield* ask(bob), [])
    })
  )

  it.scoped("is refused if the password was changed while it was checked", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let hasBegun = false
      const accounts = yield* withStore(({ openDevice }) => ({
        openDevice: (...device) => {
          hasBegun = true
          return Effect.zipRight(Deferred.await(gate), openDevice(...device))
        }
      }))
      const chat = yield* startMemoryServer(accounts)
      const late = yield* chat.connect
      late.say(`alice: ${password}`)
      yield* eventually(() => hasBegun, "the password was not checked")
      yield* accounts.accounts.operations.password("alice", "battery staple")
      yield* Deferred.succeed(gate, undefined)
      yield* late.ended
      assert.deepStrictEqual(heads(late.received), ["! wrong-password fatal"])
    })
  )

  it.scoped("does not restore the old password if its record is renewed while the password changes", () =>
    Effect.gen(function* () {
      const [read, changed] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      let steps = ""
      const accounts = yield* startAccounts(
        { alice: password },
        {
          threads: 2,
          recordedCost: { ln: 2, r: 1, p: 1 },
          store: (store) => ({
            ...store,
            accounts: {
              ...store.accounts,
              credential: (id) =>
                Effect.tap(store.accounts.credential(id), () => {
                  steps += "read "
                  return Deferred.await(read)
                }),
              setCredential: (...changes) =>
                Effect.tap(store.accounts.setCredential(...changes), () => {
                  steps += "set "
                  return Deferred.await(changed)
                })
            }
          })
        }
      )
      const chat = yield* startMemoryServer(accounts)
      const late = yield* chat.connect
      late.say(`alice: ${password}`)
      yield* eventually(() => steps === "read ", "the password was not checked")
      const change = yield* Effect.fork(accounts.accounts.operations.password("alice", "battery staple"))
      yield* eventually(() => steps === "read set ", "the password was not changed")
      yield* Deferred.succeed(read, undefined)
      // Until the old password was compared, in a thread.
      yield* Effect.promise(() => Credentials.hash(password, Credentials.cost).pipe(Effect.runPromise))
      yield* settle
      yield* Deferred.succeed(changed, undefined)
      yield* Fiber.join(change)
      yield* late.ended
      const [alice] = yield* accounts.store.accounts.all
      assert.isDefined(alice)
      const record = (yield* accounts.store.accounts.credential(alice.id)) ?? ""
      assert.isTrue(yield* Credentials.verify("battery staple", record))
    }).pipe(Effect.orDie)
  )

  it.scoped("is answered with the time of the next try when the store fails", () =>
    Effect.gen(function* () {
      const broken = new StoreError({ reason: "unavailable", description: "no answer" })
      const chat = yield* startMemoryServer(yield* withStore(() => ({ openDevice: () => Effect.fail(broken) })))
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "! slow-down retry=1000 fatal")
    })
  )

  it.scoped("and each departure are not a warning of their own while the store fails", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ annotations, message }) => {
      const suppressed = Object.fromEntries(annotations)["suppressed"]
      if (suppressed !== undefined) logged.push(`${String(message)} ${String(suppressed)}`)
    })
    return Effect.gen(function* () {
      const state = { fails: false }
      const broken = Effect.fail(new StoreError({ reason: "unavailable", description: "no answer" }))
      const accounts = yield* withStore(({ left, openDevice }) => ({
        openDevice: (...device) => (state.fails ? broken : openDevice(...device)),
        left: (devices) => (state.fails ? broken : left(devices))
      }))
      const chat = yield* startMemoryServer(accounts)
      const present = [yield* logIn(chat, `alice/a: ${password}`), yield* logIn(chat, `alice/b: ${password}`)]
      state.fails = true
      for (let login = 0; login < 3; login++) yield* answerTo(chat, `alice: ${password}`)
      for (const device of present) {
        device.socket.end()
        yield* pass(3_000)
      }
      const [logins, departures] = ["a login could not be checked", "the store does not know which devices were seen"]
      assert.deepStrictEqual(logged, [`${logins} 0`, `${departures} 0`])
      yield* pass(10_000)
      yield* answerTo(chat, `alice: ${password}`)
      assert.deepStrictEqual(logged.slice(2), [`${logins} 2`])
    }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })

  it.scoped("still works on a device that is known when nothing can be stored any more", () =>
    Effect.gen(function* () {
      let isFull = false
      const full = new StoreError({ reason: "full", description: "the disk is full" })
      const accounts = yield* startAccounts(
        { alice: password },
        {
          recordedCost: { ln: 2, r: 1, p: 1 },
          store: (store) => ({
            ...store,
            accounts: {
              ...store.accounts,
              openDevice: (...device) => (isFull ? Effect.fail(full) : store.accounts.openDevice(...device)),
              setCredential: () => Effect.fail(full)
            }
          })
        }
      )
      const chat = yield* startMemoryServer(accounts)
      yield* logIn(chat, `alice: ${password}`)
      isFull = true
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "in")
      assert.strictEqual(yield* answerTo(chat, `alice/new: ${password}`), "! slow-down retry=1000 fatal")
    })
  )

  it.scoped("stores the password again if its record has another cost", () =>
    Effect.gen(function* () {
      const accounts = yield* startAccounts({ alice: password }, { recordedCost: { ln: 2, r: 1, p: 1 } })
      const chat = yield* startMemoryServer(accounts)
      const [account] = yield* accounts.store.accounts.all
      const record = account === undefined ? Effect.succeed(undefined) : accounts.store.accounts.credential(account.id)
      assert.match((yield* record) ?? "", /^\$scrypt\$ln=2,r=1,p=1\$/u)
      yield* logIn(chat, `alice: ${password}`)
      assert.match((yield* record) ?? "", /^\$scrypt\$ln=1,r=1,p=1\$/u)
      assert.strictEqual(yield* answerTo(chat, `alice/two: ${password}`), "in")
    })
  )
})

/** A server whose sockets have these properties. */
const startWith = (properties: Parameters<typeof withProperties>[0], settings?: Parameters<typeof startAccounts>[1]) =>
  Effect.flatMap(startAccounts({ alice: password }, settings), (accounts) =>
    startMemoryServer({ ...accounts, wrap: withProperties(properties) })
  )

describe("a certificate", () => {
  it.scoped("logs in to the account of its name, without a password and without its rights", () =>
    Effect.gen(function* () {
      const alice = yield* (yield* startWith({ identity: "alice" })).connect
      const [hello = "", refused = ""] = yield* ask(alice, "alice/phone", "/hello", "/token phone")
      assert.match(hello, / accounts=open device=phone: /u)
      assert.match(refused, /^! refused token reason=token: /u)
    })
  )

  const others: ReadonlyArray<readonly [string, string, string, string]> = [
    [
      "is for its very name: an account that looks the same takes the password",
      "Alice",
      "Alice",
      "! password-required Alice fatal"
    ],
    ["of a name without an account makes a guest", "bob", "bob", "in"],
    ["for another name is refused, also with the right password", "bob", `alice: ${password}`, "! bad-login fatal"],
    ["and the password of its account are fine together", "alice", `alice: ${password}`, "in"]
  ]
  for (const [what, identity, line, expected] of others) {
    it.scoped(what, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* answerTo(yield* startWith({ identity }), line), expected)
      })
    )
  }
})

describe("a secret on a connection that others can read", () => {
  it.scoped("is refused, right or wrong, and whether there is an account or not", () =>
    Effect.gen(function* () {
      const chat = yield* startWith({ isPrivate: false })
      for (const line of [`alice: ${password}`, "alice: battery staple", "bob: battery staple"]) {
        assert.strictEqual(yield* answerTo(chat, line), "! tls-required fatal")
      }
    })
  )

  it.scoped("is not taken by a command either", () =>
    Effect.gen(function* () {
      const bob = yield* (yield* startWith({ isPrivate: false })).join("bob")
      assert.deepStrictEqual(heads(yield* ask(bob, `/register ${password}`)), ["! refused register reason=policy"])
    })
  )

  it.scoped("is accepted with --insecure-passwords", () =>
    Effect.gen(function* () {
      const chat = yield* startWith({ isPrivate: false }, { takesReadableSecrets: true })
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "in")
      assert.deepStrictEqual(heads(yield* ask(yield* chat.join("bob"), `/register ${password}`)), ["* registered bob"])
    })
  )
})

describe("who may log in", () => {
  const modes = [
    ["off", "in", "in", "! bad-login fatal"],
    ["open", "in", "! password-required alice fatal", "in"],
    ["closed", "in", "! password-required alice fatal", "in"],
    ["required", "! account-required fatal", "! password-required alice fatal", "in"]
  ] as const
  for (const [mode, ...expected] of modes) {
    it.scoped(`with --accounts ${mode}`, () =>
      Effect.gen(function* () {
        const chat = yield* startMemoryServer(yield* startAccounts({ alice: password }, { mode }))
        const answers = yield* Effect.forEach(["bob", "alice", `alice: ${password}`], (line) => answerTo(chat, line))
        assert.deepStrictEqual(answers, [...expected])
      })
    )
  }

  it.scoped("can change while the server runs", () =>
    Effect.gen(function* () {
      const accounts = yield* startAccounts({ alice: password })
      const chat = yield* startMemoryServer(accounts)
      assert.strictEqual(yield* answerTo(chat, "bob"), "in")
      accounts.settings.set({ mode: "required" })
      assert.strictEqual(yield* answerTo(chat, "bob"), "! account-required fatal")
    })
  )
})
