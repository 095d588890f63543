import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { last, makeToken, next, password, start } from "../support/AccountCommands.js"
import { answerTo, ask, heads, logIn, startAccounts } from "../support/Accounts.js"
import { pass, startMemoryServer } from "../support/MemoryServer.js"

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

  it.scoped("says the same of a device that does not exist, and forgets none without a name", () =>
    Effect.gen(function* () {
      const main = yield* logIn(yield* start(), `alice: ${password}`)
      assert.deepStrictEqual(heads(yield* ask(main, "/forget nothing", "/forget")), ["* forgot nothing", "! bad-line"])
    })
  )

  it.scoped("forgets the device that asks, also with its token, and logs out all of its clients", () =>
    Effect.gen(function* () {
      const chat = yield* start()
      const main = yield* logIn(chat, `alice: ${password}`)
      const token = yield* makeToken(main, "web")
      const web = yield* logIn(chat, `alice/web: ${token}`)
      const sender = yield* Effect.tap(chat.connect, (client) => ask(client, "/hello send-only", `alice/web: ${token}`))
      web.say("/hello", "@k1 /forget web", "/quit")
      for (const client of [web, sender]) yield* client.ended
      assert.deepStrictEqual(heads(web.received).slice(-2), ["* forgot @k1 web", "! logged-out reason=forgotten fatal"])
      assert.strictEqual(last(sender), "! logged-out reason=forgotten fatal")
      assert.strictEqual(yield* answerTo(chat, `alice/web: ${token}`), "! wrong-password fatal")
      assert.deepStrictEqual(heads(yield* ask(main, "/devices")).at(-1), "* end devices count=1")
      main.say("/forget main")
      yield* main.ended
      assert.deepStrictEqual(heads(main.received).slice(-2), ["* forgot main", "! logged-out reason=forgotten fatal"])
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
