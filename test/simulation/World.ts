import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as Scope from "effect/Scope"
import * as Memory from "../../src/ports/Memory.js"
import * as BanSubject from "../../src/chat/BanSubject.js"
import type { Options } from "../../src/chat/Options.js"
import { Ledger } from "../../src/chat/Ledger.js"
import * as Server from "../../src/chat/Server.js"
import * as Descriptors from "../../src/ports/Descriptors.js"
import { Endpoints } from "../../src/ports/Endpoints.js"
import * as Reachability from "../../src/ports/Reachability.js"
import { TransportError, type Listen, type ListenerEvents } from "../../src/ports/Transport.js"
import type { History, LogLine, Moment, Wire } from "./History.js"
import { hasLittleMemory } from "./ProtocolModel.js"
import { SimulatedFibers } from "./SimulatedFibers.js"
import { SimulatedLoop } from "./SimulatedLoop.js"
import type { Schedule } from "./Schedule.js"
import type { OperatorStep, Setting, Step } from "./Step.js"
import { mostAhead, SimulatedSocket } from "./SimulatedSocket.js"
import { hostOf, said } from "./Vocabulary.js"

const options = (setting: Setting): Partial<Options> => ({
  ...setting,
  loginTimeout: Duration.millis(setting.loginTimeout),
  holdTimeout: Duration.millis(setting.holdTimeout),
  stallTimeout: Duration.millis(setting.stallTimeout),
  grace: Duration.millis(setting.grace),
  linger: Duration.millis(setting.linger)
})

/** What the operator's step asks of the server. */
const requested = (server: Server.ServerHandle, step: OperatorStep): Effect.Effect<number | boolean> => {
  if (step.do === "kick") return server.kick(step.name)
  const subject = Either.getOrThrowWith(BanSubject.parse(step.subject), Error)
  if (step.do === "unban") return server.unban(subject)
  return server.ban(subject, step.millis === Infinity ? undefined : Duration.millis(step.millis))
}

/** How long a drain may take: the grace time, the linger after it, and some ticks. */
const longestDrain = (setting: Setting) => setting.grace + 1_000 + setting.linger + 500

/** The real server in a simulated world: takes the steps of a schedule and records what happens. */
export class World {
  readonly history: History
  private readonly loop = new SimulatedLoop()
  private readonly scope = Effect.runSync(Scope.make())
  private readonly sockets: Array<SimulatedSocket> = []
  private readonly slots = new Map<number, SimulatedSocket>()
  private readonly logs: Array<LogLine> = []
  private readonly times: Array<number> = []
  private readonly clocks: Array<number> = []
  private readonly wires: Array<Wire> = []
  private readonly fibers = new SimulatedFibers(this.loop, ({ annotations, logLevel, message }) => {
    this.logs.push({
      ...this.moment(),
      message: [message].flat().join(" "),
      level: logLevel.label,
      fields: Object.fromEntries(HashMap.toEntries(annotations))
    })
  })
  private server: Server.ServerHandle | undefined = undefined
  private listening: { readonly events: ListenerEvents; readonly hardLimit: number } | undefined = undefined
  private isShort = false
  private isClosing = false
  private isClosed = false

  constructor(
    private readonly schedule: Schedule,
    /** The places of the steps to take; by default all. */
    kept: ReadonlyArray<number> = schedule.steps.map((_, place) => place)
  ) {
    const moment = this.moment()
    this.history = {
      setting: schedule.setting,
      steps: kept.flatMap((place) => {
        const step = schedule.steps[place]
        return step === undefined ? [] : [[place, step] as const]
      }),
      wires: this.wires,
      logs: this.logs,
      acts: [],
      times: this.times,
      clocks: this.clocks,
      busyTurns: this.loop.busyTurns,
      drainAsked: undefined,
      drained: undefined,
      killed: undefined,
      rests: [],
      unaccounted: [],
      memoryUnaccounted: [],
      readAhead: [],
      unsettled: [],
      defects: this.fibers.defects,
      ledger: new Ledger().snapshot(),
      end: moment
    }
  }

  run(): History {
    return this.loop.within(() => {
      const { history, loop } = this
      loop.poll = () => this.poll()
      this.start()
      const idleFibers = this.fibers.alive
      for (const [place, step] of history.steps) {
        this.take(step, place)
        this.checkSettled()
        if (history.killed !== undefined) break
      }
      if (history.killed === undefined) this.rest(idleFibers)
      if (this.server !== undefined) history.ledger = this.fibers.ask(this.server.ledger) ?? history.ledger
      for (const socket of this.sockets) socket.noteEnd()
      history.end = this.moment()
      return history
    })
  }

