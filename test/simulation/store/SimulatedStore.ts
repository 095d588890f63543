import * as Chunk from "effect/Chunk"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { seededRandom } from "../../../scripts/random.mjs"
import type { StoreService } from "../../../src/ports/Store.js"
import type { AccountId, StoreAccounts } from "../../../src/ports/StoreAccounts.js"
import { StoreError, type StoreFailure } from "../../../src/ports/StoreError.js"
import type { Appended, ConversationId, NewLine, StoreLines } from "../../../src/ports/StoreLines.js"
import type { StoreRecord, StoreStatistics } from "../../../src/ports/StoreUpkeep.js"
import * as MemoryStore from "../../../src/store/MemoryStore.js"
import type { Moment } from "../History.js"
import type { SimulatedLoop } from "../SimulatedLoop.js"
import type { DiskState, StoreSetting } from "./StoreStep.js"

/** A line that was flushed. */
export interface Logged {
  readonly conversation: ConversationId
  readonly seq: number
  readonly at: number
  readonly line: NewLine
  readonly flushed: Moment
  /** When it was removed, and why; undefined while it is kept. */
  removed: { readonly turn: number; readonly at: number; readonly isReturned: boolean } | undefined
}

/** A device was created. */
export interface Opening {
  readonly account: AccountId
  readonly device: string
  readonly turn: number
  /** Where it starts in each conversation; 0 in the others. */
  readonly starts: ReadonlyMap<ConversationId, number>
}

/** An account was in a room. */
export interface Membership {
  readonly room: ConversationId
  /** The name of the room. */
  readonly name: string
  readonly account: AccountId
  /** Its last line when the account joined. */
  readonly after: number
  readonly from: number
  /** `Infinity` while the account is in the room. */
  to: number
  /** Its last line when the account left. */
  last: number
}

/** Everything that is in the store. */
export interface Content {
  readonly records: ReadonlyArray<StoreRecord>
  readonly statistics: StoreStatistics
}

interface Request {
  readonly writes: boolean
  readonly run: () => Exit.Exit<unknown, StoreError>
  readonly answer: (exit: Exit.Exit<unknown, StoreError>) => void
}

/** A request that is being carried out. */
interface Current {
  readonly request: Request
  turnsBefore: number
  /** The time at which it is carried out at the earliest. */
  readonly from: number
  turnsAfter: number
  exit: Exit.Exit<unknown, StoreError> | undefined
}

/**
 * A store whose content survives the crash of its server, as that of a file does. It carries out one request after the
 * other. Each is one transaction: flushed some turns after it was made, and answered some turns later. A crash before
 * the flush loses all of it; after a crash between the flush and the answer, all of it is there and nobody knows.
 */
export class SimulatedStore {
  readonly log: Array<Logged> = []
  /** Conversations with guests that were ended, because all of their lines were gone. */
  readonly ended = new Set<ConversationId>()
  readonly openings: Array<Opening> = []
  /** In the order in which they began. */
  readonly memberships: Array<Membership> = []
  /** Of all rooms that there were. */
  readonly roomNames = new Map<ConversationId, string>()
  /** Rooms that have ended, and in which turn. */
  readonly endedRooms = new Map<ConversationId, number>()
  readonly forgotten: Array<{ readonly account: AccountId; readonly device: string; readonly turn: number }> = []
  /** Requests that failed, by reason. */
  readonly failures = new Map<StoreFailure, number>()
  /** Appends that a crash has lost, and those that were flushed and not answered. */
  readonly torn = { lost: 0, unanswered: 0 }
  disk: DiskState = "ok"
  speed = { before: 0, after: 0, millis: 0 }
  /** How many lines it was given, whatever became of them. */
  handedOver = 0
  private failing: { left: number; readonly reason: StoreFailure } = { left: 0, reason: "unavailable" }
  private queue: Array<Request> = []
  private current: Current | undefined = undefined
  private readonly random: ReturnType<typeof seededRandom>
  private readonly content: StoreService

  constructor(
    private readonly loop: SimulatedLoop,
    setting: StoreSetting,
    seed: number
  ) {
    this.random = seededRandom(seed)
    const limits = { ...setting, keep: Duration.millis(setting.keep) }
    this.content = Effect.runSync(Effect.withClock(MemoryStore.make(limits), loop.clock as Clock.Clock))
  }

