import { seededRandom } from "../../../scripts/random.mjs"
import { MemoryCluster } from "../../../src/cluster/MemoryCluster.js"
import type { OtherNode } from "../../../src/cluster/OtherNode.js"
import type { Table } from "../../../src/ports/Cluster.js"
import type { Violation } from "../Checks.js"
import { ChatNode, likenessOf } from "./ChatNode.js"
import { calm, secondProcess, term, type NodesAct, type NodesSchedule, type Weather } from "./NodesSchedule.js"
import { Timeline } from "./Timeline.js"

/** What a run has shown. */
export interface NodesHistory {
  readonly schedule: NodesSchedule
  readonly violations: ReadonlyArray<Violation>
  readonly story: ReadonlyArray<string>
  /** How often something occurred. */
  readonly counts: ReadonlyMap<string, number>
}

const nodeNames = ["a", "b", "c", "d"]
/** By number: the processes of the nodes, and then second ones. */
const places = [...nodeNames, ...nodeNames.map((name) => `${name}2`)]
const nameOf = (number: number) => nodeNames[number % secondProcess] ?? ""
/** Names of clients; each has a look-alike in capitals. */
const clientNames = ["bob", "eve"]

/** A late request comes this late at most: then nothing that the faults left is on its way any more. */
const latestRequest = 3 * term

/** Some come later than they are waited for. */
const latestAnswer = 250

/** How late a watch starts again after the engine went back, if no change shows it before. */
const latestNotice = term

/** How long a name may have two owners that write after the engine went back, while it answers both. */
const longestShared = 2 * term

/** A run makes far less, unless something goes on for ever. */
const maxCount = 400_000

/** Carries a schedule out on simulated nodes, and checks the promises of the protocol all the time. */
export class NodesWorld {
  private readonly timeline = new Timeline()
  private readonly random
  private weather: Weather = calm
  private readonly engine: MemoryCluster
  /** By place. */
  private readonly nodes = new Map<string, ChatNode>()
  /** Another process has taken their lease: they stay suspended. */
  private readonly replaced = new Set<ChatNode>()
  private processes = 0
  private readonly violations: Array<Violation> = []
  private readonly story: Array<string> = []
  private readonly counts = new Map<string, number>()
  /** The number of the next content of a sender to an incarnation. */
  private readonly expected = new Map<string, number>()
  /** By incarnation: who it is. */
  private readonly identities = new Map<string, string>()
  /** Senders and incarnations that they were told to be lost. */
  private readonly lost = new Set<string>()
  /** The engine has lost its entries: what it had agreed on is void. Everything has to come right all the same. */
  private hasForgotten = false
  /** The engine has forgotten some of what it had confirmed. */
  private hasGoneBack = false
  /** By name: since when two nodes that write have it, and the engine has answered both. */
  private readonly sharedSince = new Map<string, number>()
  /** By name of a node: when the engine has not answered it at once last. */
  private readonly hinderedAt = new Map<string, number>()
  private frames = 0
  private requests = 0

  constructor(
    private readonly schedule: NodesSchedule,
    private readonly kept: ReadonlyArray<number>
  ) {
    this.random = seededRandom(schedule.seed + 1)
    this.engine = new MemoryCluster({
      after: this.timeline.after,
      carry: () => this.carry(),
      request: (name) => this.request(name),
      watchDelay: () => this.random.below(1 + this.weather.watch),
      merges: () => this.merges(),
      forgotten: () => ({
        isTold: this.random.chance(0.5),
        noticedAfter: this.random.below(latestNotice)
      }),
      timeoutMillis: 200,
      swapped: (by, table, key, value) => this.swapped(by, table, key, value)
    })
  }

  run(): NodesHistory {
    try {
      for (let number = 0; number < this.schedule.setting.nodes; number++) this.start(number)
      this.pass(term / 6)
      for (const place of this.kept) {
        const act = this.schedule.acts[place]
        if (act === undefined) continue
        this.note(`step ${place} ${JSON.stringify(act)}`)
        this.carryOut(act)
      }
      this.settle()
    } catch (cause) {
      this.broken("a defect", String(cause instanceof Error ? cause.stack : cause))
    }
    for (const node of this.nodes.values()) for (const defect of node.process.defects) this.broken("a defect", defect)
    const { counts, schedule, story, violations } = this
    return { schedule, violations, story, counts }
  }

