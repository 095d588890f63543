import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import { resolve } from "node:path"
import * as Endpoint from "../../src/cli/settings/AddressFlags.js"
import type * as Flags from "../../src/cli/settings/Flags.js"
import { showAddress } from "../../src/transport/Transport.js"

type By = Flags.Given<unknown>["by"]

const given = (host?: By, port?: By, unix?: By): Endpoint.Given => ({
  host: Option.map(Option.fromNullable(host), (by) => ({ by, value: "::1" })),
  port: Option.map(Option.fromNullable(port), (by) => ({ by, value: 7 })),
  unix: Option.map(Option.fromNullable(unix), (by) => ({ by, value: "/s" }))
})

describe("Endpoint.addresses", () => {
  const table: ReadonlyArray<readonly [string, Endpoint.Given, ReadonlyArray<string>]> = [
    ["TCP when nothing is said", given(), ["127.0.0.1:8080"]],
    ["the host and the port given", given("flag", "environment"), ["[::1]:7"]],
    ["the Unix socket alone when only that is given", given(undefined, undefined, "flag"), ["unix:/s"]],
    ["both when both are given", given(undefined, "environment", "flag"), ["127.0.0.1:7", "unix:/s"]]
  ]
  for (const [name, flags, expected] of table) {
    it(`are ${name}`, () => assert.deepStrictEqual(Endpoint.addresses(flags).map(showAddress), expected))
  }
})

describe("Endpoint.address", () => {
  const table: ReadonlyArray<readonly [string, Endpoint.Given, string | undefined]> = [
    ["TCP when nothing is said", given(), "127.0.0.1:8080"],
    ["the host and the port given", given("environment", "flag"), "[::1]:7"],
    ["the Unix socket when it is given", given(undefined, undefined, "environment"), "unix:/s"],
    ["the Unix socket when the environment has all", given("environment", "environment", "environment"), "unix:/s"],
    ["what the flags say against the environment", given(undefined, "flag", "environment"), "127.0.0.1:7"],
    ["the Unix socket when the flag for it is", given("environment", undefined, "flag"), "unix:/s"],
    ["none when flags ask for both", given("flag", undefined, "flag"), undefined]
  ]
  for (const [name, flags, expected] of table) {
    it(`is ${name}`, () => {
      const address = Endpoint.address(flags)
      assert.strictEqual(address === undefined ? undefined : showAddress(address), expected)
    })
  }
})

const flag = <A>(value: A) => Option.some({ by: "flag" as const, value })

describe("Endpoint.environment", () => {
  const none = Option.none()
  const plain = { host: none, port: none, unix: none, tls: none, ca: none, cert: none, key: none, serverName: none }
  const local = { ACHAT_HOST: "127.0.0.1", ACHAT_PORT: "8080" }
  const table: ReadonlyArray<readonly [string, Endpoint.Client, Record<string, string>]> = [
    ["the host and the port, when nothing is said", plain, local],
    ["the Unix socket alone, from any folder", { ...plain, unix: flag("a.sock") }, { ACHAT_UNIX: resolve("a.sock") }],
    ["nothing of TLS without TLS", { ...plain, tls: flag(false), ca: flag("/ca") }, local],
    ["the little that TLS needs", { ...plain, tls: flag(true) }, { ...local, ACHAT_TLS: "yes" }],
    [
      "what TLS needs, without the certificate and its key",
      {
        ...plain,
        host: flag("::1"),
        port: flag(7),
        tls: flag(true),
        ca: flag("ca"),
        cert: flag("c"),
        key: flag("k"),
        serverName: flag("s")
      },
      { ACHAT_HOST: "::1", ACHAT_PORT: "7", ACHAT_TLS: "yes", ACHAT_CA: resolve("ca"), ACHAT_SERVER_NAME: "s" }
    ]
  ]
  for (const [name, flags, expected] of table) {
    it(`is ${name}`, () => assert.deepStrictEqual(Endpoint.environment(flags), expected))
  }
})
