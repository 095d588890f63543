import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as ClusterFlags from "../../src/cli/serve/ClusterFlags.js"
import * as ServerSettings from "../../src/cli/serve/ServerSettings.js"
import type * as Setting from "../../src/cli/settings/Setting.js"
import * as Sources from "../../src/cli/settings/Sources.js"

const { settings } = ClusterFlags

const value = <A>(setting: Setting.Setting<A>, text: string) => Either.getOrThrow(setting.parse(text))
const mistake = (setting: Setting.Setting<unknown>, text: string) => Either.getOrThrow(Either.flip(setting.parse(text)))

describe("--cluster", () => {
  it("takes one server or several, with one scheme for all", () => {
    assert.deepStrictEqual(value(settings.cluster, "nats://chat1")?.urls, ["nats://chat1:4222"])
    assert.deepStrictEqual(value(settings.cluster, "tls://a:1,b, tls://[::1]:3")?.urls, [
      "tls://a:1",
      "tls://b:4222",
      "tls://[::1]:3"
    ])
    assert.include(mistake(settings.cluster, "nats://a,tls://b"), "use tls:// for all of them")
  })

  it("says what it takes instead of anything else", () => {
    for (const text of [
      "chat1:4222",
      "http://chat1",
      "nats://",
      "nats://a,,b",
      "nats://a/b",
      "nats://a:99999",
      "nats://a:0"
    ]) {
      assert.include(mistake(settings.cluster, text), "nats://chat1,chat2,chat3", text)
    }
  })

  it("has a user from the address, whose password is not shown", () => {
    const found = value(settings.cluster, "nats://me:p%40ss@a,me:p%40ss@b")
    assert.deepStrictEqual(found?.user, { name: "me", password: "p@ss" })
    assert.strictEqual(found?.shown, "nats://a:4222,nats://b:4222")
    assert.include(mistake(settings.cluster, "nats://me:one@a,me:two@b"), "several users")
  })

  it("says what is wrong with a user, without showing it", () => {
    for (const [user, about] of [
      ["us%zz:SECRET", "a % that encodes nothing"],
      ["SECRET:SEC%RET", "a % that encodes nothing"],
      ["SECRET:%ff", "a % that encodes nothing"],
      [":SECRET", "a password without a user"],
      ["SECRET", "a user without a password"],
      ["SECRET:", "a user without a password"]
    ] as const) {
      for (const servers of [`nats://${user}@a`, `nats://a,${user}@b`]) {
        const text = mistake(settings.cluster, servers)
        assert.include(text, about, servers)
        assert.notMatch(text, /SEC|RET|zz/u)
      }
    }
  })

  it("never shows a password in a complaint", () => {
    for (const servers of [
      "me:SECRET@a",
      "nats://me:SECRET@a/b",
      "nats://me:SECRET",
      "nats://me:SECRET@a,tls://b",
      "nats://me:SECRET@a,me:two@b"
    ]) {
      assert.match(mistake(settings.cluster, servers), /^its value (?:is not|has) (?!.*SECRET)/u)
    }
  })
})

describe("the limits of a cluster", () => {
  it("are inclusive", () => {
    assert.strictEqual(Duration.toMillis(value(settings.clusterTerm, "1s")), 1_000)
    assert.strictEqual(Duration.toMillis(value(settings.clusterTerm, "10m")), 600_000)
    assert.strictEqual(value(settings.clusterWindow, "64KiB"), 65_536)
    assert.strictEqual(value(settings.clusterWindow, "1GiB"), 2 ** 30)
    assert.strictEqual(Duration.toMillis(value(settings.clusterWait, "0")), 0)
    assert.strictEqual(Duration.toHours(value(settings.clusterWait, "24h")), 24)
    assert.strictEqual(value(settings.node, "a"), "a")
    assert.strictEqual(value(settings.node, "x".repeat(32)), "x".repeat(32))
    assert.strictEqual(value(settings.clusterName, "Chat_2-x"), "Chat_2-x")
  })

  it("exclude what is beyond", () => {
    const beyond: ReadonlyArray<readonly [Setting.Setting<unknown>, string]> = [
      [settings.clusterTerm, "999ms"],
      [settings.clusterTerm, "601s"],
      [settings.clusterWindow, "65535"],
      [settings.clusterWindow, "1073741825"],
      [settings.clusterWait, "86401s"],
      [settings.node, "x".repeat(33)],
      [settings.node, "Node"],
      [settings.node, "-a"],
      [settings.clusterName, "x".repeat(33)],
      [settings.clusterName, "a.b"]
    ]
    for (const [setting, text] of beyond) {
      assert.isTrue(Either.isLeft(setting.parse(text)), `${setting.name} ${text}`)
    }
  })
})

