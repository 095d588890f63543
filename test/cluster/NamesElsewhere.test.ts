import { assert, describe, it } from "vitest"
import * as Claim from "../../src/cluster/Claim.js"
import { NamesElsewhere } from "../../src/cluster/NamesElsewhere.js"
import { PeerNode } from "../../src/cluster/PeerNode.js"
import * as Term from "../../src/cluster/Term.js"

const term = Term.of(12_000)
const b = new PeerNode("b", "00000000000000bb", term, 0)
const c = new PeerNode("c", "00000000000000cc", term, 0)

const entry = (likeness: string, revision: number, { incarnation, name }: PeerNode, as: string) => ({
  key: Claim.keyOf(likeness),
  revision,
  value: Claim.show({ node: name, incarnation, name: as })
})

/** What node a knows. */
const names = () => {
  const told: Array<string> = []
  const own: Array<string> = []
  const foreign: Array<string> = []
  const peers = new Map([[b.incarnation, b]])
  const elsewhere = new NamesElsewhere({
    self: "a",
    peerOf: (incarnation) => peers.get(incarnation),
    moved: (name, peer) => void told.push(`${name} ${peer?.name ?? "nowhere"}`),
    own: ({ key }) => void own.push(Claim.likenessOfKey(key)),
    foreign: (key, revision) => void foreign.push(`${Claim.likenessOfKey(key)} ${revision}`),
    ownEntries: (revisions) => void own.push(`all: ${[...revisions.keys()].map(Claim.likenessOfKey).join(" ")}`)
  })
  const put = (likeness: string, revision: number, peer: PeerNode, as = likeness) =>
    elsewhere.put(entry(likeness, revision, peer, as))
  const found = (likeness: string, revision: number, peer: PeerNode) =>
    elsewhere.found(entry(likeness, revision, peer, likeness))
  return { elsewhere, told, own, foreign, peers, put, found }
}