  private note(event: string) {
    this.story.push(`${this.timeline.now} ms: ${event}`)
  }

  private broken(rule: string, detail: string) {
    this.violations.push({ rule, detail: `${this.timeline.now} ms: ${detail}` })
    this.note(`BROKEN ${rule}: ${detail}`)
  }

  private occurred(what: string, count = 1) {
    this.counts.set(what, (this.counts.get(what) ?? 0) + count)
  }

  private pass(millis: number) {
    const until = this.timeline.now + millis
    do {
      this.timeline.pass(Math.min(until - this.timeline.now, term / 6))
      if (this.timeline.count > maxCount) throw new Error("the nodes never come to rest")
      for (const name of clientNames) this.checkOwners(name)
    } while (this.timeline.now < until)
    for (const node of this.nodes.values()) this.checkKnown(node)
  }

  /** A node that was told everything knows of each name what the directory has. */
  private checkKnown(node: ChatNode) {
    if (this.isUnsure || node.nodes === undefined || !node.process.isAtRest || !this.engine.hasTold(node.place)) return
    const entries = new Map(this.engine.entries("names").map(({ key, value }) => [key, value.split(" ")]))
    for (const name of clientNames) {
      const [, incarnation, known] = entries.get(Buffer.from(name).toString("hex")) ?? []
      const owner = [...node.others].find((other) => other.incarnation === incarnation)
      for (const form of [name, name.toUpperCase()]) {
        const there = node.whereIs(form)
        if (there === (form === known ? owner : undefined)) continue
        this.broken(
          "a node was told where a name is, and looks elsewhere",
          `${node.identity}: ${form} at ${there?.name}`
        )
      }
    }
    this.occurred("nodes that know everything")
  }

  private merges(): boolean {
    const isMerged = this.random.below(2) === 0
    if (isMerged) this.occurred("merged changes")
    return isMerged
  }

  private carry(): ReadonlyArray<number> {
    this.frames += 1
    const { late, latest, lost, twice } = this.weather
    const copy = () => {
      if (!this.random.chance(late)) return this.random.below(3)
      this.occurred("late frames")
      return this.random.below(latest)
    }
    if (this.random.chance(lost)) {
      this.occurred("lost frames")
      return []
    }
    return this.random.chance(twice) ? [copy(), copy()] : [copy()]
  }

  /** What the engine has agreed on may be void. */
  private get isUnsure(): boolean {
    return this.hasForgotten || this.hasGoneBack
  }

  private request(name: string) {
    this.requests += 1
    const { lateAnswer, lateRequest, lostAnswer } = this.weather
    const isLate = this.random.chance(lateRequest)
    const isLost = this.random.chance(lostAnswer)
    const isLateAnswer = lateAnswer > 0 && this.random.chance(lateAnswer)
    if (isLate) this.occurred("late requests")
    if (isLost) this.occurred("lost answers")
    if (isLateAnswer) this.occurred("late answers")
    if (isLate || isLost || isLateAnswer) this.hinderedAt.set(name, this.timeline.now)
    return {
      arrives: isLate ? this.random.below(latestRequest) : this.random.below(4),
      answers: isLost ? undefined : this.random.below(isLateAnswer ? latestAnswer : 4)
    }
  }

  private readonly node = (number: number): ChatNode | undefined => {
    const node = this.nodes.get(places[number] ?? "")
    return node === undefined || node.process.isDead ? undefined : node
  }

  private start(number: number) {
    const name = nameOf(number)
    const place = places[number] ?? ""
    if (number % secondProcess >= this.schedule.setting.nodes || this.node(number) !== undefined) return
    this.processes += 1
    const randomOfNode = seededRandom(this.schedule.seed * 1_000 + this.processes)
    const node = new ChatNode({
      name,
      place,
      number: this.processes,
      timeline: this.timeline,
      service: this.engine.service(name, place),
      windowBytes: this.schedule.setting.windowBytes,
      termMillis: this.schedule.setting.terms?.[number % secondProcess] ?? term,
      random: () => randomOfNode.below(1_000_000) / 1_000_000,
      watcher: {
        note: (node, event) => {
          this.occurred(event.split(" ")[0] ?? event)
          if (event.endsWith("Taken")) this.occurred("claims of taken names")
          this.note(`${node.identity} ${event}`)
        },
        received: (at, from, text) => this.received(at, from, text),
        lost: (at, other) => void this.lost.add(`${at.identity} ${other.incarnation}`),
        mayLoseNames: () => this.isUnsure,
        owns: (_node, likeness) => this.checkOwners(likeness),
        broken: (rule, detail) => this.broken(rule, detail)
      }
    })
    this.nodes.set(place, node)
    node.start()
  }

