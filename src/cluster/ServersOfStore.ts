import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ServerMessage, OtherServer, OtherServersService, OtherServersEvents } from "../ports/OtherServers.js"
import type { Nodes } from "./Nodes.js"
import type { OtherNode } from "./OtherNode.js"
import * as ServerMessages from "./ServerMessages.js"

/** What the messages need of this node. */
interface Collaborators {
  readonly atEnd: (run: () => void) => void
  readonly inTurn: (run: () => void) => Effect.Effect<void>
  readonly fork: (effect: Effect.Effect<void>) => void
  readonly nodes: () => Pick<Nodes, "incarnation" | "maxContentBytes" | "send"> | undefined
  /** Reports something to the operator, once for each node. */
  readonly report: (node: OtherNode, message: string) => void
  /** A node has sent what this one cannot read. */
  readonly cannotRead: (node: OtherNode) => void
}

/** Another node, and what is to be sent to it. */
interface Traffic {
  /** The server that runs there, once it has introduced itself. One without this store never does. */
  server: OtherServer | undefined
  /** It has introduced itself as one that uses another store. */
  usesOther: boolean
  /** It has been introduced to this one, and asks for devices before it takes them. */
  knowsThis: boolean
  /** In the order in which they are sent, by what they are about. */
  readonly texts: Map<string, string>
  /** Until `hasRoom`. */
  mustWait: boolean
}

/**
 * The part of the introductions: the first message between two nodes, which has the id of its server, and the answer.
 */
const introduction = ""

/** The longest time for which a server that starts or comes back waits until it and all others know each other. */
const introductionTime = Duration.seconds(10)

const logUnknown = (nodes: ReadonlyArray<OtherNode>) =>
  Effect.annotateLogs(
    Effect.logError("other nodes have not said which server they are; all nodes have to use the same store"),
    { nodes: nodes.map(({ name }) => name).join(", ") }
  )

/** For the operators of both nodes, one of whom has to change the settings. */
const otherStore =
  "another node uses another store; all nodes have to use the same one, and the later of the two stays suspended"

const logDefect = (defect: unknown) =>
  Effect.logError("a defect in what a server does before it resumes", Cause.die(defect))

const dropFirst = (texts: Map<string, string>, count: number) => {
  let left = count
  for (const about of texts.keys()) {
    if (left-- === 0) return
    texts.delete(about)
  }
}

/**
 * The servers that use the store of this one: the nodes that have introduced themselves. Messages of a turn to a node
 * are one content. They wait while the node takes none, and of those about the same thing only the last one does.
 */
export class ServersOfStore implements OtherServersService {
  private readonly parts = new Map<string, OtherServersEvents>()
  private readonly settlements: Array<Effect.Effect<void>> = []
  private readonly traffic = new Map<OtherNode, Traffic>()
  private collaborators: Collaborators | undefined = undefined
  /** For messages that are about nothing in particular. */
  private lastNumber = 0
  /** What is under way here that was decided by which servers there are: open once it has ended. */
  private readonly underWay = new Set<Effect.Latch>()
  /** Open while this server and all others know each other. */
  private readonly areKnown = Effect.unsafeMakeLatch(true)

  /** Closed while a node that was there first does not use this store, as far as is known. */
  private readonly agrees = Effect.unsafeMakeLatch(true)

  /** @param log the id of the log of the store (`StoreFacts.log`), which the servers of a store have in common */
  constructor(
    readonly self: string,
    private readonly log: string
  ) {}

  /** The messages that other nodes have not taken yet. */
  get waiting(): number {
    let waiting = 0
    for (const { texts } of this.traffic.values()) waiting += texts.size
    return waiting
  }

  get all(): ReadonlyArray<OtherServer> {
    return Array.from(this.traffic.values(), ({ server }) => server ?? []).flat()
  }

  readonly part: OtherServersService["part"] = (name, events) => {
    this.parts.set(name, events)
    return {
      send: (message, to, key) => this.send({ part: name, message }, to, key),
      mustWait: (server) => [...this.traffic.values()].some((traffic) => traffic.server === server && traffic.mustWait)
    }
  }

  readonly beforeResuming: OtherServersService["beforeResuming"] = (settle) => {
    this.settlements.push(settle)
  }

  readonly during: OtherServersService["during"] = (run) =>
    Effect.suspend(() => {
      const hasEnded = Effect.unsafeMakeLatch(false)
      this.underWay.add(hasEnded)
      return Effect.ensuring(
        Effect.suspend(() => run(this.all)),
        Effect.sync(() => {
          this.underWay.delete(hasEnded)
          hasEnded.unsafeOpen()
        })
      )
    })

  /** Whether there is anything to do before this server resumes. */
  get mustSettle(): boolean {
    return this.settlements.length > 0
  }

  /** Does what was registered, in that order. A defect is logged, and the rest is done all the same. */
  get settle(): Effect.Effect<void> {
    const settled = Effect.forEach(this.settlements, (settle) => Effect.catchAllDefect(settle, logDefect), {
      discard: true
    })
    return Effect.zipRight(this.introductions, settled)
  }

