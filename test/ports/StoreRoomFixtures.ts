import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { Appended, ConversationId, NewLine } from "../../src/ports/StoreLines.js"
import type { StoredRoom } from "../../src/ports/StoreRooms.js"
import * as Wire from "../../src/protocol/Wire.js"
import { line, register } from "./StoreFixtures.js"

/** Creates a room with this name, which is free. */
export const create = (store: StoreService, name: string, owner?: AccountId) =>
  Effect.map(store.rooms.create({ name: `#${name}`, likeness: Wire.decode(name).toUpperCase(), owner }), (room) => {
    assert.isDefined(room, `the name ${name} is free`)
    return room
  })

export const roomOf = (store: StoreService, id: ConversationId) =>
  Effect.map(store.rooms.all, (rooms) => rooms.find((room) => room.id === id))

/** Numbered lines of an account, or of a guest, to a room. */
export const lines = (
  { id }: Pick<StoredRoom, "id">,
  account: AccountId | undefined,
  count: number,
  more?: Partial<NewLine>
) => Array.from({ length: count }, (_, index) => line(Keys.ofRoom(id), account, `line ${index + 1}`, more))

export const seqs = (results: ReadonlyArray<Appended>) =>
  results.map((result) => (result._tag === "Stored" ? result.seq : result._tag))

/** The numbers of all lines that somebody can read. */
export const readable = (store: StoreService, { id }: Pick<StoredRoom, "id">, reader: AccountId | "guest") =>
  Effect.map(store.page({ conversation: id, reader, after: 0, limit: 100 }), (page) => page.lines.map(({ seq }) => seq))

export const readMark = (store: StoreService, { id }: StoredRoom, account: AccountId) =>
  Effect.map(store.conversations(account, 10), (all) => all.find(({ conversation }) => conversation === id)?.read)

export const nothing = { lines: [], first: 1, last: 0, hasMore: false }

export const three = (store: StoreService) =>
  Effect.gen(function* () {
    return [yield* register(store, "alice"), yield* register(store, "bob"), yield* register(store, "carol")] as const
  })
