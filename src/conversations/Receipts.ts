import * as Effect from "effect/Effect"
import type { Peer } from "../chat/Peer.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId, ConversationKey } from "../ports/StoreLines.js"
import * as Reply from "../protocol/Reply.js"

interface Given {
  readonly conversation: ConversationId
  readonly key: ConversationKey
  readonly seq: number
}

interface Receipt extends Given {
  readonly account: AccountId
  /** The account's name, in wire form. */
  readonly name: string
}

interface Collaborators {
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  readonly put: (peer: Peer, line: string) => void
  /** In the broker's turn: the connections that write to this reader in a conversation. */
  readonly writersTo: (conversation: ConversationId, key: ConversationKey, reader: AccountId) => ReadonlyArray<Peer>
}

/**
 * Tells those who said `receipts` how far an account was given what they sent. What was given at about the same time makes
 * one receipt.
 */
export class Receipts {
  private readonly due = new Map<string, Receipt>()
  /** How far each reader was given each conversation: a slower device of an account brings no second receipt. */
  private readonly latest = new Map<AccountId, Map<ConversationId, number>>()
  private readonly hasDue = Effect.unsafeMakeLatch(false)

  constructor(private readonly broker: Collaborators) {}

  /** A device of an account has been given everything up to this line. */
  given({ conversation, key, seq }: Given, account: AccountId, name: string) {
    let latest = this.latest.get(account)
    if (latest === undefined) this.latest.set(account, (latest = new Map()))
    if ((latest.get(conversation) ?? 0) >= seq) return
    latest.set(conversation, seq)
    this.due.set(`${conversation}/${account}`, { conversation, key, seq, account, name })
    this.hasDue.unsafeOpen()
  }

  /** The account has no device connected any more. */
  forget(account: AccountId) {
    this.latest.delete(account)
  }

  get run(): Effect.Effect<never> {
    const send = this.broker.inTurn(() => {
      this.hasDue.unsafeClose()
      for (const { account, conversation, key, name, seq } of this.due.values()) {
        for (const peer of this.broker.writersTo(conversation, key, account)) {
          if (!peer.words.has("receipts") || peer.outbox.ended !== undefined) continue
          this.broker.put(peer, Reply.given(name, seq))
        }
      }
      this.due.clear()
    })
    return Effect.forever(Effect.zipRight(this.hasDue.await, send))
  }
}