  /**
   * Before it knows the others, this server would take their devices as if they were lost, and they those of this one.
   * If it uses another store than those that were there first, or they use none, it does not resume at all: what is an
   * account here would be a guest there.
   */
  private get introductions(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.checkKnown() // the incarnation of this node is known now
      return Effect.flatMap(Effect.timeoutOption(this.areKnown.await, introductionTime), () =>
        Effect.zipRight(this.unknown.length === 0 ? Effect.void : logUnknown(this.unknown), this.agrees.await)
      )
    })
  }

  private get unknown(): ReadonlyArray<OtherNode> {
    return [...this.traffic].flatMap(([node, { knowsThis, server, usesOther }]) =>
      (server === undefined || !knowsThis) && !usesOther ? node : []
    )
  }

  private checkKnown() {
    if (this.unknown.length === 0) this.areKnown.unsafeOpen()
    else this.areKnown.unsafeClose()
    const own = this.collaborators?.nodes()?.incarnation ?? ""
    const agrees = [...this.traffic].every(([node, { server }]) => server !== undefined || node.incarnation > own)
    if (agrees) this.agrees.unsafeOpen()
    else this.agrees.unsafeClose()
  }

  /** The server has started. Everything that follows is in the broker's turn. */
  start(collaborators: Collaborators) {
    this.collaborators = collaborators
  }

  appeared(node: OtherNode) {
    const traffic: Traffic = {
      server: undefined,
      usesOther: false,
      knowsThis: false,
      texts: new Map(),
      mustWait: false
    }
    this.traffic.set(node, traffic)
    this.checkKnown()
    this.put([traffic], { part: introduction, message: { id: this.self, log: this.log } })
  }

  /** @param messages undefined if they cannot be read */
  received(node: OtherNode, messages: ReadonlyArray<ServerMessages.PartMessage> | undefined) {
    if (messages === undefined) return this.collaborators?.cannotRead(node)
    for (const { message, part } of messages) {
      const traffic = this.traffic.get(node)
      if (traffic === undefined) return
      if (part === introduction) this.introduced(node, traffic, message)
      else if (traffic.server !== undefined) this.parts.get(part)?.received?.(traffic.server, message)
    }
  }

  private introduced(node: OtherNode, traffic: Traffic, message: ServerMessage) {
    if (message === true) traffic.knowsThis = true
    else {
      const { id, log } = message as { readonly id: string; readonly log: string } // all nodes run the same version
      traffic.usesOther = log !== this.log
      if (traffic.usesOther) this.collaborators?.report(node, otherStore)
      else {
        const server = { id, name: node.name }
        traffic.server = server
        for (const { appeared } of this.parts.values()) appeared?.(server)
        this.answer(node, traffic)
      }
    }
    this.checkKnown()
  }

  /**
   * The other server may resume: it has been sent what it has to know, and what was decided without it is in the store,
   * where it reads it.
   */
  private answer(node: OtherNode, traffic: Traffic) {
    const answer = () => {
      if (this.traffic.get(node) === traffic) this.put([traffic], { part: introduction, message: true })
    }
    const { collaborators, underWay } = this
    if (underWay.size === 0 || collaborators === undefined) return answer()
    const ended = Effect.forEach([...underWay], ({ await: ended }) => ended, { discard: true })
    collaborators.fork(Effect.zipRight(ended, collaborators.inTurn(answer)))
  }

  hasRoom(node: OtherNode) {
    const traffic = this.traffic.get(node)
    if (traffic === undefined) return
    traffic.mustWait = false
    this.flush()
    const { mustWait, server } = traffic
    if (mustWait || server === undefined) return
    for (const part of this.parts.values()) part.hasRoom?.(server)
  }

  lost(node: OtherNode) {
    const server = this.traffic.get(node)?.server
    this.traffic.delete(node)
    this.checkKnown()
    if (server !== undefined) for (const { lost } of this.parts.values()) lost?.(server)
  }

  private send(message: ServerMessages.PartMessage, to: OtherServer | undefined, key: string | undefined) {
    const all = [...this.traffic.values()]
    this.put(
      all.filter(({ server }) => server !== undefined && (to === undefined || server === to)),
      message,
      key
    )
  }

  private put(to: ReadonlyArray<Traffic>, message: ServerMessages.PartMessage, key?: string) {
    if (to.length === 0) return
    const text = ServerMessages.textOf(message)
    const about = key === undefined ? `${++this.lastNumber}` : `${message.part} ${key}`
    for (const { texts } of to) {
      texts.delete(about) // it becomes the last
      texts.set(about, text)
    }
    this.collaborators?.atEnd(this.flush)
  }

  /** Sends what waits. Also to be called once this node has joined the others, which may have appeared before. */
  readonly flush = () => {
    const nodes = this.collaborators?.nodes()
    if (nodes === undefined) return
    for (const [node, traffic] of this.traffic) {
      const { texts } = traffic
      while (!traffic.mustWait && texts.size > 0) {
        const { content, count } = ServerMessages.encode(texts.values(), nodes.maxContentBytes)
        if (nodes.send(node, content)) dropFirst(texts, count)
        else traffic.mustWait = true
      }
    }
  }
}
