import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import { Histogram } from "./Histogram.js"

/** The metrics of a store. They exist only in a server that has one. */

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

/** A counter that the store itself keeps, also over restarts. */
const total = (name: string, description: string) => {
  const metric = Metric.counter(name, { description, incremental: true })
  let before = 0
  return (value: number) => {
    metric.unsafeUpdate(Math.max(0, value - before), [])
    before = value
  }
}

/** Seconds from handing lines to the store to its answer that they are stored. */
export const commits = new Histogram([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10])

/** Lines in a transaction. */
export const batches = new Histogram([1, 3, 10, 30, 100, 300, 1000])

const totals = {
  stored: total("achat_store_stored_total", "Direct lines ever stored; always given + waiting + expired"),
  given: total("achat_store_given_total", "Direct lines that were given to a device of their recipient"),
  expired: total("achat_store_expired_total", "Direct lines that were removed before any device was given them"),
  dead: total(
    "achat_store_dead_total",
    "Expired lines whose sender was not notified, because it stayed away or had left"
  )
}

const gauges = {
  waiting: gauge("achat_store_waiting_lines", "Direct lines that no device of their recipient has been given yet"),
  accounts: gauge("achat_store_accounts", "Accounts"),
  conversations: gauge("achat_store_conversations", "Conversations, rooms included"),
  rooms: gauge("achat_store_rooms", "Rooms"),
  lines: gauge("achat_store_lines", "Kept lines"),
  bytes: gauge(
    "achat_store_text_bytes",
    "Size of the kept lines, in bytes: their texts and names, and 100 for each line"
  ),
  diskBytes: gauge("achat_store_disk_bytes", "Size of the store on the disk, in bytes")
}

const oldest = gauge("achat_store_oldest_line_seconds", "Running time since the oldest kept line was stored")

const roomEnds = Metric.counter("achat_store_room_ends_failed_total", {
  description: "Attempts to end an empty room that failed because the store failed",
  incremental: true
})

export const roomEndFailed = () => roomEnds.unsafeUpdate(1, [])

const damagedPages = Metric.counter("achat_store_damaged_pages_total", {
  description: "Pages of conversations that lacked lines because these are damaged, each time that one was read",
  incremental: true
})

export const damagedPage = () => damagedPages.unsafeUpdate(1, [])

const states = Metric.gauge("achat_store_state", { description: "1 for the state in which the store is, otherwise 0" })

export interface StoreGauges {
  readonly stored: number
  readonly given: number
  readonly expired: number
  readonly dead: number
  readonly waiting: number
  readonly accounts: number
  readonly conversations: number
  readonly rooms: number
  readonly lines: number
  readonly bytes: number
  readonly diskBytes: number
  readonly oldestMillis: number
}

const names = <Key extends string>(record: Readonly<Record<Key, unknown>>) => Object.keys(record) as Array<Key>

export const publish = (now: StoreGauges) => {
  for (const name of names(totals)) totals[name](now[name])
  for (const name of names(gauges)) gauges[name].unsafeUpdate(now[name], [])
  oldest.unsafeUpdate(now.oldestMillis / 1000, [])
}

let isUsed = false
let observe: () => void = () => {}

/** Whether this process has a store. */
export const hasStore = (): boolean => isUsed

/** Until the scope closes, `publish` is called at once, and before the metrics are read. */
export const observed = (publish: () => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      isUsed = true
      observe = publish
      publish()
    }),
    () =>
      Effect.sync(() => {
        if (observe === publish) observe = () => {}
      })
  )

/** Brings the gauges of the store up to date. */
export const refresh: Effect.Effect<void> = Effect.sync(() => observe())

/** @param all every possible state */
export const publishState = (state: string, all: ReadonlyArray<string>) => {
  roomEnds.unsafeUpdate(0, [])
  damagedPages.unsafeUpdate(0, [])
  for (const one of all) Metric.tagged(states, "state", one).unsafeUpdate(one === state ? 1 : 0, [])
}
