import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import type { AccountOperations } from "../../../src/accounts/AccountOperations.js"
import * as Accounts from "../../../src/accounts/Accounts.js"
import * as AccountsSettings from "../../../src/accounts/AccountsSettings.js"
import * as Credentials from "../../../src/accounts/Credentials.js"
import { LiveSource } from "../../../src/chat/Live.js"
import { likenessOf } from "../../../src/chat/Names.js"
import * as Server from "../../../src/chat/Server.js"
import * as Conversations from "../../../src/conversations/Conversations.js"
import { Endpoints } from "../../../src/ports/Endpoints.js"
import * as Memory from "../../../src/ports/Memory.js"
import * as OtherServers from "../../../src/ports/OtherServers.js"
import { Store } from "../../../src/ports/Store.js"
import type { Listen, ListenerEvents } from "../../../src/ports/Transport.js"
import * as Rooms from "../../../src/rooms/Rooms.js"
import * as RoomsSettings from "../../../src/rooms/RoomsSettings.js"
import { SimulatedFibers } from "../SimulatedFibers.js"
import { SimulatedLoop } from "../SimulatedLoop.js"
import { SimulatedSocket } from "../SimulatedSocket.js"
import { hostOf } from "../Vocabulary.js"
import { withinLoop } from "../clients/Globals.js"
import { accounts, clients, loginOf, password } from "./Clients.js"
import { SimulatedStore } from "./SimulatedStore.js"
import { acknowledge, SittingLines } from "./SittingLines.js"
import { lastRooms, type Sitting, type StoreHistory } from "./StoreHistory.js"
import type { StoreSchedule } from "./StoreSchedule.js"
import type { StoreStep } from "./StoreStep.js"

/** A password is hashed at once. The cost of a real hash is no subject here. */
const derive: Credentials.Derive = (text, salt, _cost, bytes) =>
  Effect.sync(() => createHash("sha256").update(salt).update(text).digest().subarray(0, bytes))

const cost: Credentials.Cost = { ln: 1, r: 1, p: 1 }

const loginTimeout = 800
const linger = 500

/** Rounds in which everything comes to rest at the end. */
const maxRounds = 60

interface Running {
  readonly server: Server.ServerHandle
  readonly operations: AccountOperations
}

/** The real server with accounts on a simulated store, killed and started again by the steps of a schedule. */
export class StoreWorld {
  readonly history: StoreHistory
  private readonly loop = new SimulatedLoop()
  private readonly fibers = new SimulatedFibers(this.loop)
  private readonly sockets: Array<SimulatedSocket> = []
  private readonly slots = new Map<number, Sitting>()
  private readonly lines: SittingLines
  private readonly store: SimulatedStore
  private life = 0
  private scope = Effect.runSync(Scope.make())
  private running: Running | undefined = undefined
  private isStarting = false
  private downUntil = 0
  private listening: ListenerEvents | undefined = undefined

  constructor(
    private readonly schedule: StoreSchedule,
    kept: ReadonlyArray<number>
  ) {
    this.lines = new SittingLines(this.loop)
    this.store = new SimulatedStore(this.loop, schedule.setting, schedule.seed)
    this.history = {
      schedule,
      kept,
      store: this.store,
      sittings: [],
      ends: [],
      leftOver: [],
      defects: this.fibers.defects,
      hadTrouble: false,
      wasSlow: false,
      atRest: undefined,
      ledgers: []
    }
  }

  run(): StoreHistory {
    const { history, loop, store } = this
    return withinLoop(loop, this.schedule.seed, () => {
      loop.poll = () => this.poll()
      loop.isMoving = () => store.isBusy
      // A slow store that is given a few lines at a time takes thousands of turns for those of one client.
      loop.progress = () => store.handedOver
      this.createAccounts()
      this.start()
      for (const place of history.kept) {
        const step = this.schedule.acts[place]
        if (step === undefined) continue
        this.startAgain()
        this.take(step, place)
        if (loop.restless > 0) break
      }
      if (loop.restless === 0) this.comeToRest()
      if (loop.restless === 0) this.end()
      if (loop.restless > 0) history.leftOver.push("work: the server is busy without end")
      for (const socket of this.sockets) socket.noteEnd()
      return history
    })
  }

  private createAccounts() {
    for (const name of accounts) {
      const create = Effect.flatMap(Credentials.hash(password, cost, derive), (credential) =>
        this.store.flushed.accounts.create({ name, likeness: likenessOf(name), credential })
      )
      Effect.runSync(create)
    }
  }

  private isAccount(name: string): boolean {
    return Effect.runSync(this.store.flushed.accounts.all).some((account) => account.name === name)
  }

  // The process.

