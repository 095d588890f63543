import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { StoreError } from "../../src/ports/StoreError.js"
import { answerTo, ask, heads, logIn, startAccounts } from "../support/Accounts.js"
import { from, pass, startMemoryServer, type MemoryClient } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

const password = "correct horse"
const next = "battery staple"

const start = (...[passwords = { alice: password }, options]: Parameters<typeof startAccounts>) =>
  Effect.gen(function* () {
    const accounts = yield* startAccounts(passwords, options)
    return { ...accounts, ...(yield* startMemoryServer(accounts)) }
  })

/** Asks for a token, and returns it. */
const makeToken = (client: MemoryClient, device: string) =>
  Effect.map(ask(client, `/token ${device}`), ([line = ""]) => {
    const [, token = ""] = new RegExp(`^\\* token ${device} (achat_[0-9a-f]{32}): `, "u").exec(line) ?? []
    assert.notStrictEqual(token, "", line)
    return token
  })

const last = ({ received }: MemoryClient) => heads(received).at(-1)

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
      chat.settings.set({ mode: "closed" })
      assert.deepStrictEqual(heads(yield* ask(bob, `/register ${next}`)), ["! refused register reason=policy"])
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

describe("/password", () => {
  it.scoped("changes the password, logs the other devices out, and leaves tokens as they are", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const main = yield* logIn(chat, `alice: ${password}`)
      const token = yield* makeToken(main, "bot")
      const others = [
        yield* logIn(chat, `alice/phone: ${password}`),
        yield* logIn(chat, `alice/bot: ${token}`),
        yield* Effect.tap(chat.connect, (client) => ask(client, "/hello send-only", `alice/ci: ${password}`))
      ]
      assert.deepStrictEqual(heads(yield* ask(main, `/password ${next}`)), ["* password-changed tokens=1"])
      for (const other of others) {
        yield* other.ended
        assert.strictEqual(last(other), "! logged-out reason=password fatal")
      }
      const answers = yield* Effect.forEach(
        [`alice/a: ${password}`, `alice/b: ${next}`, `alice/bot: ${token}`],
        (line) => answerTo(chat, line)
      )
      assert.deepStrictEqual(answers, ["! wrong-password fatal", "in", "in"])
      assert.deepStrictEqual(yield* ask(main), [])
    })
  )

  it.scoped("takes a password that is one, and nothing else", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const main = yield* logIn(chat, `alice: ${password}`)
      assert.deepStrictEqual(heads(yield* ask(main, "/password short")), ["! refused password reason=policy"])
      assert.strictEqual(yield* answerTo(chat, `alice/b: ${password}`), "in")
    })
  )
})

describe("/token", () => {
  it.scoped("shows a token, with which only this device can log in, and replaces the one before", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const main = yield* logIn(chat, `alice: ${password}`)
      const first = yield* makeToken(main, "bot")
      assert.strictEqual(yield* answerTo(chat, `alice/bot: ${first}`), "in")
      assert.strictEqual(yield* answerTo(chat, `alice: ${first}`), "! wrong-password fatal")
      assert.strictEqual(yield* answerTo(chat, `alice/phone: ${first}`), "! wrong-password fatal")
      const second = yield* makeToken(main, "bot")
      assert.notStrictEqual(first, second)
      assert.strictEqual(yield* answerTo(chat, `alice/bot: ${first}`), "! wrong-password fatal")
      assert.strictEqual(yield* answerTo(chat, `alice/bot: ${second}`), "in")
    })
  )

  it.scoped("is stored as a hash", () =>
    Effect.gen(function* () {
      let stored = ""
      const accounts = yield* startAccounts(
        { alice: password },
        {
          store: (store) => ({
            ...store,
            accounts: {
              ...store.accounts,
              setToken: (id, device, hash) => {
                stored = Buffer.from(hash).toString("hex")
                return store.accounts.setToken(id, device, hash)
              }
            }
          })
        }
      )
      const token = yield* makeToken(yield* logIn(yield* startMemoryServer(accounts), `alice: ${password}`), "bot")
      assert.lengthOf(stored, 64)
      assert.notInclude(stored, token.slice(6))
    })
  )

  it.scoped("needs the name of a device", () =>
    Effect.gen(function* () {
      const main = yield* logIn(yield* start(), `alice: ${password}`)
      assert.deepStrictEqual(heads(yield* ask(main, "/token", "/token two words", "/token ä")), [
        "! bad-line",
        "! bad-line",
        "! bad-line"
      ])
    })
  )
})

