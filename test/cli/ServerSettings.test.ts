import { assert, describe, it } from "@effect/vitest"
import * as ServerSettings from "../../src/cli/serve/ServerSettings.js"
import * as Sources from "../../src/cli/settings/Sources.js"

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

describe("ServerSettings.isLive", () => {
  it("is true for limits and the log, and false for addresses", () => {
    assert.isTrue(
      ["rate", "logLevel", "logRate"].every((key) => ServerSettings.isLive(key as ServerSettings.SettingKey))
    )
    assert.isFalse(["host", "listen", "admin"].some((key) => ServerSettings.isLive(key as ServerSettings.SettingKey)))
  })
})
