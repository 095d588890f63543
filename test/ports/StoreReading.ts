import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { type Random, seededRandom } from "../../scripts/random.mjs"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { ConversationId, ConversationKey, StoredPage, PageRequest } from "../../src/ports/StoreLines.js"
import { indexAll, searched } from "./StoreSearching.js"
import { defaults, device, line, type OpenStore, register } from "./StoreFixtures.js"
import {
  type Conversation,
  expected,
  isMember,
  isRoom,
  type KeptLine,
  leaves,
  type RoomConversation
} from "./StoreReadingModel.js"

/** What an account gets of a conversation that it is not in. */
const nothing: StoredPage = { lines: [], first: 1, last: 0, hasMore: false }

/**
 * Accounts come, write to each other and to themselves, get lines from guests, are removed, and leave their names to
 * others. Rooms are created, locked and ended, and others take their names; accounts join them with and without
 * invitations, leave them and come back.
 */
class Schedule {
  private readonly accounts: Array<{ readonly id: AccountId; readonly name: string; isRemoved: boolean }> = []
  private readonly conversations = new Map<ConversationId, Conversation>()
  private names = 0
  private stored = 0
  private others: AccountId | undefined

  constructor(
    private readonly store: StoreService,
    private readonly random: Random
  ) {}

  readonly run = Effect.gen(this, function* () {
    for (let count = 0; count < 3; count += 1) yield* this.create(`account${++this.names}`)
    for (let step = 1; step <= steps; step += 1) {
      yield* this.step
      if (step % 4 === 0) yield* this.check
    }
    assert.deepStrictEqual(yield* this.store.check, [])
  })

  private create(name: string) {
    return Effect.gen(this, function* () {
      const id = yield* register(this.store, name)
      yield* device(this.store, id)
      this.accounts.push({ id, name, isRemoved: false })
    })
  }

  private readonly step = Effect.suspend(() => {
    const { random } = this
    const action = random.below(24)
    if (action === 0) return this.create(`account${++this.names}`)
    if (action === 1 && this.present.length > 2) return this.replace
    if (action <= 3) return this.retain
    const rooms = this.rooms
    if (rooms.length === 0 || (action === 4 && rooms.length < 3)) return this.createRoom
    const room = random.pick(rooms)
    if (action <= 8) return this.join(room, random.pick(this.present).id)
    if (action === 9) return this.leave(room)
    if (action === 10) return this.change(room)
    if (action === 11) return this.invite(room)
    if (action === 12) return this.end(room)
    if (action <= 15) return this.take(room)
    return this.write
  })

  /** Those that have not ended. */
  private get rooms(): ReadonlyArray<RoomConversation> {
    return [...this.conversations.values()].filter(isRoom).filter(({ room }) => !room.isEnded)
  }

  private idOf(known: Conversation): ConversationId {
    const [found] = [...this.conversations].find(([, one]) => one === known) ?? []
    assert.isDefined(found)
    return found
  }

  private readonly createRoom = Effect.gen(this, function* () {
    const { random, rooms, store } = this
    const name = random.pick(["#red", "#green", "#blue"])
    const owner = random.chance(0.8) ? random.pick(this.present).id : undefined
    const created = yield* store.rooms.create({ name, likeness: name.toUpperCase(), owner })
    if (rooms.some(({ room }) => room.name === name)) return assert.isUndefined(created)
    assert.isDefined(created)
    const { id, last } = created
    assert.isFalse(this.conversations.has(id), "the id of another conversation")
    for (const { last: before, room } of this.conversations.values()) {
      if (room?.isEnded === true) assert.isAtLeast(last, before, "numbers of a room that has ended")
    }
    const members = new Map(owner === undefined ? [] : [[owner, last]])
    const room = { name, owner, isLocked: false, isEnded: false, members, invited: new Set<AccountId>() }
    this.conversations.set(id, { key: Keys.ofRoom(id), lines: [], first: last + 1, last, room })
  })

  private join(known: RoomConversation, account: AccountId) {
    return Effect.gen(this, function* () {
      const { last, room } = known
      const isIn = room.members.has(account)
      const mayJoin = isIn || !room.isLocked || room.invited.has(account)
      assert.strictEqual(yield* this.store.rooms.join(this.idOf(known), account), mayJoin ? last : undefined)
      if (!mayJoin || isIn) return
      room.members.set(account, last)
      room.invited.delete(account)
    })
  }

  private leave(known: RoomConversation) {
    return Effect.gen(this, function* () {
      const account = this.random.pick(this.present).id
      const departure = yield* this.store.rooms.leave(this.idOf(known), account)
      if (!leaves(known.room, account)) return assert.isUndefined(departure)
      assert.deepStrictEqual(departure, { owner: known.room.owner })
    })
  }