  /** What a server gets. */
  get service(): StoreService {
    const { content } = this
    const { accounts, returns, rooms } = content
    const reads = <A>(request: Effect.Effect<A, StoreError>) => this.request(false, request)
    const writes = <A>(request: Effect.Effect<A, StoreError>) => this.request(true, request)
    return {
      ...content,
      kind: "disk",
      log: "simulated",
      append: (lines, cursors) => writes(this.append(lines, cursors)),
      saveCursors: (cursors) => writes(content.saveCursors(cursors)),
      page: (request) => reads(content.page(request)),
      waiting: (account, device) => reads(content.waiting(account, device)),
      find: (key) => reads(content.find(key)),
      conversations: (account, limit) => reads(content.conversations(account, limit)),
      markRead: (account, conversation, seq) => writes(content.markRead(account, conversation, seq)),
      search: (request) => reads(content.search(request)),
      retain: (held) => writes(this.removing(content.retain(held))),
      returns: {
        pending: (account) => reads(returns.pending(account)),
        told: (told) => writes(returns.told(told))
      },
      rooms: {
        all: reads(rooms.all),
        create: (room) => writes(this.moving(rooms.create(room))),
        change: (room, changes) => writes(rooms.change(room, changes)),
        join: (room, account) => writes(this.moving(rooms.join(room, account))),
        leave: (room, account) => writes(this.moving(rooms.leave(room, account))),
        invite: (room, account) => writes(rooms.invite(room, account)),
        uninvite: (room, account) => writes(rooms.uninvite(room, account)),
        end: (room) => writes(this.moving(rooms.end(room)))
      },
      accounts: {
        all: reads(accounts.all),
        freed: reads(accounts.freed),
        create: (account) => writes(accounts.create(account)),
        credential: (account) => reads(accounts.credential(account)),
        setCredential: (account, credential) => writes(accounts.setCredential(account, credential)),
        remove: (account) => writes(this.moving(this.removing(this.removeAccount(account)))),
        free: (account) => writes(accounts.free(account)),
        devices: (account) => reads(accounts.devices(account)),
        openDevice: (account, device, options) => writes(this.openDevice(account, device, options)),
        setToken: (account, device, hash) => writes(accounts.setToken(account, device, hash)),
        deviceOfToken: (account, hash) => reads(accounts.deviceOfToken(account, hash)),
        left: (devices) => writes(accounts.left(devices)),
        forget: (account, device) =>
          writes(Effect.tap(accounts.forget(account, device), () => this.forgot(account, device))),
        seen: (present) =>
          writes(
            Effect.tap(accounts.seen(present), (gone) => {
              for (const { account, device } of gone) this.forgot(account, device)
            })
          )
      }
    }
  }

  /** What is flushed, without a server. */
  get flushed(): StoreService {
    return this.content
  }

  get snapshot(): Content {
    const { exported, statistics } = this.content
    return Effect.runSync(
      Effect.all({
        records: Effect.map(Stream.runCollect(exported), Chunk.toReadonlyArray),
        statistics
      })
    )
  }

  /** Whether it works on a request, and needs no time but turns for it. */
  get isBusy(): boolean {
    const { current, disk, loop, queue } = this
    if (disk === "stuck") return false
    return current === undefined ? queue.length > 0 : current.from <= loop.now
  }

  /** Whether it has carried out everything that it was asked. */
  get isIdle(): boolean {
    return this.current === undefined && this.queue.length === 0
  }

  failNext(count: number, reason: StoreFailure) {
    this.failing = { left: count, reason }
  }

  /** The server is gone with all its requests. */
  crash() {
    const { current, queue, torn } = this
    if (current?.exit !== undefined) torn.unanswered += 1
    else if (current !== undefined) torn.lost += 1
    torn.lost += queue.length
    this.queue = []
    this.current = undefined
  }

  /** One turn. */
  poll() {
    if (this.disk === "stuck") return
    this.current ??= this.next()
    const { current, loop } = this
    if (current === undefined || current.from > loop.now) return
    if (current.exit === undefined) {
      current.turnsBefore -= 1
      if (current.turnsBefore >= 0) return
      current.exit = this.carryOut(current.request)
    }
    current.turnsAfter -= 1
    if (current.turnsAfter >= 0) return
    this.current = undefined
    current.request.answer(current.exit)
  }

  private next(): Current | undefined {
    const request = this.queue.shift()
    if (request === undefined) return undefined
    const { loop, random, speed } = this
    const millis = random.below(speed.millis + 1)
    if (millis > 0) loop.after(millis, () => {}) // the clock stops there
    return {
      request,
      turnsBefore: random.below(speed.before + 1),
      turnsAfter: random.below(speed.after + 1),
      from: loop.now + millis,
      exit: undefined
    }
  }

