import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Client from "../../src/client/Client.js"
import type { Keyring } from "../../src/client/Keyring.js"
import { startAccounts } from "../support/Accounts.js"
import { eventually } from "../support/Eventually.js"
import { chat, ctrl, enter, openTerminal, up, type TerminalOptions } from "../support/MemoryTerminal.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const password = "correct horse"

/** A keyring whose token is a variable. */
const memoryKeyring = () => {
  const state = { kept: undefined as string | undefined, entered: new Array<string>() }
  const keyring = (): Keyring<never> => ({
    insecure: false,
    find: Effect.sync(() => (state.kept === undefined ? undefined : { secret: state.kept, isKeptToken: true })),
    enter: (given) =>
      Effect.sync(() => {
        state.entered.push(given)
        return given
      }),
    forget: Effect.sync(() => (state.kept = undefined))
  })
  return { state, keyring }
}

const start = (passwords: Readonly<Record<string, string>>, options: TerminalOptions = {}) =>
  Effect.gen(function* () {
    const accounts = yield* startAccounts(passwords)
    const { serve, socket } = yield* chat
    yield* serve(accounts)
    const { keyring, state } = memoryKeyring()
    const alice = yield* openTerminal(socket, { keyring, ...options })
    return { ...accounts, alice, socket, state }
  })

describe("TerminalClient with accounts", () => {
  it.scopedLive("asks for the password that the login needs, and shows nothing of it", () =>
    Effect.gen(function* () {
      const { alice, state } = yield* start({ alice: password })
      yield* alice.sees(/password of alice: $/u)
      yield* alice.types("battery staple")
      yield* alice.types(enter)
      yield* alice.sees(/✗ wrong-password: [^]*\npassword of alice: $/u)
      yield* alice.types(`${password}${enter}`)
      yield* alice.sees("connected to memory as alice")
      assert.deepStrictEqual(state.entered, ["battery staple", password])
      for (const shown of ["battery", "staple", "correct", "horse"]) assert.notInclude(alice.rows().join("\n"), shown)
    })
  )

  it.scopedLive("makes an account with /register, and keeps neither the password nor the line that had one", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const history = join(folder, "history")
      const { alice, socket, state } = yield* start({}, { history, logFolder: join(folder, "log") })
      yield* alice.sees("connected to memory as alice")
      yield* alice.types(`/register ${password}${enter}`)
      yield* alice.sees("✗ write /register alone")
      yield* alice.types(`${ctrl("l")}/register${enter}`)
      yield* alice.sees(/\nnew password: $/u)
      yield* alice.types(`${password}${enter}`)
      yield* alice.sees(/\nthe same again: $/u)
      yield* alice.types(`correct hors${enter}`)
      yield* alice.sees("✗ the passwords differ; nothing was sent")
      yield* alice.types(`/register${enter}`)
      yield* alice.sees(/\nnew password: $/u)
      yield* alice.types(`${password}${enter}`)
      yield* alice.sees(/\nthe same again: $/u)
      yield* alice.types(`${password}${enter}`)
      yield* alice.sees("registered alice:")
      yield* eventually(() => state.entered.length > 0, "the keyring did not get the password")
      assert.deepStrictEqual(state.entered, [password])
      const refused = yield* Effect.flip(Effect.scoped(Client.connect({ socket, login: "alice" })))
      assert.strictEqual("code" in refused ? refused.code : "", "password-required")
      yield* alice.types(`/devices${enter}`)
      yield* alice.sees("device main: here")
      // What Up recalls, and Ctrl-Y puts back.
      yield* alice.types(`${up}${ctrl("y")}`)
      yield* alice.types(ctrl("u"))
      yield* alice.types(`/quit${enter}`)
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
      const kept = readFileSync(history, "utf8")
      assert.notInclude(kept, "correct")
      assert.notInclude(kept, "/register")
      assert.notInclude(alice.rows().slice(3).join("\n"), "correct")
    })
  )

  it.scopedLive("comes back with the token that was kept when the user registered", () =>
    Effect.gen(function* () {
      const accounts = yield* startAccounts({})
      const { person, reset, serve } = yield* chat
      yield* serve(accounts)
      const { keyring, state } = memoryKeyring()
      const alice = yield* openTerminal(person, { keyring })
      yield* alice.sees("connected to memory as alice")
      yield* alice.types(`/register${enter}${password}${enter}${password}${enter}`)
      yield* alice.sees("registered alice:")
      state.kept = password
      yield* reset
      yield* alice.sees(/connected to memory again[^]*\n› $/u)
      assert.notInclude(alice.written(), "password of alice")
    })
  )

  it.scopedLive("does not change the password when the question is not answered", () =>
    Effect.gen(function* () {
      const { alice } = yield* start({})
      yield* alice.sees("connected to memory as alice")
      for (const no of [ctrl("c"), "\x1b", enter]) {
        yield* alice.types(`/register${enter}`)
        yield* alice.sees(/\nnew password: $/u)
        yield* alice.types(no)
        yield* alice.sees(/the password stays as it is\n› $/u)
        yield* alice.types(ctrl("l"))
      }
    })
  )

  it.scopedLive("uses the kept token, and asks once the server no longer accepts it", () =>
    Effect.gen(function* () {
      const accounts = yield* startAccounts({ alice: password })
      const { serve, socket } = yield* chat
      yield* serve(accounts)
      const { keyring, state } = memoryKeyring()
      state.kept = `achat_${"0".repeat(32)}`
      const alice = yield* openTerminal(socket, { keyring })
      yield* alice.sees(/password of alice: $/u)
      assert.isUndefined(state.kept)
      yield* alice.types(`${password}${enter}`)
      yield* alice.sees("connected to memory as alice")
    })
  )

  it.scopedLive("does not connect again after a logout, but asks for the login", () =>
    Effect.gen(function* () {
      const { accounts, alice } = yield* start({ alice: password })
      yield* alice.sees(/password of alice: $/u)
      yield* alice.types(`${password}${enter}`)
      yield* alice.sees("connected to memory as alice")
      yield* accounts.operations.password("alice", "battery staple")
      yield* alice.sees(/✗ logged-out fatal reason=password[^]*\nlogin \(alice\): $/u)
      yield* alice.types(enter)
      yield* alice.sees(/password of alice: $/u)
      yield* alice.types(`battery staple${enter}`)
      yield* alice.sees(/connected to memory again[^]*\n› $/u)
    })
  )

  it.scopedLive("says that a server has no accounts, and asks for nothing", () =>
    Effect.gen(function* () {
      const { serve, socket } = yield* chat
      yield* serve()
      const alice = yield* openTerminal(socket)
      yield* alice.sees("connected to memory as alice")
      yield* alice.types(`/register${enter}`)
      yield* alice.sees(/✗ this server has no accounts\n› $/u)
    })
  )
})
