import type { OtherNode } from "../../../src/cluster/OtherNode.js"
import type { ChatNode } from "./ChatNode.js"
import type { NodesRecord } from "./NodesRecord.js"

/** What nodes have sent each other: it must come once and in order, and not after its sender took the node for lost. */
export class NodesContents {
  /** The number of the next content of a sender to an incarnation. */
  private readonly expected = new Map<string, number>()
  /** By incarnation: who it is. */
  private readonly identities = new Map<string, string>()
  /** Senders and incarnations that they were told to be lost. */
  private readonly lost = new Set<string>()

  constructor(private readonly record: NodesRecord) {}

  /** A node reports to its chat that another one is lost. */
  lostAt(at: ChatNode, other: OtherNode) {
    this.lost.add(`${at.identity} ${other.incarnation}`)
  }

  received(at: ChatNode, from: OtherNode, text: string) {
    this.record.occurred("contents received")
    const [sender = "", incarnation = "", number = ""] = text.split(" ")
    const pair = `${sender} ${incarnation}`
    this.identify(from.incarnation, sender)
    this.identify(incarnation, at.identity)
    if (this.lost.has(pair))
      this.record.broken("received after its sender was told that the node is lost", `${pair} ${number}`)
    const next = this.expected.get(pair) ?? 1
    if (Number(number) !== next)
      this.record.broken(
        Number(number) < next ? "received twice" : "lost or out of order",
        `${pair} ${number}, not ${next}`
      )
    this.expected.set(pair, Number(number) + 1)
  }

  private identify(incarnation: string, identity: string) {
    const known = this.identities.get(incarnation)
    if (known === undefined) this.identities.set(incarnation, identity)
    else if (known !== identity) this.record.broken("two nodes of one incarnation", `${known} and ${identity}`)
  }

  /** At the end, everything has come. */
  check(alive: ReadonlyArray<ChatNode>) {
    for (const node of alive) {
      const known = [...node.others].map(({ name }) => name).toSorted()
      const there = alive.filter((other) => other !== node).map(({ name }) => name)
      if (known.join(" ") !== there.toSorted().join(" "))
        this.record.broken("a node knows other nodes than there are", `${node.identity}: ${known.join(" ")}`)
      for (const [other, { isHeld, sent, waiting }] of node.outgoing) {
        if (isHeld || waiting.length > 0)
          this.record.broken("contents wait for ever", `${node.identity} to ${other.name}`)
        const next = this.expected.get(`${node.identity} ${other.incarnation}`) ?? 1
        if (next !== sent + 1)
          this.record.broken("a content never came", `${node.identity} to ${other.name}: ${next} of ${sent}`)
      }
    }
  }
}
