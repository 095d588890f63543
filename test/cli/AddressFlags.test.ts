import { assert, describe, it } from "@effect/vitest"
import * as AddressFlags from "../../src/cli/settings/AddressFlags.js"
import type { Origin } from "../../src/cli/settings/Sources.js"

const given = (host?: Origin, port?: Origin, unix?: Origin): AddressFlags.GivenAddress => ({
  values: {
    host: host === undefined ? "127.0.0.1" : "::1",
    port: port === undefined ? 8080 : 7,
    unix: unix === undefined ? undefined : "/s"
  },
  origins: { host: host ?? "default", port: port ?? "default", unix: unix ?? "default" }
})

describe("AddressFlags.addresses", () => {
  const table: ReadonlyArray<readonly [string, AddressFlags.GivenAddress, ReadonlyArray<string>]> = [
    ["TCP when nothing is given", given(), ["127.0.0.1:8080"]],
    ["the host and the port given", given("flag", "environment"), ["[::1]:7"]],
    ["the Unix socket alone when only that is given", given(undefined, undefined, "flag"), ["unix:/s"]],
    ["both when both are given", given(undefined, "environment", "flag"), ["127.0.0.1:7", "unix:/s"]]
  ]
  for (const [name, flags, expected] of table) {
    it(`returns ${name}`, () =>
      assert.deepStrictEqual(
        AddressFlags.addresses(flags).map(({ text }) => text),
        expected
      ))
  }
})

const listed = (host: string, origins: Partial<AddressFlags.GivenAddress["origins"]> = {}) => ({
  values: { host, port: 7, unix: undefined },
  origins: { host: "flag", port: "default", unix: "default", ...origins } as const
})

describe("AddressFlags.servers", () => {
  const table: ReadonlyArray<readonly [string, AddressFlags.GivenAddress, string | undefined]> = [
    ["TCP when nothing is given", given(), "127.0.0.1:8080"],
    ["the host and the port given", given("environment", "flag"), "[::1]:7"],
    ["the Unix socket when it is given", given(undefined, undefined, "environment"), "unix:/s"],
    ["the Unix socket when the environment has all", given("environment", "environment", "environment"), "unix:/s"],
    [
      "TCP when a flag names it and only the environment names the Unix socket",
      given(undefined, "flag", "environment"),
      "127.0.0.1:7"
    ],
    [
      "the Unix socket when a flag names it and the environment names a host",
      given("environment", undefined, "flag"),
      "unix:/s"
    ],
    ["nothing when flags name both", given("flag", undefined, "flag"), undefined]
  ]
  for (const [name, flags, expected] of table) {
    it(`returns ${name}`, () => {
      assert.strictEqual(AddressFlags.textOf(flags), expected)
    })
  }

  it("returns each server of a list, with the port of the others where it has none", () => {
    const given = listed("a:1,[::1]:2,c")
    assert.strictEqual(AddressFlags.textOf(given), "a:1, [::1]:2, c:7")
    assert.isFalse(AddressFlags.hasOwnPorts(given))
    assert.isTrue(AddressFlags.hasOwnPorts(listed("a:1,b:2")))
    assert.isFalse(AddressFlags.hasOwnPorts(listed("a")))
  })

  it("recognises a port that applies to no server", () => {
    assert.isTrue(AddressFlags.hasIdlePort(listed("a:1,b:2", { port: "flag" })))
    assert.isTrue(AddressFlags.hasIdlePort(listed("a:1,b:2", { host: "file", port: "file" })))
    assert.isFalse(AddressFlags.hasIdlePort(listed("a:1,b", { port: "flag" })))
    assert.isFalse(AddressFlags.hasIdlePort(listed("a:1,b:2")))
    assert.isFalse(AddressFlags.hasIdlePort(listed("a:1,b:2", { host: "flag", port: "environment" })))
  })
})