  private start() {
    const { hasProbe } = this.schedule.setting
    const { turnBounds } = this.schedule.setting
    const made = Server.make({ ...options(this.schedule.setting), turnBounds }).pipe(
      Effect.provideService(Endpoints, [this.listen]),
      Effect.provideService(Reachability.Reachability, this.reachability),
      Effect.provideService(
        Descriptors.Descriptors,
        hasProbe ? { limit: 100, isShort: () => this.isShort } : Descriptors.unlimited
      )
    )
    this.fibers.fork(Scope.extend(made, this.scope), (server) => {
      this.server = server
    })
    this.loop.turns(2)
  }

  /** What the server's kernel knows about the clients' kernels. */
  private readonly reachability: Reachability.ReachabilityProbe = {
    handed: (socket) => this.sockets.find((one) => one === socket)?.wire.taken.length,
    check: (checked) =>
      Effect.sync(
        () =>
          new Map(
            this.sockets.flatMap((socket) =>
              checked.includes(socket) && socket.transmission !== undefined ? [[socket, socket.transmission]] : []
            )
          )
      )
  }

  /** All clients read and leave, and the server must be empty; then it ends, and nothing may be left over. */
  private rest(idleFibers: number) {
    const { history } = this
    const { setting } = this.schedule
    this.isShort = false
    if (history.drainAsked === undefined) {
      for (const socket of this.sockets) socket.hurry()
      // A client whose unfinished line finds no memory is read from again at a tick, or closed in the end.
      const patience = hasLittleMemory(setting) ? setting.stallTimeout : setting.holdTimeout
      this.passWhileMoving(patience + 300)
      for (const socket of this.sockets) socket.shutDown()
      // A client that is not read from, because it waits for outcomes, is closed if it cannot acknowledge.
      const silence = this.sockets.some(({ isSilent }) => isSilent) ? setting.stallTimeout : 0
      this.passWhileMoving(Math.max(silence, setting.linger + setting.loginTimeout) + 300)
      this.look("all clients have left", idleFibers)
    } else this.passUntil(() => this.logs.some(({ message }) => message.startsWith("stopped")))
    this.close()
    this.passUntil(() => this.isClosed)
    this.look("the server has ended", 0)
  }

  /** Lets time pass until something is done, or is overdue. */
  private passUntil(isDone: () => boolean) {
    const until = this.loop.now + longestDrain(this.schedule.setting)
    while (!isDone() && this.loop.now < until) this.loop.pass(20)
    this.loop.turns(4)
  }

  private passWhileMoving(millis: number) {
    for (let last = NaN; last !== this.progress;) {
      last = this.progress
      this.calm()
      this.loop.pass(millis)
    }
    this.calm()
  }

  /** Turns for as long as anything moves. */
  private calm() {
    for (let last = NaN; last !== this.progress || this.loop.isBusy;) {
      last = this.progress
      this.loop.turns(10)
    }
  }

  private get progress(): number {
    return this.sockets.reduce((sum, socket) => sum + socket.progress, 0)
  }

  private look(when: string, idleFibers: number) {
    const { hasProbe } = this.schedule.setting
    this.history.rests.push({
      when,
      fibers: this.fibers.alive - idleFibers,
      // The probe of descriptors sleeps as long as the server runs.
      timers: this.loop.pending - (hasProbe && idleFibers > 0 ? 1 : 0),
      isListening: this.listening !== undefined,
      names: (this.server && this.fibers.ask(this.server.names)) ?? [],
      ledger: (this.server && this.fibers.ask(this.server.ledger)) ?? this.history.ledger,
      memory: (this.server && this.fibers.ask(this.server.memory)?.used) ?? 0,
      openSockets: this.sockets.filter(({ isOver }) => !isOver).length
    })
  }

  private take(step: Step, place: number) {
    const { history, loop } = this
    if (step.do === "turns") {
      this.inspect()
      return loop.turns(step.count)
    }
    if (step.do === "pass") return loop.pass(step.millis)
    if (step.do === "setClock") return loop.setWallClock(step.millis)
    if (step.do === "stop") return this.stop(step)
    if (step.do === "connect") return this.connect(step)
    if (step.do === "kick" || step.do === "ban" || step.do === "unban") return this.operate(step)
    if (step.do === "failAccept") return this.failAccept(step.code)
    if (step.do === "drain") return this.drain(step.patient)
    if (step.do === "close") return this.close()
    if (step.do === "shortage") {
      this.isShort = step.isShort && this.schedule.setting.hasProbe
      return
    }
    if (step.do === "kill") {
      if (history.drainAsked !== undefined) history.killed = this.moment()
      return
    }
    const socket = this.slots.get(step.who)
    if (socket === undefined) return
    switch (step.do) {
      case "send":
        return socket.send(step.bytes.replaceAll("#", `${place}`))
      case "say":
        return socket.send(said(step, place))
      case "acknowledge":
        socket.acknowledge(step.which)
        return
      case "tooLong": {
        const label = step.labelled ? `@t${place} ` : ""
        return socket.send(label + "y".repeat(this.schedule.setting.maxLineBytes + 1) + (step.ends ? "\n" : ""))
      }
      case "pace":
        return socket.setPace(step.bytes)
      case "grant":
        return socket.grant(step.bytes)
      case "end":
        return socket.shutDown()
      case "reset":
        return socket.reset(step.first, step.gap)
      case "vanish":
        return socket.vanish(step.isAlive)
      case "comeBack":
        return socket.comeBack()
    }
  }

