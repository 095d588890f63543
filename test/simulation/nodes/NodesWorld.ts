import { seededRandom } from "../../../scripts/random.mjs"
import { MemoryCluster } from "../../../src/cluster/MemoryCluster.js"
import type { Table } from "../../../src/ports/Cluster.js"
import type { Violation } from "../Checks.js"
import { ChatNode } from "./ChatNode.js"
import { NodesContents } from "./NodesContents.js"
import { clientNames, NodesNames } from "./NodesNames.js"
import { NodesRecord } from "./NodesRecord.js"
import { calm, secondProcess, term, type NodesAct, type NodesSchedule } from "./NodesSchedule.js"
import { latestRequest, NodesWeather } from "./NodesWeather.js"
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
/** How late a watch starts again after the engine went back, if no change shows it before. */
const latestNotice = term

/** A run makes far less, unless something goes on for ever. */
const maxCount = 400_000

/** Carries a schedule out on simulated nodes, and checks the promises of the protocol all the time. */
export class NodesWorld {
  private readonly timeline = new Timeline()
  private readonly record = new NodesRecord(this.timeline)
  private readonly contents = new NodesContents(this.record)
  private readonly random
  private readonly weather: NodesWeather
  private readonly engine: MemoryCluster
  private readonly names: NodesNames
  /** By place. */
  private readonly nodes = new Map<string, ChatNode>()
  /** Another process has taken their lease: they stay suspended. */
  private readonly replaced = new Set<ChatNode>()
  private processes = 0

  constructor(
    private readonly schedule: NodesSchedule,
    private readonly kept: ReadonlyArray<number>
  ) {
    this.random = seededRandom(schedule.seed + 1)
    const weather = new NodesWeather(this.random, this.record.occurred, (node) => this.names.hindered(node))
    this.weather = weather
    this.engine = new MemoryCluster({
      after: this.timeline.after,
      carry: () => weather.carry(),
      request: (name) => weather.request(name),
      watchDelay: () => this.random.below(1 + weather.now.watch),
      merges: () => weather.merges(),
      forgotten: () => ({
        isTold: this.random.chance(0.5),
        noticedAfter: this.random.below(latestNotice)
      }),
      timeoutMillis: 200,
      swapped: (by, table, key, value) => this.swapped(by, table, key, value)
    })
    const { engine, record, timeline } = this
    this.names = new NodesNames({ engine, record, timeline, nodes: () => this.nodes.values() })
  }

  run(): NodesHistory {
    try {
      for (let number = 0; number < this.schedule.setting.nodes; number++) this.start(number)
      this.pass(term / 6)
      for (const place of this.kept) {
        const act = this.schedule.acts[place]
        if (act === undefined) continue
        this.record.note(`step ${place} ${JSON.stringify(act)}`)
        this.carryOut(act)
      }
      this.settle()
    } catch (cause) {
      this.record.broken("a defect", String(cause instanceof Error ? cause.stack : cause))
    }
    for (const node of this.nodes.values())
      for (const defect of node.process.defects) this.record.broken("a defect", defect)
    const { record, schedule } = this
    const { counts, story, violations } = record
    return { schedule, violations, story, counts }
  }