  private start() {
    const { setting } = this.schedule
    this.life += 1
    this.isStarting = true
    this.scope = Effect.runSync(Scope.make())
    const prepared = Conversations.prepare(this.store.service)
    const settings = new LiveSource({
      ...AccountsSettings.defaults,
      maxDevices: setting.maxDevices,
      takesReadableSecrets: true
    })
    const made = Effect.gen(this, function* () {
      const { admission, feature, index, operations } = yield* Accounts.make({
        settings,
        cost,
        derive,
        threads: 1,
        removed: (toGuests, account) => conversations.removed(toGuests, account),
        registering: (guest, account, take) => conversations.registering(guest, account, take)
      }).pipe(Effect.provideService(Store, prepared.store), Effect.provide(OtherServers.none))
      const rooms = yield* Rooms.make({
        store: prepared.store,
        accounts: index,
        settings: new LiveSource(RoomsSettings.defaults)
      })
      const conversations = Conversations.make(prepared, index, rooms.feature)
      const server = yield* Server.make({
        admission,
        features: [conversations.feature, feature],
        turnBounds: setting.turnBounds,
        loginTimeout: Duration.millis(loginTimeout),
        linger: Duration.millis(linger),
        holdTimeout: Duration.millis(setting.holdTimeout),
        stallTimeout: Duration.millis(setting.stallTimeout),
        grace: Duration.millis(setting.grace),
        outboxLines: setting.outboxLines,
        outboxBytes: setting.outboxBytes,
        maxOutcomes: setting.maxOutcomes
      }).pipe(Effect.provide(Layer.merge(Server.standalone, Layer.succeed(Endpoints, [this.listen]))))
      return { server, operations }
    })
    this.fibers.fork(Effect.either(Scope.extend(made, this.scope)), (started) => {
      this.isStarting = false
      if (Either.isRight(started)) this.running = started.right
    })
    this.loop.turns(4)
  }

  /** Starts the program again as systemd does, even if it ended because the store did not answer. */
  private startAgain() {
    if (this.running === undefined && !this.isStarting && this.loop.now >= this.downUntil) this.start()
  }

  private crash(downMillis: number) {
    const { fibers, loop, sockets, store } = this
    this.noteEnd(false)
    loop.crash()
    store.crash()
    for (const socket of sockets) if (!socket.isOver) socket.crash()
    fibers.forget()
    this.slots.clear()
    this.running = undefined
    this.isStarting = false
    this.listening = undefined
    this.downUntil = loop.now + downMillis
  }

  /** Ends the process in order. One that does not end in time is killed. */
  private end() {
    const { fibers, history, loop, running, schedule, store } = this
    if (running === undefined) return this.crash(0)
    const closing = { isDone: false }
    this.fibers.fork(Scope.close(this.scope, Exit.void), () => {
      closing.isDone = true
    })
    const until = loop.now + schedule.setting.grace + 1_000 + linger + 500
    // The store carries out what it was asked, and closes then.
    while (!(closing.isDone && store.isIdle) && loop.now < until) loop.pass(20)
    loop.turns(4)
    if (!closing.isDone || !store.isIdle) return this.crash(0)
    const ledger = this.fibers.ask(running.server.ledger)
    // A process may end before the store has answered: what it has of the lines in flight, nobody knows then.
    const isQuiet = history.atRest !== undefined || !(history.hadTrouble || history.wasSlow)
    if (ledger !== undefined && isQuiet) history.ledgers.push(ledger)
    if (fibers.alive > 0) history.leftOver.push(`${fibers.alive} fibers`)
    if (loop.pending > 0) history.leftOver.push(`${loop.pending} timers`)
    const open = this.sockets.filter(({ isOver }) => !isOver).length
    if (open > 0) history.leftOver.push(`${open} sockets`)
    this.noteEnd(true)
    this.running = undefined
    this.slots.clear()
  }

  private noteEnd(isOrderly: boolean) {
    const { history, life, loop, store } = this
    history.ends.push({ turn: loop.turn, at: loop.now, life, isOrderly, content: store.snapshot })
  }

  // The steps.

  private take(step: StoreStep, place: number) {
    const { history, loop, store } = this
    switch (step.do) {
      case "turns":
        this.inspect()
        return loop.turns(step.count)
      case "pass":
        return loop.pass(step.millis)
      case "disk":
        store.disk = step.is
        if (step.is === "stuck") history.wasSlow = true
        else if (step.is !== "ok") history.hadTrouble = true
        return
      case "fail":
        store.failNext(step.count, step.reason)
        history.hadTrouble = true
        return
      case "speed":
        store.speed = step
        if (step.millis > 0 || step.before + step.after > 0) history.wasSlow = true
        return
      case "crash":
        return this.crash(step.downMillis)
      case "restart":
        return this.end()
      case "remove":
        if (this.running !== undefined)
          this.fibers.fork(Effect.ignore(this.running.operations.remove(step.name)), () => {})
        return
      case "connect":
        return this.connect(step)
    }
    const sitting = this.slots.get(step.who)
    if (sitting === undefined || sitting.socket.isOver) return
    const { socket } = sitting
    switch (step.do) {
      case "say":
        return this.lines.say(sitting, step, place)
      case "again":
        return this.lines.sayAgain(sitting, step.altered, place)
      case "command":
        this.lines.ask(sitting, step.line, `c${place}`)
        if (step.line === "/quit") this.slots.delete(step.who)
        return
      case "acknowledge":
        return acknowledge(sitting, step.which)
      case "pace":
        return socket.setPace(step.bytes)
      case "grant":
        return socket.grant(step.bytes)
      case "end":
        socket.shutDown()
        this.slots.delete(step.who)
        return
      case "reset":
        return socket.reset(step.first, step.gap)
    }
  }

