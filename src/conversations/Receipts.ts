import * as Effect from "effect/Effect"
import type { Peer } from "../chat/Peer.js"
import {
  alone,
  type ServerMessage,
  type OtherServer,
  type OtherServersService,
  type OtherServersPart
} from "../ports/OtherServers.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { StoreError } from "../ports/StoreError.js"
import type { ConversationId, ConversationKey } from "../ports/StoreLines.js"
import type { StoreSharing } from "../ports/StoreSharing.js"
import * as OutcomeReply from "../protocol/OutcomeReply.js"
import { isSelf, keyOfParties, partiesOf, type Parties } from "./Parties.js"
import { RecentNumbers } from "./RecentNumbers.js"

/** How many conversations with guests have their reported position remembered. */
const rememberedConversations = 4_096

interface Given {
  readonly conversation: ConversationId
  readonly key: ConversationKey
  readonly seq: number
}

interface Receipt extends Given {
  readonly account: AccountId
  /** The account's name, in wire form. */
  readonly name: string
  /** Another server has already reported it to all servers. */
  readonly isForeign: boolean
}

interface Collaborators {
  readonly others: OtherServersService
  /** Undefined if no other server uses the store. */
  readonly sharing: Pick<StoreSharing, "given"> | undefined
  /** Reports a failure, and calls `again` after a while. */
  readonly failed: (error: StoreError, again: () => void) => Effect.Effect<void>
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  readonly put: (peer: Peer, line: string) => void
  /** The reader of a conversation with a guest has been given every line up to this one. */
  readonly givenOfGuest: (conversation: ConversationId, seq: number) => void
  /** In the broker's turn: the connections that write to this reader in a conversation. */
  readonly writersTo: (conversation: ConversationId, key: ConversationKey, reader: AccountId) => ReadonlyArray<Peer>
}

/**
 * Awaited receipts whose writers have left are dropped once there are this many, and twice as many as remained last
 * time.
 */
const minPruned = 4_096

/** How many awaited receipts one request to the store checks. */
const askedPairs = 100

/** The store is asked a second time after this delay, because a returning server may not have saved its cursors yet. */
const secondCheck = "10 seconds"

/** Most receipts in one message to other servers. */
const maxReceipts = 1_000

const dueKey = (conversation: ConversationId, account: AccountId) => `${conversation}/${account}`

/**
 * Reports to senders that said `receipts` how far an account was given their lines. Lines given at about the same time
 * share one receipt. Other servers are notified as well, because the sender may be connected to any of them.
 */
export class Receipts {
  private readonly due = new Map<string, Receipt>()
  /**
   * How far each reader was given each conversation, so that a slower device of the account causes no second receipt.
   */
  private readonly latest = new Map<AccountId, Map<ConversationId, number>>()
  /** The same for conversations with guests, each of which has one reader. */
  private readonly latestOfGuests = new RecentNumbers<ConversationId>(rememberedConversations)
  /** What other servers have reported, by conversation and reader. */
  private readonly latestElsewhere = new RecentNumbers<string>(rememberedConversations)
  /** Connections that only send, by the conversations in which they have written. They have no feeds. */
  private readonly senders = new Map<ConversationId, Set<Peer>>()
  private readonly conversationsOf = new Map<Peer, Set<ConversationId>>()
  private readonly hasDue = Effect.unsafeMakeLatch(false)
  /**
   * The latest line for which clients of this server still await a receipt, by conversation and reader. Only used if
   * other servers give lines as well.
   */
  private readonly awaited = new Map<string, Receipt>()
  private pruneAt = minPruned
  private readonly mustCheck = Effect.unsafeMakeLatch(false)

  private readonly part: OtherServersPart

  constructor(private readonly broker: Collaborators) {
    this.part = broker.others.part("receipts", { received: (_server, message) => this.received(message) })
  }

  private received(message: ServerMessage) {
    for (const receipt of message as ReadonlyArray<[ConversationId, number, AccountId, string, ...Parties]>) {
      const [conversation, seq, account, name, ...parties] = receipt
      this.found({ conversation, key: keyOfParties(conversation, parties), seq, account, name, isForeign: true })
    }
  }

  /** A device at another server was given lines. */
  private found(receipt: Receipt) {
    const { account, conversation, key, seq } = receipt
    const latest = key.kind === "guest" ? this.latestOfGuests : this.latest.get(account)
    const dueOf = dueKey(conversation, account)
    if (Math.max(latest?.get(conversation) ?? 0, this.latestElsewhere.get(dueOf) ?? 0) >= seq) return
    this.latestElsewhere.set(dueOf, seq)
    if (key.kind === "guest") this.broker.givenOfGuest(conversation, seq)
    this.due.set(dueOf, receipt)
    this.hasDue.unsafeOpen()
  }

  /** A device of an account has been given everything up to this line. */
  given({ conversation, key, seq }: Given, account: AccountId, name: string) {
    const latest = key.kind === "guest" ? this.latestOfGuests : this.latestOf(account)
    if ((latest.get(conversation) ?? 0) >= seq) return
    latest.set(conversation, seq)
    if (key.kind === "guest") this.broker.givenOfGuest(conversation, seq)
    const dueOf = dueKey(conversation, account)
    if (this.broker.others !== alone && (this.latestElsewhere.get(dueOf) ?? 0) >= seq) return
    this.due.set(dueOf, { conversation, key, seq, account, name, isForeign: false })
    this.hasDue.unsafeOpen()
  }

  private latestOf(account: AccountId): Map<ConversationId, number> {
    const known = this.latest.get(account)
    if (known !== undefined) return known
    const latest = new Map<ConversationId, number>()
    this.latest.set(account, latest)
    return latest
  }

