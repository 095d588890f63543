import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { type Random, seededRandom } from "../../scripts/random.mjs"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { ConversationId, ConversationKey, Page, PageRequest } from "../../src/ports/StoreLines.js"
import { indexAll, searched } from "./StoreSearching.js"
import { defaults, device, line, type OpenStore, register } from "./StoreSuite.js"

/** What an account gets of a conversation that it is not in. */
const nothing: Page = { lines: [], first: 1, last: 0, hasMore: false }

interface Kept {
  /** Counts all lines, in the order in which they were stored. */
  readonly order: number
  readonly seq: number
  readonly at: number
  readonly text: string
}

/** A conversation as the model knows it. */
interface Conversation {
  readonly key: ConversationKey
  readonly lines: Array<Kept>
  /** The first line that retention has left, or the number of the next one. */
  first: number
  last: number
}

const isMember = ({ key }: Conversation, account: AccountId) =>
  key.kind === "accounts" ? key.accounts.includes(account) : key.kind === "guest" && key.account === account

/** The lines that a page of this conversation has for a member. */
const expected = ({ lines }: Conversation, { after, before, limit, since, until }: PageRequest) => {
  const isForward = after !== undefined || since !== undefined
  const matching = lines.filter(
    ({ at, seq }) => seq > (after ?? 0) && seq < (before ?? Infinity) && at >= (since ?? 0) && at <= (until ?? Infinity)
  )
  return isForward ? matching.slice(0, limit) : matching.slice(-limit)
}

/** Accounts come, write to each other and to themselves, get lines from guests, are removed, and leave their names to others. */
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
    for (let step = 1; step <= 40; step += 1) {
      yield* this.step
      if (step % 4 === 0) yield* this.check
    }
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
    const action = random.below(12)
    if (action === 0) return this.create(`account${++this.names}`)
    if (action === 1 && this.present.length > 2) return this.replace
    if (action === 2) return this.retain
    return this.write
  })

  private get present() {
    return this.accounts.filter(({ isRemoved }) => !isRemoved)
  }

  /** An account is removed, its name is freed, and somebody else takes it. */
  private readonly replace = Effect.gen(this, function* () {
    const account = this.random.pick(this.present)
    yield* this.store.accounts.remove(account.id)
    account.isRemoved = true
    if (this.random.chance(0.3)) return
    yield* this.store.accounts.free(account.id)
    yield* this.create(account.name)
  })

  private readonly write = Effect.gen(this, function* () {
    const { random } = this
    yield* TestClock.adjust(random.between(0, 2000))
    const [to, by] = [random.pick(this.present).id, random.pick(this.present).id]
    const isGuest = random.chance(0.4)
    const key = isGuest ? Keys.withGuest(to, random.pick(["ONE", "TWO"])) : Keys.between(to, by)
    const lines = Array.from({ length: random.between(1, 4) }, () =>
      line(key, isGuest ? undefined : by, `text ${random.below(1e9)}`, { isLive: true })
    )
    const results = yield* this.store.append(lines)
    results.forEach((result, index) => {
      assert(result._tag === "Stored")
      const { at, conversation, seq } = result
      const known = this.conversations.get(conversation) ?? { key, lines: [], first: seq, last: 0 }
      assert.deepStrictEqual(known.key, key)
      known.lines.push({ order: ++this.stored, seq, at, text: lines[index]?.text ?? "" })
      this.conversations.set(conversation, { ...known, last: seq })
    })
  })

  /** The oldest lines of long conversations go. Which ones, a member learns from `first`; then nobody gets them any more. */
  private readonly retain = Effect.gen(this, function* () {
    while ((yield* this.store.retain([])).hasMore);
    for (const [conversation, known] of this.conversations) {
      const member = this.present.find(({ id }) => isMember(known, id))
      if (member === undefined) continue
      const { first } = yield* this.store.page({ conversation, reader: member.id, limit: 1 })
      if (first < known.first) continue // it has ended: whatever comes next is another one
      known.first = first
      known.lines.splice(0, known.lines.length, ...known.lines.filter(({ seq }) => seq >= first))
      assert.isAtMost(known.lines.length, keepLines)
    }
  })

  private request(conversation: ConversationId, reader: AccountId): PageRequest {
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
    for (const { id, isRemoved } of this.accounts) {
      for (const [conversation, known] of this.conversations) {
        const request = this.request(conversation, id)
        const page = yield* this.store.page(request)
        if (isRemoved || !isMember(known, id)) {
          assert.deepStrictEqual(page, nothing)
          assert.isUndefined(yield* this.store.markRead(id, conversation, 1))
          continue
        }
        assert.deepStrictEqual(page.lines.map(shown), expected(known, request).map(shown), JSON.stringify(request))
        assert.deepStrictEqual([page.first, page.last], [known.first, known.last])
      }
      yield* this.checkSearch(id, isRemoved)
      const listed = [...(yield* this.store.waiting(id, "main")), ...(yield* this.store.conversations(id, 100))]
      for (const { conversation, first, key, last } of listed) {
        const known = this.conversations.get(conversation)
        assert(known !== undefined && !isRemoved && isMember(known, id), "a conversation of others is listed")
        assert.deepStrictEqual({ key, first, last }, { key: known.key, first: known.first, last: known.last })
      }
    }
  })

  /** All lines have the word that is searched for. */
  private checkSearch(reader: AccountId, isRemoved: boolean) {
    return Effect.gen(this, function* () {
      const ids = this.random.chance(0.5)
        ? undefined
        : [...this.conversations.keys()].filter(() => this.random.chance(0.5))
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
    const key = Keys.between(this.others, this.others)
    const lines = Array.from({ length: 600 }, () => line(key, this.others, "text of others", { isLive: true }))
    yield* this.store.append(lines)
    yield* this.store.append(lines)
    yield* indexAll(this.store)
  })
}

const shown = ({ at, seq, text }: Pick<Kept, "seq" | "at" | "text">) => ({ seq, at, text })

const keepLines = 6

/** Who may read what, checked against a model: for histories, feeds, gaps and `first`, which all come from these requests. */
export const readingSuite = (open: OpenStore) => {
  for (const seed of [1, 2]) {
    it.scoped(`gives each account what is its own, and nothing else: seed ${seed}`, () =>
      Effect.flatMap(open({ ...defaults, keepLines }), (store) => new Schedule(store, seededRandom(seed)).run)
    )
  }
}