describe("/devices", () => {
  it.scoped("lists the devices, and says which are here, which have a token, and when they were seen", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const main = yield* logIn(chat, `alice: ${password}`)
      yield* makeToken(main, "bot")
      assert.strictEqual(yield* answerTo(chat, `alice/phone: ${password}`), "in")
      yield* pass(60_000)
      yield* ask(main, "/hello")
      const lines = heads(yield* ask(main, "@d /devices"))
      assert.sameMembers(lines.slice(0, -1), [
        "* device @d bot token=yes seen=0",
        "* device @d main here=yes seen=60000",
        `* device @d phone seen=${/phone seen=(\d+)/u.exec(lines.join())?.[1]}`
      ])
      assert.isBelow(Number(/phone seen=(\d+)/u.exec(lines.join())?.[1]), 60_000)
      assert.strictEqual(lines.at(-1), "* end @d devices count=3")
    })
  )
})

describe("/forget", () => {
  it.scoped("forgets a device with its token, and logs it out, also where it only sends", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const main = yield* logIn(chat, `alice: ${password}`)
      const token = yield* makeToken(main, "bot")
      const here = yield* logIn(chat, `alice/bot: ${token}`)
      const sender = yield* Effect.tap(chat.connect, (client) => ask(client, "/hello send-only", `alice/bot: ${token}`))
      const phone = yield* logIn(chat, `alice/phone: ${password}`)
      assert.deepStrictEqual(heads(yield* ask(main, "/forget bot")), ["* forgot bot"])
      for (const client of [here, sender]) {
        yield* client.ended
        assert.strictEqual(last(client), "! logged-out reason=forgotten fatal")
      }
      assert.strictEqual(yield* answerTo(chat, `alice/bot: ${token}`), "! wrong-password fatal")
      assert.deepStrictEqual(yield* ask(phone), [])
      assert.deepStrictEqual(heads(yield* ask(main, "/devices")).at(-1), "* end devices count=2")
    })
  )

  it.scoped("does not forget the device that asks, and says the same of one that does not exist", () =>
    Effect.gen(function* () {
      const main = yield* logIn(yield* start(), `alice: ${password}`)
      assert.deepStrictEqual(heads(yield* ask(main, "/forget main", "/forget nothing", "/forget")), [
        "! refused forget reason=policy",
        "* forgot nothing",
        "! bad-line"
      ])
    })
  )
})

describe("/accounts", () => {
  it.scoped("lists those of the names that belong to accounts", () =>
    Effect.gen(function* () {
      const chat = yield* start({ alice: password, bob: password, gone: password })
      yield* chat.join("carol")
      yield* chat.accounts.operations.remove("gone")
      const alice = yield* logIn(chat, `alice: ${password}`)
      const [, ...asked] = yield* ask(
        alice,
        "/hello",
        "@a /accounts bob, carol,  alice , nobody, bob, gone, Bob",
        "/accounts carol",
        `/accounts ${Array.from({ length: 1_000 }, (_, number) => `n${number}`).join()}`,
        `/accounts ${Array.from({ length: 1_001 }, (_, number) => `n${number}`).join()}`
      )
      assert.deepStrictEqual(asked, [
        "* accounts @a 2: bob, alice",
        "* accounts 0: ",
        "* accounts 0: ",
        "! refused accounts reason=limit: too many names"
      ])
    })
  )
})

describe("a command of accounts", () => {
  const commands = [`password ${next}`, "token bot", "devices", "forget bot", "accounts bob"]

  it.scoped("is refused to guests", () =>
    Effect.gen(function* () {
      const bob = yield* (yield* start()).join("bob")
      for (const command of commands) {
        const [name] = command.split(" ")
        assert.deepStrictEqual(heads(yield* ask(bob, `/${command}`)), [`! refused ${name} reason=guest`])
      }
    })
  )

  it.scoped("is refused before the login, and the login is still to come", () =>
    Effect.gen(function* () {
      const client = yield* (yield* start()).connect
      for (const command of [`register ${password}`, ...commands]) {
        const [name] = command.split(" ")
        assert.deepStrictEqual(heads(yield* ask(client, `/${command}`)), [`! refused ${name} reason=login-first`])
      }
      assert.deepStrictEqual(yield* ask(client, `alice: ${password}`), [])
    })
  )

  it.scoped("needs the password, where it gives power over the account", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const token = yield* makeToken(yield* logIn(chat, `alice: ${password}`), "bot")
      const bot = yield* logIn(chat, `alice/bot: ${token}`)
      for (const command of [`password ${next}`, "token phone", "forget main"]) {
        const [name] = command.split(" ")
        assert.deepStrictEqual(heads(yield* ask(bot, `/${command}`)), [`! refused ${name} reason=token`])
      }
      assert.deepStrictEqual(heads(yield* ask(bot, "/devices")).at(-1), "* end devices count=2")
    })
  )

  it.scoped("is in the list of /help", () =>
    Effect.gen(function* () {
      const help = (yield* ask(yield* (yield* start()).join("bob"), "/help")).join("\n")
      for (const name of ["register", "password", "token", "devices", "forget"])
        assert.include(help, `* help: /${name}`)
    })
  )

  it.scoped("does not exist without accounts", () =>
    Effect.gen(function* () {
      const bob = yield* (yield* startMemoryServer()).join("bob")
      assert.deepStrictEqual(heads(yield* ask(bob, "/devices", "/hello")), [
        "! unknown-command devices",
        "* hello achat=1 name=bob max-line=65536 max-recipients=1000 max-name=32"
      ])
    })
  )
})

