import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as MakeNodes from "../../../src/cluster/MakeNodes.js"
import { headerBytes, type Claimed, type Nodes } from "../../../src/cluster/Nodes.js"
import type { OtherNode } from "../../../src/cluster/OtherNode.js"
import { Cluster, type ClusterService, type ClusterUnavailable } from "../../../src/ports/Cluster.js"
import { NodeProcess } from "./NodeProcess.js"
import type { Timeline } from "./Timeline.js"

/** What a node's chat sees, for the checks. */
export interface Watcher {
  /** In readable form. */
  readonly note: (node: ChatNode, event: string) => void
  readonly received: (at: ChatNode, from: OtherNode, text: string) => void
  readonly lost: (at: ChatNode, other: OtherNode) => void
  /** Whether a name may be taken from a node that writes. */
  readonly mayLoseNames: () => boolean
  readonly owns: (node: ChatNode, likeness: string) => void
  readonly broken: (rule: string, detail: string) => void
}

export interface ChatNodeOptions {
  readonly name: string
  /** Distinguishes the two processes that a name may have at the same time. */
  readonly place: string
  /** Which process this is in the run. */
  readonly number: number
  readonly timeline: Timeline
  readonly service: ClusterService
  readonly windowBytes: number
  readonly termMillis: number
  readonly watcher: Watcher
  readonly random: () => number
}

/** What one node sends to another. */
interface Outgoing {
  sent: number
  /** Not taken by the window yet. */
  readonly waiting: Array<Uint8Array>
  /** `send` returned false, and `hasRoom` has not come. */
  isHeld: boolean
}

export const likenessOf = (name: string) => name.toLowerCase()

/** A process with a node, and a chat that does what the schedule says. */
export class ChatNode {
  readonly process: NodeProcess
  nodes: Nodes | undefined = undefined
  /** The last incarnation for which it asked for a lease. */
  incarnation: string | undefined = undefined
  /** Names by likeness. */
  readonly owned = new Map<string, string>()
  /** Between `suspended` and `resumed`. */
  isSuspended = false
  /** It was buried, or its lease was taken, while it was stopped. */
  mustBeSuspended = false
  rebirths = 0
  readonly outgoing = new Map<OtherNode, Outgoing>()
  readonly others = new Set<OtherNode>()
  /** What its chat was told of names. */
  private readonly places = new Map<string, OtherNode>()
  readonly claims = new Map<string, Fiber.RuntimeFiber<Claimed, ClusterUnavailable>>()
  private readonly scope = Effect.runSync(Scope.make())

  constructor(private readonly options: ChatNodeOptions) {
    this.process = new NodeProcess(options.timeline, () => void this.nodes?.isSuspended())
  }

  get name(): string {
    return this.options.name
  }

  get termMillis(): number {
    return this.options.termMillis
  }

  get place(): string {
    return this.options.place
  }

  /** Distinguishes all lives of all nodes. */
  get identity(): string {
    return `${this.name}.${this.options.number}.${this.rebirths}`
  }

  private note(event: string) {
    this.options.watcher.note(this, event)
  }

  private broken(rule: string, detail = "") {
    this.options.watcher.broken(rule, `${this.identity} ${detail}`)
  }

  private inTurn(event: string) {
    if (!this.process.isInTurn) this.broken("the chat was told outside of its turn", event)
  }

  /** The directory, of which the own leases are noted. */
  private get service(): ClusterService {
    const { service } = this.options
    const swap: ClusterService["directory"]["swap"] = (table, key, revision, value) => {
      const [, incarnation] = /^alive ([0-9a-f]+)/u.exec(value ?? "") ?? []
      if (table === "nodes" && key === this.name && incarnation !== undefined) this.incarnation = incarnation
      return service.directory.swap(table, key, revision, value)
    }
    return { ...service, directory: { ...service.directory, swap } }
  }

