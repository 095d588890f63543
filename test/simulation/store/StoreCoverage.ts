import { clients } from "./Clients.js"
import type { TakenOutcome } from "./Received.js"
import type { Sitting, StoreHistory } from "./StoreHistory.js"
import { StoreModel } from "./StoreModel.js"

/** Everything countable in a run. Each must occur in some, or a promise is untested. */
const counts = (history: StoreHistory): ReadonlyArray<readonly [string, number]> => {
  const { ends, sittings, store } = history
  const model = new StoreModel(history)
  const taken = [...model.taken].flatMap(([sitting, lines]) => lines.map((line) => ({ sitting, line })))
  const outcomes = taken.flatMap(({ line }) => (line.is === "outcome" ? [line] : []))
  const ofOutcomes = (is: (outcome: TakenOutcome) => boolean) => outcomes.filter(is).length
  const lines = (head: RegExp) => taken.filter(({ line }) => head.test(line.line)).length
  const returns = (toAccount: boolean) =>
    taken.filter(({ line, sitting }) => line.is === "return" && sitting.isAccount === toAccount).length
  const ofRooms = (toAccount: boolean) =>
    taken.filter(
      ({ line, sitting }) => line.is === "message" && line.room !== undefined && sitting.isAccount === toAccount
    ).length
  const given = model.devices.flatMap(({ given }) => [...given.values()])
  const lives = Math.max(0, ...ends.map(({ life }) => life))
  return [
    ["crashes", ends.filter(({ isOrderly }) => !isOrderly).length],
    ["orderly ends before the last", ends.filter(({ isOrderly, life }) => isOrderly && life < lives).length],
    ["requests that a crash lost", store.torn.lost],
    ["requests that were flushed before a crash, and not answered", store.torn.unanswered],
    ...(["full", "damaged", "unavailable"] as const).map(
      (reason) => [`requests that failed as ${reason}`, store.failures.get(reason) ?? 0] as const
    ),
    ["lines flushed", store.log.length],
    ["lines flushed whose outcome a crash swallowed", unreported(history, outcomes)],
    ["lines reported as stored", ofOutcomes(({ outcome }) => outcome === "stored")],
    ["lines sent again and recognised", ofOutcomes(({ isAgain }) => isAgain)],
    ["labels used for another text", ofOutcomes(({ outcome }) => outcome === "label-used")],
    ...["unavailable", "full", "removed", "offline"].map(
      (reason) => [`lines returned as ${reason}`, ofOutcomes(({ outcome }) => outcome === reason)] as const
    ),
    ["lines that left the log", store.log.filter(({ removed }) => removed !== undefined).length],
    ["lines that no device was given", store.log.filter(({ removed }) => removed?.isReturned).length],
    ["returns to accounts", returns(true)],
    ["returns to guests", returns(false)],
    ["gaps", taken.filter(({ line }) => line.is === "gap").length],
    ["receipts", taken.filter(({ line }) => line.is === "receipt").length],
    ["copies", taken.filter(({ line }) => line.is === "message" && line.isCopy).length],
    ["lines given again", given.map(again).reduce((sum, count) => sum + count, 0)],
    [
      "devices that started after some lines",
      store.openings.filter(({ starts }) => [...starts.values()].some(Boolean)).length
    ],
    ["devices forgotten", store.forgotten.length],
    ["registrations", lines(/^\* registered /u)],
    ["replaced connections", lines(/^! logged-out reason=replaced /u)],
    ["connections that only send", sittings.filter(({ words }) => words.includes("send-only")).length],
    ["conversations of which pages were full", given.filter(isFedInPages).length],
    ["lines to rooms flushed", store.log.filter(({ line }) => line.conversation.kind === "room").length],
    ["lines returned as not-member", ofOutcomes(({ outcome }) => outcome === "not-member")],
    ["lines returned as no-room", ofOutcomes(({ outcome }) => outcome === "no-room")],
    ["lines of rooms given to guests", ofRooms(false)],
    ["lines of rooms given to accounts", ofRooms(true)],
    ["members that joined a room with lines", store.memberships.filter(({ after }) => after > 0).length],
    ["members that left a room", store.memberships.filter(({ to }) => to < Infinity).length],
    ["lines of rooms shown by /history or /search", lines(/^\* past @\S+ #/u)],
    ["lines of direct conversations shown by these", lines(/^\* past @\S+ [^#]/u)],
    ["read marks above 0", lines(/^\* read @\S+ \S+ seq=[1-9]/u)],
    ["conversations listed", lines(/^\* conversation /u)],
    ["requests about rooms that were refused", lines(/^! refused @\S+ \S+ reason=(?:no-room|not-member)/u)],
    ["rooms that ended", store.endedRooms.size],
    ["conversations with oneself", given.filter(isSelf).length]
  ]
}

const again = (given: ReadonlyArray<{ readonly entry: { readonly seq: number } }>) =>
  given.length - new Set(given.map(({ entry }) => entry.seq)).size

const isFedInPages = (given: ReadonlyArray<{ readonly message: { readonly text: string } }>) =>
  given.reduce((bytes, { message }) => bytes + message.text.length, 0) > 65_536

const isSelf = ([first]: ReadonlyArray<{ readonly sitting: Sitting; readonly message: { readonly name: string } }>) =>
  first?.sitting.client.name === first?.message.name && first?.message.name === clients[0]?.name

const unreported = ({ sittings, store }: StoreHistory, outcomes: ReadonlyArray<TakenOutcome>) => {
  const labels = new Map(sittings.flatMap(({ said }) => said.map(({ label, text }) => [text, label] as const)))
  const told = new Set(outcomes.filter(({ outcome }) => outcome === "stored").map(({ label }) => label))
  return store.log.filter(({ line }) => {
    const label = labels.get(line.text)
    return label !== undefined && !told.has(label)
  }).length
}

/** Counts what occurred in a number of runs. */
export class StoreCoverage {
  private readonly found = new Map<string, number>()

  add(history: StoreHistory) {
    for (const [name, count] of counts(history)) this.found.set(name, (this.found.get(name) ?? 0) + count)
  }

  get missing(): ReadonlyArray<string> {
    return [...this.found].flatMap(([name, count]) => (count === 0 ? [name] : []))
  }

  show(): string {
    return [...this.found].map(([name, count]) => `  ${count} ${name}`).join("\n")
  }
}
