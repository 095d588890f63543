import type { Batch } from "../chat/Batch.js"
import type { Account } from "../chat/Device.js"
import type { FeatureContext } from "../chat/Feature.js"
import type { LineOutcome } from "../chat/LineOutcome.js"
import type { Outbox } from "../chat/Outbox.js"
import type { Peer } from "../chat/Peer.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import { storeWriter, type KeptLine } from "./KeptRecipient.js"
import * as LineHead from "./LineHead.js"
import { Mailbox } from "./Mailbox.js"
import type { StoreWriter } from "./StoreWriter.js"

/** How many idle mailboxes are kept, so that routes to them stay valid. */
const maxIdle = 1_024

/** The mailboxes of accounts that have devices connected or lines under way to them, and some idle ones. */
export class Mailboxes {
  private readonly byAccount = new Map<AccountId, Mailbox>()
  /** Idle mailboxes, the longest idle first. */
  private readonly idle = new Set<Mailbox>()

  constructor(
    private readonly broker: Pick<FeatureContext, "changed" | "discard" | "outbox" | "settledEach" | "stuck">,
    private readonly writer: Pick<StoreWriter, "take">,
    /** A line has been stored. */
    private readonly wasStored: (mailbox: Mailbox, kept: KeptLine) => void,
    private readonly isLiveElsewhere?: ((account: AccountId) => boolean) | undefined
  ) {}

  get(account: AccountId): Mailbox | undefined {
    return this.byAccount.get(account)
  }

  /**
   * The mailbox of an account. Forgets no other mailbox, because the address that is being resolved may already lead to
   * it.
   */
  of(account: Account): Mailbox {
    const known = this.byAccount.get(account.id)
    if (known !== undefined) return known
    const mailbox = new Mailbox(account, this.owner)
    this.byAccount.set(account.id, mailbox)
    this.idle.add(mailbox)
    return mailbox
  }

  private readonly owner = {
    isLiveElsewhere: (account: AccountId) => this.isLiveElsewhere?.(account) === true,
    makeInlet: (mailbox: Mailbox) => {
      const inlet = this.broker.outbox(mailbox.account.name, storeWriter)
      inlet.form = LineHead.form
      this.await(mailbox, inlet)
      return inlet
    },
    wasStored: (mailbox: Mailbox, kept: KeptLine) => this.wasStored(mailbox, kept),
    wasStuck: (inlet: Outbox<Peer>) => this.broker.stuck(inlet),
    wasSettled: (mailbox: Mailbox, batch: Batch<Peer>, outcomes: ReadonlyArray<LineOutcome>) => {
      this.broker.settledEach(mailbox.inlet, batch, outcomes)
      this.await(mailbox, mailbox.inlet)
      this.rest(mailbox)
    }
  }

  /** A device of the account is connected. */
  inUse(mailbox: Mailbox) {
    this.idle.delete(mailbox)
  }

  /** Takes the next batch of an inlet, as soon as there is one. */
  private await(mailbox: Mailbox, inlet: Outbox<Peer>) {
    inlet.onBatch((batch) => {
      this.idle.delete(mailbox)
      this.writer.take(mailbox, batch)
    })
  }

  /** A mailbox may have become idle. If there are too many, forgets those that have been idle longest. */
  rest(mailbox: Mailbox) {
    if (mailbox.isIdle) this.idle.add(mailbox)
    for (const oldest of this.idle) {
      if (this.idle.size <= maxIdle) return
      this.idle.delete(oldest)
      if (oldest.isIdle) this.forget(oldest)
    }
  }

  private forget(mailbox: Mailbox) {
    const { account } = mailbox
    this.byAccount.delete(account.id)
    if (!mailbox.hasInlet) return
    this.broker.discard(mailbox.inlet)
    this.broker.changed(account.name)
  }
}
