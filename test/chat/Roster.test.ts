import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import { Budget } from "../../src/chat/Budget.js"
import { Outbox } from "../../src/chat/Outbox.js"
import { Peer } from "../../src/chat/Peer.js"
import { Roster } from "../../src/chat/Roster.js"
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
  return new Peer(nowhere, new Outbox<Peer>({ lines: 1, bytes: 1, outcomes: 1, budget }), 0, 100, budget)
}

const named = (roster: Roster, name: string) => {
  const peer = someone()
  return roster.join(peer, Wire.encode(name)) ? peer : undefined
}

describe("Roster", () => {
  it("finds a peer by its exact name", () => {
    const roster = new Roster()
    const alice = named(roster, "alice")
    assert.isDefined(alice)
    assert.strictEqual(roster.find("alice"), alice)
    assert.isUndefined(roster.find("Alice"))
    assert.isUndefined(roster.find("__proto__"))
    assert.isUndefined(roster.find(""))
  })

  it("refuses a name that is present or looks like one that is", () => {
    const roster = new Roster()
    for (const name of ["alice", "straße", "éva", "__proto__"]) assert.isDefined(named(roster, name))
    for (const name of ["alice", "ALICE", "ａlice", "STRASSE", "ÉVA", "__PROTO__"]) {
      assert.isUndefined(named(roster, name), name)
    }
    for (const name of ["alice2", "eva", "constructor"]) assert.isDefined(named(roster, name), name)
  })

  it("keeps the name of a peer that has left until it is removed", () => {
    const roster = new Roster()
    const alice = named(roster, "alice") ?? someone()
    assert.isTrue(roster.leave(alice))
    assert.isFalse(roster.leave(alice), "once")
    assert.isUndefined(roster.find("alice"))
    assert.isUndefined(named(roster, "Alice"))
    roster.remove(alice)
    assert.isDefined(named(roster, "Alice"))
  })

  it("removes only that very peer, never a later one with the same name", () => {
    const roster = new Roster()
    const first = named(roster, "bob") ?? someone()
    roster.leave(first)
    roster.remove(first)
    const second = named(roster, "bob")
    roster.remove(first)
    assert.isUndefined(named(roster, "BOB"), "the likeness is the newcomer's, too")
    const third = named(roster, "carol") ?? someone()
    roster.leave(first)
    roster.remove(first)
    assert.strictEqual(roster.find("bob"), second)
    assert.strictEqual(roster.find("carol"), third)
  })

  it("removes nothing for a peer that never had a name", () => {
    const roster = new Roster()
    named(roster, "alice")
    roster.remove(someone())
    assert.deepStrictEqual(roster.present(), ["alice"])
  })

  it("lists the present names, sorted, and changes its version with every join and leave", () => {
    const roster = new Roster()
    const versions = new Set([roster.version])
    const [bob] = ["bob", "alice", "carol"].map((name) => {
      const peer = named(roster, name) ?? someone()
      versions.add(roster.version)
      return peer
    })
    assert.deepStrictEqual(roster.present(), ["alice", "bob", "carol"])
    roster.leave(bob ?? someone())
    versions.add(roster.version)
    assert.deepStrictEqual(roster.present(), ["alice", "carol"])
    assert.strictEqual(versions.size, 5)
  })
})