  private connect({ cut, opaque, polite, who, words }: Extract<StoreStep, { do: "connect" }>) {
    const client = clients[who]
    // A client that reconnects has left its old connection, whatever the server sees of it.
    this.slots.delete(who)
    if (this.listening === undefined || client === undefined) return
    const { loop, sockets } = this
    const socket = new SimulatedSocket(loop, sockets.length + 1, hostOf(who), { cut, opaque, polite })
    const isAccount = client.device !== undefined && this.isAccount(client.name)
    const { life } = this
    const about = { who, client, words, isAccount, cut, opaque, socket, life }
    const sitting = { ...about, said: [], asked: new Map(), acknowledged: 0 }
    sockets.push(socket)
    this.history.sittings.push(sitting)
    this.slots.set(who, sitting)
    this.listening.accepted(socket)
    loop.settle()
    socket.send(`/hello ${words.join(" ")}\n${loginOf(client, isAccount)}\n`)
  }

  /** Compares the ledger and the memory budget with the queues. */
  private inspect() {
    if (this.running === undefined) return
    this.fibers.fork(this.running.server.measure, ({ memoryUnaccountedBytes, pairsUnaccounted }) => {
      if (pairsUnaccounted !== 0) this.history.leftOver.push(`${pairsUnaccounted} pairs in no queue`)
      if (memoryUnaccountedBytes !== 0) this.history.leftOver.push(`${memoryUnaccountedBytes} bytes of memory`)
    })
  }

  // The end of the run.

  /** Every device comes once more, and takes and acknowledges everything. */
  private comeToRest() {
    const { history, loop, store } = this
    store.disk = "ok"
    store.failNext(0, "unavailable")
    store.speed = { before: 0, after: 0, millis: 0 }
    this.downUntil = loop.now
    this.startAgain()
    loop.pass(20)
    for (const socket of this.sockets) socket.hurry()
    // What failed because the store was damaged is tried again after a minute.
    loop.pass(store.failures.has("damaged") ? 61_000 : 1_100)
    const devices = store.snapshot.records.flatMap((record) => (record.type === "device" ? [record] : []))
    clients.forEach(({ device, name }, who) => {
      if (devices.some((one) => one.name === device && this.nameOf(one.account) === name)) {
        this.connect({ do: "connect", who, words: ["ack", "seq"], cut: 65_536, polite: true, opaque: false })
      }
    })
    for (let last = NaN, rounds = 0; last !== this.progress && rounds < maxRounds; rounds++) {
      last = this.progress
      for (let part = 0; part < 6; part++) {
        loop.pass(400) // shorter than the stall timeout
        for (const sitting of this.slots.values()) if (sitting.socket.isSilent) acknowledge(sitting, "all")
      }
    }
    for (const sitting of this.slots.values()) this.lines.ask(sitting, "/rooms", lastRooms)
    loop.pass(400)
    history.atRest = { turn: loop.turn, at: loop.now, content: store.snapshot }
  }

  private nameOf(id: number): string | undefined {
    return Effect.runSync(this.store.flushed.accounts.all).find((account) => account.id === id)?.name
  }

  private get progress(): number {
    const received = this.sockets.reduce(
      (sum, socket) => sum + socket.wire.taken.replace(/^\* pong.*\n/gmu, "").length,
      0
    )
    return received + this.store.log.length
  }

  // The machinery.

  private readonly listen: Listen = (server) =>
    Effect.gen(this, function* () {
      const suspend = Effect.sync(() => {
        this.listening = undefined
      })
      const resume = Effect.sync(() => {
        this.listening = server.events
      })
      yield* Effect.acquireRelease(resume, () => suspend)
      return { address: Memory.address, suspend, resume }
    })

  private poll() {
    const { loop, sockets, store } = this
    store.poll()
    loop.settle()
    for (let i = 0; i < sockets.length; i++) {
      const socket = sockets[(i + loop.turn) % sockets.length]
      if (socket?.isKnownToBeOver !== false) continue
      socket.poll()
      loop.settle()
    }
  }
}
