import type { Peer } from "../chat/Peer.js"
import type { SharedText } from "../chat/SharedText.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { ConversationId, ConversationKey, StoredLine } from "../ports/StoreLines.js"
import type { HelloWord } from "../protocol/HelloWord.js"
import * as PastReply from "../protocol/PastReply.js"
import * as Reply from "../protocol/Reply.js"
import * as RoomName from "../protocol/RoomName.js"
import * as Wire from "../protocol/Wire.js"
import type { RoomRun } from "./RoomRun.js"
import { isSelf, otherAccount } from "./Parties.js"

/** ` seq=17 at=1764151201123` for clients that said `seq`, otherwise nothing. */
export const numbers = (words: ReadonlySet<HelloWord>, seq: number, at: number): string =>
  words.has("seq") ? ` seq=${seq} at=${at}` : ""

/** A bit set of the words that change the form of a message; 0 without any. */
const formOf = (words: ReadonlySet<HelloWord>): number =>
  words.size === 0 ? 0 : (words.has("auto") ? 1 : 0) + (words.has("seq") ? 2 : 0) + (words.has("to") ? 4 : 0)

/** Renders kept lines for the devices of accounts (protocol, section 10). */
export class Rendering {
  constructor(
    private readonly broker: {
      /** The name of an account, in wire form. */
      readonly nameOf: (account: AccountId) => string
      /** The name of a room, in wire form. */
      readonly nameOfRoom: (room: ConversationId) => string
      /** Whether readers may learn that a line was sent to this room as well. */
      readonly isListed: (room: string) => boolean
    }
  ) {}

  /** A line as this client gets it, with its LF; undefined if the client does not get this line. */
  line({ device, words }: Peer, key: ConversationKey, line: StoredLine): string | undefined {
    if (device !== undefined && line.account === device.account.id && !isSelf(key)) {
      return words.has("copies") ? Reply.sent(this.nameOf(key, device.account.id, line.author), line) : undefined
    }
    return this.message(words, key, line)
  }

  /** Lines of a room for clients that have sent none of them. Rendered once for each form. */
  run({ words }: Peer, run: RoomRun): SharedText {
    return run.textOf(formOf(words), () => run.lines.map((line) => this.message(words, run.key, line)).join(""))
  }

  /** A line that is not the reader's own, for a client that said these words. */
  message(words: ReadonlySet<HelloWord>, key: ConversationKey, line: StoredLine): string {
    const room = key.kind === "room" ? ` ${this.broker.nameOfRoom(key.room)}` : ""
    const guest = line.account === undefined && words.has("seq") ? Reply.guest : ""
    const others = line.to !== "" && words.has("to") ? this.others(line.to) : ""
    const auto = line.isAuto && words.has("auto") ? Reply.auto : ""
    const params = room + guest + others + auto + numbers(words, line.seq, line.at)
    return `${Reply.messageHead(line.author, params)}${line.text}\n`
  }

  /** A line in a reply about past lines. Always has its numbers. */
  past(
    { words }: Peer,
    conversation: string,
    { account, at, author, isAuto, seq, text, to }: StoredLine,
    label: string | undefined
  ): string {
    const guest = account === undefined ? Reply.guest : ""
    const others = to !== "" && words.has("to") ? this.others(to) : ""
    const auto = isAuto && words.has("auto") ? Reply.auto : ""
    return PastReply.past(conversation, author, `${guest}${others}${auto} seq=${seq} at=${at}`, text, label)
  }

  /** The parameter that lists the other recipients, without rooms that were locked since. */
  private others(to: string): string {
    if (!to.includes("#")) return Reply.recipients([to])
    const listed = to.split("+").filter((name) => !RoomName.isOfRoom(name) || this.broker.isListed(name))
    return listed.length === 0 ? "" : Reply.recipients(listed)
  }

  /**
   * The name of a conversation for its reader, an account or a guest.
   *
   * @param guest the last name of its guest; by default the likeness that all its names share
   */
  nameOf(key: ConversationKey, reader: AccountId | undefined, guest?: string): string {
    if (key.kind === "room") return this.broker.nameOfRoom(key.room)
    if (key.kind === "guest") return guest ?? Wire.encode(key.likeness)
    const other = reader === undefined ? undefined : otherAccount(key, reader)
    return other === undefined ? "" : this.broker.nameOf(other)
  }

  /**
   * The notice, with its LF, that the lines from `first` to `last` are gone and were not given to this client.
   *
   * @param guest see `nameOf`
   */
  gap({ device }: Peer, key: ConversationKey, guest: string | undefined, first: number, last: number): string {
    return Reply.gap(this.nameOf(key, device?.account.id, guest), first, last)
  }
}
