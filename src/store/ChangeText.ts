import type { StoreChange } from "../ports/StoreSharing.js"

/** Changes as they are kept in the log of changes. Strings in wire form are ordinary texts in JSON. */

export const encode = (change: StoreChange): string => JSON.stringify(change)

export const decode = (text: string): StoreChange => {
  const change = JSON.parse(text) as StoreChange // `encode` wrote it
  // JSON leaves out what is undefined.
  return change._tag === "RoomCreated" ? { ...change, room: { ...change.room, owner: change.room.owner } } : change
}
