import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Places from "../../src/cli/settings/Places.js"
import * as Sources from "../../src/cli/settings/Sources.js"

describe("Places.parse", () => {
  const table: ReadonlyArray<readonly [text: string, place: Places.ServerPlace | undefined]> = [
    ["example.org", undefined],
    ["::1", undefined],
    ["[::1]", { host: "::1" }],
    ["[::1]:9000", { host: "::1", port: "9000" }],
    ["example.org:9000", { host: "example.org", port: "9000" }],
    ["tcp://example.org:9000", { host: "example.org", port: "9000", tls: "no" }],
    ["tls://[::1]:9000", { host: "::1", port: "9000", tls: "yes" }],
    ["tls://example.org", { host: "example.org", tls: "yes" }],
    ["a:1,b:2", { host: "a:1,b:2" }],
    ["a:1, [::1]:2 ,c", { host: "a:1,[::1]:2,c" }],
    ["tls://a:1,tls://b", { host: "a:1,b", tls: "yes" }],
    ["tcp://a,b", { host: "a,b", tls: "no" }],
    ["unix:chat.sock", { unix: "chat.sock", tls: "no" }],
    ["unix:/run/chat.sock", { unix: "/run/chat.sock", tls: "no" }],
    ...["unix:", "unix://run/chat.sock", "http://example.org:80", "tls://", "a:b", "[::1", "[::1]9", "a:1/x", ""].map(
      (text) => [text, undefined] as const
    )
  ]
  for (const [text, place] of table) {
    it(`returns ${JSON.stringify(place)} for "${text}"`, () => assert.deepStrictEqual(Places.parse(text), place))
  }
})

describe("a list of servers", () => {
  const complaints: ReadonlyArray<readonly [text: string, complaint: string]> = [
    ["a:1,,b:2", "has an empty server between its commas"],
    ["a:1,", "has an empty server between its commas"],
    ["a:1,unix:/s", "has a Unix socket; only servers on TCP can be several"],
    ["a:1,tls://b:2", "has servers with TLS and without; write tls:// or tcp:// before the first, for all of them"],
    ["tls://a,tcp://b", "has servers with TLS and without; write tls:// or tcp:// before the first, for all of them"],
    ["a:1,b:0", "has the port 0; allowed: 1 to 65535"],
    ["a:1,b:65536", "has the port 65536; allowed: 1 to 65535"],
    ["a:1,b:x", "has b:x, which is neither HOST nor HOST:PORT"],
    ["a:1,http://b", "has http://b, which is neither HOST nor HOST:PORT"],
    ["a:1,b:2,a:1", "has a:1 twice"],
    ["tls://a:1,a:1", "has a:1 twice"]
  ]
  for (const [text, complaint] of complaints) {
    it(`is refused: "${text}"`, () => {
      assert.strictEqual(Places.mistakeIn(text), complaint)
      assert.isUndefined(Places.parse(text))
      assert.deepStrictEqual(Places.parseHost("a host", true)(text), Either.left(complaint))
    })
  }

  it("is only for clients", () => {
    assert.deepStrictEqual(Places.parseHost("a host", true)("a:1,b:65535"), Either.right("a:1,b:65535"))
    assert.deepStrictEqual(Places.parseHost("a host", false)("a,b"), Either.left("is not a host"))
  })
})

const found = (variables: Record<string, string>, schemes = true) => {
  const source = Places.expand(Sources.environment(variables), schemes)
  return ["host", "port", "unix", "tls", "login"].map((name) => source(name)?.text)
}

describe("Places.expand", () => {
  it("finds the parts of a place, each where the host is given", () => {
    assert.deepStrictEqual(found({ ACHAT_HOST: "tls://a:1", ACHAT_LOGIN: "b" }), ["a", "1", undefined, "yes", "b"])
    assert.deepStrictEqual(found({ ACHAT_HOST: "unix:/s" }), [undefined, undefined, "/s", "no", undefined])
    assert.deepStrictEqual(found({ ACHAT_HOST: "[::1]", ACHAT_PORT: "2" }), [
      "::1",
      "2",
      undefined,
      undefined,
      undefined
    ])
    const source = Places.expand(Sources.environment({ ACHAT_HOST: "a:1" }), true)
    assert.deepStrictEqual([source("port")?.place, source("port")?.origin], ["ACHAT_HOST", "environment"])
  })

  it("keeps a port that is given twice, and schemes where none are allowed, for the parser of the host", () => {
    assert.strictEqual(found({ ACHAT_HOST: "a:1", ACHAT_PORT: "2" })[0], "a:1")
    assert.strictEqual(found({ ACHAT_HOST: "tls://a:1" }, false)[0], "tls://a:1")
    for (const text of ["a:1", "tls://a:1", "http://a", "[::1", "unix:/s", ""])
      assert.isTrue(Either.isLeft(Places.parseHost("a host", true)(text)), text)
    for (const text of ["a", "::1", "127.0.0.1", "fe80::1%eth0"])
      assert.isTrue(Either.isRight(Places.parseHost("a host", true)(text)))
  })

  it("leaves a complaint about the form to the caller, and reports a port that is given twice", () => {
    const parse = Places.parseHost("a host", false)
    assert.deepStrictEqual(
      Places.parseHost("a host", true)("tls://a:1"),
      Either.left("names a port, too; give the port once")
    )
    assert.deepStrictEqual(parse("http://a"), Either.left("is not a host"))
    assert.deepStrictEqual(parse("tls://a:1"), Either.left("is not a host"))
    assert.deepStrictEqual(parse("a:1"), Either.left("names a port, too; give the port once"))
  })

  it("has no TLS for a Unix socket, unless it is asked for there", () => {
    assert.strictEqual(found({ ACHAT_UNIX: "/s" })[3], "no")
    assert.strictEqual(found({ ACHAT_UNIX: "/s", ACHAT_TLS: "yes" })[3], "yes")
  })
})