describe("NamesElsewhere", () => {
  it("reports once where a name is, and when it is gone", () => {
    const { elsewhere, put, told } = names()
    put("bob", 1, b, "Bob")
    put("bob", 2, b, "Bob")
    assert.strictEqual(elsewhere.where("Bob"), b)
    assert.isUndefined(elsewhere.where("bob"))
    assert.strictEqual(elsewhere.alike("bob"), "Bob")
    put("bob", 3, b, "bob")
    elsewhere.removed(Claim.keyOf("bob"), 4)
    assert.deepStrictEqual(told, ["Bob b", "Bob nowhere", "bob b", "bob nowhere"])
    assert.isUndefined(elsewhere.alike("bob"))
    assert.strictEqual(elsewhere.size, 0)
  })

  it("reports which entries are not this node's", () => {
    const { elsewhere, foreign, put } = names()
    put("bob", 1, b)
    put("bob", 2, new PeerNode("a", "00000000000000aa", term, 0))
    elsewhere.removed(Claim.keyOf("bob"), 3)
    assert.deepStrictEqual(foreign, ["bob 1", "bob 3"])
  })

  it("does not take a name that was read for news if the watch has reported everything up to then", () => {
    const { elsewhere, found, put, told } = names()
    put("bob", 5, b)
    elsewhere.removed(Claim.keyOf("bob"), 6)
    found("bob", 5, b) // read before the removal
    assert.deepStrictEqual(told, ["bob b", "bob nowhere"])
    found("bob", 8, b) // removed and claimed again, which the watch has yet to tell
    elsewhere.removed(Claim.keyOf("bob"), 7)
    put("bob", 8, b)
    assert.deepStrictEqual(told, ["bob b", "bob nowhere", "bob b"])
    elsewhere.removed(Claim.keyOf("bob"), 9)
    assert.isUndefined(elsewhere.where("bob"))
  })

  it("forgets a name that was read while the watch started again, and that the watch does not report", () => {
    const { elsewhere, found, put, told } = names()
    put("eve", 1, b)
    elsewhere.restarted(false)
    found("bob", 2, b)
    found("bob", 2, b)
    put("mia", 3, b)
    found("mia", 4, b) // the watch has told its earlier state: the change follows
    elsewhere.current()
    assert.deepStrictEqual(told, ["eve b", "bob b", "mia b", "eve nowhere", "bob nowhere"])
    found("bob", 2, b)
    assert.isUndefined(elsewhere.where("bob"))
  })

  it("ignores what is older than what it knows, and entries that are none", () => {
    const { elsewhere, put, told } = names()
    put("bob", 5, b)
    put("bob", 4, b, "BOB")
    assert.deepStrictEqual(told, ["bob b"])
    elsewhere.put({ key: Claim.keyOf("bob"), revision: 6, value: "nonsense" })
    assert.deepStrictEqual(told, ["bob b", "bob nowhere"])
  })

  it("knows the names of a node once it appears, and no more once it is lost", () => {
    const { elsewhere, peers, put, told } = names()
    put("eve", 1, c)
    assert.isUndefined(elsewhere.where("eve"))
    assert.isUndefined(elsewhere.alike("eve"))
    peers.set(c.incarnation, c)
    elsewhere.appeared(c)
    assert.strictEqual(elsewhere.where("eve"), c)
    peers.delete(c.incarnation)
    elsewhere.lost(c)
    assert.deepStrictEqual(told, ["eve c", "eve nowhere"])
    put("eve", 2, b) // claimed by another node
    assert.strictEqual(elsewhere.where("eve"), b)
  })

  it("forgets entries that a restarted watch no longer reports", () => {
    const { elsewhere, put, told } = names()
    put("bob", 7, b)
    put("eve", 8, b)
    elsewhere.restarted(false)
    put("eve", 3, b) // the engine has lost its entries, and counts anew
    put("mia", 4, b)
    assert.strictEqual(elsewhere.where("bob"), b)
    elsewhere.current()
    assert.deepStrictEqual(told, ["bob b", "eve b", "mia b", "bob nowhere"])
  })

  it("keeps names that the engine has lost until their nodes had the time to claim them again", () => {
    const { elsewhere, put, told } = names()
    for (const [at, name] of ["bob", "eve", "mia"].entries()) put(name, 7 + at, b)
    elsewhere.restarted(true)
    elsewhere.restarted(false)
    elsewhere.current()
    put("bob", 3, b) // the engine counts anew
    for (let tick = 0; tick < 11; tick++) elsewhere.tick()
    elsewhere.restarted(false)
    put("mia", 4, b)
    elsewhere.current()
    assert.deepStrictEqual(told, ["bob b", "eve b", "mia b", "bob nowhere"])
    elsewhere.tick()
    elsewhere.tick()
    assert.deepStrictEqual(told.slice(3), ["bob nowhere", "eve nowhere"])
  })

  it("reports names once that were nowhere only for a moment", () => {
    const { elsewhere, peers, put, told } = names()
    const again = new PeerNode("b", b.incarnation, term, 0)
    peers.set(c.incarnation, c)
    put("bob", 1, b)
    put("eve", 2, c)
    elsewhere.atOnce(() => {
      elsewhere.lost(b)
      elsewhere.lost(c)
      elsewhere.appeared(again)
    })
    assert.strictEqual(elsewhere.where("bob"), again)
    assert.deepStrictEqual(told, ["bob b", "eve c", "bob b", "eve nowhere"])
    elsewhere.atOnce(() => {
      elsewhere.lost(again)
      elsewhere.appeared(again)
    })
    assert.lengthOf(told, 4)
  })

  it("reports the entries of its own node, and at the end which there are", () => {
    const { elsewhere, own, put, told } = names()
    elsewhere.restarted(false)
    put("bob", 1, new PeerNode("a", "00000000000000aa", term, 0))
    elsewhere.current()
    assert.deepStrictEqual(own, ["bob", "all: bob"])
    put("eve", 2, new PeerNode("a", "00000000000000aa", term, 0))
    assert.deepStrictEqual(own, ["bob", "all: bob", "eve"])
    assert.deepStrictEqual(told, [])
  })
})