  private carryOut(act: NodesAct) {
    switch (act.do) {
      case "pass":
        return this.pass(act.millis)
      case "send":
        return this.node(act.from)?.send(nameOf(act.to), act.count, act.bytes)
      case "claim": {
        const name = clientNames[act.name] ?? ""
        return this.node(act.node)?.claim(act.isLook ? name.toUpperCase() : name)
      }
      case "release":
        return this.node(act.node)?.release(clientNames[act.name] ?? "")
      case "find":
        return this.node(act.node)?.find(clientNames[act.name] ?? "")
      case "start":
        return this.start(act.node)
      case "leave":
        return this.node(act.node)?.leave()
      case "crash":
        return this.crash(act.node)
      case "stop":
        return this.stop(act.node, act.millis, false)
      case "sleep":
        return this.stop(act.node, act.millis, true)
      case "disconnect":
        return this.disconnect(act.node, act.millis)
      case "stall":
        return this.stall(act.node, act.millis)
      case "cut":
        return this.cut(act)
      case "engine":
        return this.stopEngine(act.millis, act.forgets)
      case "goBack":
        return this.goBack(act.table, act.changes)
      case "wall":
        return this.node(act.node)?.process.setWallClock(act.millis)
      case "weather":
        this.weather = act.weather
        return
    }
  }

  private crash(number: number) {
    const node = this.node(number)
    if (node === undefined) return
    this.occurred("crashes")
    this.kill(node)
  }

  private kill(node: ChatNode) {
    node.process.die()
    node.owned.clear()
    this.engine.kill(node.place)
  }

  private stop(number: number, millis: number, sleeps: boolean) {
    const node = this.node(number)
    if (node?.process.isRunning !== true) return
    this.occurred(sleeps ? "machines asleep" : "processes stopped")
    node.process.stop()
    this.engine.pause(node.place)
    this.timeline.after(millis, () => this.goOn(node, sleeps ? millis : 0))
  }

  /** The first that happens is a write, and then what was late. */
  private goOn(node: ChatNode, sleptMillis: number) {
    if (node.process.isDead || node.process.isRunning) return
    this.note(`${node.identity} goes on`)
    const framesFirst = this.random.chance(0.5)
    const wakes = () => {
      if (node.mustBeSuspended && node.mayWrite) this.broken("a node was lost and wrote", node.identity)
      node.mustBeSuspended = false
      for (const name of clientNames) this.checkOwners(name)
    }
    node.process.wake(sleptMillis, wakes)
    if (framesFirst) this.engine.resume(node.place)
    node.process.goOn()
    this.engine.resume(node.place)
  }

  private disconnect(number: number, millis: number) {
    const node = this.node(number)
    if (node === undefined) return
    this.occurred("nodes cut off")
    this.engine.disconnect(node.place)
    this.timeline.after(millis, () => this.engine.connect(node.place))
  }

  /**
   * The watches of a node fall silent. That of the names starts again after some time, as the adapter has it; that of
   * the leases only with the next connection: those who live are heard.
   */
  private stall(number: number, millis: number) {
    const node = this.node(number)
    if (node === undefined) return
    this.occurred("watches stalled")
    this.engine.stall(node.place, "nodes")
    this.engine.stall(node.place, "names")
    this.timeline.after(millis, () => this.engine.restart(node.place, "names"))
  }

  private cut({ both, from, millis, to }: Extract<NodesAct, { do: "cut" }>) {
    const [one, other] = [nameOf(from), nameOf(to)]
    if (one === other) return
    this.occurred(both ? "two-way cuts" : "one-way cuts")
    this.engine.cut(one, other)
    if (both) this.engine.cut(other, one)
    this.timeline.after(millis, () => {
      this.engine.mend(one, other)
      this.engine.mend(other, one)
    })
  }

  private stopEngine(millis: number, forgets: boolean) {
    this.occurred(forgets ? "engine stopped, and all entries lost" : "engine stopped")
    if (forgets) this.hasForgotten = true
    this.engine.down()
    this.timeline.after(millis, () => this.engine.up(forgets))
  }

