import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { answerTo, ask, heads, logIn, startAccounts } from "../support/Accounts.js"
import { eventually } from "../support/Eventually.js"
import { pass, startMemoryServer, type MemoryClient } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

const password = "correct horse"

const start = (...given: Parameters<typeof startAccounts>) =>
  Effect.gen(function* () {
    const accounts = yield* startAccounts(given[0] ?? { alice: password }, given[1])
    return { ...accounts, ...(yield* startMemoryServer(accounts)) }
  })

const isOver = (client: MemoryClient) => client.end().inOrder

const last = (client: MemoryClient) => heads(client.received).at(-1)

describe("devices of an account", () => {
  it.scoped("are connected at once under its one name, and a line to it reaches all of them", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const [bob, main, phone] = [
        yield* chat.join("bob"),
        yield* logIn(chat, `alice: ${password}`),
        yield* logIn(chat, `alice/phone: ${password}`)
      ]
      assert.deepStrictEqual(yield* ask(bob, "alice: hi", "/who"), ["* who 2: alice, bob"])
      yield* settle
      for (const device of [main, phone]) assert.strictEqual(device.received.at(-1), "from bob: hi")
      main.say("bob: from my desk")
      phone.say("bob: from the train")
      yield* settle
      assert.sameMembers(bob.received.slice(-2), ["from alice: from my desk", "from alice: from the train"])
    })
  )

  it.scoped("are reported to the store when they leave, those alone, and all that are connected each hour", () =>
    Effect.gen(function* () {
      const reports: Array<string> = []
      const report = (kind: string, devices: ReadonlyArray<{ readonly device: string }>) =>
        void reports.push(`${kind} ${devices.map(({ device }) => device).join()}`)
      const chat = yield* start(undefined, {
        store: (store) => ({
          ...store,
          accounts: {
            ...store.accounts,
            left: (devices) => (report("left", devices), store.accounts.left(devices)),
            seen: (devices) => (report("seen", devices), store.accounts.seen(devices))
          }
        })
      })
      const [main, phone] = [yield* logIn(chat, `alice: ${password}`), yield* logIn(chat, `alice/phone: ${password}`)]
      phone.socket.reset()
      yield* settle
      yield* pass(1_100)
      assert.deepStrictEqual(reports, ["left phone"])
      yield* pass(3_600_000)
      assert.deepStrictEqual(reports, ["left phone", "seen main"])
      main.socket.reset()
      yield* settle
      yield* pass(1_100)
      assert.deepStrictEqual(reports, ["left phone", "seen main", "left main"])
    })
  )

  it.scoped("are all disconnected by the operator, who names the account", () =>
    Effect.gen(function* () {
      const chat = yield* start({ alice: password, bob: password })
      const sender = yield* chat.connect
      yield* ask(sender, "/hello send-only", `alice: ${password}`)
      const devices = [yield* logIn(chat, `alice: ${password}`), yield* logIn(chat, `alice/phone: ${password}`), sender]
      const bob = yield* logIn(chat, `bob: ${password}`)
      assert.isTrue(yield* chat.server.kick("Alice"))
      yield* settle
      for (const device of devices) assert.strictEqual(last(device), "! logged-out reason=kicked fatal")
      assert.deepStrictEqual(yield* ask(bob, "/who"), ["* who 1: bob"])
      for (const device of devices) device.socket.end()
      yield* settle
      assert.isFalse(yield* chat.server.kick("alice"))
    })
  )

  it.scoped("are announced once: when the first comes, and when the last leaves", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const bob = yield* chat.join("bob")
      yield* ask(bob, "/hello")
      const heard = Effect.zipRight(
        pass(200),
        Effect.sync(() => bob.received.filter((line) => /^\* (?:joined|left)/u.test(line)))
      )
      const main = yield* logIn(chat, `alice: ${password}`)
      const phone = yield* logIn(chat, `alice/phone: ${password}`)
      assert.deepStrictEqual(heads(yield* heard), ["* joined alice"])
      main.say("/quit")
      yield* main.ended
      main.socket.end()
      assert.deepStrictEqual(heads(yield* heard), ["* joined alice"])
      assert.deepStrictEqual(yield* ask(bob, "alice: still there?", "/who"), ["* who 2: alice, bob"])
      phone.socket.reset()
      yield* settle
      assert.deepStrictEqual(heads(yield* heard), ["* joined alice", "* left alice"])
      assert.deepStrictEqual(heads(yield* ask(bob, "alice: gone?")), ["! undelivered alice reason=offline"])
    })
  )

  it.scoped("that only send are neither announced nor given anything, and replace no connection", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const bob = yield* chat.join("bob")
      yield* ask(bob, "/hello")
      const sender = Effect.tap(chat.connect, (client) => ask(client, "/hello send-only", `alice/ci: ${password}`))
      const [one, two] = [yield* sender, yield* sender]
      assert.deepStrictEqual(heads(yield* ask(bob, "alice: hi", "/who")), [
        "! undelivered alice reason=offline",
        "* who 1"
      ])
      const ci = yield* logIn(chat, `alice/ci: ${password}`)
      for (const client of [one, two, ci]) assert.deepStrictEqual(yield* ask(client, "bob: I can send"), [])
      assert.lengthOf(
        bob.received.filter((line) => line === "from alice: I can send"),
        3
      )
    })
  )

  it.scoped("that log in again replace their own connection at once", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const bob = yield* chat.join("bob")
      yield* ask(bob, "/hello")
      const phone = yield* logIn(chat, `alice/phone: ${password}`)
      const main = yield* logIn(chat, `alice: ${password}`)
      const again = yield* logIn(chat, `alice: ${password}`)
      yield* main.ended
      assert.strictEqual(last(main), "! logged-out reason=replaced fatal")
      assert.deepStrictEqual(yield* ask(bob, "alice: hi"), [])
      yield* settle
      for (const device of [phone, again]) assert.strictEqual(device.received.at(-1), "from bob: hi")
      yield* pass(200)
      assert.deepStrictEqual(heads(bob.received.filter((line) => /^\* (?:joined|left)/u.test(line))), [
        "* joined alice"
      ])
    })
  )

  it.scoped("that are replaced have those lines accepted that the server has read, and no later ones", () =>
    Effect.gen(function* () {
      const accounts = yield* startAccounts({ alice: password })
      const chat = yield* startMemoryServer({ ...accounts, outboxLines: 16 })
      const bob = yield* chat.join("bob")
      bob.socket.pause()
      const main = yield* logIn(chat, `alice: ${password}`)
      // Bob's queue is full soon, and holds the rest of these lines, which the server has read.
      const text = "x".repeat(2_000)
      main.say(...Array.from({ length: 60 }, (_, line) => `bob: ${line} ${text}`))
      yield* settle
      assert.isBelow((yield* chat.server.ledger).accepted, 60)
      yield* logIn(chat, `alice: ${password}`)
      yield* main.ended
      main.say("bob: too late")
      bob.socket.resume()
      yield* eventually(() => bob.received.some((line) => line.startsWith("from alice: 59 ")), "not all lines came")
      yield* settle
      assert.deepStrictEqual(
        bob.received.filter((line) => line.startsWith("from alice: ")).map((line) => parseInt(line.slice(12))),
        Array.from({ length: 60 }, (_, line) => line)
      )
    })
  )

  it.scoped("that are replaced are not ahead of those lines, nor wait until they have room", () =>
    Effect.gen(function* () {
      const accounts = yield* startAccounts({ alice: password })
      const chat = yield* startMemoryServer({ ...accounts, outboxLines: 16 })
      const [bob, carol, dave] = [yield* chat.join("bob"), yield* chat.join("carol"), yield* chat.join("dave")]
      bob.socket.pause()
      const main = yield* logIn(chat, `alice: ${password}`)
      // Bob's queue is full.
      dave.say(...Array.from({ length: 60 }, () => `bob: ${"x".repeat(2_000)}`))
      yield* settle
      main.say("bob: still waiting", "carol: first")
      yield* settle
      assert.notInclude(carol.received, "from alice: first")
      const again = yield* logIn(chat, `alice: ${password}`)
      again.say("carol: second")
      yield* ask(again)
      yield* ask(carol)
      assert.deepStrictEqual(
        carol.received.filter((line) => line.startsWith("from alice: ")),
        ["from alice: first", "from alice: second"]
      )
      bob.socket.resume()
      yield* eventually(() => bob.received.includes("from alice: still waiting"), "the waiting line never came")
    })
  )

  it.scoped("that are replaced while they are slow have none of their later lines accepted", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const bob = yield* chat.join("bob")
      const main = yield* logIn(chat, `alice: ${password}`)
      main.socket.pause()
      bob.say(...Array.from({ length: 60 }, () => `alice: ${"x".repeat(10_000)}`))
      yield* settle
      yield* logIn(chat, `alice: ${password}`)
      main.say("bob: too late")
      yield* settle
      assert.notInclude(bob.received, "from alice: too late")
      main.socket.resume()
      yield* main.ended
      assert.strictEqual(last(main), "! logged-out reason=replaced fatal")
      yield* ask(bob)
      assert.notInclude(bob.received, "from alice: too late")
    })
  )

  it.scoped("that take nothing are replaced without waiting for them", () =>
    Effect.gen(function* () {
      const accounts = yield* startAccounts({ alice: password })
      const chat = yield* startMemoryServer({ ...accounts, outboxLines: 16 })
      const bob = yield* chat.join("bob")
      const main = yield* logIn(chat, `alice: ${password}`)
      main.socket.pause()
      bob.say(...Array.from({ length: 40 }, () => `alice: ${"x".repeat(10_000)}`))
      for (let passed = 0; passed < 4_000; passed += 250) yield* pass(250)
      const { connections } = yield* chat.server.inspect
      assert.include(
        connections.map(({ state }) => state),
        "jammed"
      )
      const again = yield* logIn(chat, `alice: ${password}`)
      yield* settle
      const [ended] = (yield* chat.server.inspect).closed
      assert.deepInclude(ended, { name: "alice", reason: "logged-out" })
      yield* ask(bob, "alice: to the new one")
      yield* settle
      assert.strictEqual(again.received.at(-1), "from bob: to the new one")
    })
  )

  it.scoped("are at most --max-devices: the one longest away goes, and none that is connected", () =>
    Effect.gen(function* () {
      const chat = yield* start({ alice: password }, { maxDevices: 2 })
      const names = Effect.gen(function* () {
        const [account] = yield* chat.store.accounts.all
        const all = account === undefined ? [] : yield* chat.store.accounts.devices(account.id)
        return all.map(({ name }) => name).toSorted()
      })
      const one = yield* logIn(chat, `alice/one: ${password}`)
      assert.strictEqual(yield* answerTo(chat, `alice/two: ${password}`), "in")
      yield* pass(1_000)
      const three = yield* logIn(chat, `alice/three: ${password}`)
      assert.deepStrictEqual(yield* names, ["one", "three"])
      assert.strictEqual(yield* answerTo(chat, `alice/four: ${password}`), "! full retry=60000 fatal")
      for (const client of [one, three]) assert.deepStrictEqual(yield* ask(client), [])
    })
  )

  it.scoped("that are forgotten for another while they log in are disconnected", () =>
    Effect.gen(function* () {
      const bothAsked = yield* Effect.makeLatch()
      let asked = 0
      const chat = yield* start(
        { alice: password },
        {
          maxDevices: 2,
          threads: 2,
          store: (store) => ({
            ...store,
            accounts: {
              ...store.accounts,
              openDevice: (account, device, options) => {
                const opened = store.accounts.openDevice(account, device, options)
                if (device === "main") return opened
                asked += 1
                if (asked === 2) bothAsked.unsafeOpen()
                return Effect.zipRight(bothAsked.await, opened)
              }
            }
          })
        }
      )
      const main = yield* logIn(chat, `alice: ${password}`)
      const others = [yield* chat.connect, yield* chat.connect]
      others[0]?.say(`alice/phone: ${password}`)
      others[1]?.say(`alice/tablet: ${password}`)
      yield* eventually(() => others.filter(isOver).length === 1, "no device was disconnected")
      assert.deepStrictEqual(others.filter(isOver).map(last), ["! logged-out reason=forgotten fatal"])
      const [account] = yield* chat.store.accounts.all
      assert.isDefined(account)
      const kept = (yield* chat.store.accounts.devices(account.id)).map(({ name }) => name)
      const here = (yield* ask(main, "/devices")).filter((line) => line.includes(" here=yes "))
      assert.lengthOf(kept, 2)
      assert.lengthOf(here, 2)
    }).pipe(Effect.orDie)
  )

  it.scoped("that are forgotten while their token is checked are refused, and are not devices again", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      let waits = 0
      let forgets = 0
      const chat = yield* start(undefined, {
        store: (store) => ({
          ...store,
          accounts: {
            ...store.accounts,
            // A device that was made and forgotten might have taken the place of another one.
            forget: (...device) => {
              forgets += 1
              return store.accounts.forget(...device)
            },
            deviceOfToken: (...token) =>
              Effect.tap(store.accounts.deviceOfToken(...token), () => {
                waits += 1
                return Deferred.await(gate)
              })
          }
        })
      })
      const main = yield* logIn(chat, `alice: ${password}`)
      const [token = ""] = yield* ask(main, "/token phone")
      const phone = yield* chat.connect
      phone.say(`alice/phone: ${token.split(" ")[3]?.replace(":", "")}`)
      yield* eventually(() => waits === 1, "the token was not checked")
      assert.deepStrictEqual(heads(yield* ask(main, "/forget phone")), ["* forgot phone"])
      yield* Deferred.succeed(gate, undefined)
      yield* phone.ended
      assert.deepStrictEqual(heads(phone.received), ["! wrong-password fatal"])
      assert.lengthOf(
        (yield* ask(main, "/devices")).filter((line) => line.startsWith("* device ")),
        1
      )
      assert.strictEqual(forgets, 1)
    })
  )
})