/** The conflict between flags, and between variables. */
const conflict = (given: Readonly<Record<string, string>>, origin: "flag" | "environment" = "flag") => {
  const source: Sources.SettingSource = (name) => {
    const text = given[name]
    return text === undefined ? undefined : { text, origin, place: `--${name}`, line: 0 }
  }
  const { resolved } = Sources.resolve(ServerSettings.settings, source)
  return ClusterFlags.conflict(resolved.values, resolved.origins)
}

const node = { cluster: "nats://a", node: "a" }

describe("ClusterFlags.conflict", () => {
  it("finds none in the flags of a node, nor without a cluster", () => {
    for (const given of [
      {},
      { store: "chat.db" },
      node,
      { ...node, rooms: "off" },
      { ...node, "max-line": "512KiB" },
      { ...node, cluster: "tls://a", "cluster-ca": "ca.pem", "cluster-cert": "c.pem", "cluster-key": "k.pem" }
    ]) {
      assert.strictEqual(conflict(given), undefined, JSON.stringify(given))
    }
  })

  it("reports every setting of a cluster that has no effect without --cluster", () => {
    const given = {
      node: "a",
      "cluster-name": "x",
      "cluster-term": "3s",
      "cluster-window": "1MiB",
      "cluster-wait": "1s",
      "cluster-credentials": "f",
      "cluster-ca": "f",
      "cluster-cert": "f",
      "cluster-key": "f"
    }
    const names = Object.values(settings).map(({ name }) => name)
    assert.sameMembers(
      Object.keys(given),
      names.filter((name) => name !== "cluster")
    )
    for (const [name, text] of Object.entries(given)) {
      assert.strictEqual(conflict({ [name]: text }), `--${name} has no effect without --cluster`)
      assert.strictEqual(conflict({ [name]: text }, "environment"), `--${name} has no effect without --cluster`)
    }
  })

  it("says what to do about each", () => {
    for (const [given, text] of [
      [{ ...node, store: "chat.db" }, "give all of them the same --store postgres://…"],
      [{ ...node, store: "memory" }, "give all of them the same --store postgres://…"],
      [{ cluster: "nats://a" }, "--cluster needs --node"],
      [{ node: "a" }, "--node has no effect without --cluster"],
      [{ ...node, "max-line": "524289" }, "--max-line is at most 512 KiB with --cluster"],
      [{ ...node, rooms: "open" }, "--rooms: open is not possible with --cluster unless"],
      [{ ...node, "cluster-ca": "ca.pem" }, "write tls:// in --cluster"],
      [{ ...node, cluster: "tls://a", "cluster-cert": "c.pem" }, "--cluster-cert and --cluster-key belong together"],
      [{ ...node, cluster: "nats://me:x@a" }, "a password on the command line"]
    ] as const) {
      assert.include(conflict(given), text)
    }
  })

  it("takes a database as the store, and rooms with it", () => {
    const store = "postgres://chat@db/chat"
    assert.strictEqual(conflict({ ...node, store }), undefined)
    assert.strictEqual(conflict({ ...node, store, rooms: "accounts" }), undefined)
  })

  it("lets a password be in a variable, but not in two places", () => {
    const given = { ...node, cluster: "nats://me:x@a" }
    assert.strictEqual(conflict(given, "environment"), undefined)
    assert.include(conflict({ ...given, "cluster-credentials": "f" }, "environment"), "leave one of them out")
  })
})
