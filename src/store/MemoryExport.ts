import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { StoreError } from "../ports/StoreError.js"
import type { ExportedRoom, StoreRecord } from "../ports/StoreUpkeep.js"
import type { Time } from "../ports/Time.js"
import * as Wire from "../protocol/Wire.js"
import * as ExportedKey from "./ExportedKey.js"
import { type MemoryState, newMember, type MemoryRoom } from "./MemoryState.js"

/** The content of the store in memory as records. */
export function* records(state: MemoryState, time: Time): Generator<StoreRecord> {
  const now = time.now()
  for (const account of state.accounts.values()) {
    const { created, credential, id, likeness, name, state: is } = account
    const common = { created, credential: credential ?? null, id, likeness, name: Wire.decode(name), state: is }
    yield { type: "account", ...common }
    for (const [device, { ran, seen, token }] of account.devices) {
      yield { type: "device", account: id, name: device, token: token ?? null, seen, awayMillis: now - ran }
    }
  }
  for (const { at, first, guest, id, key, members, room } of state.conversations.values()) {
    yield {
      type: "conversation",
      id,
      ...ExportedKey.exported(key),
      room: room === undefined ? null : exportedRoom(room),
      first,
      at,
      ...(guest === undefined ? {} : { guestName: Wire.decode(guest) }),
      members: [...members].map(([account, { given, read, since }]) => ({ account, since, read, given }))
    }
  }
  const lines = [...state.conversations.values()].flatMap(({ id, lines }) => lines.map((line) => ({ id, line })))
  for (const { id, line } of lines.toSorted((one, other) => one.line.ran - other.line.ran)) {
    yield {
      type: "line",
      conversation: id,
      seq: line.seq,
      at: line.at,
      ageMillis: now - line.ran,
      account: line.account ?? null,
      author: Wire.decode(line.author),
      text: Wire.decode(line.text),
      auto: line.isAuto,
      to: Wire.decode(line.to),
      device: line.once?.device ?? null,
      label: line.once === undefined ? null : Wire.decode(line.once.label)
    }
  }
  for (const { devices, id } of state.accounts.values()) {
    for (const [device, { cursors }] of devices) {
      for (const [conversation, seq] of cursors) yield { type: "cursor", account: id, device, conversation, seq }
    }
  }
  for (const { account, conversation, count, first, last, ran, reason, recipient } of state.returns.values()) {
    const lines = { account, conversation, count, first, last, reason }
    yield { type: "return", ...lines, recipient: Wire.decode(recipient), awayMillis: now - ran }
  }
  yield { type: "totals", ...state.totals, ended: state.ended, lastConversation: state.lastConversation }
}

const exportedRoom = ({
  invited,
  isLocked,
  likeness,
  name,
  owner,
  slowMillis,
  topic,
  topicBy
}: MemoryRoom): ExportedRoom => ({
  name: Wire.decode(name),
  likeness,
  topic: Wire.decode(topic),
  topicBy: Wire.decode(topicBy),
  owner: owner ?? null,
  locked: isLocked,
  slowMillis,
  invited: [...invited]
})

const importedRoom = ({
  invited,
  likeness,
  locked,
  name,
  owner,
  slowMillis,
  topic,
  topicBy
}: ExportedRoom): MemoryRoom => ({
  name: Wire.encode(name),
  likeness,
  topic: Wire.encode(topic),
  topicBy: Wire.encode(topicBy),
  owner: owner ?? undefined,
  isLocked: locked,
  slowMillis,
  invited: new Set(invited)
})

/** Adds records to an empty store. */
export const imported = <E, R>(
  state: MemoryState,
  elements: Stream.Stream<StoreRecord, E, R>,
  time: Time
): Effect.Effect<void, E | StoreError, R> =>
  Effect.suspend((): Effect.Effect<void, E | StoreError, R> =>
    state.accounts.size > 0 || state.conversations.size > 0
      ? Effect.fail(new StoreError({ reason: "unavailable", description: "the store is not empty" }))
      : Effect.flatMap(Stream.runCollect(elements), (all) => {
          // All records are read before any is added, because the last one tells whether lines are missing.
          const isPartial = Chunk.some(
            all,
            (one) => one.type === "lost" || (one.type === "totals" && (one.lost ?? 0) + (one.missing ?? 0) > 0)
          )
          if (isPartial) {
            return Effect.fail(
              new StoreError({ reason: "unavailable", description: "lines of the export are missing" })
            )
          }
          return Effect.sync(() => Chunk.forEach(all, (element) => add(state, element, time.now())))
        })
  )

const add = (state: MemoryState, element: StoreRecord, now: number) => {
  switch (element.type) {
    case "account": {
      const { created, credential, id, likeness, name, state: is } = element
      const account = { name: Wire.encode(name), likeness, created, state: is, devices: new Map() }
      state.addAccount({ ...account, credential: credential ?? undefined }, id)
      return
    }
    case "device": {
      const { account, awayMillis, name, seen, token } = element
      const device = { token: token ?? undefined, seen, ran: now - awayMillis, owner: undefined, cursors: new Map() }
      state.accounts.get(account)?.devices.set(name, device)
      return
    }
    case "conversation": {
      const { accounts, guest, id, room } = element
      const conversation =
        room === null
          ? state.addConversation(ExportedKey.imported(accounts, guest), id)
          : state.addRoom(importedRoom(room), id)
      conversation.first = element.first
      conversation.at = element.at
      if (element.guestName !== undefined) conversation.guest = Wire.encode(element.guestName)
      for (const { account, given, read, since } of element.members) {
        conversation.members.set(account, { ...newMember(since), read, given })
      }
      return
    }
    case "line": {
      const { account, ageMillis, at, auto, author, conversation, device, label, seq, text, to } = element
      const target = state.conversations.get(conversation)
      if (target === undefined) return
      state.addLine(target, {
        seq,
        at,
        ran: now - ageMillis,
        account: account ?? undefined,
        author: Wire.encode(author),
        text: Wire.encode(text),
        isAuto: auto,
        to: Wire.encode(to),
        once: device === null || label === null ? undefined : { device, label: Wire.encode(label) }
      })
      return
    }
    case "cursor": {
      const { account, conversation, device, seq } = element
      state.accounts.get(account)?.devices.get(device)?.cursors.set(conversation, seq)
      return
    }
    case "return": {
      const { account, awayMillis, conversation, count, first, last, reason, recipient } = element
      const key = state.conversations.get(conversation)?.key
      if (key === undefined) return
      const lines = { account, conversation, count, first, key, last, reason }
      state.addReturn({ ...lines, recipient: Wire.encode(recipient) }, now - awayMillis)
      return
    }
    case "totals": {
      const { dead, ended, expired, given, lastConversation, stored } = element
      Object.assign(state.totals, { dead, expired, given, stored })
      state.ended = ended
      state.lastConversation = Math.max(state.lastConversation, lastConversation)
    }
  }
}
