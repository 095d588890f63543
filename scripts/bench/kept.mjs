// Stores with many lines, for the rows about looking back and coming back. Imported, not run.
import { fileURLToPath } from "node:url"
import { nameOf, textOf } from "./wire.mjs"

/** Words of which each is about as frequent as in a language: the nth is the 1/nth as frequent as the first. */
const vocabulary = Array.from({ length: 20_000 }, (_, index) => `w${index.toString(36)}`)

/**
 * What is searched for: a word that is in `rareLines` lines of the reader, one that is in half of all lines, and none.
 */
export const words = { rare: "needle", common: vocabulary[0], none: "nowhere" }
const rareLines = 10

/** The same numbers each time (Lehmer). */
const numbers = () => {
  let seed = 1
  return () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647
}

const limits = { keepMillis: 1e12, keepBytes: 1e12, keepLines: 1e9, unreadLines: 1e9, unreadBytes: 1e12 }
const moment = () => ({ wall: Date.now(), now: performance.now() })

/** The store in a file, without a server. */
const engineOf = async (path) => {
  const { load } = await import("../bundle.mjs") // which the generator does not need
  const { SqliteEngine } = await load("src/store/SqliteEngine.ts")
  const base = fileURLToPath(new URL("../../dist/store-thread.cjs", import.meta.url))
  return new SqliteEngine({ path, base, limits, reserveBytes: 4096 })
}

/** Makes a room of all accounts of a store, and lines of the first of them that wait for the others. */
export const fillRoom = async (path, { accounts: [from, to], lines: total, room, size }) => {
  const engine = await engineOf(path)
  const { id } = engine.call("createRoom", moment(), [{ name: room, likeness: room.slice(1).toUpperCase(), owner: 1 }])
  for (let account = 2; account <= to - from; account++) engine.call("joinRoom", moment(), [id, account])
  const line = (sequence) => ({
    conversation: { kind: "room", room: id },
    account: 1,
    author: nameOf(from),
    body: Buffer.from(textOf(0, sequence, { size })),
    isAuto: false,
    to: "",
    isLive: true
  })
  engine.call("append", moment(), [Array.from({ length: total }, (_, sequence) => line(sequence)), []])
  engine.close()
}

/**
 * Fills a store that has accounts with the ids from 1 on. A tenth of all lines are of the first account with each of
 * the others, and its device has been given them; the rest are of others with each other. All are indexed.
 */
export const fill = async (path, { accounts, lines: total }) => {
  const engine = await engineOf(path)
  const random = numbers()
  const below = (end) => Math.floor(random() * end)
  const text = () =>
    Array.from({ length: 4 + below(16) }, () => vocabulary[Math.floor(vocabulary.length ** random()) - 1]).join(" ")
  const last = new Map()
  for (let stored = 0; stored < total; stored += 1000) {
    const lines = Array.from({ length: 1000 }, (_, index) => {
      const at = stored + index
      const isReaders = at % 10 === 0
      const one = isReaders ? 1 : 2 + below(accounts - 1)
      const other = 2 + below(accounts - 1)
      const isRare = isReaders && at % (total / rareLines) === 0
      return {
        conversation: { kind: "accounts", accounts: one < other ? [one, other] : [other, one] },
        account: other,
        author: `p${String(other - 1).padStart(5, "0")}`,
        body: Buffer.from(isRare ? `${text()} ${words.rare}` : text()),
        isAuto: false,
        to: "",
        isLive: true
      }
    })
    const results = engine.call("append", moment(), [lines, []])
    for (let index = 0; index < 1000; index += 10) last.set(results[index].conversation, results[index].seq)
  }
  const cursors = Array.from(last, ([conversation, seq]) => ({ account: 1, device: "main", conversation, seq }))
  engine.call("append", moment(), [[], cursors])
  for (let step; step !== "done";) {
    step = engine.call("readForIndex", moment(), [])
    if (step === "write") engine.call("writeIndex", moment(), [])
  }
  engine.close()
}
