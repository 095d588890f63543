import * as Effect from "effect/Effect"
import {
  type ChangesPage,
  changesPage,
  keptChanges,
  returnsInChange,
  type StoreChange,
  type StoreSharing
} from "../ports/StoreSharing.js"
import type { UndeliveredRange, Undelivered } from "../ports/StoreUpkeep.js"
import * as ChangeText from "./ChangeText.js"
import type { MemoryState } from "./MemoryState.js"

/** The state that the servers of a store in memory share besides its content. */
export class MemoryChanges {
  /** Stored as text, so that servers share no objects. */
  private readonly log: Array<{ readonly id: number; readonly by: string; readonly text: string }> = []
  last = 0
  /** The server that does the upkeep of the store. */
  keeper: string | undefined

  add(by: string, change: StoreChange) {
    this.last += 1
    this.log.push({ id: this.last, by, text: ChangeText.encode(change) })
    if (this.log.length > keptChanges) this.log.shift()
  }

  /** Whether the log has this change after `id`. True as well if the log no longer reaches back that far. */
  hasAfter(id: number, change: StoreChange): boolean {
    const text = ChangeText.encode(change)
    const [first] = this.log
    return (first !== undefined && id < first.id - 1) || this.log.some((one) => one.id > id && one.text === text)
  }

  after(id: number): ChangesPage {
    const { last, log } = this
    const first = last - log.length + 1
    if (id < first - 1 || id > last) return { changes: [], last, isComplete: false }
    const start = id - first + 1
    const changes = log.slice(start, start + changesPage)
    return {
      changes: changes.map(({ by, id, text }) => ({ id, by, change: ChangeText.decode(text) })),
      last,
      isComplete: true
    }
  }
}

/** One of several servers of a store in memory. */
export class MemorySharing implements StoreSharing {
  constructor(
    readonly server: string,
    private readonly shared: MemoryChanges,
    private readonly state: MemoryState
  ) {}

  readonly given: StoreSharing["given"] = (of) =>
    Effect.sync(() =>
      of.map(
        ({ account, conversation }) => this.state.conversations.get(conversation)?.members.get(account)?.given ?? 0
      )
    )

  readonly changes = (after: number) => Effect.sync(() => this.shared.after(after))
  readonly latest = Effect.sync(() => this.shared.last)
  readonly keepsOrder = Effect.sync(() => {
    this.shared.keeper ??= this.server
    return this.isKeeper
  })

  get isKeeper(): boolean {
    return this.shared.keeper === this.server
  }

  add(change: StoreChange) {
    this.shared.add(this.server, change)
  }

  readonly goOn = Effect.sync(() => this.add({ _tag: "WentOn" }))

  /** Whether a server has called `goOn` after a change. */
  wentOn(since: number): boolean {
    return this.shared.hasAfter(since, { _tag: "WentOn" })
  }

  addReturns(undelivered: ReadonlyArray<Undelivered>) {
    const returns = undelivered.map(
      ({ account, conversation, count, first, last, reason, recipient }): UndeliveredRange => ({
        conversation,
        reason,
        recipient,
        account,
        first,
        last,
        count
      })
    )
    for (let from = 0; from < returns.length; from += returnsInChange) {
      this.add({ _tag: "LinesReturned", returns: returns.slice(from, from + returnsInChange) })
    }
  }

  /** The server has ended: another one may do the upkeep. */
  end() {
    if (this.isKeeper) this.shared.keeper = undefined
  }
}