  start() {
    const { random, termMillis, watcher, windowBytes } = this.options
    const make = MakeNodes.make({
      termMillis,
      windowBytes,
      likenessOf,
      random,
      report: this.process.report,
      events: {
        read: (content) => Buffer.from(content).toString("latin1"),
        appeared: (other) => {
          this.inTurn("appeared")
          if (this.others.has(other)) this.broken("a node appeared twice", other.name)
          this.others.add(other)
          this.outgoing.set(other, { sent: 0, waiting: [], isHeld: false })
          this.note(`appeared ${other.name} ${other.incarnation}`)
        },
        received: (other, content) => {
          this.inTurn("received")
          if (!this.others.has(other)) this.broken("a content came from a node that is not there", other.name)
          if (this.isSuspended) this.broken("a suspended node took a content")
          watcher.received(this, other, content)
        },
        hasRoom: (other) => {
          this.inTurn("hasRoom")
          const outgoing = this.outgoing.get(other)
          if (outgoing?.isHeld !== true) return this.broken("there was room already", other.name)
          outgoing.isHeld = false
          return this.flush(other, outgoing)
        },
        lost: (other) => {
          this.inTurn("lost")
          if (!this.others.delete(other)) this.broken("a node was lost twice", other.name)
          this.outgoing.delete(other)
          this.note(`lost ${other.name} ${other.incarnation}`)
          watcher.lost(this, other)
        },
        nameMoved: (name, other) => {
          this.inTurn("nameMoved")
          if (this.places.get(name) === other) this.broken("a name moved to where it was", name)
          if (other === undefined) this.places.delete(name)
          else this.places.set(name, other)
          if (other !== undefined && !this.others.has(other)) this.broken("a name is at no node", name)
        },
        suspended: () => {
          if (this.isSuspended) this.broken("suspended twice")
          this.isSuspended = true
          this.note("suspended")
        },
        resumed: () => {
          this.inTurn("resumed")
          if (!this.isSuspended) this.broken("resumed without being suspended")
          this.isSuspended = false
          this.note("resumed")
        },
        reborn: () => {
          this.inTurn("reborn")
          if (!this.isSuspended) this.broken("reborn without being suspended")
          if (this.others.size > 0) this.broken("reborn before the others were lost")
          this.rebirths += 1
          this.note("reborn")
        },
        nameTaken: (likeness, name) => {
          this.inTurn("nameTaken")
          if (!this.isSuspended && !watcher.mayLoseNames())
            this.broken("a name was taken from a node that writes", name)
          this.note(`taken ${name}`)
          this.owned.delete(likeness)
        }
      }
    })
    const effect = make.pipe(Effect.provideService(Cluster, this.service), Scope.extend(this.scope))
    this.process.fork(effect, (exit) => {
      if (Exit.isSuccess(exit)) this.nodes = exit.value
      else {
        this.note("could not join")
        this.process.fork(Scope.close(this.scope, exit), () => this.process.die())
      }
    })
  }

  /** Whether it is a node of the cluster that could write now. */
  get mayWrite(): boolean {
    return this.process.isRunning && this.nodes?.isSuspended() === false
  }

  /** Where a name is, as its chat was told; must be what `where` says. */
  whereIs(name: string): OtherNode | undefined {
    const told = this.places.get(name)
    const known = this.nodes?.where(name)
    if (told !== known) this.broken("nobody was told where a name is", name)
    return known
  }

  send(to: string, count: number, bytes: number) {
    this.process.run(() => {
      for (const other of this.others) {
        if (other.name !== to) continue
        const outgoing = this.outgoing.get(other)
        if (outgoing === undefined) continue
        for (let left = count; left > 0; left--) {
          outgoing.sent += 1
          const text = `${this.identity} ${other.incarnation} ${outgoing.sent} ${"x".repeat(bytes)}`
          const content = new Uint8Array(headerBytes + text.length)
          content.set(Buffer.from(text, "latin1"), headerBytes)
          outgoing.waiting.push(content)
        }
        this.flush(other, outgoing)
      }
    })
  }

  private flush(other: OtherNode, outgoing: Outgoing) {
    while (!outgoing.isHeld) {
      const [content] = outgoing.waiting
      if (content === undefined || this.nodes === undefined) return
      if (this.nodes.send(other, content)) outgoing.waiting.shift()
      else outgoing.isHeld = true
    }
  }

  claim(name: string) {
    this.process.run(() => {
      const likeness = likenessOf(name)
      if (this.nodes === undefined || this.claims.has(likeness)) return
      const fiber = this.process.fork(this.nodes.claim(likeness, name), (exit) => {
        this.claims.delete(likeness)
        if (Exit.isFailure(exit)) return this.note(`claim of ${name} failed`)
        this.note(`claim of ${name}: ${exit.value._tag}`)
        if (exit.value._tag === "Yours") {
          this.owned.set(likeness, name)
          this.options.watcher.owns(this, likeness)
        } else if (this.owned.delete(likeness) && !this.isSuspended && !this.options.watcher.mayLoseNames())
          this.broken("an own name was taken", name)
      })
      if (fiber.unsafePoll() === null) this.claims.set(likeness, fiber)
    })
  }

  /** The last client of a name goes, maybe while its login is waiting. */
  release(name: string) {
    this.process.run(() => {
      const likeness = likenessOf(name)
      const claim = this.claims.get(likeness)
      if (claim !== undefined) claim.unsafeInterruptAsFork(claim.id())
      if (!this.owned.delete(likeness)) return
      this.note(`releases ${name}`)
      this.nodes?.release(likeness)
    })
  }

  find(name: string) {
    this.process.run(() => {
      if (this.nodes === undefined) return
      this.process.fork(this.nodes.find(name), (exit) => {
        if (Exit.isSuccess(exit)) this.note(`found ${name} at ${exit.value?.name ?? "no node"}`)
      })
    })
  }

  /** Leaves the cluster in order. */
  leave() {
    this.process.run(() => {
      if (this.nodes === undefined) return
      this.owned.clear()
      this.nodes = undefined
      this.note("leaves")
      this.process.fork(Scope.close(this.scope, Exit.void), () => {
        this.note("has left")
        this.process.die()
      })
    })
  }
}
