import { assert, describe, it } from "@effect/vitest"
import { resolve } from "node:path"
import * as ConnectFlags from "../../src/cli/commands/ConnectFlags.js"
import * as Sources from "../../src/cli/settings/Sources.js"

/** The settings that a command gets with these variables. */
const given = (variables: Record<string, string>) =>
  Sources.resolve(ConnectFlags.settings, Sources.environment(variables)).resolved

describe("ConnectFlags.environment", () => {
  const local = { ACHAT_HOST: "127.0.0.1", ACHAT_PORT: "8080" }
  const tls = { ACHAT_TLS: "yes", ACHAT_CA: "ca", ACHAT_SERVER_NAME: "s" }
  const table: ReadonlyArray<readonly [string, Record<string, string>, Record<string, string>]> = [
    ["the host and the port when nothing is given", {}, local],
    ["the Unix socket alone, from any folder", { ACHAT_UNIX: "a.sock" }, { ACHAT_UNIX: resolve("a.sock") }],
    ["nothing about TLS when nothing is given about it", { ACHAT_CA: "/ca" }, local],
    [
      "that there is no TLS when something says so, because the settings file may say otherwise",
      { ACHAT_TLS: "no", ACHAT_CA: "/ca" },
      { ...local, ACHAT_TLS: "no" }
    ],
    ["TLS, which needs nothing else", { ACHAT_TLS: "yes" }, { ...local, ACHAT_TLS: "yes" }],
    ["all servers of a list", { ACHAT_HOST: "a:1,b:2" }, { ACHAT_HOST: "a:1,b:2" }],
    ["and the port of those without one", { ACHAT_HOST: "a:1,b" }, { ACHAT_HOST: "a:1,b", ACHAT_PORT: "8080" }],
    [
      "what TLS needs, without the certificate and its key",
      { ACHAT_HOST: "::1", ACHAT_PORT: "7", ...tls, ACHAT_CERT: "c", ACHAT_KEY: "k" },
      { ACHAT_HOST: "::1", ACHAT_PORT: "7", ...tls, ACHAT_CA: resolve("ca") }
    ]
  ]
  for (const [name, variables, expected] of table) {
    it(`has ${name}`, () =>
      assert.deepStrictEqual(ConnectFlags.environment(given(variables), { ACHAT_RATE: "1" }), expected))
  }
})
