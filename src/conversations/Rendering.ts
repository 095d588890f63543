import type { Peer } from "../chat/Peer.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationKey, StoredLine } from "../ports/StoreLines.js"
import type { HelloWord } from "../protocol/HelloWord.js"
import * as Reply from "../protocol/Reply.js"
import * as Wire from "../protocol/Wire.js"
import { isSelf, otherAccount } from "./Parties.js"

/** ` seq=17 at=1764151201123` for clients that said `seq`, otherwise nothing. */
export const numbers = (words: ReadonlySet<HelloWord>, seq: number, at: number): string =>
  words.has("seq") ? ` seq=${seq} at=${at}` : ""

/** Renders kept lines for the devices of accounts (protocol, section 10). */
export class Rendering {
  constructor(
    private readonly broker: {
      /** The name of an account, in wire form. */
      readonly nameOf: (account: AccountId) => string
    }
  ) {}

  /** A line as this device gets it, with its LF; undefined if it does not get it. */
  line({ device, words }: Peer, key: ConversationKey, line: StoredLine): string | undefined {
    const to = device === undefined ? undefined : otherAccount(key, device.account.id)
    if (to !== undefined && line.account === device?.account.id && !isSelf(key)) {
      return words.has("copies") ? Reply.sent(this.broker.nameOf(to), line) : undefined
    }
    const guest = line.account === undefined && words.has("seq") ? Reply.guest : ""
    const others = line.to !== "" && words.has("to") ? Reply.recipients([line.to]) : ""
    const auto = line.isAuto && words.has("auto") ? Reply.auto : ""
    const params = guest + others + auto + numbers(words, line.seq, line.at)
    return `${Reply.messageHead(line.author, params)}${line.text}\n`
  }

  /**
   * The line, with its LF, that tells a device which lines are gone that it was not given: those from `first` to `last`.
   *
   * @param lines others of the conversation
   */
  gap({ device }: Peer, key: ConversationKey, lines: ReadonlyArray<StoredLine>, first: number, last: number): string {
    const other = device && otherAccount(key, device.account.id)
    const guest = key.kind === "guest" ? (lines[0]?.author ?? Wire.encode(key.likeness)) : ""
    const name = other === undefined ? guest : this.broker.nameOf(other)
    return Reply.gap(name, first, last)
  }
}
