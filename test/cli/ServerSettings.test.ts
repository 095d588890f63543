import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as ServerSettings from "../../src/cli/serve/ServerSettings.js"
import * as Flags from "../../src/cli/settings/Flags.js"
import * as Sources from "../../src/cli/settings/Sources.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const given = (variables: Record<string, string>) =>
  Sources.resolve(ServerSettings.settings, Sources.environment(variables)).resolved

const changed = (before: Record<string, string>, after: Record<string, string>) =>
  ServerSettings.changed(given(before), given(after))

describe("ServerSettings.changed", () => {
  it("returns the settings whose values differ, in the order of the table", () => {
    const before = { ACHAT_RATE: "5", ACHAT_GRACE: "1s", ACHAT_LOG_LEVEL: "info" }
    const after = { ACHAT_RATE: "6", ACHAT_GRACE: "2s", ACHAT_HOST: "::1" }
    assert.deepStrictEqual(changed(before, after), ["host", "grace", "rate"])
  })

  it("ignores different texts for the same value", () => {
    const before = { ACHAT_MAX_LINE: "4KiB", ACHAT_GRACE: "1000ms", ACHAT_LISTEN: "tcp://[::1]:1, unix:/s" }
    const after = { ACHAT_MAX_LINE: "4096", ACHAT_GRACE: "1 s", ACHAT_LISTEN: "tcp://[::1]:1,unix:/s" }
    assert.deepStrictEqual(changed(before, after), [])
    assert.deepStrictEqual(changed(before, { ...after, ACHAT_LISTEN: "tls://[::1]:1,unix:/s" }), ["listen"])
  })
})

const flags = (given: Record<string, string>) => Flags.source(ServerSettings.settings, given)

describe("ServerSettings.readFile", () => {
  it.scoped("finds no conflict of the file with a default, if a flag takes the place of that", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "chat.toml")
      for (const [text, without, given] of [
        ['accounts = "closed"\n', /:1: --accounts: closed needs a store/u, { store: "chat.db" }],
        ['stall-timeout = "1s"\n', /:1: --stall-timeout: 1 s is shorter/u, { holdTimeout: "500ms" }]
      ] as const) {
        writeFileSync(path, text)
        const { message } = yield* Effect.flip(ServerSettings.readFile(path, flags({})))
        assert.match(message, without)
        const file = yield* ServerSettings.readFile(path, flags(given))
        assert.strictEqual(file?.entries.size, 1)
        assert.strictEqual((yield* ServerSettings.withoutFlags(file, flags(given))).origins.store, "default")
      }
      // A flag hides no mistake in the file.
      writeFileSync(path, 'rate = "fast"\n')
      assert.match((yield* Effect.flip(ServerSettings.readFile(path, flags({ rate: "5" })))).message, /:1: rate: /u)
    })
  )
})

describe("ServerSettings.isLive", () => {
  it("is true for limits and the log, and false for addresses", () => {
    assert.isTrue(
      ["rate", "logLevel", "logRate"].every((key) => ServerSettings.isLive(key as ServerSettings.SettingKey))
    )
    assert.isFalse(["host", "listen", "admin"].some((key) => ServerSettings.isLive(key as ServerSettings.SettingKey)))
  })
})
