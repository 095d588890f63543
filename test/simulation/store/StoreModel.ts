import { likenessOf } from "../../../src/chat/Names.js"
import type { AccountId } from "../../../src/ports/StoreAccounts.js"
import type { ConversationId } from "../../../src/ports/StoreLines.js"
import { takenBy, type TakenGap, type TakenLine, type TakenMessage } from "./Received.js"
import { recipientOf, type Logged, type Membership } from "./SimulatedStore.js"
import type { Sitting, StoreHistory } from "./StoreHistory.js"

/** A kept line that a device was given on one of its connections. */
export interface Given {
  readonly sitting: Sitting
  readonly message: TakenMessage
  readonly entry: Logged
}

/** A device from its creation until it is forgotten. */
export interface DeviceLife {
  readonly account: AccountId
  readonly device: string
  readonly starts: ReadonlyMap<ConversationId, number>
  readonly from: number
  readonly to: number
  readonly sittings: ReadonlyArray<Sitting>
  /** In the order in which its connections took them. */
  readonly given: ReadonlyMap<ConversationId, ReadonlyArray<Given>>
  readonly gaps: ReadonlyMap<ConversationId, ReadonlyArray<TakenGap>>
}

/** What a run has shown, by account, device and conversation. */
export class StoreModel {
  readonly taken: ReadonlyMap<Sitting, ReadonlyArray<TakenLine>>
  readonly devices: ReadonlyArray<DeviceLife>
  /** The flushed lines of each conversation, in order. */
  readonly conversations: ReadonlyMap<ConversationId, ReadonlyArray<Logged>>
  /** Messages to accounts whose text was never flushed. */
  readonly unknown: Array<{ readonly sitting: Sitting; readonly message: TakenMessage }> = []
  private readonly saidTimes: ReadonlyMap<string, number>
  private readonly ids: ReadonlyMap<string, AccountId>
  private readonly byText: ReadonlyMap<string, ReadonlyArray<Logged>>

  constructor(readonly history: StoreHistory) {
    const { log, snapshot } = history.store
    this.ids = new Map(
      snapshot.records.flatMap((record) => (record.type === "account" ? [[record.name, record.id] as const] : []))
    )
    this.taken = new Map(history.sittings.map((sitting) => [sitting, takenBy(sitting)]))
    const said = history.sittings.flatMap((sitting) => sitting.said)
    this.saidTimes = new Map([...grouped(said, ({ text }) => text)].map(([text, lines]) => [text, lines.length]))
    this.byText = grouped(log, ({ line }) => line.text)
    this.conversations = grouped(log, ({ conversation }) => conversation)
    this.devices = this.lives()
  }

  /** Whether a text was sent once, and not again with its label. */
  isSaidOnce(text: string): boolean {
    return this.saidTimes.get(text) === 1
  }

  idOf(name: string): AccountId | undefined {
    return this.ids.get(name)
  }

  nameOf(id: AccountId): string | undefined {
    return [...this.ids].find(([, one]) => one === id)?.[0]
  }

  /** The flushed lines with this text that are for the account, or the room, of this name. */
  stored(text: string, recipient: string): ReadonlyArray<Logged> {
    return (this.byText.get(text) ?? []).filter((entry) =>
      recipient.startsWith("#")
        ? this.roomOf(entry) === recipient
        : recipientOf(entry.line) !== undefined && recipientOf(entry.line) === this.idOf(recipient)
    )
  }

  /** The name of the room of a line; undefined if it is direct. */
  roomOf({ conversation, line }: Logged): string | undefined {
    return line.conversation.kind === "room" ? this.history.store.roomNames.get(conversation) : undefined
  }

  /** The membership of an account within which a line of a room was stored. */
  membership(account: AccountId, { conversation, seq }: Logged): Membership | undefined {
    return this.history.store.memberships.find(
      (one) => one.account === account && one.room === conversation && one.after < seq && seq <= one.last
    )
  }

  /** Whether a line is for the devices of an account. Those that the account has sent are not. */
  isFor(account: AccountId, entry: Logged): boolean {
    const { line } = entry
    return line.conversation.kind === "room"
      ? line.account !== account && this.membership(account, entry) !== undefined
      : recipientOf(line) === account
  }

  /** The account of a connection, once it has one. */
  accountOf(sitting: Sitting): AccountId | undefined {
    const { client, isAccount } = sitting
    const isOwn = isAccount || this.taken.get(sitting)?.some(({ line }) => line.startsWith("* registered "))
    return isOwn === true ? this.idOf(client.name) : undefined
  }