  /** A line of this connection has been stored. */
  wrote(by: Peer, reader: { readonly id: AccountId; readonly name: string }, { conversation, key, seq }: Given) {
    if (!by.words.has("receipts") || by.outbox.ended !== undefined) return
    this.await({ conversation, key, seq, account: reader.id, name: reader.name, isForeign: true })
    if (!by.isSendOnly) return
    addTo(this.senders, conversation, by)
    addTo(this.conversationsOf, by, conversation)
  }

  private await(receipt: Receipt) {
    const { account, conversation, key, seq } = receipt
    if (this.broker.sharing === undefined || isSelf(key)) return
    const dueOf = dueKey(conversation, account)
    if ((this.awaited.get(dueOf)?.seq ?? 0) < seq) this.awaited.set(dueOf, receipt)
    if (this.awaited.size < this.pruneAt) return
    for (const [key, known] of this.awaited) if (this.writersOf(known).size === 0) this.awaited.delete(key)
    this.pruneAt = Math.max(minPruned, 2 * this.awaited.size)
  }

  /**
   * The connections that get a receipt. In a conversation between two accounts, a reader gets none for its own lines.
   */
  private writersOf({ account, conversation, key }: Receipt): ReadonlySet<Peer> {
    const writers = [...this.broker.writersTo(conversation, key, account), ...(this.senders.get(conversation) ?? [])]
    return new Set(
      writers.filter(
        ({ device, outbox, words }) =>
          device?.account.id !== account && words.has("receipts") && outbox.ended === undefined
      )
    )
  }

  /** Receipts of other servers may have been lost, so the store is asked which lines were given. */
  checkAgain() {
    if (this.broker.sharing !== undefined) this.mustCheck.unsafeOpen()
  }

  /** Asks the store about awaited receipts, forever. */
  get check(): Effect.Effect<never> {
    const check = Effect.suspend(() => this.ask([...this.awaited.values()]))
    return Effect.forever(
      Effect.zipRight(
        this.mustCheck.await,
        Effect.suspend(() => {
          this.mustCheck.unsafeClose()
          const second = Effect.flatMap(Effect.timeoutOption(this.mustCheck.await, secondCheck), ({ _tag }) =>
            _tag === "None" ? check : Effect.void
          )
          return Effect.zipRight(check, second)
        })
      )
    )
  }

  private ask(awaited: ReadonlyArray<Receipt>, from = 0): Effect.Effect<void> {
    const { failed, inTurn, sharing } = this.broker
    const some = awaited.slice(from, from + askedPairs)
    if (some.length === 0 || sharing === undefined) return Effect.void
    return sharing.given(some.map(({ account, conversation }) => ({ account, conversation }))).pipe(
      Effect.flatMap((given) =>
        inTurn(() => some.forEach((receipt, index) => this.found({ ...receipt, seq: given[index] ?? 0 })))
      ),
      Effect.zipRight(Effect.suspend(() => this.ask(awaited, from + askedPairs))),
      Effect.catchAll((error) => failed(error, () => this.checkAgain()))
    )
  }

  /**
   * The line was already stored. If it was given in the meantime, its receipt is sent again.
   *
   * @param saved the saved position of the reader, which may have left since
   */
  wroteAgain(
    by: Peer,
    reader: { readonly id: AccountId; readonly name: string },
    { conversation, key, seq }: Given,
    saved = 0
  ) {
    this.wrote(by, reader, { conversation, key, seq })
    const given = Math.max(saved, this.latest.get(reader.id)?.get(conversation) ?? 0)
    if (given < seq) return
    this.due.set(dueKey(conversation, reader.id), {
      conversation,
      key,
      seq: given,
      account: reader.id,
      name: reader.name,
      isForeign: true // other servers need not know
    })
    this.hasDue.unsafeOpen()
  }

  /** A connection has ended. */
  ended(peer: Peer) {
    for (const conversation of this.conversationsOf.get(peer) ?? []) {
      const senders = this.senders.get(conversation)
      senders?.delete(peer)
      if (senders?.size === 0) this.senders.delete(conversation)
    }
    this.conversationsOf.delete(peer)
  }

  /** The account has no device connected any more. */
  forget(account: AccountId) {
    this.latest.delete(account)
  }

  private tellOthers(receipts: ReadonlyArray<Receipt>) {
    for (const server of this.broker.others.all) this.tellServer(server, receipts)
  }

  /** While a server accepts no messages, only the last receipt of each reader and conversation waits for it. */
  private tellServer(server: OtherServer, receipts: ReadonlyArray<Receipt>) {
    const mustWait = this.part.mustWait(server)
    const most = mustWait ? 1 : maxReceipts
    for (let from = 0; from < receipts.length; from += most) {
      const some = receipts.slice(from, from + most)
      const [first] = some
      this.part.send(
        some.map(({ account, conversation, key, name, seq }) => [conversation, seq, account, name, ...partiesOf(key)]),
        server,
        mustWait && first !== undefined ? dueKey(first.conversation, first.account) : undefined
      )
    }
  }

  get run(): Effect.Effect<never> {
    const send = this.broker.inTurn(() => {
      this.hasDue.unsafeClose()
      for (const [dueOf, receipt] of this.due) {
        const { name, seq } = receipt
        if ((this.awaited.get(dueOf)?.seq ?? Infinity) <= seq) this.awaited.delete(dueOf)
        for (const peer of this.writersOf(receipt)) this.broker.put(peer, OutcomeReply.given(name, seq))
      }
      this.tellOthers([...this.due.values()].filter(({ isForeign }) => !isForeign))
      this.due.clear()
    })
    return Effect.forever(Effect.zipRight(this.hasDue.await, send))
  }
}

const addTo = <Key, Value>(sets: Map<Key, Set<Value>>, key: Key, value: Value) => {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}