  private change(known: RoomConversation) {
    return Effect.gen(this, function* () {
      const { room } = known
      room.isLocked = !room.isLocked
      assert.isTrue(yield* this.store.rooms.change(this.idOf(known), { isLocked: room.isLocked }))
    })
  }

  private invite(known: RoomConversation) {
    return Effect.gen(this, function* () {
      const { random, store } = this
      const { invited, members } = known.room
      const account = random.pick(this.present).id
      if (random.chance(0.3)) {
        assert.strictEqual(yield* store.rooms.uninvite(this.idOf(known), account), invited.delete(account))
        return
      }
      assert.strictEqual(yield* store.rooms.invite(this.idOf(known), account), !members.has(account))
      if (!members.has(account)) invited.add(account)
    })
  }

  private end(known: RoomConversation) {
    return Effect.gen(this, function* () {
      const { random, store } = this
      assert.isTrue(yield* store.rooms.end(this.idOf(known)))
      known.room.isEnded = true
      known.room.members.clear()
      if (random.chance(0.5)) yield* this.createRoom
    })
  }

  /** A member's device is given lines of a room. */
  private take(known: RoomConversation) {
    return Effect.gen(this, function* () {
      const account = this.random.pick(this.present).id
      const seq = this.random.below(known.last + 2)
      yield* this.store.saveCursors([{ account, device: "main", conversation: this.idOf(known), seq }])
      const before = known.room.members.get(account)
      if (before !== undefined) known.room.members.set(account, Math.max(before, Math.min(seq, known.last)))
    })
  }

  private get present() {
    return this.accounts.filter(({ isRemoved }) => !isRemoved)
  }

  /** An account is removed, its name is freed, and somebody else takes it. */
  private readonly replace = Effect.gen(this, function* () {
    const account = this.random.pick(this.present)
    yield* this.store.accounts.remove(account.id)
    account.isRemoved = true
    for (const { room } of this.rooms) {
      room.invited.delete(account.id)
      leaves(room, account.id)
    }
    if (this.random.chance(0.3)) return
    yield* this.store.accounts.free(account.id)
    yield* this.create(account.name)
  })

  private readonly write = Effect.gen(this, function* () {
    const { random, rooms } = this
    yield* TestClock.adjust(random.between(0, 2000))
    const [to, by] = [random.pick(this.present).id, random.pick(this.present).id]
    const isGuest = random.chance(0.4)
    const direct = isGuest ? Keys.withGuest(to, random.pick(["ONE", "TWO"])) : Keys.keyBetween(to, by)
    const inRoom = rooms.length > 0 && random.chance(0.6) ? [random.pick(rooms).key] : []
    const keys = inRoom.length > 0 && random.chance(0.5) ? inRoom : [direct, ...inRoom]
    const lines = Array.from({ length: random.between(1, 4) }, () => {
      const text = `text ${random.below(1e9)}`
      return keys.map((key) => {
        const more = { isLive: true, to: keys.length > 1 ? "another" : "" }
        return line(key, isGuest ? undefined : by, text, more)
      })
    }).flat()
    const results = yield* this.store.append(lines)
    for (const [index, result] of results.entries()) {
      assert(result._tag === "Stored")
      const { at, conversation, seq } = result
      const key = lines[index]?.conversation as ConversationKey // there is one result for each line
      const known = this.conversations.get(conversation) ?? {
        key,
        lines: [],
        first: seq,
        last: seq - 1,
        room: undefined
      }
      assert.deepStrictEqual(known.key, key)
      assert.strictEqual(seq, known.last + 1)
      known.lines.push({ order: ++this.stored, seq, at, text: lines[index]?.text ?? "" })
      known.last = seq
      this.conversations.set(conversation, known)
    }
    // A store may remove the first lines of a long room with the next ones.
    for (const known of rooms) yield* this.learn(this.idOf(known), known, "guest")
  })

  /** The oldest lines of long conversations go. */
  private readonly retain = Effect.gen(this, function* () {
    while ((yield* this.store.retain([])).hasMore);
    for (const [conversation, known] of this.conversations) {
      const reader = isRoom(known) ? "guest" : this.present.find(({ id }) => isMember(known, id))?.id
      if (reader === undefined || !isMember(known, reader)) continue
      yield* this.learn(conversation, known, reader)
      assert.isAtMost(known.lines.length, keepLines)
    }
  })

  /** Which lines are gone, a reader learns from `first`; then nobody gets them any more. */
  private learn(conversation: ConversationId, known: Conversation, reader: AccountId | "guest") {
    return Effect.gen(this, function* () {
      const { first } = yield* this.store.page({ conversation, reader, limit: 1 })
      if (first < known.first) return // it has ended: whatever comes next is another one
      known.first = first
      known.lines.splice(0, known.lines.length, ...known.lines.filter(({ seq }) => seq >= first))
    })
  }