  private pass(millis: number) {
    const until = this.timeline.now + millis
    do {
      this.timeline.pass(Math.min(until - this.timeline.now, term / 6))
      if (this.timeline.count > maxCount) throw new Error("the nodes never come to rest")
      for (const name of clientNames) this.names.checkOwners(name)
    } while (this.timeline.now < until)
    for (const node of this.nodes.values()) this.names.checkKnown(node)
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
          this.record.occurred(event.split(" ")[0] ?? event)
          if (event.endsWith("Taken")) this.record.occurred("claims of taken names")
          this.record.note(`${node.identity} ${event}`)
        },
        received: (at, from, text) => this.contents.received(at, from, text),
        lost: (at, other) => this.contents.lostAt(at, other),
        mayLoseNames: () => this.names.isUnsure,
        owns: (_node, likeness) => this.names.checkOwners(likeness),
        broken: (rule, detail) => this.record.broken(rule, detail)
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
        this.weather.now = act.weather
        return
    }
  }

  private crash(number: number) {
    const node = this.node(number)
    if (node === undefined) return
    this.record.occurred("crashes")
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
    this.record.occurred(sleeps ? "machines asleep" : "processes stopped")
    node.process.stop()
    this.engine.pause(node.place)
    this.timeline.after(millis, () => this.goOn(node, sleeps ? millis : 0))
  }

  /** The first that happens is a write, and then what was late. */
  private goOn(node: ChatNode, sleptMillis: number) {
    if (node.process.isDead || node.process.isRunning) return
    this.record.note(`${node.identity} goes on`)
    const framesFirst = this.random.chance(0.5)
    const wakes = () => {
      if (node.mustBeSuspended && node.mayWrite) this.record.broken("a node was lost and wrote", node.identity)
      node.mustBeSuspended = false
      for (const name of clientNames) this.names.checkOwners(name)
    }
    node.process.wake(sleptMillis, wakes)
    if (framesFirst) this.engine.resume(node.place)
    node.process.goOn()
    this.engine.resume(node.place)
  }

  private disconnect(number: number, millis: number) {
    const node = this.node(number)
    if (node === undefined) return
    this.record.occurred("nodes cut off")
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
    this.record.occurred("watches stalled")
    this.engine.stall(node.place, "nodes")
    this.engine.stall(node.place, "names")
    this.timeline.after(millis, () => this.engine.restart(node.place, "names"))
  }

  private cut({ both, from, millis, to }: Extract<NodesAct, { do: "cut" }>) {
    const [one, other] = [nameOf(from), nameOf(to)]
    if (one === other) return
    this.record.occurred(both ? "two-way cuts" : "one-way cuts")
    this.engine.cut(one, other)
    if (both) this.engine.cut(other, one)
    this.timeline.after(millis, () => {
      this.engine.mend(one, other)
      this.engine.mend(other, one)
    })
  }

  private stopEngine(millis: number, forgets: boolean) {
    this.record.occurred(forgets ? "engine stopped, and all entries lost" : "engine stopped")
    if (forgets) this.names.hasForgotten = true
    this.engine.down()
    this.timeline.after(millis, () => this.engine.up(forgets))
  }

  private goBack(table: Table, changes: number) {
    if (this.engine.goBack(table, changes) === 0) return
    this.record.occurred("engine went back")
    this.names.hasGoneBack = true
  }

  /** A node buries another one, or takes its lease: that one must not be able to write any more. */
  private swapped(by: string, table: string, key: string, value: string | undefined) {
    if (table !== "nodes") return
    const [, state, incarnation] = /^(alive|dead|left) ([0-9a-f]+)/u.exec(value ?? "") ?? []
    const isOwn = this.nodes.get(by)?.name === key
    if (state === "alive") return this.leaseTaken(by, key)
    if (isOwn) return
    this.record.occurred("burials")
    this.record.note(`${by} buries ${key} ${incarnation}`)
    for (const node of this.living(key)) {
      if (node.incarnation !== incarnation) continue
      this.record.occurred("burials of living nodes")
      this.mustNotWrite(node, `buried by ${by}`)
    }
  }

  private leaseTaken(by: string, name: string) {
    for (const node of this.living(name)) {
      if (node.place === by || node.nodes === undefined) continue
      if (!this.replaced.has(node)) this.record.occurred("leases taken from a living process")
      this.replaced.add(node)
      if (!this.names.isUnsure) this.mustNotWrite(node, `replaced by ${by}`)
    }
  }

  private mustNotWrite(node: ChatNode, why: string) {
    if (this.names.hasGoneBack) return // it is told
    if (!node.process.isRunning) node.mustBeSuspended = true
    else if (node.mayWrite) this.record.broken("a node was lost that could write", `${node.identity}, ${why}`)
  }

  /** The processes of this name. */
  private living(name: string): ReadonlyArray<ChatNode> {
    return [...this.nodes.values()].filter((node) => node.name === name && !node.process.isDead)
  }

  /** The faults end, and everything has to come right. */
  private settle() {
    this.record.note("the faults end")
    this.weather.now = calm
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
      if (node.nodes === undefined) this.record.broken("a node never joined or left", node.identity)
      else if (!node.mayWrite) this.record.broken("a node is still suspended", node.identity)
    }
    this.pass(5 * term)
    this.checkSwept(alive)
    for (const node of alive) for (const other of alive) if (node !== other) node.send(other.name, 1, 1)
    this.pass(term)
    this.checkRest(alive)
    this.contents.check(alive)
    this.names.checkAll(alive)
  }

  /** Of two processes of one name, one writes, and the other one has nothing to do for ever. */
  private settleProcesses(processes: ReadonlyArray<ChatNode>) {
    const writers = processes.filter(({ mayWrite }) => mayWrite)
    if (processes.length > 1 && writers.length !== 1)
      this.record.broken("not one of two processes writes", processes.map(({ identity }) => identity).join(", "))
    for (const node of processes)
      if (!node.mayWrite && (processes.length > 1 || this.replaced.has(node))) this.kill(node)
  }

  /** Nothing is left of those that are gone, which may have been buried only a moment ago. */
  private checkSwept(alive: ReadonlyArray<ChatNode>) {
    if (alive.length === 0) return
    const ofTheDead = () =>
      this.engine
        .entries("names")
        .filter(({ value }) => !alive.some((node) => value.split(" ")[1] === node.incarnation))
    if (ofTheDead().length > 0) this.pass(4 * term)
    for (const { value } of ofTheDead()) this.record.broken("a name of a lost node is never removed", value)
  }

  /** With nothing to do, there are heartbeats, and one renewal a term. */
  private checkRest(alive: ReadonlyArray<ChatNode>) {
    this.weather.frames = 0
    this.weather.requests = 0
    this.pass(term)
    let maxFrames = 0
    let maxRequests = 0
    for (const node of alive) {
      const terms = term / node.termMillis
      maxFrames += (alive.length - 1) * 13 * terms
      // Next to a longer term, its grants are too old for it, and it lives by renewals.
      maxRequests += terms > 1 ? 13 * terms : 2
    }
    if (this.weather.frames > maxFrames) this.record.broken("the nodes talk for ever", `${this.weather.frames} frames`)
    if (this.weather.requests > maxRequests)
      this.record.broken("the directory is asked for ever", `${this.weather.requests} requests`)
  }
}
