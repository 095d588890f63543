import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import { assert } from "vitest"
import { Budget } from "../../src/chat/Budget.js"
import { Outbox } from "../../src/chat/Outbox.js"
import { Peer } from "../../src/chat/Peer.js"
import { Names } from "../../src/chat/Names.js"
import * as Phase from "../../src/chat/Phase.js"
import * as Wire from "../../src/protocol/Wire.js"
import type { Socket } from "../../src/ports/Transport.js"

const nowhere: Socket = {
  remote: "nowhere",
  host: "",
  attach: () => {},
  pause: () => {},
  probe: () => {},
  resume: () => {},
  write: () => true,
  untaken: () => 0,
  taken: Effect.void,
  end: () => {},
  close: () => Effect.void,
  destroy: () => {}
}

const someone = () => {
  const budget = new Budget(1_000_000)
  return new Peer(nowhere, new Outbox<Peer>({ lines: 1, bytes: 1, outcomes: 1, budget }), {
    maxLineBytes: 100,
    budget,
    time: { now: () => 0, wall: () => 0 }
  })
}

const named = (names: Names, name: string) => {
  const peer = someone()
  return names.join(peer, Wire.encode(name)) ? peer : undefined
}

const left = (peer: Peer) => Phase.leaving(peer.phase, "left", undefined)

/** Names, and those that it has reported as changed. */
const make = () => {
  const changed = new Array<string>()
  return { changed, names: new Names((name) => changed.push(name)) }
}

describe("Names", () => {
  it("suggests the name of a client that can be addressed for another that looks the same", () => {
    const { names } = make()
    const alice = named(names, "alice")
    if (alice === undefined) return assert.fail("the name was taken")
    for (const absent of ["Alice", "ALICE", "\uff41lice", "ali\u034fce"])
      assert.strictEqual(names.lookAlike(Wire.encode(absent)), "alice")
    for (const other of ["alice", "bob", "", "a lice", `alice${"\u034f".repeat(200)}`])
      assert.isUndefined(names.lookAlike(Wire.encode(other)))
    names.leave(alice, left(alice))
    assert.isUndefined(names.lookAlike("Alice"))
  })

  it("finds a client by its exact name", () => {
    const { names } = make()
    const alice = named(names, "alice")
    assert.isDefined(alice)
    assert.strictEqual(names.find("alice"), alice)
    assert.deepStrictEqual(names.resolve("alice"), { outboxes: [alice?.outbox], suffix: "" })
    for (const name of ["Alice", "__proto__", ""]) {
      assert.isUndefined(names.find(name))
      assert.isUndefined(names.resolve(name))
    }
  })

  it("refuses a name that is taken, or looks like one that is", () => {
    const { names } = make()
    for (const name of ["alice", "straße", "éva", "__proto__"]) assert.isDefined(named(names, name))
    for (const name of ["alice", "ALICE", "ａlice", "STRASSE", "ÉVA", "__PROTO__"]) {
      assert.isUndefined(named(names, name), name)
    }
    for (const name of ["alice2", "eva", "constructor"]) assert.isDefined(named(names, name), name)
  })

  it("keeps the name of a client that has left until it is freed", () => {
    const { names } = make()
    const alice = named(names, "alice") ?? someone()
    assert.isTrue(names.leave(alice, left(alice)))
    assert.isFalse(names.leave(alice, Phase.gone(alice.phase)), "it was not present any more")
    assert.isUndefined(names.find("alice"))
    assert.isUndefined(named(names, "Alice"))
    names.free(alice)
    assert.isDefined(named(names, "Alice"))
  })

  it("frees the name of that very peer only, never that of a newcomer", () => {
    const { names } = make()
    const first = named(names, "bob") ?? someone()
    names.leave(first, left(first))
    names.free(first)
    const second = named(names, "bob")
    names.free(first)
    assert.isUndefined(named(names, "BOB"), "the likeness is the newcomer's, too")
    const third = named(names, "carol") ?? someone()
    names.leave(first, Phase.gone(first.phase))
    names.free(first)
    assert.strictEqual(names.find("bob"), second)
    assert.strictEqual(names.find("carol"), third)
  })

  it("frees nothing with a peer that never had a name", () => {
    const { names } = make()
    named(names, "alice")
    names.free(someone())
    assert.deepStrictEqual(names.all(), ["alice"])
  })

  it("lists the names of all that are present, sorted, and reports each that changes", () => {
    const { changed, names } = make()
    const [bob] = ["bob", "alice", "carol"].map((name) => named(names, name) ?? someone())
    assert.deepStrictEqual(names.all(), ["alice", "bob", "carol"])
    names.leave(bob ?? someone(), Phase.leaving(Phase.present, "left", undefined))
    assert.deepStrictEqual(names.all(), ["alice", "carol"])
    assert.deepStrictEqual(names.who(undefined), ["* who 2: alice, carol\n"])
    for (const name of ["zoe", "bert", "alf"]) named(names, name)
    assert.deepStrictEqual(names.all(), ["alf", "alice", "bert", "carol", "zoe"])
    assert.deepStrictEqual(names.who("k1"), ["* who @k1 5: alf, alice, bert, carol, zoe\n"])
    names.leave(bob ?? someone(), Phase.gone(Phase.present))
    assert.strictEqual(names.all().length, 5, "it was not present any more")
    changed.length = 4
    assert.deepStrictEqual(changed, ["bob", "alice", "carol", "bob"])
  })

  it("has members that do not change while a reader looks at them", () => {
    const { names } = make()
    named(names, "alice")
    const before = names.members
    named(names, "bob")
    assert.deepStrictEqual(Array.from(HashMap.keys(before)), ["alice"])
    assert.deepStrictEqual(Array.from(HashMap.keys(names.members)).toSorted(), ["alice", "bob"])
  })
})