  private request(conversation: ConversationId, reader: AccountId | "guest"): PageRequest {
    const { random } = this
    const some = (below: number) => (random.chance(0.3) ? random.below(below) : undefined)
    return {
      conversation,
      reader,
      limit: random.between(1, 6),
      after: some(12),
      before: some(12),
      since: some(60_000),
      until: some(60_000)
    }
  }

  /** Nobody gets a line, a number or a name of a conversation that is not its own, by any request that reads. */
  private readonly check = Effect.gen(this, function* () {
    yield* this.checkPages("guest", false)
    yield* this.checkSearch("guest", false)
    for (const { id, isRemoved } of this.accounts) {
      yield* this.checkPages(id, isRemoved)
      yield* this.checkSearch(id, isRemoved)
      const waiting = yield* this.store.waiting(id, "main")
      const all = yield* this.store.conversations(id, 100)
      for (const { conversation, first, key, last } of [...waiting, ...all]) {
        const known = this.conversations.get(conversation)
        assert(known !== undefined && !isRemoved && isMember(known, id), "a conversation of others is listed")
        assert.deepStrictEqual({ key, first, last }, { key: known.key, first: known.first, last: known.last })
      }
      for (const known of this.rooms) {
        const conversation = this.idOf(known)
        const { last, room } = known
        const cursor = room.members.get(id)
        const waits = waiting.find((one) => one.conversation === conversation)
        assert.strictEqual(waits?.cursor, cursor === undefined || cursor === last ? undefined : cursor)
        const listed = all.find((one) => one.conversation === conversation)
        assert.strictEqual(listed?.name, cursor === undefined ? undefined : room.name)
      }
    }
    assert.deepStrictEqual(
      (yield* this.store.rooms.all).map(({ id, invited, isLocked, last, members, name, owner }) => ({
        id,
        invited: new Set(invited),
        isLocked,
        last,
        members,
        name,
        owner
      })),
      this.rooms.map((known) => {
        const { invited, isLocked, members, name, owner } = known.room
        return { id: this.idOf(known), invited, isLocked, last: known.last, members: [...members.keys()], name, owner }
      })
    )
  })

  private checkPages(reader: AccountId | "guest", isRemoved: boolean) {
    return Effect.gen(this, function* () {
      for (const [conversation, known] of this.conversations) {
        const request = this.request(conversation, reader)
        const page = yield* this.store.page(request)
        if (isRemoved || !isMember(known, reader)) {
          assert.deepStrictEqual(page, nothing)
          if (reader !== "guest") assert.isUndefined(yield* this.store.markRead(reader, conversation, 1))
          continue
        }
        assert.deepStrictEqual(page.lines.map(shown), expected(known, request).map(shown), JSON.stringify(request))
        assert.deepStrictEqual([page.first, page.last], [known.first, known.last])
      }
    })
  }

  /** All lines have the word that is searched for. */
  private checkSearch(reader: AccountId | "guest", isRemoved: boolean) {
    return Effect.gen(this, function* () {
      const isEverywhere = reader !== "guest" && this.random.chance(0.5)
      const ids = isEverywhere ? undefined : [...this.conversations.keys()].filter(() => this.random.chance(0.5))
      if (this.random.chance(0.3)) yield* this.index
      const readable = [...this.conversations].filter(
        ([id, known]) => !isRemoved && isMember(known, reader) && ids?.includes(id) !== false
      )
      const newestFirst = readable
        .flatMap(([conversation, { lines }]) => lines.map((line) => ({ conversation, ...line })))
        .toSorted((one, other) => other.order - one.order)
        .map(({ order: _order, ...line }) => line)
      const found = yield* searched(this.store, { reader, within: ids, text: "text" })
      assert.deepStrictEqual(
        found.map(({ conversation, line }) => ({ conversation, ...shown(line) })),
        newestFirst
      )
    })
  }

  /** Enough lines of others that those before are in the index. */
  private readonly index = Effect.gen(this, function* () {
    if (this.others === undefined) this.others = yield* register(this.store, "others")
    const key = Keys.keyBetween(this.others, this.others)
    const lines = Array.from({ length: 600 }, () => line(key, this.others, "text of others", { isLive: true }))
    yield* this.store.append(lines)
    yield* this.store.append(lines)
    yield* indexAll(this.store)
  })
}

const shown = ({ at, seq, text }: Pick<KeptLine, "seq" | "at" | "text">) => ({ seq, at, text })

const keepLines = 6

const steps = 44

/** Thousands of requests, each of which is a round trip to a database. */
const timeout = 120_000

/**
 * Who may read what, checked against a model: for histories, feeds, gaps and `first`, which all come from these
 * requests.
 */
export const readingSuite = (open: OpenStore) => {
  for (const seed of [1, 2]) {
    it.scoped(
      `gives each account what is its own, and nothing else: seed ${seed}`,
      () => Effect.flatMap(open({ ...defaults, keepLines }), (store) => new Schedule(store, seededRandom(seed)).run),
      timeout
    )
  }
}