  /** The time that a drain may take includes any in which the process is stopped, so nothing can be checked there. */
  private stop({ during, millis }: Extract<Step, { do: "stop" }>) {
    if (this.history.drainAsked !== undefined) return
    this.loop.stop(millis, during)
    // The next ticks are in time again: the server counts a second late one in a row.
    this.loop.pass(this.schedule.setting.holdTimeout / 4)
  }

  /** While no socket is blocked and the broker has nothing to do, no line waits. */
  private checkSettled() {
    const { history, loop, server, sockets } = this
    if (server === undefined || loop.isBusy || sockets.some((socket) => socket.mayKeepLines)) return
    const inFlight = this.fibers.ask(server.ledger)?.inFlight ?? 0
    if (inFlight !== 0) history.unsettled.push(inFlight)
  }

  /** Compares the ledger and the memory budget with the queues, at any moment. */
  private inspect() {
    if (this.server === undefined || this.isClosing) return
    const { memoryUnaccounted, readAhead, unaccounted } = this.history
    this.fibers.fork(this.server.measure, (gauges) => {
      if (gauges.pairsUnaccounted !== 0) unaccounted.push(gauges.pairsUnaccounted)
      if (gauges.memoryUnaccountedBytes !== 0) memoryUnaccounted.push(gauges.memoryUnaccountedBytes)
      if (gauges.inboxBytes > gauges.connections * mostAhead) readAhead.push(gauges.inboxBytes)
    })
  }

  /** The operator's request reaches the broker with the next turn. */
  private operate(step: OperatorStep) {
    const { history, loop, server } = this
    if (server === undefined || this.isClosing) return
    const before = this.sockets.map(({ handed }) => handed)
    this.fibers.fork(requested(server, step), (count) => {
      const writing = new Map(
        this.sockets.flatMap(({ handed, wire }, index) =>
          handed !== undefined && handed === before[index] ? [[wire, handed] as const] : []
        )
      )
      const moment = { ...this.moment(), order: loop.nextRead(), clock: loop.monotonic }
      history.acts.push({ ...moment, step, count: Number(count), writing })
    })
  }

  private connect({ cut, host, opaque, polite, who }: Extract<Step, { do: "connect" }>) {
    const { listening, loop, sockets } = this
    // A client that reconnects has left its old connection, whatever the server sees of it.
    this.slots.delete(who)
    if (listening === undefined) return
    const open = sockets.filter(({ isOver }) => !isOver).length
    if (open >= listening.hardLimit) return listening.events.dropped()
    const socket = new SimulatedSocket(loop, sockets.length + 1, hostOf(host), { cut, opaque, polite })
    sockets.push(socket)
    this.wires.push(socket.wire)
    this.slots.set(who, socket)
    listening.events.accepted(socket)
    loop.settle()
  }

  private failAccept(code: string) {
    this.listening?.events.failed(new TransportError({ during: "Listen", reason: `accepting failed (${code})`, code }))
    this.loop.settle()
  }

  private drain(isPatient: boolean) {
    const { server } = this
    if (server === undefined) return
    this.history.drainAsked ??= this.moment()
    const waiting = this.fibers.fork(server.drain, (drained) => {
      this.history.drained ??= { ...this.moment(), ...drained }
    })
    if (isPatient) return
    this.loop.turns(1)
    waiting.unsafeInterruptAsFork(waiting.id())
    this.loop.settle()
  }

  private close() {
    if (this.isClosing) return
    this.isClosing = true
    this.drain(true)
    this.fibers.fork(Scope.close(this.scope, Exit.void), () => {
      this.isClosed = true
    })
  }

  private readonly listen: Listen = (server) =>
    Effect.gen(this, function* () {
      const suspend = Effect.sync(() => {
        this.listening = undefined
      })
      const resume = Effect.sync(() => {
        this.listening = server
      })
      yield* Effect.acquireRelease(resume, () => suspend)
      return { address: Memory.address, suspend, resume }
    })

  /** Polls every socket, each time beginning with another one. */
  private poll() {
    const { loop, sockets } = this
    const count = sockets.length
    this.times[loop.turn] = loop.now
    this.clocks[loop.turn] = loop.monotonic
    for (let i = 0; i < count; i++) {
      sockets[(i + loop.turn) % count]?.poll()
      loop.settle()
    }
  }

  private moment(): Moment {
    return { turn: this.loop.turn, at: this.loop.now }
  }
}