  private goBack(table: Table, changes: number) {
    if (this.engine.goBack(table, changes) === 0) return
    this.occurred("engine went back")
    this.hasGoneBack = true
  }

  private received(at: ChatNode, from: OtherNode, text: string) {
    this.occurred("contents received")
    const [sender = "", incarnation = "", number = ""] = text.split(" ")
    const pair = `${sender} ${incarnation}`
    this.identify(from.incarnation, sender)
    this.identify(incarnation, at.identity)
    if (this.lost.has(pair))
      this.broken("received after its sender was told that the node is lost", `${pair} ${number}`)
    const next = this.expected.get(pair) ?? 1
    if (Number(number) !== next)
      this.broken(Number(number) < next ? "received twice" : "lost or out of order", `${pair} ${number}, not ${next}`)
    this.expected.set(pair, Number(number) + 1)
  }

  private identify(incarnation: string, identity: string) {
    const known = this.identities.get(incarnation)
    if (known === undefined) this.identities.set(incarnation, identity)
    else if (known !== identity) this.broken("two nodes of one incarnation", `${known} and ${identity}`)
  }

  /** A node buries another one, or takes its lease: that one must not be able to write any more. */
  private swapped(by: string, table: string, key: string, value: string | undefined) {
    if (table !== "nodes") return
    const [, state, incarnation] = /^(alive|dead|left) ([0-9a-f]+)/u.exec(value ?? "") ?? []
    const isOwn = this.nodes.get(by)?.name === key
    if (state === "alive") return this.leaseTaken(by, key)
    if (isOwn) return
    this.occurred("burials")
    this.note(`${by} buries ${key} ${incarnation}`)
    for (const node of this.living(key)) {
      if (node.incarnation !== incarnation) continue
      this.occurred("burials of living nodes")
      this.mustNotWrite(node, `buried by ${by}`)
    }
  }

  private leaseTaken(by: string, name: string) {
    for (const node of this.living(name)) {
      if (node.place === by || node.nodes === undefined) continue
      if (!this.replaced.has(node)) this.occurred("leases taken from a living process")
      this.replaced.add(node)
      if (!this.isUnsure) this.mustNotWrite(node, `replaced by ${by}`)
    }
  }

  private mustNotWrite(node: ChatNode, why: string) {
    if (this.hasGoneBack) return // it is told
    if (!node.process.isRunning) node.mustBeSuspended = true
    else if (node.mayWrite) this.broken("a node was lost that could write", `${node.identity}, ${why}`)
  }

  /** The processes of this name. */
  private living(name: string): ReadonlyArray<ChatNode> {
    return [...this.nodes.values()].filter((node) => node.name === name && !node.process.isDead)
  }

  private checkOwners(name: string) {
    const likeness = likenessOf(name)
    const owners = [...this.nodes.values()].filter((node) => !node.process.isDead && node.owned.has(likeness))
    if (this.hasForgotten) return
    const writers = owners.filter((node) => node.mayWrite)
    if (owners.length > 1) this.occurred("names with two owners, of which one is suspended")
    if (writers.length < 2) return void this.sharedSince.delete(likeness)
    const who = `${likeness}: ${writers.map((node) => node.identity).join(", ")}`
    if (!this.hasGoneBack) return this.broken("two nodes that can write own a name", who)
    this.occurred("names with two owners that write, after the engine went back")
    const since = Math.max(
      this.sharedSince.get(likeness) ?? this.timeline.now,
      ...writers.map(({ name }) => this.hinderedAt.get(name) ?? 0)
    )
    this.sharedSince.set(likeness, since)
    if (this.timeline.now - since <= longestShared) return
    this.broken("a name has two owners that write for too long", who)
    this.sharedSince.set(likeness, Infinity) // once is enough
  }

  /** The faults end, and everything has to come right. */
  private settle() {
    this.note("the faults end")
    this.weather = calm
    this.engine.up()
    for (const one of nodeNames) for (const other of nodeNames) this.engine.mend(one, other)
    for (const [number, place] of places.entries()) {
      this.engine.connect(place)
      const node = this.node(number)
      if (node !== undefined) this.goOn(node, 0)
    }
    this.pass(latestRequest)
    this.pass(2 * term)
    // A process may have to wait until the lease of an earlier one has stood still for four terms.
    if (![...this.nodes.values()].every((node) => node.process.isDead || node.mayWrite)) this.pass(5 * term)
    for (const name of nodeNames) this.settleProcesses(this.living(name))
    const alive = [...this.nodes.values()].filter((node) => !node.process.isDead)
    for (const node of alive) {
      if (node.nodes === undefined) this.broken("a node never joined or left", node.identity)
      else if (!node.mayWrite) this.broken("a node is still suspended", node.identity)
    }
    this.pass(5 * term)
    this.checkSwept(alive)
    for (const node of alive) for (const other of alive) if (node !== other) node.send(other.name, 1, 1)
    this.pass(term)
    this.checkRest(alive)
    this.checkContents(alive)
    this.checkNames(alive)
  }

