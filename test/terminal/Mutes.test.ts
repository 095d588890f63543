import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as MutesFile from "../../src/cli/commands/MutesFile.js"
import { eventually } from "../support/Eventually.js"
import { enter, openTerminal, type TerminalOptions } from "../support/MemoryTerminal.js"
import * as RoomsServer from "../support/RoomsServer.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const kept = { "#ops": ["bob: one"], "#web": ["bob: one", "bob: two"], bob: ["bob: hi"] }

const open = (options: TerminalOptions) =>
  Effect.gen(function* () {
    const server = yield* RoomsServer.make({ kept })
    const alice = yield* openTerminal(server.socket, { keyring: RoomsServer.keyring, ...options })
    yield* alice.sees(/connected to\s+memory\s+as\s+alice/u)
    return { alice, server }
  })

describe("muted conversations", () => {
  it.scopedLive("stay muted in later runs, for this login on this server", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const mutesAt = (server: string) => (login: string) => MutesFile.make({ XDG_STATE_HOME: folder }, server, login)
      const mutes = mutesAt("one")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { alice } = yield* open({ mutes })
          yield* alice.sees("\nbob 1 · #ops 1 · #web 2 —")
          yield* alice.types(`/mute web${enter}/mute bob${enter}/mute ops${enter}/mute ops${enter}`)
          yield* alice.sees("#ops is no longer muted")
          yield* alice.types(`/quit${enter}`)
          yield* alice.ended
        })
      )
      const [file = ""] = readdirSync(join(folder, "a-chat", "muted"))
      const path = join(folder, "a-chat", "muted", file)
      assert.strictEqual(readFileSync(path, "utf8"), '["#web","bob"]\n')
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      const { alice, server } = yield* open({ mutes })
      yield* alice.sees("\n#ops 1 —")
      yield* server.posts("#web", "bob", "alice, look")
      yield* alice.sees("\n» #web 3 · #ops 1 —")
      yield* alice.types(`/mute web${enter}`)
      yield* alice.sees("#web is no longer muted")
      yield* eventually(() => readFileSync(path, "utf8") === '["bob"]\n', "the file still has #web")
      const elsewhere = yield* open({ mutes: mutesAt("two") })
      yield* elsewhere.alice.sees("\nbob 1 · #ops 1 · #web 2 —")
    })
  )

  it.scopedLive("are none if the file is damaged, and one warning says if they cannot be kept", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const mutes = (login: string) => MutesFile.make({ XDG_STATE_HOME: folder }, "one", login)
      yield* Effect.orDie(mutes("alice").write(["#ops"]))
      assert.deepStrictEqual(yield* mutes("alice").read, ["#ops"])
      assert.deepStrictEqual(yield* mutes("bob").read, [])
      const [file = ""] = readdirSync(join(folder, "a-chat", "muted"))
      for (const damage of ['["#ops', '{"#ops":1}', "7"]) {
        writeFileSync(join(folder, "a-chat", "muted", file), damage)
        assert.deepStrictEqual(yield* mutes("alice").read, [])
      }
      const path = join(folder, "nothing")
      writeFileSync(path, "")
      chmodSync(path, 0o600)
      const { alice } = yield* open({ mutes: (login) => MutesFile.make({ XDG_STATE_HOME: path }, "one", login) })
      yield* alice.sees("\nbob 1 · #ops 1 · #web 2 —")
      yield* alice.types(`/mute web${enter}`)
      yield* alice.sees("✗ your mutes are not saved: ")
      yield* alice.types(`/mute ops${enter}`)
      yield* alice.sees(/#ops is muted; [^]*\nbob 1 —/u)
      assert.lengthOf(
        alice
          .rows()
          .join("\n")
          .match(/are not saved/gu) ?? [],
        1
      )
    })
  )
})