  private carryOut({ run, writes }: Request): Exit.Exit<unknown, StoreError> {
    const reason = this.failure(writes)
    if (reason === undefined) return run()
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1)
    return Exit.fail(new StoreError({ reason, description: "as the schedule wants it" }))
  }

  private failure(writes: boolean): StoreFailure | undefined {
    const { disk, failing } = this
    if (disk === "unavailable" || (writes && (disk === "full" || disk === "damaged"))) return disk
    if (!writes || failing.left === 0) return undefined
    failing.left -= 1
    return failing.reason
  }

  private request<A>(writes: boolean, effect: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> {
    return Effect.async((resume) => {
      this.queue.push({
        writes,
        run: () => Effect.runSyncExit(effect),
        answer: (exit) => resume(exit as Exit.Exit<A, StoreError>) // it is what `run` has returned
      })
    })
  }

  private append(
    lines: ReadonlyArray<NewLine>,
    cursors: Parameters<StoreLines["append"]>[1]
  ): Effect.Effect<ReadonlyArray<Appended>, StoreError> {
    this.handedOver += lines.length
    const appended = Effect.tap(this.content.append(lines, cursors), (results) => {
      const flushed = this.moment()
      results.forEach((result, index) => {
        const line = lines[index]
        if (result._tag !== "Stored" || result.again || line === undefined) return
        const { at, conversation, seq } = result
        this.log.push({ conversation, seq, at, line, flushed, removed: undefined })
      })
    })
    // In memory, a room that has too many lines loses the first ones at once.
    return lines.some(({ conversation }) => conversation.kind === "room") ? this.removing(appended) : appended
  }

  private openDevice(...[account, device, options]: Parameters<StoreAccounts["openDevice"]>) {
    return Effect.tap(this.content.accounts.openDevice(account, device, options), (opened) => {
      if (opened._tag !== "Opened") return
      if (opened.forgotten !== undefined) this.forgot(account, opened.forgotten)
      if (!opened.isNew) return
      const { content, loop } = this
      const starts = Effect.map(
        Effect.all([content.conversations(account, Infinity), content.waiting(account, device)]),
        ([all, behind]) =>
          all.map(({ conversation, last }) => {
            const cursor = behind.find((one) => one.conversation === conversation)?.cursor
            return [conversation, cursor ?? last] as const
          })
      )
      this.openings.push({ account, device, turn: loop.turn, starts: new Map(Effect.runSync(starts)) })
    })
  }

  private removeAccount(account: AccountId) {
    return Effect.flatMap(this.content.accounts.devices(account), (devices) =>
      Effect.tap(this.content.accounts.remove(account), (returns) => {
        if (returns !== undefined) for (const { name } of devices) this.forgot(account, name)
      })
    )
  }

  private forgot(account: AccountId, device: string) {
    this.forgotten.push({ account, device, turn: this.loop.turn })
  }

  /** A request that removes lines: notes which ones, and which of them no device was given. */
  private removing<A>(request: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> {
    return Effect.suspend(() => {
      const before = this.snapshot
      return Effect.tap(request, () => this.noteRemoved(before, this.snapshot))
    })
  }

  /** A request after which other accounts may be in a room, or a room may be new or gone. */
  private moving<A>(request: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> {
    return Effect.tap(request, () => this.noteMembers())
  }

  private noteMembers() {
    const { content, endedRooms, log, loop, memberships, roomNames } = this
    const all = new Map(Effect.runSync(content.rooms.all).map((room) => [room.id, room]))
    for (const one of memberships) {
      const { account, room } = one
      if (one.to < Infinity || all.get(room)?.members.includes(account) === true) continue
      one.to = loop.turn
      one.last = log.findLast(({ conversation }) => conversation === room)?.seq ?? one.after
    }
    for (const { id, last, members, name } of all.values()) {
      roomNames.set(id, name)
      for (const account of members) {
        if (memberships.some((one) => one.room === id && one.account === account && one.to === Infinity)) continue
        memberships.push({ room: id, name, account, after: last, from: loop.turn, to: Infinity, last: Infinity })
      }
    }
    for (const id of roomNames.keys()) if (!all.has(id) && !endedRooms.has(id)) endedRooms.set(id, loop.turn)
  }

  private noteRemoved(before: Content, after: Content) {
    const owing = givenBy(before)
    const members = givenBy(after)
    const firsts = new Map(
      after.records.flatMap((record) => (record.type === "conversation" ? [[record.id, record.first] as const] : []))
    )
    const { at, turn } = this.moment()
    for (const { conversation } of this.log) if (!firsts.has(conversation)) this.ended.add(conversation)
    for (const logged of this.log) {
      if (logged.removed !== undefined) continue
      const key = `${recipientOf(logged.line)} ${logged.conversation}`
      // A conversation with a guest ends when all of its lines are gone.
      const isGone = logged.seq < (firsts.get(logged.conversation) ?? Infinity)
      const isOwnerGone = owing.has(key) && !members.has(key)
      if (!isGone && !isOwnerGone) continue
      logged.removed = { at, turn, isReturned: owing.has(key) && logged.seq > (owing.get(key) ?? 0) }
    }
  }

  private moment(): Moment {
    return { turn: this.loop.turn, at: this.loop.now }
  }
}

/** The account that a line is for; undefined for a line to a room. */
export const recipientOf = ({ account, conversation: key }: NewLine): AccountId | undefined => {
  if (key.kind === "room") return undefined
  if (key.kind === "guest") return key.account
  return key.accounts[0] === account ? key.accounts[1] : key.accounts[0]
}

/** How far any device of each member was given each conversation. */
const givenBy = ({ records }: Content): ReadonlyMap<string, number> =>
  new Map(
    records.flatMap((record) =>
      record.type === "conversation"
        ? record.members.map(({ account, given }) => [`${account} ${record.id}`, given] as const)
        : []
    )
  )