  /** The turn in which a connection took its first kept line: the login of one that connected earlier may end later. */
  private fedFrom(sitting: Sitting): number {
    const first = this.taken.get(sitting)?.find(({ is }) => is === "message" || is === "gap")
    return first?.turn ?? sitting.socket.wire.accepted.turn
  }

  /** The conversations that an account has with this name, of an account or a guest, or the rooms of it. */
  conversationsWith(account: AccountId, name: string): ReadonlyArray<ConversationId> {
    if (name.startsWith("#")) {
      const own = this.history.store.memberships.filter((one) => one.account === account && one.name === name)
      return [...new Set(own.map(({ room }) => room))]
    }
    const other = this.idOf(name)
    return [...this.conversations].flatMap(([id, [first]]) => {
      const key = first?.line.conversation
      if (key === undefined) return []
      const isIt =
        key.kind === "guest"
          ? key.account === account && key.likeness === likenessOf(name)
          : key.kind === "accounts" &&
            other !== undefined &&
            key.accounts.join() === [account, other].toSorted((a, b) => a - b).join()
      return isIt ? [id] : []
    })
  }

  private lives(): ReadonlyArray<DeviceLife> {
    const { forgotten, openings } = this.history.store
    return openings.map(({ account, device, starts, turn }): DeviceLife => {
      const ends = forgotten.filter((one) => one.account === account && one.device === device && one.turn >= turn)
      const to = Math.min(Infinity, ...ends.map((one) => one.turn))
      const later = openings.filter((one) => one.account === account && one.device === device && one.turn > turn)
      // The clients of a forgotten device are disconnected a few turns later.
      const next = Math.min(Infinity, ...later.map((one) => one.turn))
      const sittings = this.history.sittings
        .filter((sitting) => sitting.client.device === device && this.accountOf(sitting) === account)
        .toSorted((one, other) => this.fedFrom(one) - this.fedFrom(other))
      const given = new Map<ConversationId, Array<Given>>()
      const gaps = new Map<ConversationId, Array<TakenGap>>()
      for (const sitting of sittings) {
        let isGuest = !sitting.isAccount
        for (const line of this.taken.get(sitting) ?? []) {
          if (line.line.startsWith("* registered ")) isGuest = false
          if (line.turn < turn || line.turn >= next || (isGuest && isOfRoom(line))) continue
          if (line.is === "gap") {
            for (const id of this.conversationsWith(account, line.name)) push(gaps, id, line)
          } else if (line.is === "message") {
            const entry = this.entryOf(account, line)
            if (entry === undefined) this.unknown.push({ sitting, message: line })
            else push(given, entry.conversation, { sitting, message: line, entry })
          }
        }
      }
      return { account, device, starts, from: turn, to, sittings, given, gaps }
    })
  }

  private entryOf(account: AccountId, message: TakenMessage): Logged | undefined {
    const { isCopy, name, room } = message
    return this.entry(message, (entry) => {
      const { line } = entry
      const isAuthor = isCopy ? line.account === account : line.author === name
      if (room !== undefined) return isAuthor && this.roomOf(entry) === room
      return isAuthor && recipientOf(line) === (isCopy ? this.idOf(name) : account)
    })
  }

  /** The flushed line of a message, out of those that it may be. */
  entry({ numbers, text }: TakenMessage, mayBe: (entry: Logged) => boolean): Logged | undefined {
    const possible = (this.byText.get(text) ?? []).filter(mayBe)
    return possible.find(({ seq }) => seq === numbers?.seq) ?? possible[0]
  }
}

/** Whether a message or a gap is of a room. */
const isOfRoom = (line: TakenLine): boolean =>
  (line.is === "message" && line.room !== undefined) || (line.is === "gap" && line.name.startsWith("#"))

/** Groups in the order of the elements. */
export const grouped = <K, A>(all: ReadonlyArray<A>, keyOf: (one: A) => K): ReadonlyMap<K, ReadonlyArray<A>> => {
  const groups = new Map<K, Array<A>>()
  for (const one of all) push(groups, keyOf(one), one)
  return groups
}

const push = <K, A>(groups: Map<K, Array<A>>, key: K, one: A) => {
  const group = groups.get(key)
  if (group === undefined) groups.set(key, [one])
  else group.push(one)
}
