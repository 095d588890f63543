import type { MemoryCluster } from "../../../src/cluster/MemoryCluster.js"
import { type ChatNode, likenessOf } from "./ChatNode.js"
import type { NodesRecord } from "./NodesRecord.js"
import { term } from "./NodesSchedule.js"
import type { Timeline } from "./Timeline.js"

/** Names of clients; each has a look-alike in capitals. */
export const clientNames = ["bob", "eve"]

/** How long a name may have two owners that write after the engine went back, while it answers both. */
const longestShared = 2 * term

interface World {
  readonly timeline: Timeline
  readonly engine: MemoryCluster
  readonly record: NodesRecord
  /** All processes that there have been. */
  readonly nodes: () => Iterable<ChatNode>
}

/** Who has which name: two nodes that can write must never have the same, and all must know where each is. */
export class NodesNames {
  /** The engine has lost its entries: what it had agreed on is void. Everything has to come right all the same. */
  hasForgotten = false
  /** The engine has forgotten some of what it had confirmed. */
  hasGoneBack = false
  /** By name: since when two nodes that write have it, and the engine has answered both. */
  private readonly sharedSince = new Map<string, number>()
  /** By name of a node: when the engine has not answered it at once last. */
  private readonly hinderedAt = new Map<string, number>()

  constructor(private readonly world: World) {}

  /** What the engine has agreed on may be void. */
  get isUnsure(): boolean {
    return this.hasForgotten || this.hasGoneBack
  }

  /** The engine has not answered a node at once. */
  hindered(name: string) {
    this.hinderedAt.set(name, this.world.timeline.now)
  }

  checkOwners(name: string) {
    const likeness = likenessOf(name)
    const owners = [...this.world.nodes()].filter((node) => !node.process.isDead && node.owned.has(likeness))
    if (this.hasForgotten) return
    const writers = owners.filter((node) => node.mayWrite)
    if (owners.length > 1) this.world.record.occurred("names with two owners, of which one is suspended")
    if (writers.length < 2) return void this.sharedSince.delete(likeness)
    const who = `${likeness}: ${writers.map((node) => node.identity).join(", ")}`
    if (!this.hasGoneBack) return this.world.record.broken("two nodes that can write own a name", who)
    this.world.record.occurred("names with two owners that write, after the engine went back")
    const since = Math.max(
      this.sharedSince.get(likeness) ?? this.world.timeline.now,
      ...writers.map(({ name }) => this.hinderedAt.get(name) ?? 0)
    )
    this.sharedSince.set(likeness, since)
    if (this.world.timeline.now - since <= longestShared) return
    this.world.record.broken("a name has two owners that write for too long", who)
    this.sharedSince.set(likeness, Infinity) // once is enough
  }

  /** A node that was told everything knows of each name what the directory has. */
  checkKnown(node: ChatNode) {
    if (this.isUnsure || node.nodes === undefined || !node.process.isAtRest || !this.world.engine.hasTold(node.place))
      return
    const entries = new Map(this.world.engine.entries("names").map(({ key, value }) => [key, value.split(" ")]))
    for (const name of clientNames) {
      const [, incarnation, known] = entries.get(Buffer.from(name).toString("hex")) ?? []
      const owner = [...node.others].find((other) => other.incarnation === incarnation)
      for (const form of [name, name.toUpperCase()]) {
        const there = node.whereIs(form)
        if (there === (form === known ? owner : undefined)) continue
        this.world.record.broken(
          "a node was told where a name is, and looks elsewhere",
          `${node.identity}: ${form} at ${there?.name}`
        )
      }
    }
    this.world.record.occurred("nodes that know everything")
  }

  /** At the end, the directory has what the nodes have, and each node knows the names of the others. */
  checkAll(alive: ReadonlyArray<ChatNode>) {
    const entries = new Map(
      this.world.engine.entries("names").map(({ key, value }) => [Buffer.from(key, "hex").toString(), value.split(" ")])
    )
    for (const node of alive) {
      for (const [likeness, name] of node.owned) {
        const [, incarnation, known] = entries.get(likeness) ?? []
        if (incarnation !== node.incarnation || known !== name)
          this.world.record.broken(
            "a node does not have its name",
            `${node.identity}: ${name}, ${known} of ${incarnation}`
          )
      }
      for (const name of clientNames) {
        for (const form of [name, name.toUpperCase()]) {
          const owner = alive.find((other) => other !== node && other.owned.get(name) === form)
          const known = node.whereIs(form)?.name
          if (known !== owner?.name)
            this.world.record.broken(
              "a node looks for a name elsewhere",
              `${node.identity}: ${form} at ${known}, not ${owner?.name}`
            )
        }
      }
    }
    for (const [likeness, [name, incarnation]] of entries) {
      const owner = alive.find((node) => node.incarnation === incarnation)
      if (owner !== undefined && !owner.owned.has(likeness))
        this.world.record.broken("a name was never released", `${likeness} of ${name}`)
    }
  }
}
