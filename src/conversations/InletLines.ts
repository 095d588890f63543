import type { Batch } from "../chat/Batch.js"
import type { LineOutcome } from "../chat/LineOutcome.js"
import { Peer } from "../chat/Peer.js"
import type * as StoreLines from "../ports/StoreLines.js"
import * as Reply from "../protocol/Reply.js"
import type { KeptRecipient, InletLine } from "./KeptRecipient.js"
import * as LineHead from "./LineHead.js"

/** A line of a batch. */
export interface Pending {
  readonly sender: Peer
  /** The line, or its outcome if it must not be stored. */
  readonly line: StoreLines.NewLine | LineOutcome
}

/** The lines of a batch, in the store's form. */
export const pendingLines = (recipient: KeptRecipient, batch: Batch<Peer>): ReadonlyArray<Pending> => {
  const { counts, labels, senders, text } = batch
  const lines: Array<Pending> = []
  let at = 0
  senders.forEach((sender, run) => {
    if (!(sender instanceof Peer)) throw new Error("only clients write to accounts and rooms")
    const label = labels?.[run]
    const plain = Reply.messageHead(sender.name)
    for (let left = counts[run] as number; left > 0; left--) {
      const end = text.indexOf("\n", at)
      // Most lines have no parameters. Parsing them all in full took a tenth of the server's time (benchmark:
      // outcomes).
      const sent: InletLine = text.startsWith(plain, at)
        ? { sender, label, isAuto: false, to: "", text: text.slice(at + plain.length, end) }
        : { sender, label, ...LineHead.parse(text.slice(at, end)) }
      lines.push({ sender, line: recipient.newLine(sent) })
      at = end + 1
    }
  })
  return lines
}

/** The fields of a new line that depend on its sender. */
export const authorOf = ({
  isAuto,
  label,
  sender: { device, name, words },
  text,
  to
}: InletLine): Omit<StoreLines.NewLine, "conversation" | "isLive"> => ({
  account: device?.account.id,
  author: name,
  text,
  isAuto,
  to,
  once: onceOf(device, words, label)
})

export const onceOf = (
  device: Peer["device"],
  words: Peer["words"],
  label: string | undefined
): StoreLines.NewLine["once"] =>
  device !== undefined && label !== undefined && words.has("once") ? { device: device.name, label } : undefined