  /** Of two processes of one name, one writes, and the other one has nothing to do for ever. */
  private settleProcesses(processes: ReadonlyArray<ChatNode>) {
    const writers = processes.filter(({ mayWrite }) => mayWrite)
    if (processes.length > 1 && writers.length !== 1)
      this.broken("not one of two processes writes", processes.map(({ identity }) => identity).join(", "))
    for (const node of processes)
      if (!node.mayWrite && (processes.length > 1 || this.replaced.has(node))) this.kill(node)
  }

  private checkContents(alive: ReadonlyArray<ChatNode>) {
    for (const node of alive) {
      const known = [...node.others].map(({ name }) => name).toSorted()
      const there = alive.filter((other) => other !== node).map(({ name }) => name)
      if (known.join(" ") !== there.toSorted().join(" "))
        this.broken("a node knows other nodes than there are", `${node.identity}: ${known.join(" ")}`)
      for (const [other, { isHeld, sent, waiting }] of node.outgoing) {
        if (isHeld || waiting.length > 0) this.broken("contents wait for ever", `${node.identity} to ${other.name}`)
        const next = this.expected.get(`${node.identity} ${other.incarnation}`) ?? 1
        if (next !== sent + 1)
          this.broken("a content never came", `${node.identity} to ${other.name}: ${next} of ${sent}`)
      }
    }
  }

  private checkNames(alive: ReadonlyArray<ChatNode>) {
    const entries = new Map(
      this.engine.entries("names").map(({ key, value }) => [Buffer.from(key, "hex").toString(), value.split(" ")])
    )
    for (const node of alive) {
      for (const [likeness, name] of node.owned) {
        const [, incarnation, known] = entries.get(likeness) ?? []
        if (incarnation !== node.incarnation || known !== name)
          this.broken("a node does not have its name", `${node.identity}: ${name}, ${known} of ${incarnation}`)
      }
      for (const name of clientNames) {
        for (const form of [name, name.toUpperCase()]) {
          const owner = alive.find((other) => other !== node && other.owned.get(name) === form)
          const known = node.whereIs(form)?.name
          if (known !== owner?.name)
            this.broken(
              "a node looks for a name elsewhere",
              `${node.identity}: ${form} at ${known}, not ${owner?.name}`
            )
        }
      }
    }
    for (const [likeness, [name, incarnation]] of entries) {
      const owner = alive.find((node) => node.incarnation === incarnation)
      if (owner !== undefined && !owner.owned.has(likeness))
        this.broken("a name was never released", `${likeness} of ${name}`)
    }
  }

  /** Nothing is left of those that are gone, which may have been buried only a moment ago. */
  private checkSwept(alive: ReadonlyArray<ChatNode>) {
    if (alive.length === 0) return
    const ofTheDead = () =>
      this.engine
        .entries("names")
        .filter(({ value }) => !alive.some((node) => value.split(" ")[1] === node.incarnation))
    if (ofTheDead().length > 0) this.pass(4 * term)
    for (const { value } of ofTheDead()) this.broken("a name of a lost node is never removed", value)
  }

  /** With nothing to do, there are heartbeats, and one renewal a term. */
  private checkRest(alive: ReadonlyArray<ChatNode>) {
    this.frames = 0
    this.requests = 0
    this.pass(term)
    let maxFrames = 0
    let maxRequests = 0
    for (const node of alive) {
      const terms = term / node.termMillis
      maxFrames += (alive.length - 1) * 13 * terms
      // Next to a longer term, its grants are too old for it, and it lives by renewals.
      maxRequests += terms > 1 ? 13 * terms : 2
    }
    if (this.frames > maxFrames) this.broken("the nodes talk for ever", `${this.frames} frames`)
    if (this.requests > maxRequests) this.broken("the directory is asked for ever", `${this.requests} requests`)
  }
}