describe("the operator", () => {
  it.scoped("adds an account: guests of that name, or of one that looks the same, are closed", () =>
    Effect.gen(function* () {
      const chat = yield* start({})
      const guest = yield* chat.join("Alice")
      yield* chat.accounts.operations.add("alice", password)
      yield* guest.ended
      assert.strictEqual(last(guest), "! password-required Alice fatal")
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "in")
      const again = yield* Effect.flip(chat.accounts.operations.add("ALICE", password))
      assert.deepInclude(again, { impossible: "the name is taken, by the account alice" })
    })
  )

  it.scoped("sets a password, and logs all devices out", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const main = yield* logIn(chat, `alice: ${password}`)
      yield* chat.accounts.operations.password("alice", next)
      yield* main.ended
      assert.strictEqual(last(main), "! logged-out reason=password fatal")
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "! wrong-password fatal")
      assert.strictEqual(yield* answerTo(chat, `alice: ${next}`), "in")
    })
  )

  it.scoped("removes an account: nobody can log in, and the name stays taken until it is freed", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const { operations } = chat.accounts
      const [bob, main] = [yield* chat.join("bob"), yield* logIn(chat, `alice: ${password}`)]
      assert.deepInclude(yield* Effect.flip(operations.free("alice")), {
        impossible: "the account alice exists; remove it first"
      })
      yield* operations.remove("alice")
      yield* main.ended
      assert.strictEqual(last(main), "! logged-out reason=removed fatal")
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "! wrong-password fatal")
      assert.strictEqual(yield* answerTo(chat, "Alice"), "! password-required Alice fatal")
      assert.deepStrictEqual(heads(yield* ask(bob, "alice: hi")), ["! undelivered alice reason=offline"])
      assert.deepInclude(yield* Effect.flip(operations.add("alice", next)), {
        impossible: "the name is taken, by the account alice"
      })
      yield* operations.free("alice")
      assert.strictEqual(yield* answerTo(chat, "Alice"), "in")
      yield* operations.add("alice", next)
      assert.strictEqual(yield* answerTo(chat, `alice: ${password}`), "! wrong-password fatal")
      assert.strictEqual(yield* answerTo(chat, `alice: ${next}`), "in")
    })
  )

  it.scoped("lists accounts and their devices", () =>
    Effect.gen(function* () {
      const chat = yield* start({ alice: password, bob: password })
      yield* makeToken(yield* logIn(chat, `alice: ${password}`), "bot")
      yield* chat.accounts.operations.remove("bob")
      const list = yield* chat.accounts.operations.list
      assert.deepStrictEqual(
        list.map(({ devices, isRemoved, name }) => [name, isRemoved, devices.map((one) => one.name).toSorted()]),
        [
          ["alice", false, ["bot", "main"]],
          ["bob", true, []]
        ]
      )
    })
  )

  it.scoped("is told what is impossible", () =>
    Effect.gen(function* () {
      const { add, password: set, remove } = (yield* start()).accounts.operations
      assert.deepInclude(yield* Effect.flip(add("no name", password)), { impossible: '"no name" is not a name' })
      assert.deepInclude(yield* Effect.flip(set("bob", password)), { impossible: "there is no account bob" })
      assert.deepInclude(yield* Effect.flip(remove("bob")), { impossible: "there is no account bob" })
      assert.match(
        String(Reflect.get((yield* Effect.flip(add("bob", "short"))) as object, "impossible")),
        /^a password has 8 to 128/u
      )
    })
  )
})
