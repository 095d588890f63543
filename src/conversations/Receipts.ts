import * as Effect from "effect/Effect"
import type { Peer } from "../chat/Peer.js"
import {
  alone,
  type Message,
  type OtherServer,
  type OtherServers,
  type OtherServersPart
} from "../ports/OtherServers.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId, ConversationKey } from "../ports/StoreLines.js"
import * as OutcomeReply from "../protocol/OutcomeReply.js"
import { keyOf, partiesOf, type Parties } from "./Parties.js"
import { RecentNumbers } from "./RecentNumbers.js"

/** The conversations with guests of which it is remembered how far they were reported. */
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
  /** Another server has reported it, to all of them. */
  readonly isForeign: boolean
}

interface Collaborators {
  readonly others: OtherServers
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  readonly put: (peer: Peer, line: string) => void
  /** In the broker's turn: the connections that write to this reader in a conversation. */
  readonly writersTo: (conversation: ConversationId, key: ConversationKey, reader: AccountId) => ReadonlyArray<Peer>
}

/** Most receipts in one message to other servers. */
const maxReceipts = 1_000

const dueKey = (conversation: ConversationId, account: AccountId) => `${conversation}/${account}`

/**
 * Tells those who said `receipts` how far an account was given what they sent. What was given at about the same time
 * makes one receipt. Other servers are told as well, since a writer may be anywhere.
 */
export class Receipts {
  private readonly due = new Map<string, Receipt>()
  /** How far each reader was given each conversation: a slower device of an account brings no second receipt. */
  private readonly latest = new Map<AccountId, Map<ConversationId, number>>()
  /** The same of conversations with guests, which each have one reader. */
  private readonly latestOfGuests = new RecentNumbers<ConversationId>(rememberedConversations)
  /** What other servers have reported, by conversation and reader. */
  private readonly latestElsewhere = new RecentNumbers<string>(rememberedConversations)
  /** The connections that only send, by the conversations in which they have written: they have no feed. */
  private readonly senders = new Map<ConversationId, Set<Peer>>()
  private readonly conversationsOf = new Map<Peer, Set<ConversationId>>()
  private readonly hasDue = Effect.unsafeMakeLatch(false)

  private readonly part: OtherServersPart

  constructor(private readonly broker: Collaborators) {
    this.part = broker.others.part("receipts", { received: (_server, message) => this.received(message) })
  }

  private received(message: Message) {
    for (const receipt of message as ReadonlyArray<[ConversationId, number, AccountId, string, ...Parties]>) {
      const [conversation, seq, account, name, ...parties] = receipt
      const key = keyOf(conversation, parties)
      const latest = key.kind === "guest" ? this.latestOfGuests : this.latest.get(account)
      const dueOf = dueKey(conversation, account)
      if (Math.max(latest?.get(conversation) ?? 0, this.latestElsewhere.get(dueOf) ?? 0) >= seq) continue
      this.latestElsewhere.set(dueOf, seq)
      this.due.set(dueOf, { conversation, key, seq, account, name, isForeign: true })
      this.hasDue.unsafeOpen()
    }
  }

  /** A device of an account has been given everything up to this line. */
  given({ conversation, key, seq }: Given, account: AccountId, name: string) {
    const latest = key.kind === "guest" ? this.latestOfGuests : this.latestOf(account)
    if ((latest.get(conversation) ?? 0) >= seq) return
    latest.set(conversation, seq)
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
  wrote(by: Peer, conversation: ConversationId) {
    if (!by.isSendOnly || !by.words.has("receipts") || by.outbox.ended !== undefined) return
    addTo(this.senders, conversation, by)
    addTo(this.conversationsOf, by, conversation)
  }

  /**
   * The line had been stored before: what was given of it meanwhile is reported again.
   *
   * @param saved how far the reader was given the conversation, as far as that is saved: it may have left since
   */
  wroteAgain(
    by: Peer,
    reader: { readonly id: AccountId; readonly name: string },
    { conversation, key, seq }: Given,
    saved = 0
  ) {
    this.wrote(by, conversation)
    const given = Math.max(saved, this.latest.get(reader.id)?.get(conversation) ?? 0)
    if (given < seq) return
    this.due.set(dueKey(conversation, reader.id), {
      conversation,
      key,
      seq: given,
      account: reader.id,
      name: reader.name,
      isForeign: true // only this writer asks
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

  /** While a server takes nothing, only the last receipt of a reader in a conversation waits for it. */
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
      for (const { account, conversation, key, name, seq } of this.due.values()) {
        const writers = this.broker.writersTo(conversation, key, account)
        for (const peer of new Set([...writers, ...(this.senders.get(conversation) ?? [])])) {
          // In a conversation between two accounts, a reader is no writer of its own lines.
          if (peer.device?.account.id === account) continue
          if (!peer.words.has("receipts") || peer.outbox.ended !== undefined) continue
          this.broker.put(peer, OutcomeReply.given(name, seq))
        }
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
